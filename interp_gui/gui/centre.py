"""The centre of the window: an invitation, or the tabs that show the current model."""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from PySide6.QtCore import QEvent, QObject, QSize, QTimer
from PySide6.QtGui import QDragMoveEvent
from PySide6.QtWidgets import QStackedWidget, QTabBar, QTabWidget, QWidget

from interp_gui.core.feature import MIME_TYPE
from interp_gui.core.recipe import Recipe
from interp_gui.gui import icons, parts
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.documents import Documents
from interp_gui.gui.state import AppState
from interp_gui.gui.welcome import Welcome

ANALYSIS = "analysis:"
UNIT_PAGE = frozenset(("feature-visualization", "real-examples"))
"""Analyses whose results are parts of a unit's page."""
_HEAVY = ("core.export", "gui.widgets.view", "gui.export_ui", "gui.tabs.image_tab", "gui.tabs.wall")
_TABS = (
    ("image", "Image", "image_tab", "ImageTab"),
    ("wall", "Layer wall", "wall", "LayerWall"),
    ("unit", "Unit", "unit_page", "UnitPage"),
)


class Centre(QStackedWidget):
    """Tabs are made after the window was painted, one at a time, and shown with a model."""

    def __init__(
        self,
        state: AppState,
        bridge: EngineBridge,
        documents: Documents,
        actions: ActionRegistry,
    ) -> None:
        super().__init__()
        self._state = state
        self._bridge = bridge
        self._actions = actions
        self.welcome = Welcome(documents, actions)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setMovable(True)
        self.tabs.setAccessibleName("Views")
        self.tabs.tabBar().setAcceptDrops(True)
        self.tabs.tabBar().installEventFilter(self)
        self.tabs.currentChanged.connect(self._on_current)
        self.setMinimumSize(self.minimumSizeHint())
        # Not imported above: the first paint of the window must not wait for them.
        self._steps: list[Callable[[], object]] = [
            *(partial(import_module, f"interp_gui.{name}") for name in _HEAVY),
            *(partial(self._make_tab, *tab) for tab in _TABS),
        ]
        self.addWidget(self.welcome)
        self.addWidget(self.tabs)
        state.model_changed.connect(self._on_model)
        state.tab_changed.connect(self._follow)

    def sizeHint(self) -> QSize:
        # Whatever the tabs would like, the panels beside them keep their widths.
        return QSize(760, 560)

    def minimumSizeHint(self) -> QSize:
        return QSize(545, 240)  # what the rows of buttons over the tabs need

    def _on_model(self) -> None:
        model = self._state.model
        if model is not None and self._steps:
            self._make_tabs()
        self._follow()
        self.welcome.refresh()
        self.setCurrentWidget(self.welcome if model is None else self.tabs)

    def prepare(self) -> None:
        """Make the tabs in short steps, so that no event waits for all of them."""
        if self._steps:
            self._steps.pop(0)()
            QTimer.singleShot(0, self, self.prepare)

    def _make_tabs(self) -> None:
        while self._steps:
            self._steps.pop(0)()
        self._follow()

    def _make_tab(self, tab: str, title: str, module: str, name: str) -> None:
        make = getattr(import_module(f"interp_gui.gui.tabs.{module}"), name)
        widget = make(self._state, self._bridge, self._actions)
        self.tabs.blockSignals(True)
        self._add(tab, title, tab, widget)
        self.tabs.blockSignals(False)

    def _add(self, tab: str, title: str, icon: str, widget: QWidget) -> int:
        widget.setObjectName(tab)
        return self.tabs.addTab(widget, icons.icon(icon), title)

    # --- analyses ------------------------------------------------------------------------------

    def show_analysis(self, analysis_id: str) -> None:
        """Bring the tab of an analysis to the front; make it if there is none."""
        info = self._bridge.analyses.get(analysis_id)
        if info is None:
            self._state.notify(
                "warning",
                f"The analysis '{analysis_id}' is not at hand.",
                "The plugin that brings it is missing or disabled.",
            )
            return
        if self._state.model is None:
            self._state.notify("info", "Open a model first.")
            return
        tab = ANALYSIS + analysis_id
        if self.tab(tab) is None:
            from interp_gui.gui.tabs.analysis_tab import AnalysisTab

            widget = AnalysisTab(self._state, self._bridge, self._actions, info)
            at = self._add(tab, info.title, "analysis", widget)
            close = parts.icon_button(
                "close", f"Close {info.title}", partial(self._close_tab, widget), size_px=12
            )
            self.tabs.tabBar().setTabButton(at, QTabBar.ButtonPosition.RightSide, close)
        self._state.set_tab(tab)

    def show_recipe(self, recipe: Recipe, *, run: bool) -> None:
        """Show what a recipe makes where its results are seen, with the recipe's settings."""
        of_sheet = bool(recipe.contents)
        if of_sheet and recipe.analysis in UNIT_PAGE:
            self._state.set_tab("unit" if recipe.features else "wall")
            return
        if recipe.analysis in UNIT_PAGE and recipe.features:
            self._state.set_tab("unit")
        elif recipe.analysis == "activation-maps" and recipe.features:
            self._state.set_tab("image")
        else:
            self.show_analysis(recipe.analysis)
        adopt = getattr(self.tab(self._state.tab), "adopt", None)
        if adopt is not None:
            adopt(recipe, run=run)

    def tab(self, tab: str) -> QWidget | None:
        """The widget of a tab by its id."""
        for i in range(self.tabs.count()):
            widget = self.tabs.widget(i)
            if widget is not None and widget.objectName() == tab:
                return widget
        return None

    def _close_tab(self, widget: QWidget) -> None:
        self.tabs.removeTab(self.tabs.indexOf(widget))
        widget.close()
        widget.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Carry a feature from one view to another: the tab below it comes to the front.

        Qt's own way (`setChangeCurrentOnDrag`) sees only the first tab that is passed.
        """
        if isinstance(event, QDragMoveEvent) and event.mimeData().hasFormat(MIME_TYPE):
            at = self.tabs.tabBar().tabAt(event.position().toPoint())
            if at >= 0:
                self.tabs.setCurrentIndex(at)
            event.accept()
            return True
        return super().eventFilter(watched, event)

    # --- following -----------------------------------------------------------------------------

    def _on_current(self, at: int) -> None:
        widget = self.tabs.widget(at)
        if widget is not None:
            self._state.set_tab(widget.objectName())

    def _follow(self) -> None:
        widget = self.tab(self._state.tab)
        if widget is not None:
            self.tabs.setCurrentWidget(widget)
