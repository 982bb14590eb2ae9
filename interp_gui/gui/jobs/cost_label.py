"""What a run would take, beside its button; long ones are asked about before they start."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QMessageBox, QWidget

from interp_gui.core.cost import Cost, size_text
from interp_gui.engine.messages import Run
from interp_gui.gui.bridge import EngineBridge

SETTLE_MS = 350
"""A setting that is being dragged is estimated once it rests."""
PATIENCE_MS = 1500
"""So long a start waits for its estimate: the engine may be busy with something else."""


class CostLabel(QLabel):
    """One dim line: `About 40 min, writes about 1.2 GB`; empty where nothing is known.

    Parameters
    ----------
    view
        Name of the view it belongs to, for the bridge.
    """

    def __init__(self, bridge: EngineBridge, *, view: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("dim", True)
        self.setAccessibleName("Estimated cost")
        self._bridge, self._view = bridge, view
        self._request: Run | None = None
        self._known: tuple[Run, Cost | None] | None = None
        self._start: tuple[Run, Callable[[], object]] | None = None
        self._later = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._later.timeout.connect(self._ask)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(self._start_now)
        bridge.ready.connect(self._refresh)
        bridge.lost.connect(self._forget)

    @property
    def cost(self) -> Cost | None:
        """Of the request that is set; None if not known, or not yet."""
        if self._known is None or self._known[0] != self._request:
            return None
        return self._known[1]

    def set_request(self, request: Run | None) -> None:
        """Tell what would be run now; None if nothing can be."""
        if request == self._request:
            return
        self._request = request
        self._show()
        self._refresh()

    def refresh(self) -> None:
        """Ask again: what the cache holds has changed."""
        self._known = None
        self._refresh()

    def start(self, request: Run, on_start: Callable[[], object]) -> None:
        """Call `on_start`: at once, or when a person has agreed to what a long run takes."""
        if not self._can_tell(request):
            on_start()
            return
        if self._known is not None and self._known[0] == request:
            self._decide(self._known[1], on_start)
            return
        self._later.stop()
        self._request, self._start = request, (request, on_start)
        self._patience.start()
        self._ask()

    def _can_tell(self, request: Run) -> bool:
        info = self._bridge.analyses.get(request.analysis)
        return self._bridge.is_ready and info is not None and info.estimates

    # --- asking ----------------------------------------------------------------------------------

    def _refresh(self) -> None:
        if self._request is not None and self.isVisible() and self._can_tell(self._request):
            self._later.start()

    def _ask(self) -> None:
        request = self._request
        if request is None or (self._known is not None and self._known[0] == request):
            self._show()
            return
        self._bridge.estimate(request, partial(self._came, request), view=self._view)

    def _came(self, request: Run, cost: Cost | None) -> None:
        self._known = (request, cost)
        self._show()
        if self._start is not None and self._start[0] == request:
            start, self._start = self._start[1], None
            self._patience.stop()
            self._decide(cost, start)

    def _start_now(self) -> None:
        """The estimate takes longer than a person waits: it is not asked about."""
        if self._start is not None:
            start, self._start = self._start[1], None
            start()

    def _decide(self, cost: Cost | None, on_start: Callable[[], object]) -> None:
        if cost is None or not cost.is_long(self._bridge.confirm_after_s):
            on_start()
        else:
            confirm_cost(self.window(), cost, on_start)

    def _forget(self) -> None:
        self._later.stop()
        self._known = None
        self._show()
        if self._start is not None:
            self._patience.start()

    # --- showing ---------------------------------------------------------------------------------

    def _show(self) -> None:
        cost = self.cost
        self.setText(cost.text if cost is not None else "")
        self.setToolTip(details(cost) if cost is not None else "")
        self.setAccessibleDescription(self.text())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._later.stop()
        if self._start is None:
            self._bridge.drop_estimate(self._view)


def details(cost: Cost) -> str:
    """All that is known of a cost, for a tooltip."""
    lines = ["Measured on one or two steps of this run; what is in the cache is not counted."]
    if cost.memory_bytes >= 10**6:
        lines.append(f"It needs about {size_text(cost.memory_bytes)} of memory.")
    if cost.note:
        lines.append(cost.note)
    return "\n".join(lines)


def confirm_cost(parent: QWidget, cost: Cost, on_start: Callable[[], object]) -> QMessageBox:
    """Ask whether something long is to be started; it can be cancelled later, too."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Start a long run")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"{cost.sentence} Start?")
    box.setInformativeText("It can be paused and cancelled in Jobs; what is finished is kept.")
    start = box.addButton("Start", QMessageBox.ButtonRole.AcceptRole)
    box.addButton("Do not start", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(start)
    start.clicked.connect(on_start)
    box.open()
    return box
