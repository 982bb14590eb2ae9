"""The preferences, made from their declaration; every change counts at once."""

from functools import partial

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from interp_gui.core.analysis import parameter_infos
from interp_gui.core.device import DeviceInfo
from interp_gui.engine.messages import Hello
from interp_gui.gui import parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.preferences.cache_box import CacheBox
from interp_gui.gui.preferences.declaration import PAGES, Preferences
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.form import ParameterForm

NETWORK = (
    "interp-gui opens no connection by itself. Only 'Download' on a sample does, when you press it."
)

LINE_CHARACTERS = 48
"""What the longest explanation of a preference takes."""


class PreferencesDialog(QDialog):
    """Pages of settings, a form each."""

    def __init__(
        self, settings: Settings, state: AppState, bridge: EngineBridge, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Preferences")
        self._settings, self._bridge = settings, bridge
        self.forms: dict[str, ParameterForm] = {}
        self.pages = QListWidget()
        self.pages.setAccessibleName("Pages of preferences")
        self.pages.setAccessibleDescription("Choose what the right side shows")
        self.pages.setSpacing(theme.SPACE_XS)
        self.stack = QStackedWidget()
        self.devices = parts.label(dim=True)
        self.cache = CacheBox(state, bridge)
        extras = {"Engine": self.devices, "Cache": self.cache}
        for title in PAGES:
            self.pages.addItem(title)
            self.stack.addWidget(self._page(title, extras.get(title)))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.reset = QPushButton("Restore defaults")
        self.reset.setAutoDefault(False)
        self.buttons.addButton(self.reset, QDialogButtonBox.ButtonRole.ResetRole)
        self._arrange()
        self.pages.currentRowChanged.connect(self.stack.setCurrentIndex)
        self.pages.setCurrentRow(0)
        self.buttons.rejected.connect(self.close)
        self.reset.clicked.connect(self._reset)
        bridge.ready.connect(self._show_devices)
        if bridge.hello is not None:
            self._show_devices(bridge.hello)
        else:
            self.devices.setText("The engine is starting; the devices are listed when it is there.")
        self.reset.setToolTip("Set every preference to what it was at first")
        self.resize(680, 460)
        self._fit_pages()

    def _arrange(self) -> None:
        column = parts.column(self, margin=theme.SPACE_L, spacing=theme.SPACE_M)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE_L)
        row.addWidget(self.pages)
        row.addWidget(self.stack, 1)
        column.addLayout(row, 1)
        column.addWidget(parts.label(NETWORK, dim=True))
        column.addWidget(self.buttons)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:  # the size of the text is set in this dialog
            self._fit_pages()

    def _fit_pages(self) -> None:
        """Make the list of pages as wide as its longest title."""
        edges = 2 * (self.pages.frameWidth() + self.pages.spacing())
        metrics = self.pages.fontMetrics()
        words = max(metrics.horizontalAdvance(title) for title in PAGES) + 4 * theme.SPACE_M
        self.pages.setFixedWidth(max(150, words + edges))
        room = self.screen().availableSize().width() - 2 * theme.SPACE_XL
        wanted = min(room, LINE_CHARACTERS * metrics.averageCharWidth() + self.pages.width())
        if self.width() < wanted:
            self.resize(wanted, self.height())

    def _page(self, title: str, extra: QWidget | None) -> QWidget:
        infos = {info.name: info for info in parameter_infos(Preferences)}
        form = ParameterForm((infos[name] for name in PAGES[title]), captions=True)
        form.set_values({name: getattr(self._settings.preferences, name) for name in PAGES[title]})
        form.changed.connect(partial(self._changed, title))
        self.forms[title] = form
        page = QWidget()
        page.setAccessibleName(title)
        column = parts.column(page, spacing=theme.SPACE_M)
        column.addWidget(form)
        if extra is not None:
            column.addWidget(extra)
        column.addStretch(1)
        return page

    def show_page(self, title: str) -> None:
        """Turn to a page; an unknown one is the first."""
        self.pages.setCurrentRow(max(0, list(PAGES).index(title) if title in PAGES else 0))

    def _changed(self, title: str) -> None:
        self._settings.prefer(**self.forms[title].values())

    def _reset(self) -> None:
        for form in self.forms.values():
            form.reset()

    def _show_devices(self, hello: Hello) -> None:
        now = f"Now on {hello.device.upper() if hello.device == 'cpu' else hello.device}"
        reason = f": {hello.device_reason}." if hello.device_reason else "."
        lines = [now + reason, *(_device_line(device) for device in hello.devices)]
        self.devices.setText("\n".join(lines))


def _device_line(device: DeviceInfo) -> str:
    name = (
        device.title if device.title.lower() == device.name else f"{device.title} ({device.name})"
    )
    return f"{name}: {'can be used' if device.available else device.reason}."
