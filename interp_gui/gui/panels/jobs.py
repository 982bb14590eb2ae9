"""The Jobs panel: what the engine does, with pause, cancel, and errors in full."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from interp_gui.gui import icons, parts, theme
from interp_gui.gui.bridge import EngineBridge, JobRow
from interp_gui.gui.panels.jobs_model import JOB, PROGRESS, JobsModel, progress_text
from interp_gui.gui.toast import DetailsDialog


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
    """A table of jobs and the buttons for those that are selected."""

    def __init__(self, bridge: EngineBridge) -> None:
        super().__init__()
        self._bridge = bridge
        self.model = JobsModel(bridge)
        self.table = self._table()
        self._empty = parts.label(
            "Nothing is running. What the engine computes is listed here.",
            dim=True,
        )
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.table)
        self.pause = parts.icon_button("pause", "Pause or resume", self._toggle_pause)
        self.cancel = parts.icon_button("cancel", "Cancel", self._cancel)
        self.details = parts.icon_button("details", "Show what went wrong", self.show_details)
        self.clear = parts.icon_button("clear", "Clear ended jobs", self.model.clear_over)
        row = parts.row(theme.SPACE_S)
        for button in (self.pause, self.cancel, self.details, self.clear):
            row.addWidget(button)
        row.addStretch(1)
        column = parts.column(self, spacing=0)
        column.addLayout(row)
        column.addLayout(self._stack, 1)
        self.table.selectionModel().selectionChanged.connect(self._refresh)
        for signal in (self.model.dataChanged, self.model.rowsInserted, self.model.modelReset):
            signal.connect(self._refresh)
        self._refresh()

    def _table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setAccessibleName("Jobs")
        table.setItemDelegateForColumn(PROGRESS, _ProgressDelegate(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setFrameShape(QTableView.Shape.NoFrame)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(26)
        table.doubleClicked.connect(lambda _index: self.show_details())
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(JOB, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(PROGRESS, QHeaderView.ResizeMode.Stretch)
        return table

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
        running = [row for row in self.model.rows if not row.over]
        return running if len(running) == 1 else []

    def _toggle_pause(self) -> None:
        for row in self.selected:
            if row.state == "paused":
                self._bridge.resume(row.job)
            else:
                self._bridge.pause(row.job)

    def _cancel(self) -> None:
        for row in self.selected:
            self._bridge.cancel(row.job)

    def show_details(self) -> None:
        """Open the error of the selected job in full."""
        for row in self.selected:
            if row.error is not None:
                details = "\n\n".join(t for t in (row.error.hint, row.error.details) if t)
                DetailsDialog(f"{row.title}: {row.error.message}", details, self.window()).open()
                return

    def _refresh(self, *_: object) -> None:
        chosen = self.selected
        active = [row for row in chosen if not row.over]
        paused = bool(active) and all(row.state == "paused" for row in active)
        self.pause.setEnabled(bool(active))
        self.pause.setIcon(icons.icon("resume" if paused else "pause"))
        self.pause.setToolTip("Resume" if paused else "Pause")
        self.cancel.setEnabled(bool(active))
        self.details.setEnabled(any(row.error is not None for row in chosen))
        self.clear.setEnabled(any(row.over for row in self.model.rows))
        self._stack.setCurrentWidget(self.table if self.model.rows else self._empty)
