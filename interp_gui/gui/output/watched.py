"""Images whose answers are watched: which ones, changed by hand and undoable."""

from collections.abc import Sequence
from functools import partial

from interp_gui.gui.panels.images.table import file_name
from interp_gui.gui.state import AppState

MOST = 12
WATCHED_MIME_TYPE = "application/x-interp-gui-watched"
"""A watched image dragged to another place of the strip; its path."""


def why_not_watch(state: AppState) -> str:
    """Why the current image cannot be watched or left; empty where it can."""
    if state.image is None:
        return "Choose an image first."
    full = len(state.watched) >= MOST and state.image not in state.watched
    return f"{MOST} images are watched already: remove one first." if full else ""


def toggle_current(state: AppState) -> None:
    """Watch the current image, or watch it no longer."""
    problem, image = why_not_watch(state), state.image
    if problem or image is None:
        state.notify("info", problem)
    elif image in state.watched:
        unwatch(state, image)
    else:
        watch(state, (image,))


def watch(state: AppState, paths: Sequence[str], at: int | None = None) -> None:
    """Watch images, before the one at a place or at the end; those watched already move there."""
    new = list(dict.fromkeys(paths))
    now = list(state.watched)
    left = [path for path in now if path not in new]
    place = len(left) if at is None else sum(path in left for path in now[:at])
    room = MOST - len(left)
    if len(new) > room:
        state.notify("info", f"At most {MOST} images are watched.", "Remove some of them first.")
    after = (*left[:place], *new[:room], *left[place:])
    added = [path for path in new[:room] if path not in now]
    if not added:
        _put(state, "reorder the watched images", after)
    else:
        what = file_name(added[0]) if len(added) == 1 else f"{len(added)} images"
        _put(state, f"watch {what}", after)


def unwatch(state: AppState, path: str) -> None:
    """Watch an image no longer."""
    left = tuple(each for each in state.watched if each != path)
    _put(state, f"watch {file_name(path)} no longer", left)


def unwatch_all(state: AppState) -> None:
    """Watch nothing."""
    _put(state, "watch no images", ())


def move(state: AppState, path: str, step: int) -> None:
    """Move an image some places on, towards the end for positive steps."""
    now = list(state.watched)
    if path in now:
        place = max(0, min(len(now) - 1, now.index(path) + step))
        now.remove(path)
        now.insert(place, path)
        _put(state, "reorder the watched images", tuple(now))


def _put(state: AppState, title: str, after: tuple[str, ...]) -> None:
    shared = state.shared
    before = shared.watched
    if after != before:
        shared.undo.change(
            title, partial(shared.set_watched, after), partial(shared.set_watched, before)
        )
