"""Which features a key means: those chosen in the view that has the focus."""

import weakref
from typing import Protocol, runtime_checkable

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QMenu, QMenuBar, QWidget

from interp_gui.core.feature import Feature
from interp_gui.gui.features.commands import FeatureContext
from interp_gui.gui.views.torn import TornWindow


@runtime_checkable
class ShowsFeatures(Protocol):
    """A widget in which features can be chosen.

    It may also have `picture_of(feature) -> QImage`, the picture that it shows of a feature.
    """

    def selected_features(self) -> tuple[Feature, ...]:
        """The chosen ones, the current one first."""


class FeatureSource(QObject):
    """Remembers the view that had the focus, also while a menu has it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._last: weakref.ref[QWidget] | None = None
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._moved)

    @classmethod
    def of(cls, window: QWidget) -> "FeatureSource":
        """That of a window."""
        found = next((c for c in window.children() if isinstance(c, cls)), None)
        return found or cls(window)

    @property
    def view(self) -> QWidget | None:
        """The view in which features were chosen last, if it still has the focus."""
        focused = QApplication.focusWidget() or self._window.focusWidget()
        if focused is None or isinstance(focused, (QMenu, QMenuBar)):
            return self._last() if self._last is not None else None
        return provider_of(focused)

    @property
    def features(self) -> tuple[Feature, ...]:
        """What is chosen there; empty if nothing is."""
        view = self.view
        return view.selected_features() if isinstance(view, ShowsFeatures) else ()

    def context(self) -> FeatureContext:
        """The view and its picture of what is chosen."""
        view, features = self.view, self.features
        picture_of = getattr(view, "picture_of", None)
        image = picture_of(features[0]) if picture_of is not None and features else QImage()
        return FeatureContext(view or self._window, image)

    def _moved(self, _old: QWidget | None, now: QWidget | None) -> None:
        if now is None or isinstance(now, (QMenu, QMenuBar)):
            return
        # a view that was torn off has a window of its own
        if now.window() is not self._window and not isinstance(now.window(), TornWindow):
            return
        view = provider_of(now)
        self._last = weakref.ref(view) if view is not None else None


def provider_of(widget: QWidget | None) -> QWidget | None:
    """The widget, or the nearest one around it, in which features can be chosen."""
    while widget is not None and not isinstance(widget, ShowsFeatures):
        widget = widget.parentWidget()
    return widget
