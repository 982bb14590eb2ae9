"""Small parts of which panels are made, with the theme's spaces and an accessible name each."""

from collections.abc import Callable

from PySide6.QtCore import QLocale, QSize, Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from interp_gui.gui import icons, theme

NUMBERS = QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom)
"""How boxes write and read numbers, as all other words here do: `2,386.5`, whatever the system."""


def row(margin: int = 0, spacing: int = theme.SPACE_S) -> QHBoxLayout:
    """A horizontal layout."""
    layout = QHBoxLayout()
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(spacing)
    return layout


def column(
    parent: QWidget | None = None, *, margin: int = 0, spacing: int = theme.SPACE_S
) -> QVBoxLayout:
    """A vertical layout, of `parent` if given."""
    layout = QVBoxLayout(parent) if parent is not None else QVBoxLayout()
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(spacing)
    return layout


def icon_button(
    icon: str, text: str, slot: Callable[..., object] | None = None, *, size_px: int = 16
) -> QToolButton:
    """A flat button with an icon; `text` is its tooltip and its accessible name."""
    button = QToolButton()
    button.setAutoRaise(True)
    button.setIcon(icons.icon(icon))
    button.setIconSize(QSize(size_px, size_px))
    button.setToolTip(text)
    button.setAccessibleName(text)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    if slot is not None:
        button.clicked.connect(slot)
    return button


def as_filter(edit: QLineEdit) -> None:
    """Make a field look like one to search with: its sign, and a button that empties it."""
    sign = edit.addAction(icons.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
    sign.setText("Search")
    edit.setClearButtonEnabled(True)
    for button in edit.findChildren(QToolButton):
        mine = sign in button.actions() or button.defaultAction() is sign
        button.setAccessibleName("Search" if mine else "Clear")
        button.setAccessibleDescription(edit.placeholderText() if mine else "Show all again")
        button.setToolTip("" if mine else "Show all again")


def restyle(widget: QWidget, style: str) -> None:
    """Give a widget a style sheet; one that it has already is not read anew."""
    if widget.styleSheet() != style:
        widget.setStyleSheet(style)


def show_busy(bar: QProgressBar) -> None:
    """Let a bar run to and fro while nobody knows how long; it stands where nothing may move."""
    bar.setRange(0, 1 if theme.is_still() else 0)
    bar.setValue(0)


def label(text: str = "", *, dim: bool = False, wrap: bool = True) -> QLabel:
    """Plain text, never read as HTML: file names and messages may hold any character."""
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.setWordWrap(wrap)
    if dim:
        result.setProperty("dim", True)
    return result
