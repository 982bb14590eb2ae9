"""One scale of spaces, one of type, and the two palettes. Data colours never follow the theme."""

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette, QPixmapCache
from PySide6.QtWidgets import QApplication, QStyleFactory

from interp_gui.gui.preferences.declaration import ThemeName as ThemeName
from interp_gui.gui.state import Level

SPACE_XS, SPACE_S, SPACE_M, SPACE_L, SPACE_XL = 2, 4, 8, 16, 32
"""Pixels: within a control, between controls, of a panel's margin, between groups, of a page."""
ICON_PX = 18

_STILL = "still"

_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}

_FRAMED = (
    "QAbstractSpinBox", "QCheckBox", "QComboBox", "QLineEdit", "QPlainTextEdit", "QRadioButton",
    "QTextEdit",
)  # fmt: skip
"""Controls whose outline tells where one can type or choose."""

# Window, Base, AlternateBase, Button, text, dimmed text, line, highlight, text on it, link, frame
_LIGHT = ("#f8f9fa", "#ffffff", "#f1f3f5", "#fdfdfe", "#1d2127", "#626a75", "#c9ced6",
          "#2563c9", "#ffffff", "#1c56b3", "#e9ecf0")  # fmt: skip
_DARK = ("#24282e", "#191c20", "#1e2126", "#30353d", "#e6e8eb", "#9aa3af", "#454c57",
         "#4c8df0", "#0b1220", "#7db0ff", "#16181c")  # fmt: skip

_LEVELS: dict[Level, tuple[str, str]] = {
    "info": ("#2563c9", "#6aa5ff"),
    "success": ("#1f7a45", "#57c785"),
    "warning": ("#96610a", "#e5ad45"),
    "error": ("#b3261e", "#ff8078"),
}


class Theme(QObject):
    """Light or dark, as the system has it or as the user wants it."""

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._name: ThemeName = "system"
        self._font = QFont(app.font())
        app.setStyle(QStyleFactory.create("Fusion"))
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._apply)
        self._apply()

    @property
    def name(self) -> ThemeName:
        """What was chosen."""
        return self._name

    @property
    def dark(self) -> bool:
        """Whether the window is dark now."""
        if self._name != "system":
            return self._name == "dark"
        return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark

    def choose(self, name: ThemeName) -> None:
        """Follow the system, or be light or dark."""
        if name == self._name:
            return
        self._name = name
        QGuiApplication.styleHints().setColorScheme(_SCHEMES[name])
        self._apply()

    def set_text_size(self, percent: int) -> None:
        """Make all text larger or smaller than the system has it."""
        font = QFont(self._font)
        font.setPointSizeF(self._font.pointSizeF() * percent / 100)
        if font != self._app.font():
            self._app.setFont(font)
            self._apply()

    def set_still(self, still: bool) -> None:
        """Let nothing move or fade by itself, or let it."""
        if still != is_still():
            self._app.setProperty(_STILL, still)
            self._apply()

    def _apply(self) -> None:
        # Not every platform answers setColorScheme with a palette, so it is always set here.
        colours = palette(dark=self.dark)
        self._app.setPalette(colours)
        framed = framed_palette(colours)
        for kind in _FRAMED:  # setting the palette above forgot those of classes
            # PySide's stub says bytes, and it takes none
            self._app.setPalette(framed, kind)  # type: ignore[arg-type]
        still = "* { widget-animation-duration: 0; }" if is_still() else ""
        self._app.setStyleSheet(_style(dark=self.dark) + still)
        QPixmapCache.clear()
        self.changed.emit()


def is_still() -> bool:
    """Whether nothing is to move by itself."""
    app = QApplication.instance()
    return app is not None and bool(app.property(_STILL))


def palette(*, dark: bool) -> QPalette:
    """The palette of the light or the dark theme."""
    window, base, alternate, button, text, dim, line, high, on_high, link, _ = (
        QColor(name) for name in (_DARK if dark else _LIGHT)
    )
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    result = QPalette(button, window)
    for which, colour in (
        (role.Window, window), (role.Base, base), (role.AlternateBase, alternate),
        (role.Button, button), (role.WindowText, text), (role.Text, text),
        (role.ButtonText, text), (role.PlaceholderText, dim), (role.Mid, line),
        (role.Highlight, high), (role.HighlightedText, on_high), (role.Link, link),
        (role.LinkVisited, link), (role.ToolTipBase, button), (role.ToolTipText, text),
        (role.BrightText, on_high), (role.Accent, high),
    ):  # fmt: skip
        result.setColor(which, colour)
    faint = QColor(dim)
    faint.setAlpha(150)
    for which in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(group.Disabled, which, faint)
    result.setColor(group.Disabled, role.Highlight, line)
    result.setColor(group.Disabled, role.HighlightedText, dim)
    return result


def framed_palette(colours: QPalette) -> QPalette:
    """The same palette, in which Fusion draws outlines that are seen in the dark too.

    Fusion makes the outline of a field from the window's colour, darker by a factor of 1.4: on a
    dark window it cannot be seen. Fields use the window's colour for nothing else.
    """
    result = QPalette(colours)
    if is_dark(colours):
        line = colours.color(QPalette.ColorRole.Mid)
        result.setColor(QPalette.ColorRole.Window, line.lighter(160))
    return result


def level_colour(level: Level, *, dark: bool) -> QColor:
    """Colour of a kind of notification, legible on the window."""
    return QColor(_LEVELS[level][dark])


def is_dark(current: QPalette) -> bool:
    """Whether a widget's palette is a dark one."""
    return current.color(QPalette.ColorRole.Window).lightness() < 128


def dim_colour(current: QPalette) -> QColor:
    """Colour of secondary text."""
    return current.color(QPalette.ColorRole.PlaceholderText)


def heading_font(base: QFont) -> QFont:
    """Font of a page's heading."""
    font = QFont(base)
    font.setPointSizeF(base.pointSizeF() * 1.5)
    font.setWeight(QFont.Weight.DemiBold)
    return font


def small_font(base: QFont) -> QFont:
    """Font of captions."""
    font = QFont(base)
    font.setPointSizeF(base.pointSizeF() * 0.9)
    return font


def _style(*, dark: bool) -> str:
    # Tooltips hold names out of files: read as HTML, they could load pictures from anywhere.
    _, base, alternate, button, text, dim, line, high, on_high, _, frame = _DARK if dark else _LIGHT
    return f"""
    QMainWindow, QMenuBar, QToolBar {{ background: {frame}; }}
    QMainWindow::separator {{ background: {frame}; width: 5px; height: 5px; }}
    QMainWindow::separator:hover {{ background: {high}; }}
    QDockWidget {{ titlebar-close-icon: none; titlebar-normal-icon: none; font-weight: 600; }}
    QDockWidget::title {{ padding: 5px {SPACE_M}px; background: {frame}; }}
    QDockWidget > QWidget {{ font-weight: 400; }}
    QToolBar {{ border: none; padding: {SPACE_S}px; spacing: {SPACE_S}px; }}
    QToolTip {{ qproperty-textFormat: PlainText;
        background: {button}; color: {text}; border: 1px solid {line}; padding: 4px; }}
    QToolBar QToolButton {{ border: 1px solid transparent; border-radius: 4px; padding: 4px; }}
    QToolBar QToolButton:hover {{ background: {button}; border-color: {line}; }}
    QToolBar QToolButton:pressed, QToolBar QToolButton:checked {{ background: {line}; }}
    QPushButton:checked, QToolButton[autoRaise="false"]:checked {{
        background: {high}; color: {on_high}; border: 1px solid {high}; border-radius: 3px; }}
    QPushButton:checked {{ padding: 3px 6px; }}
    QToolButton[autoRaise="false"]:checked {{ padding: 1px 2px 1px 1px; }}
    QCheckBox::indicator:unchecked, QRadioButton::indicator:unchecked,
    QAbstractItemView::indicator:unchecked {{
        border: 1px solid {dim}; background: {base}; }}
    QCheckBox::indicator:unchecked, QAbstractItemView::indicator:unchecked {{
        border-radius: 3px; width: 11px; height: 11px; }}
    QRadioButton::indicator:unchecked {{ border-radius: 6px; width: 11px; height: 11px; }}
    QCheckBox::indicator:unchecked:disabled, QRadioButton::indicator:unchecked:disabled {{
        border-color: {line}; background: transparent; }}
    QTreeView::item, QTableView::item, QListWidget::item, QUndoView::item {{ padding: 3px 4px; }}
    QHeaderView::section {{
        background: {alternate}; color: {text}; padding: 4px 6px; border: none;
        border-bottom: 1px solid {line}; border-right: 1px solid {line}; }}
    QDialogButtonBox, QMessageBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
    QCheckBox, QRadioButton {{ padding: 4px 6px 4px 4px; }}
    QLabel[dim="true"] {{ color: {dim}; }}
    QFrame[card="true"] {{ background: {base}; border: 1px solid {line}; border-radius: 6px; }}
    """
