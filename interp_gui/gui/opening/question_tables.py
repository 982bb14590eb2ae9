"""Tables of a question about a file: networks that fit, and what does not fit."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
)

from interp_gui.core.opening import Candidate, KeyReport
from interp_gui.gui.opening.question_words import network_of, sentence_of, shape_text

_SHOWN_KEYS = 500
_MOST_ROWS = 10
_NAME = Qt.ItemDataRole.UserRole


class CandidateTable(QTreeWidget):
    """Architectures that take the tensors, the likeliest first; `start` is the row chosen."""

    def __init__(self, candidates: Sequence[Candidate], *, start: int = 0) -> None:
        super().__init__()
        self._candidates = {each.name: each for each in candidates}
        self._height_px = 0
        scored = any(each.score is not None for each in candidates)
        titles = ["Network", "What differs", "Image", "Why here"]
        if scored:
            titles.insert(1, "Right answers")
        self.setHeaderLabels(titles)
        self.setRootIsDecorated(False)
        self.setAlternatingRowColors(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setAccessibleName("Networks that fit")
        self.setAccessibleDescription("Choose the one that the weights were made with")
        for each in candidates:
            differs = "; ".join(each.differs) or "—"
            values = [network_of(each), differs, each.input, sentence_of(each.why)]
            if scored:
                values.insert(1, "" if each.score is None else f"{each.score:.0%}")
            row = QTreeWidgetItem(values)
            row.setData(0, _NAME, each.name)
            for at, value in enumerate(values):
                row.setToolTip(at, value)
            self.addTopLevelItem(row)
        header = self.header()
        header.setStretchLastSection(True)
        for at, width in enumerate((220, 100, 230, 150) if scored else (230, 260, 170)):
            self.setColumnWidth(at, width)
        first = self.topLevelItem(min(start, len(candidates) - 1))
        if first is not None:
            self.setCurrentItem(first)
            rows = min(max(len(candidates), 3), _MOST_ROWS)
            height_px = rows * self.sizeHintForRow(0) + header.sizeHint().height()
            self.setMinimumHeight(min(rows, 4) * self.sizeHintForRow(0) + header.height())
            self._height_px = height_px + 2 * self.frameWidth()
            self.setMaximumHeight(max(self._height_px, self.minimumHeight()))

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self._height_px)

    @property
    def chosen(self) -> Candidate | None:
        """The candidate of the current row."""
        row = self.currentItem()
        return None if row is None else self._candidates.get(str(row.data(0, _NAME)))


class KeyTree(QTreeWidget):
    """What is missing, unexpected and misshapen against the nearest architectures."""

    def __init__(self, reports: Sequence[KeyReport]) -> None:
        super().__init__()
        self.setHeaderLabels(["Nearest networks", "In the file", "Expected"])
        self.setAccessibleName("What does not fit")
        self.setAccessibleDescription("Names and shapes that differ from the nearest networks")
        self.setAlternatingRowColors(True)
        header = self.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for at in (1, 2):
            header.setSectionResizeMode(at, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(False)
        for report in reports:
            name = f"{report.library}:{report.architecture}"
            share = f"{report.likeness:.0%} of tensors agree"
            top = QTreeWidgetItem([f"{name} ({share})"])
            self.addTopLevelItem(top)
            _group(top, "Missing in the file", [(key, "", "") for key in report.missing])
            _group(top, "Not known to it", [(key, "", "") for key in report.unexpected])
            _group(
                top,
                "Of another shape",
                [(r.key, shape_text(r.found), shape_text(r.expected)) for r in report.reshaped],
            )
        first = self.topLevelItem(0)
        if first is not None:
            first.setExpanded(True)


def _group(top: QTreeWidgetItem, title: str, keys: list[tuple[str, str, str]]) -> None:
    if not keys:
        return
    group = QTreeWidgetItem([f"{title}: {len(keys)}"])
    top.addChild(group)
    for row in keys[:_SHOWN_KEYS]:
        group.addChild(QTreeWidgetItem(list(row)))
    if len(keys) > _SHOWN_KEYS:
        group.addChild(QTreeWidgetItem([f"and {len(keys) - _SHOWN_KEYS} more"]))
    group.setExpanded(len(keys) <= 12)
