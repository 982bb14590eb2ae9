"""Whether the arrays and lists of results fit together, so that no view meets what it cannot draw.

Results that the engine makes fit; those of a file may hold anything of the right types.
"""

from collections.abc import Iterable

from interp_gui.core.edit import EditStack
from interp_gui.core.edit_limits import check_limits
from interp_gui.core.errors import EditProblem
from interp_gui.core.interventions.kinds import Intervention
from interp_gui.core.result import (
    AnyResult,
    Bars,
    Curve,
    Grid,
    Heatmap,
    Matrix,
    Picture,
    Pixels,
    Table,
)
from interp_gui.core.session.container import Damaged
from interp_gui.core.session.document import SessionDocument

LARGEST_SIDE = 32_768
MOST_STACKS, MOST_WATCHED = 1000, 1000


def check_document(document: SessionDocument) -> None:
    """Raise Damaged where something in a session cannot be shown."""
    if document.models and not 0 <= document.current_model < len(document.models):
        raise Damaged("its current model is none of its models")
    for what, ids in (
        ("shelf", [item.id for item in document.shelf]),
        ("kept results", [item.id for item in document.kept]),
    ):
        if len(set(ids)) < len(ids) or not all(ids):
            raise Damaged(f"its {what} have an id that is missing or not unique")
    for stack in (document.edits, *document.stacks):
        check_stack(stack)
    if len(document.stacks) > MOST_STACKS or len(document.watched) > MOST_WATCHED:
        raise Damaged("it keeps more edits or watched images than there can be")
    for item in document.shelf:
        if item.picture is not None:
            _check_pixels(item.picture)
    for kept in document.kept:
        for result in (kept.result, *kept.companions):
            check_result(result)


def check_result(result: AnyResult) -> None:
    """Raise Damaged where a result does not fit together."""
    match result:
        case Picture():
            _check_pixels(result.pixels)
            _fits(result.planes is None or result.planes.ndim == 3)
        case Grid():
            for item in result.items:
                _check_pixels(item.pixels)
            _fits(0 <= result.columns <= max(1, len(result.items)) * 64)
        case Heatmap():
            _check_pixels(result.image)
            _fits(result.values.ndim == 2 and result.values.size > 0)
        case Bars():
            _fits(len(result.labels) == len(result.values))
            _fits(len(result.features) in (0, len(result.labels)))
            _fits(len(result.marked) in (0, len(result.labels)))
        case Table():
            _check_rows(result.columns, result.cells)
            _fits(len(result.features) in (0, len(result.cells)))
        case Curve():
            _fits(result.x.ndim == 1 and result.ys.ndim == 2)
            _fits(result.ys.shape[-1] == result.x.shape[0])
            _fits(len(result.names) in (0, result.ys.shape[0]))
            _fits(result.band is None or result.band.shape == (2, len(result.x)))
        case Matrix():
            _check_matrix(result)
        case Intervention():
            _check_intervention(result)


def check_stack(stack: EditStack) -> None:
    """Raise Damaged where a stack of edits does not fit together."""
    try:
        check_limits(stack, names=False)
    except EditProblem as problem:
        raise Damaged(f"its edits are none: {problem.message.rstrip('.')}") from None


def _check_intervention(result: Intervention) -> None:
    _fits(result.before.ndim == 1 and result.before.shape == result.after.shape)
    _fits(len(result.labels) in (0, len(result.before)))
    check_stack(result.edits)


def _check_matrix(matrix: Matrix) -> None:
    rows, columns = len(matrix.row_labels), len(matrix.column_labels)
    _fits(matrix.values.shape == (rows, columns) and matrix.values.size > 0)
    _fits(matrix.exact is None or matrix.exact.shape == matrix.values.shape)
    _fits(len(matrix.row_features) in (0, rows))
    _fits(len(matrix.column_places) in (0, columns) and len(matrix.column_heads) in (0, columns))


def _check_rows(columns: tuple[str, ...], cells: Iterable[tuple[object, ...]]) -> None:
    _fits(all(len(row) == len(columns) for row in cells))


def _check_pixels(pixels: Pixels) -> None:
    _fits(
        pixels.ndim == 3
        and pixels.shape[2] in (3, 4)
        and 0 < pixels.shape[0] <= LARGEST_SIDE
        and 0 < pixels.shape[1] <= LARGEST_SIDE
    )


def _fits(condition: bool) -> None:
    if not condition:
        raise Damaged("the parts of a result in it do not fit together")
