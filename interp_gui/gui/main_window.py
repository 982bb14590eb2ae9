"""The main window: docks around tabs, and what happens when it opens and closes."""

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QPaintEvent,
    QPalette,
)
from PySide6.QtWidgets import QDockWidget, QMainWindow, QSizePolicy, QToolBar, QWidget

from interp_gui.engine.messages import EngineLost, Hello
from interp_gui.gui import commands, icons
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.background import Background
from interp_gui.gui.bridge import Client, EngineBridge
from interp_gui.gui.centre import Centre
from interp_gui.gui.commands.analyse import ANALYSE, analysis_commands
from interp_gui.gui.commands.file import RECENT, recent_commands
from interp_gui.gui.commands.session import RECENT_SESSION, recent_session_commands
from interp_gui.gui.datasets.desk import DatasetDesk
from interp_gui.gui.interventions.hold import HoldKey
from interp_gui.gui.interventions.panel import InterventionsPanel
from interp_gui.gui.jobs.closing import ask_to_close
from interp_gui.gui.layout import WindowLayout
from interp_gui.gui.opening.asking import OpeningDesk
from interp_gui.gui.opening.documents import Documents
from interp_gui.gui.opening.files import Files
from interp_gui.gui.opening.reopen import Reopener
from interp_gui.gui.output.panel import OutputPanel
from interp_gui.gui.panels.images import ImagesPanel
from interp_gui.gui.panels.jobs import JobsPanel
from interp_gui.gui.panels.jobs_again import JobActions, open_paths
from interp_gui.gui.panels.log import LogPanel
from interp_gui.gui.panels.model import ModelPanel
from interp_gui.gui.panels.shelf import ShelfPanel
from interp_gui.gui.preferences.keeper import EngineSettings, PreferenceKeeper
from interp_gui.gui.relay import Relay
from interp_gui.gui.screens import ScreenWatch
from interp_gui.gui.session.sessions import Sessions
from interp_gui.gui.settings import Settings
from interp_gui.gui.state import AppState, Notification
from interp_gui.gui.target_selector import TargetSelector
from interp_gui.gui.theme import Theme, ThemeName
from interp_gui.gui.thumbnails import Thumbnails
from interp_gui.gui.toast import Toasts
from interp_gui.gui.toolbar import DeviceBadge, EngineBadge

STOPPED = "engine-stopped"
"""Key of the toast that offers to restart the engine."""


class MainWindow(QMainWindow):
    """One window with one engine.

    Parameters
    ----------
    client
        The engine's client, started, with `relay` as its listener. The window closes it.
    ask_on_close
        Whether closing while jobs run asks first.

    Signals
    -------
    painted
        Once, when the window was painted for the first time.
    closed
        Once, when the engine and all threads of the window have ended.
    """

    painted = Signal()
    closed = Signal()

    def __init__(
        self,
        client: Client,
        relay: Relay,
        *,
        settings: Settings,
        theme: Theme,
        ask_on_close: bool = True,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.theme = theme
        self.ask_on_close = ask_on_close
        self._was_painted = False
        self._is_closed = False
        self.setWindowTitle("interp-gui")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.state = AppState(self)
        self.bridge = EngineBridge(client, relay, self)
        # Before there are widgets: each of them would be styled once more.
        engine = client if isinstance(client, EngineSettings) else None
        PreferenceKeeper(self.state, self.bridge, theme, settings, engine)
        # A child of the state, where the views look for it: one pool serves the whole window.
        self.background = Background(parent=self.state)
        self.documents = Documents(self.state, self.bridge, self.background, settings, self)
        self.opening_desk = OpeningDesk(self, self.state, self.bridge, self.documents.models)
        self.actions_ = ActionRegistry(self, icons.icon)
        self.toasts = Toasts(self)
        self.thumbnails = Thumbnails(self.background, self.devicePixelRatioF(), self)
        self.files = Files(
            self, self.state, self.documents, self.background, settings,
            Reopener(
                self.state, self.documents, self.background, settings,
                lambda recipe, run: self.centre.show_recipe(recipe, run=run),
            ),
        )  # fmt: skip
        self.sessions = Sessions(
            self, self.state, self.bridge, self.documents, settings, lambda: self.centre
        )
        for spec in commands.early_commands(self):
            self.actions_.add(spec)
        self.centre = Centre(self.state, self.bridge, self.documents, self.actions_)
        self.centre.setBackgroundRole(QPalette.ColorRole.Window)
        self.centre.setAutoFillBackground(True)
        self.setCentralWidget(self.centre)
        self._make_docks()
        for spec in commands.late_commands(self):
            self.actions_.add(spec)
        self._list_recent()
        self.actions_.build_menus(self.menuBar())
        self._make_toolbar()
        commands.connect(self)
        self._connect()
        self.actions_.refresh()
        self.layout_.restore()

    # --- building ------------------------------------------------------------------------------

    def _make_docks(self) -> None:
        self.model_panel = ModelPanel(self.state, self.documents, self.background)
        self.images = ImagesPanel(
            self.state, self.documents, self.actions_, self.thumbnails, self.background
        )  # fmt: skip
        self.datasets = DatasetDesk(
            self, self.state, self.bridge, self.documents, self.background, self.files, self.images
        )
        self.output = OutputPanel(self.state, self.bridge, self.thumbnails)
        self.interventions = InterventionsPanel(self.state, self.bridge, self._brushed)
        self.hold = HoldKey(self, self.state)
        self.shelf = ShelfPanel(self.state, self.documents, self.settings)
        self.shelf.show_requested.connect(self._show_shelf)
        self.jobs = JobsPanel(self.bridge, open_paths=lambda: open_paths(self.state))
        self._connect_jobs()
        self.log = LogPanel(self.state, self.bridge)
        self.docks: dict[str, QDockWidget] = {}
        for name, title, widget in (
            ("model", "Model", self.model_panel), ("images", "Images", self.images),
            ("interventions", "Interventions", self.interventions),
            ("output", "Output", self.output), ("shelf", "Shelf", self.shelf),
            ("jobs", "Jobs", self.jobs), ("log", "Log", self.log),
        ):  # fmt: skip
            dock = QDockWidget(title, self)
            dock.setObjectName(name)
            # Panels stand out from the frame by their ground, which follows the theme.
            widget.setBackgroundRole(QPalette.ColorRole.Window)
            widget.setAutoFillBackground(True)
            dock.setWidget(widget)
            dock.visibilityChanged.connect(self.actions_.refresh_later)
            self.docks[name] = dock
        self.layout_ = WindowLayout(self, self.docks, self.settings)
        self.screens = ScreenWatch(self)

    def _brushed(self) -> tuple[tuple[float, ...], ...]:
        """What is brushed on the current image."""
        # by its name: the view itself is loaded only when it is first shown
        canvas = getattr(self.centre.tab("image"), "canvas", None)
        return canvas.region.rows() if canvas is not None else ()

    def _connect_jobs(self) -> None:
        acts = JobActions(
            self.state, self.bridge, self.documents.open_model, lambda: self.centre, self
        )
        self.jobs.result_requested.connect(acts.show_result)
        self.jobs.again_requested.connect(acts.run_again)
        self.jobs.change_requested.connect(acts.change)

    def _make_toolbar(self) -> None:
        bar = QToolBar("Main")
        bar.setObjectName("main")
        bar.setMovable(False)
        bar.setIconSize(QSize(20, 20))
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.actions_.build_toolbar(bar)
        bar.addSeparator()
        self.target = TargetSelector(self.state, self.bridge)
        bar.addWidget(self.target)
        space = QWidget()
        space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(space)
        self.engine_badge = EngineBadge(self.bridge)
        self.device_badge = DeviceBadge(self.bridge, self.state)
        bar.addWidget(self.engine_badge)
        self._device_action = bar.addWidget(self.device_badge)
        self._device_action.setVisible(False)
        self.addToolBar(bar)

    def _connect(self) -> None:
        state, bridge, later = self.state, self.bridge, self.actions_.refresh_later
        for signal in (
            state.model_changed, state.image_changed, state.dataset_changed,
            state.feature_changed, state.history_changed, state.models_changed, bridge.ready,
            bridge.lost, self.theme.changed, state.undo.indexChanged, state.undo.cleanChanged,
            state.watched_changed, state.edits_changed, state.stacks_changed,
        ):  # fmt: skip
            signal.connect(later)
        state.notified.connect(self._on_note)
        state.withdrawn.connect(self.toasts.withdraw)
        self.painted.connect(self.centre.prepare)
        state.model_changed.connect(self._on_model)
        self.model_panel.other_network_wanted.connect(self.opening_desk.reconsider)
        self.model_panel.layers.beside.connect(self.centre.open_wall_beside)
        self.model_panel.layers.atlas.connect(self.centre.open_atlas)
        self.sessions.changed.connect(self._show_title)
        self.sessions.recent_changed.connect(self._list_recent)
        self.files.session_wanted.connect(self.sessions.open)
        bridge.ready.connect(self._on_ready)
        bridge.lost.connect(self._on_lost)
        self.background.failed.connect(self.documents.tell_problem)
        welcome, samples = self.centre.welcome, self.files.samples
        self.theme.changed.connect(welcome.refresh)
        welcome.dropped.connect(self.files.drop)
        samples.busy_changed.connect(lambda: welcome.set_busy(*samples.busy))
        bridge.job_changed.connect(welcome.follow_job)

    # --- events --------------------------------------------------------------------------------

    def _on_ready(self, hello: Hello) -> None:
        self._device_action.setVisible(True)
        self.state.withdraw(STOPPED)
        for spec in self.actions_.specs:
            if spec.id.startswith(ANALYSE):
                self.actions_.remove(spec.id)
        for spec in analysis_commands(self, hello):
            self.actions_.add(spec)
        for plugin in hello.plugins:
            if plugin.problem:
                self.state.notify(
                    "warning", f"The plugin '{plugin.name}' is disabled.", plugin.problem,
                    plugin.details,
                )  # fmt: skip

    def _on_lost(self, lost: EngineLost) -> None:
        hint = "It is being started again; what was open is opened anew."
        self.state.notify(
            "warning" if lost.respawning else "error",
            lost.reason,
            hint if lost.respawning else "What you open now waits until it is restarted.",
            lost.stderr_tail,
            action="" if lost.respawning else "Restart the engine",
            on_action=self.bridge.restart,
            key="" if lost.respawning else STOPPED,
        )

    def _on_model(self) -> None:
        self._show_title()
        self._list_recent()

    def _show_title(self) -> None:
        model = self.state.model
        names = (self.sessions.title, model.description.name if model is not None else "")
        self.setWindowTitle(" – ".join((*filter(None, names), "interp-gui")))
        self.setWindowModified(self.sessions.is_modified)

    def _on_note(self, note: Notification) -> None:
        self.toasts.show(note)

    def _list_recent(self) -> None:
        for spec in self.actions_.specs:
            if spec.id.startswith((RECENT, RECENT_SESSION)):
                self.actions_.remove(spec.id)
        for spec in (*recent_session_commands(self), *recent_commands(self)):
            self.actions_.add(spec)

    def choose_theme(self, name: ThemeName) -> None:
        """Change the theme and remember it."""
        self.settings.prefer(theme=name)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.files.accepts(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.files.drop(event.mimeData())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            # When the loop is back, the panels too have been painted.
            QTimer.singleShot(0, self, self.painted.emit)

    # --- layout and closing --------------------------------------------------------------------

    def _show_shelf(self) -> None:
        self.docks["shelf"].show()
        self.docks["shelf"].raise_()

    def reset_layout(self) -> None:
        """Put all panels and views where they are at first."""
        self.layout_.reset()
        self.centre.reset()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._is_closed:
            return
        running = self.bridge.active
        unsaved = self.sessions.is_modified
        if (running or unsaved) and self.ask_on_close:
            event.ignore()
            ask_to_close(
                self, [row.title for row in running], on_close=self._close_anyway,
                unsaved=(self.sessions.name or "Untitled session") if unsaved else None,
                on_save=lambda: self.sessions.save(then=self._close_anyway),
            )  # fmt: skip
            return
        self._is_closed = True
        self.layout_.save()
        self.hide()
        self.centre.close_windows()
        self.bridge.close()
        self.background.close()
        self.sessions.close()
        self.closed.emit()

    def _close_anyway(self) -> None:
        self.ask_on_close = False
        QTimer.singleShot(0, self, self.close)
