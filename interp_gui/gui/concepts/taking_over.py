"""The examples of a concept's recipe, found by content among the files at hand."""

from collections.abc import Iterable, Mapping

from interp_gui.core.errors import ImageProblem
from interp_gui.core.examples import Example
from interp_gui.core.images import image_sha256
from interp_gui.core.recipe import RecipeExample
from interp_gui.gui.concepts.collected import WITH, WITHOUT, ConceptExamples, Sides
from interp_gui.gui.state import AppState


def paths_at_hand(state: AppState, examples: ConceptExamples) -> tuple[str, ...]:
    """Every image that the window knows of: collected, current, pinned, and those of the folder."""
    collected = [e.path for side in (WITH, WITHOUT) for e in examples.side(side)]
    dataset = state.dataset
    images = dataset.paths if dataset is not None else ()
    current = [state.image] if state.image else []
    return tuple(dict.fromkeys([*collected, *current, *state.watched, *images]))


def matched(
    wanted: Mapping[str, Iterable[RecipeExample]], paths: Iterable[str]
) -> tuple[Sides, int]:
    """Examples whose files are among some paths, whatever their names, and how many are not.

    Reads files, to be called in the background.
    """
    lacking = {example.image for side in (WITH, WITHOUT) for example in wanted.get(side, ())}
    found: dict[str, str] = {}
    for path in paths:
        if not lacking:
            break
        try:
            sha256 = image_sha256(path)
        except ImageProblem:
            continue
        if sha256 in lacking:
            found[sha256] = path
            lacking.discard(sha256)
    sides = {
        side: tuple(
            Example(found[example.image], example.box, example.group)
            for example in wanted.get(side, ())
            if example.image in found
        )
        for side in (WITH, WITHOUT)
    }
    total = sum(1 for side in (WITH, WITHOUT) for _ in wanted.get(side, ()))
    return sides, total - sum(map(len, sides.values()))
