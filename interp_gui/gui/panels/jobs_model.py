"""Jobs as rows of a table."""

import time
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from interp_gui.gui.bridge import EngineBridge
from interp_gui.gui.jobs.row import KEPT_ROWS, JobRow

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Job", "Progress", "Rate", "Time left", "Started", "Elapsed", "State")
JOB, PROGRESS, RATE, LEFT, STARTED, ELAPSED, STATE = range(7)
_STATES = {
    "waiting": "Waiting", "running": "Running", "paused": "Paused",
    "finished": "Finished", "cancelled": "Cancelled", "failed": "Failed",
    "asked": "Asked",
}  # fmt: skip


class JobsModel(QAbstractTableModel):
    """Newest job first; jobs without a title are left out, old finished ones fall out."""

    def __init__(self, bridge: EngineBridge) -> None:
        super().__init__()
        self.rows: list[JobRow] = []
        bridge.job_changed.connect(self._on_changed)

    def _on_changed(self, row: JobRow) -> None:
        if not row.title:
            return
        at = next((i for i, other in enumerate(self.rows) if other.job == row.job), None)
        if at is None:
            self.beginInsertRows(QModelIndex(), 0, 0)
            self.rows.insert(0, row)
            self.endInsertRows()
            self._drop_oldest()
        else:
            self.rows[at] = row
            self.dataChanged.emit(self.index(at, 0), self.index(at, len(COLUMNS) - 1))

    def _drop_oldest(self) -> None:
        while len(self.rows) > KEPT_ROWS and self.rows[-1].over:
            last = len(self.rows) - 1
            self.beginRemoveRows(QModelIndex(), last, last)
            del self.rows[-1]
            self.endRemoveRows()

    @property
    def active(self) -> list[JobRow]:
        """Rows that are not over."""
        return [row for row in self.rows if not row.over]

    def clear_over(self) -> None:
        """Take jobs that have ended off the list."""
        self.remove({row.job for row in self.rows if row.over})

    def remove(self, jobs: set[int]) -> None:
        """Take some jobs that have ended off the list."""
        self.beginResetModel()
        self.rows = [row for row in self.rows if row.job not in jobs or not row.over]
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(row, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            if row.error is not None:
                return f"{row.error.message} {row.error.hint}".strip()
            return f"{row.title}. {_STATES[row.state]}. {progress_text(row)}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            # one after another as the columns are read, an empty cell would say nothing
            return cell_text(row, index.column()) or f"No {COLUMNS[index.column()].lower()}"
        if role == Qt.ItemDataRole.UserRole:
            return row
        return None


def cell_text(row: JobRow, column: int) -> str:
    """What a cell says."""
    now_s = time.monotonic()
    match column:
        case 0:
            return row.title
        case 1:
            return progress_text(row)
        case 2:
            return rate_text(row.rate_per_s(now_s))
        case 3:
            return time_text(row.left_s)
        case 4:
            return started_text(row.began_s)
        case 5:
            return elapsed_text(row.elapsed_s(now_s))
        case _:
            return _STATES[row.state]


def progress_text(row: JobRow) -> str:
    """How far a job is, in words: `128 of 512 · optimising`; how it ended when it is over."""
    progress = row.progress
    if row.error is not None:
        return row.error.message
    if row.state == "asked":
        return "It had a question; the answer opens it"
    if row.over:
        if not row.results:
            return ""
        return "1 result" if row.results == 1 else f"{row.results:,} results"
    parts = [f"{progress.done:,} of {progress.total:,}"] if progress.total else []
    if progress.text:
        parts.append(progress.text)
    return " · ".join(parts)


def rate_text(rate_per_s: float | None) -> str:
    """Steps a second, or a minute where they are slow: `14 /s`, `3.2 /s`, `5 /min`."""
    if rate_per_s is None:
        return ""
    if rate_per_s >= 1:
        return f"{rate_per_s:.0f} /s" if rate_per_s >= 10 else f"{rate_per_s:.1f} /s"
    return f"{rate_per_s * 60:.0f} /min" if rate_per_s >= 0.1 else f"{rate_per_s * 60:.1f} /min"


def time_text(seconds: float | None) -> str:
    """Time left in words: `about 40 s`, `about 3 min`, `about 2 h`."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.0f} h"


def started_text(began_s: float) -> str:
    """Time of day, with the date where it was not today; empty while it waits."""
    if not began_s:
        return ""
    then = time.localtime(began_s)
    today = time.localtime()[:3] == then[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M", then)


def elapsed_text(seconds: float | None) -> str:
    """How long it has been running: `0:42`, `12:05`, `1:02:03`."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
