"""The Jobs panel: what the engine does and has done, and what can be done about it."""

from collections import deque
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QGuiApplication, QHideEvent, QKeySequence, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QMenu,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QWidget,
)

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.engine.messages import LogLine, Run
from interp_gui.gui import icons, parts, theme
from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.jobs.row import JobRow, total_text
from interp_gui.gui.panels.jobs_model import (
    ELAPSED,
    JOB,
    LEFT,
    PROGRESS,
    RATE,
    STARTED,
    STATE,
    JobsModel,
    progress_text,
)
from interp_gui.gui.panels.jobs_report import LOG_LINES, failure_report
from interp_gui.gui.toast import DetailsDialog

TICK_MS = 1000
_WIDTHS_PX = {PROGRESS: 130, RATE: 72, LEFT: 100, STARTED: 84, ELAPSED: 72, STATE: 84}


class _ProgressDelegate(QStyledItemDelegate):
    """A progress bar while the job runs, words afterwards."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        row: JobRow = index.data(Qt.ItemDataRole.UserRole)
        if row.over or not row.progress.total:
            super().paint(painter, option, index)
            return
        bar = QStyleOptionProgressBar()
        bar.rect = option.rect.adjusted(4, 4, -4, -4)
        bar.palette = option.palette
        bar.fontMetrics = option.fontMetrics
        bar.state = QStyle.StateFlag.State_Horizontal | QStyle.StateFlag.State_Enabled
        bar.maximum = row.progress.total
        bar.progress = min(row.progress.done, row.progress.total)
        room = bar.rect.width() - 2 * theme.SPACE_S
        # the bar would wrap what is too long, and cut the lines in half
        bar.text = bar.fontMetrics.elidedText(progress_text(row), Qt.TextElideMode.ElideRight, room)
        bar.textVisible = True
        bar.textAlignment = Qt.AlignmentFlag.AlignCenter
        QApplication.style().drawControl(QStyle.ControlElement.CE_ProgressBar, bar, painter)


class JobsPanel(QWidget):
    """A table of jobs with commands for those that are selected.

    Signals
    -------
    result_requested, again_requested, change_requested
        `JobRow`: show where its result is, run it again, run it again with other parameters.
    """

    result_requested = Signal(object)
    again_requested = Signal(object)
    change_requested = Signal(object)

    def __init__(self, bridge: EngineBridge, *, open_paths: Callable[[], list[str]] = list) -> None:
        super().__init__()
        self._bridge = bridge
        self._open_paths = open_paths
        self._log: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.model = JobsModel(bridge)
        self.model.setParent(self)
        self.table = self._table()
        self.total = parts.label(dim=True, wrap=False)
        self.total.setAccessibleName("All jobs")
        self._empty = parts.label(
            "Nothing is running. What the engine computes is listed here.",
            dim=True,
        )
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self._make_commands()
        self._arrange()
        self.table.selectionModel().selectionChanged.connect(self._refresh)
        for signal in (self.model.dataChanged, self.model.rowsInserted, self.model.modelReset):
            signal.connect(self._refresh)
        bridge.log.connect(self._log.append)
        self._refresh()

    # --- building ------------------------------------------------------------------------------

    def _make_commands(self) -> None:
        self.show_result = self._command("eye", "Show result", self._show_results, "Return; Enter")
        self.pause = self._command("pause", "Pause", self._toggle_pause, "Space")
        self.cancel = self._command("cancel", "Cancel", self._cancel, "Del")
        self.again = self._command(
            "refresh", "Run again", partial(self._send, self.again_requested), "Ctrl+R"
        )
        self.change = self._command(
            "settings", "Run again with other parameters…",
            partial(self._send, self.change_requested), "Ctrl+Shift+R",
        )  # fmt: skip
        self.details = self._command("details", "Show what went wrong…", self.show_details)
        self.copy_report = self._command("copy", "Copy the report", self._copy_report, "Ctrl+C")
        self.remove = self._command("remove", "Take off the list", self._remove, "Backspace")
        self.clear = self._command("clear", "Clear ended jobs", self.model.clear_over)

    def _command(
        self, icon: str, title: str, slot: Callable[[], object], keys: str = ""
    ) -> QAction:
        action = QAction(icons.icon(icon), title, self.table)
        action.setShortcuts([QKeySequence(key) for key in keys.split("; ") if key])
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda: slot())
        self.table.addAction(action)
        return action

    def _arrange(self) -> None:
        row = parts.row(theme.SPACE_S)
        for action in (
            self.show_result, self.pause, self.cancel, self.again, self.change, self.details,
            self.clear,
        ):  # fmt: skip
            name = "Pause or resume" if action is self.pause else action.text()
            row.addWidget(_button(action, name))
        row.addStretch(1)
        row.addWidget(self.total)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.table)
        column = parts.column(self, spacing=0)
        column.addLayout(row)
        column.addLayout(self._stack, 1)

    def _table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setAccessibleName("Jobs")
        table.setAccessibleDescription("What runs, waits and has ended; the buttons act on it")
        table.setItemDelegateForColumn(PROGRESS, _ProgressDelegate(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setFrameShape(QTableView.Shape.NoFrame)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(26)
        table.doubleClicked.connect(self._open)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(JOB, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS_PX.items():
            header.resizeSection(column, width)
        return table

    # --- what is chosen ------------------------------------------------------------------------

    @property
    def selected(self) -> list[JobRow]:
        """Rows that are selected; without a selection the only job that runs."""
        rows = [
            self.model.rows[i.row()]
            for i in self.table.selectionModel().selectedRows()
            if i.row() < len(self.model.rows)
        ]
        if rows:
            return rows
        running = self.model.active
        return running if len(running) == 1 else []

    def _toggle_pause(self) -> None:
        chosen = [row for row in self.selected if row.can_pause]
        resume = bool(chosen) and all(row.state == "paused" for row in chosen)
        for row in chosen:
            if resume:
                self._bridge.resume(row.job)
            elif row.state != "paused":
                self._bridge.pause(row.job)

    def _cancel(self) -> None:
        for row in self.selected:
            self._bridge.cancel(row.job)

    def _remove(self) -> None:
        self.model.remove({row.job for row in self.selected})

    def _send(self, signal: object) -> None:
        for row in self.selected:
            if row.can_run_again:
                signal.emit(row)  # type: ignore[attr-defined]

    def _show_results(self) -> None:
        for row in self.selected[:1]:
            if row.error is not None:
                self.show_details()
            elif row.view:
                self.result_requested.emit(row)

    def _open(self, _index: QModelIndex) -> None:
        self._show_results()

    # --- what went wrong -----------------------------------------------------------------------

    def report(self, row: JobRow) -> str:
        """All that helps to report a failed job, without paths."""
        return failure_report(row, self._bridge.hello, self._log, paths=self._open_paths())

    def show_details(self) -> None:
        """Open the report of the selected job that failed."""
        for row in self.selected:
            if row.error is not None:
                sentence = " ".join(t for t in (row.error.message, row.error.hint) if t)
                title = f"{row.title}: {sentence}"
                DetailsDialog(title, self.report(row), self.window()).open()
                return

    def _copy_report(self) -> None:
        reports = [self.report(row) for row in self.selected if row.error is not None]
        if reports:
            QGuiApplication.clipboard().setText("\n\n".join(reports))

    # --- keeping up ----------------------------------------------------------------------------

    def _refresh(self, *_: object) -> None:
        chosen = self.selected
        active = [row for row in chosen if not row.over]
        holdable = [row for row in active if row.can_pause]
        paused = bool(holdable) and all(row.state == "paused" for row in holdable)
        self.pause.setEnabled(bool(holdable))
        self.pause.setIcon(icons.icon("resume" if paused else "pause"))
        self.pause.setText("Resume" if paused else "Pause")
        unheld = bool(active) and not holdable
        self.pause.setToolTip(
            "Opening a model cannot be paused, only cancelled" if unheld else self.pause.text()
        )
        self.cancel.setEnabled(bool(active))
        failed = any(row.error is not None for row in chosen)
        self.details.setEnabled(failed)
        self.copy_report.setEnabled(failed)
        self.show_result.setEnabled(bool(chosen) and bool(chosen[0].view or failed))
        again = [row for row in chosen if row.can_run_again]
        self.again.setEnabled(bool(again))
        self.change.setEnabled(len(again) == 1 and self._analysis(again[0]) is not None)
        self.remove.setEnabled(any(row.over for row in chosen))
        self.clear.setEnabled(any(row.over for row in self.model.rows))
        self.total.setText(total_text(self.model.rows))
        self._stack.setCurrentWidget(self.table if self.model.rows else self._empty)
        self._keep_ticking()

    def _analysis(self, row: JobRow) -> AnalysisInfo | None:
        request = row.request
        return self._bridge.analyses.get(request.analysis) if isinstance(request, Run) else None

    def _keep_ticking(self) -> None:
        wanted = self.isVisible() and any(row.state == "running" for row in self.model.active)
        if wanted != self._tick.isActive():
            self._tick.start() if wanted else self._tick.stop()

    def _on_tick(self) -> None:
        # the cells are asked again when they are painted
        self.table.viewport().update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._keep_ticking()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._tick.stop()

    def _show_menu(self, at: QPoint) -> None:
        if not self.model.rows:
            return
        menu = QMenu(self.table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        menu.addActions([self.show_result, self.pause, self.cancel])
        menu.addSeparator()
        menu.addActions([self.again, self.change])
        menu.addSeparator()
        menu.addActions([self.details, self.copy_report])
        menu.addSeparator()
        menu.addActions([self.remove, self.clear])
        menu.popup(self.table.viewport().mapToGlobal(at))


def _button(action: QAction, name: str) -> QToolButton:
    """A flat button that follows its command, named for assistive technology."""
    button = QToolButton()
    button.setAutoRaise(True)
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setAccessibleName(name)
    return button
