"""What a file is, before it opens."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QWidget,
)

from interp_gui.core.opening import FileReport
from interp_gui.gui import icons, parts, theme

_CONCERNS = {
    "foreign-code": "It names code beside the weights. None of it runs here: the weights can be "
    "read through stand-ins that do nothing.",
    "memory": "It may not fit into the free memory.",
    "external-data": "Parts of it lie in other files of the same folder.",
    "legacy": "It is in an old format.",
}

_NOTHING_TO_READ = (
    "It names code, and no weights of a network were found in it. None of the code runs here, so "
    "there is nothing to open."
)


class FileDialog(QDialog):
    """Format, size against free memory, hash, and what speaks against opening a file.

    Signals
    -------
    open_wanted
        Open it; carries whether foreign code is to be replaced by stand-ins.
    refused
        Do not.
    """

    open_wanted = Signal(bool)
    refused = Signal()

    def __init__(
        self, report: FileReport, parent: QWidget | None = None, *, asking: bool = True
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.report, self._is_answered = report, not asking
        name = report.path.replace("\\", "/").rstrip("/").rpartition("/")[2]
        self.setWindowTitle(f"About {name}" if not asking else f"Open {name}")
        self.setMinimumWidth(640)
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        self.heading = parts.label(report.problem or (f"Open '{name}'?" if asking else name))
        self.heading.setFont(theme.heading_font(self.font()))
        column.addWidget(self.heading)
        for sentence in self._sentences():
            column.addWidget(parts.label(sentence))
        column.addLayout(self._facts())
        if report.foreign:
            column.addWidget(parts.label("Names that the file asks for, none of them imported:"))
            column.addWidget(self._names(), 1)
        for note in report.notes:
            column.addWidget(parts.label(note, dim=True))
        column.addStretch(0 if report.foreign else 1)
        column.addWidget(self._buttons(asking))
        self.setAccessibleName(self.heading.text())

    def _sentences(self) -> list[str]:
        hint = [self.report.hint] if self.report.hint else []
        if not self.report.weights and "foreign-code" in self.report.concerns:
            others = (_CONCERNS[each] for each in self.report.concerns if each != "foreign-code")
            return [*hint, _NOTHING_TO_READ, *others]
        return hint + [_CONCERNS[concern] for concern in self.report.concerns]

    def _facts(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(theme.SPACE_L)
        form.setVerticalSpacing(theme.SPACE_S)
        for name, text in facts(self.report):
            value = parts.label(text)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setAccessibleName(f"{name}: {text}")
            form.addRow(parts.label(name, dim=True, wrap=False), value)
        return form

    def _names(self) -> QListWidget:
        found = QListWidget()
        found.setAccessibleName("Names that the file asks for")
        found.setAccessibleDescription("Code beside the weights; none of it was run")
        for each in sorted(self.report.foreign, key=lambda each: (not each.dangerous, each.name)):
            text = f"{each.name}: can run commands or reach files" if each.dangerous else each.name
            item = QListWidgetItem(text)
            if each.dangerous:
                item.setIcon(icons.icon("warning"))
            found.addItem(item)
        found.setIconSize(QSize(14, 14))
        rows = min(max(found.count(), 2), 12)
        line_px = max(found.sizeHintForRow(0), found.sizeHintForRow(found.count() - 1))
        found.setMinimumHeight(rows * line_px + 2 * found.frameWidth())
        return found

    def _buttons(self, asking: bool) -> QDialogButtonBox:
        roles = QDialogButtonBox.ButtonRole
        if not asking or self.report.problem:
            buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        else:
            buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
            through = "foreign-code" in self.report.concerns
            title = "Read the weights through stand-ins" if through else "Open"
            self.open_button = QPushButton(title)
            self.open_button.clicked.connect(lambda: self._open(through))
            buttons.addButton(self.open_button, roles.AcceptRole)
            if through and not self.report.weights:
                self.open_button.setEnabled(False)
                self.open_button.setToolTip("There are no weights of a network in it to be read")
            # where code is named, the way on is to be a decision, not a press of Enter
            self.open_button.setAutoDefault(not through)
            cancel = buttons.button(QDialogButtonBox.StandardButton.Cancel)
            (cancel if through else self.open_button).setDefault(True)
        if self.report.sha256:
            copy = QPushButton("Copy SHA-256")
            copy.setAutoDefault(False)
            copy.clicked.connect(
                lambda: QGuiApplication.clipboard().setText(self.report.sha256)
            )  # fmt: skip
            buttons.addButton(copy, roles.ActionRole)
        buttons.rejected.connect(self.reject)
        return buttons

    def _open(self, through_stubs: bool) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.open_wanted.emit(through_stubs)
            self.close()

    def done(self, result: int) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.refused.emit()
        super().done(result)


def facts(report: FileReport) -> list[tuple[str, str]]:
    """Names and values, in words."""
    rows = [("File", report.path)]
    if report.title or report.format:
        rows.append(("Format", report.title or report.format))
    if report.size_bytes:
        rows.append(("Size", size_text(report.size_bytes)))
    if report.needed_bytes:
        free = f", {size_text(report.free_bytes)} are free" if report.free_bytes else ""
        rows.append(("Memory", f"about {size_text(report.needed_bytes)} while it opens{free}"))
    if len(report.files) > 1:
        more = f" and {len(report.files) - 6} more" if len(report.files) > 6 else ""
        rows.append(("Files", ", ".join(report.files[:6]) + more))
    if report.sha256:
        rows.append(("SHA-256", report.sha256))
    return rows


def size_text(count: int) -> str:
    """A number of bytes in words."""
    if count < 1000:
        return f"{count} bytes"
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < size * 1000 or unit == "GB":
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
