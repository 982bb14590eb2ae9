"""Jobs as rows of a table."""

import time
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from interp_gui.gui.bridge import KEPT_ROWS, EngineBridge, JobRow

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Job", "Progress", "Time left", "State")
JOB, PROGRESS, LEFT, STATE = range(4)
_STATES = {
    "waiting": "Waiting", "running": "Running", "paused": "Paused",
    "finished": "Finished", "cancelled": "Cancelled", "failed": "Failed",
}  # fmt: skip


class JobsModel(QAbstractTableModel):
    """Newest job first; jobs without a title are left out, old finished ones fall out."""

    def __init__(self, bridge: EngineBridge) -> None:
        super().__init__(bridge)
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

    def clear_over(self) -> None:
        """Take jobs that have ended off the list."""
        self.beginResetModel()
        self.rows = [row for row in self.rows if not row.over]
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
            texts = (row.title, progress_text(row), time_text(row.left_s), _STATES[row.state])
            return texts[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            if row.error is not None:
                return f"{row.error.message} {row.error.hint}".strip()
            return f"{row.title}. {_STATES[row.state]}. {progress_text(row)}".strip()
        if role == Qt.ItemDataRole.UserRole:
            return row
        return None


def progress_text(row: JobRow) -> str:
    """How far a job is, in words: `128 of 512 · 14 /s · optimising`."""
    progress = row.progress
    if row.over:
        return row.error.message if row.error is not None else ""
    parts = [f"{progress.done:,} of {progress.total:,}"] if progress.total else []
    rate = rate_per_s(row)
    if rate:
        parts.append(f"{rate:.0f} /s" if rate >= 10 else f"{rate:.1f} /s")
    if progress.text:
        parts.append(progress.text)
    return " · ".join(parts)


def rate_per_s(row: JobRow) -> float | None:
    """Steps a second since this run or stage began to count, None if not yet known."""
    if row.counted_from is None or row.state != "running":
        return None
    first, since_s = row.counted_from
    done, elapsed = row.progress.done - first, time.monotonic() - since_s
    return done / elapsed if done > 0 and elapsed > 0.5 else None


def time_text(seconds: float | None) -> str:
    """Time left in words: `about 40 s`, `about 3 min`, `about 2 h`."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.0f} h"
