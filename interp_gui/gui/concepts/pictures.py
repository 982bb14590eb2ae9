"""Small pictures of examples, as the network sees them, decoded off the event loop."""

from collections.abc import Iterable
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from interp_gui.core.errors import InterpError
from interp_gui.core.examples import Example, framed
from interp_gui.core.images import read_image, thumbnail
from interp_gui.core.model import Preprocessing
from interp_gui.core.preprocessing import as_seen, read_for
from interp_gui.core.result import Pixels
from interp_gui.gui.shared import background_of
from interp_gui.gui.state import AppState
from interp_gui.gui.widgets.pixels import to_image

SIDE_PX = 128
AT_ONCE = 2


class ExamplePictures(QObject):
    """Pictures on request, each made once.

    Signals
    -------
    arrived
        The picture of an example (or why there is none) is known now.
    """

    arrived = Signal(object)

    def __init__(self, state: AppState, parent: QObject) -> None:
        super().__init__(parent)
        self._state, self._background = state, background_of(state)
        self._known: dict[Example, QImage] = {}
        self._waiting: dict[Example, None] = {}
        self._turn = 0
        self.problems: dict[Example, str] = {}
        state.model_changed.connect(self._start_anew)
        # what is still being decoded when the view goes is not wanted any more
        background = self._background
        names = [f"examples:{id(self)}:{slot}" for slot in range(AT_ONCE)]
        self._slots = names.copy()
        for name in names:
            self.destroyed.connect(lambda _=None, name=name: background.forget(name))

    def get(self, example: Example) -> QImage:
        """The picture; null where it is not known yet, and it is made then."""
        if example in self._known:
            return self._known[example]
        if example not in self.problems:
            self._waiting[example] = None
            self._next()
        return QImage()

    def keep_only(self, examples: Iterable[Example]) -> None:
        """Forget pictures, and wishes, of all others."""
        wanted = set(examples)
        self._known = {e: p for e, p in self._known.items() if e in wanted}
        self._waiting = {e: None for e in self._waiting if e in wanted}

    def _start_anew(self) -> None:
        before = (*self._known, *self.problems)
        self._turn += 1
        self._known.clear()
        self.problems.clear()
        for example in before:
            self.arrived.emit(example)

    def _next(self) -> None:
        while self._waiting and self._slots:
            example = next(iter(self._waiting))
            del self._waiting[example]
            model, slot = self._state.model, self._slots.pop()
            preprocessing = model.description.preprocessing if model is not None else None
            self._background.run(
                partial(_picture, example, preprocessing),
                partial(self._done, example, slot, self._turn),
                on_error=partial(self._failed, example, slot),
                key=slot,
            )

    def _done(self, example: Example, slot: str, turn: int, pixels: Pixels) -> None:
        self._slots.append(slot)
        if turn == self._turn:
            self._known[example] = to_image(pixels)
            self.arrived.emit(example)
        else:
            self._waiting[example] = None
        self._next()

    def _failed(self, example: Example, slot: str, problem: Exception) -> None:
        self._slots.append(slot)
        said = problem.message if isinstance(problem, InterpError) else str(problem)
        self.problems[example] = said
        self.arrived.emit(example)
        self._next()


def _picture(example: Example, preprocessing: Preprocessing | None) -> Pixels:
    if preprocessing is None:
        pixels = read_image(example.path)
    else:
        pixels = as_seen(read_for(example.path, preprocessing), preprocessing)
    return framed(thumbnail(pixels, SIDE_PX), example.box)
