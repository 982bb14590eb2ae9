"""The six steps of the guided start: what each one says, shows, and waits for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QDockWidget, QWidget

from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.welcome.opening import FIRST

if TYPE_CHECKING:
    from interp_gui.gui.main_window import MainWindow

Place = tuple[QWidget, QRect]
"""A widget and the part of it that is meant, in its own coordinates."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step.

    Parameters
    ----------
    places
        What it speaks of; the arrow is at the first one. Widgets that are hidden are left out.
    watch
        Called when the step begins; what it returns says whether the user has done the thing.
    offer, act
        Text of a button that does the thing, and what it does.
    hidden, reveal
        What is said instead where nothing of it can be seen, and what brings it back.
    """

    title: str
    text: str
    places: Callable[[], list[Place]]
    watch: Callable[[], Callable[[], bool]]
    offer: str = ""
    act: Callable[[], object] = field(default=lambda: None)
    hidden: str = ""
    reveal: Callable[[], object] = field(default=lambda: None)


def steps(window: "MainWindow") -> tuple[Step, ...]:
    """The steps, in order."""
    state = window.state

    def tab(kind: str) -> Any:
        return window.centre.tab(kind)

    def part(kind: str, name: str) -> list[Place]:
        widget = getattr(tab(kind), name, None)
        return [whole(widget)] if isinstance(widget, QWidget) else []

    def is_another(value: Callable[[], object]) -> Callable[[], Callable[[], bool]]:
        def watch() -> Callable[[], bool]:
            before = value()
            return lambda: value() not in (None, before)

        return watch

    asked: list[str] = []
    """Samples that the button was pressed for."""

    def is_open() -> bool:
        return state.model is not None and state.image is not None

    def becomes(now: Callable[[], bool]) -> Callable[[], Callable[[], bool]]:
        """Done when something holds that did not hold at the beginning, or no longer held since."""

        def watch() -> Callable[[], bool]:
            seen = {"other": not now()}

            def done() -> bool:
                holds = now()
                seen["other"] = seen["other"] or not holds
                return holds and seen["other"]

            return done

        return watch

    def opens() -> Callable[[], bool]:
        """Done when something opens, or what was asked for by the button is open (again)."""
        opened, asked[:] = becomes(is_open)(), []

        def done() -> bool:
            waiting = any(window.files.samples.busy) or bool(window.documents.opening)
            return opened() or (bool(asked) and not waiting and is_open())

        return done

    def open_shapes() -> None:
        window.files.open_sample(FIRST)
        asked.append(FIRST)

    def chosen_place() -> object:
        canvas = getattr(tab("image"), "canvas", None)
        if canvas is None or canvas.region.empty:
            return None
        return canvas.region.rows()

    def opened_unit() -> object:
        return state.feature if state.tab == "unit" else None

    def kept() -> Callable[[], bool]:
        shelf, told = shelf_of(state), _Told(window)
        before = len(shelf.items)
        return lambda: len(shelf.items) > before or told.wrote

    def to_image() -> None:
        state.set_tab("image")

    return (
        Step(
            title="Open a sample",
            text="Shapes is a small network with drawn pictures. Press its card, or the button "
            "below.",
            places=lambda: _start(window),
            watch=opens,
            offer="Open Shapes",
            act=open_shapes,
        ),
        Step(
            title="Look at a picture and its answer",
            text="Output shows what the network answers for the current picture. Choose another "
            "one in Images and watch the answer change.",
            places=lambda: [*_dock(window, "images"), *_dock(window, "output")],
            watch=is_another(lambda: state.image),
            hidden="The Images panel is hidden or in a window of its own.",
            reveal=lambda: _show(window, "images"),
        ),
        Step(
            title="Point at a place",
            text="Click somewhere in the picture, best on the shape. The units that respond "
            "there are listed beside it, the strongest first.",
            places=lambda: part("image", "canvas"),
            watch=is_another(chosen_place),
            hidden="The picture is in a view that is not in front.",
            reveal=to_image,
        ),
        Step(
            title="Open a unit",
            text="Double-click a card, or choose it and press Enter. Its page shows the pictures "
            "that it responds to most, beside one that was optimised for it.",
            places=lambda: part("image", "list"),
            watch=is_another(opened_unit),
            hidden="The list of units is in a view that is not in front.",
            reveal=to_image,
        ),
        Step(
            title="See a whole layer",
            text="The layer wall shows every unit of a layer with what it responds to. Bring it "
            "to the front. Choose other layers in the Model panel.",
            places=lambda: _tab_of(window, "wall"),
            watch=becomes(lambda: state.tab == "wall"),
            offer="Show the wall",
            act=lambda: state.set_tab("wall"),
        ),
        Step(
            title="Keep what you found",
            text="Choose a card and press Ctrl+D to keep it on the shelf, or press Export… for "
            "a picture that holds the recipe it was made by.",
            places=lambda: [*part("wall", "list"), *_dock(window, "shelf")],
            watch=kept,
            hidden="The layer wall is not in front.",
            reveal=lambda: state.set_tab("wall"),
        ),
    )


class _Told:
    """Whether the window has said since that it wrote a file."""

    def __init__(self, window: "MainWindow") -> None:
        self._window = window
        self._before = {id(toast) for toast in window.toasts.shown}

    @property
    def wrote(self) -> bool:
        return any(
            toast.note.level == "success" and toast.note.message.startswith("Wrote")
            for toast in self._window.toasts.shown
            if id(toast) not in self._before
        )


def whole(widget: QWidget) -> Place:
    """All of a widget."""
    return widget, widget.rect()


def _start(window: "MainWindow") -> list[Place]:
    """The card of the sample, or where the samples are in the menu."""
    welcome = window.centre.welcome
    if welcome.isVisible():
        card = next((c for c in welcome.cards if c.sample.id == FIRST), None)
        if card is not None:
            return [whole(card)]
    bar = window.menuBar()
    actions = bar.actions()
    return [(bar, bar.actionGeometry(actions[0]))] if actions else []


def _dock(window: "MainWindow", name: str) -> list[Place]:
    dock = window.docks.get(name)
    return [whole(dock)] if dock is not None else []


def _show(window: "MainWindow", name: str) -> None:
    dock: QDockWidget = window.docks[name]
    dock.setFloating(False)
    dock.show()
    dock.raise_()


def _tab_of(window: "MainWindow", kind: str) -> list[Place]:
    desk = window.centre.desk
    for frame in desk.frames:
        group = desk.group_of(frame)
        if frame.kind == kind and group is not None:
            bar = group.tabBar()
            return [(bar, bar.tabRect(group.indexOf(frame)))]
    return []
