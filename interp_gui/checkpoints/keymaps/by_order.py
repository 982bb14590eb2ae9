"""A guess from order and shapes alone, for names that no map knows."""

from collections.abc import Collection

from interp_gui.checkpoints.keymaps.rules import Converter, Piece
from interp_gui.checkpoints.match import Renaming, Shapes

_COUNTER = "num_batches_tracked"
_LEAST_TENSORS = 4


def by_order(
    shapes: Shapes,
    architecture_shapes: Shapes,
    *,
    name: str = "",
    library: str = "",
    head: Collection[str] = (),
) -> Renaming | None:
    """Take a file's tensors for an architecture's in the order in which both come.

    A guess: equal-shaped tensors in another order are exchanged without a trace, so that whoever
    uses it has to say that it is uncertain.

    Parameters
    ----------
    shapes
        Of the file, in its order.
    architecture_shapes
        In the order of the architecture's state dict.
    name, library
        Of the architecture.
    head
        Names in the architecture whose first axis may have another length.
    """
    own = [(key, tuple(shape)) for key, shape in shapes.items() if not key.endswith(_COUNTER)]
    wanted = [
        (key, tuple(shape)) for key, shape in architecture_shapes.items()
        if not key.endswith(_COUNTER)
    ]  # fmt: skip
    if len(own) != len(wanted) or len(own) < _LEAST_TENSORS:
        return None
    pieces, promised = {}, {}
    for (key, shape), (target, expected) in zip(own, wanted, strict=True):
        same = shape[1:] == expected[1:] and len(shape) == len(expected)
        if shape != expected and not (target in head and same):
            return None
        pieces[target] = Piece((key,))
        promised[target] = shape
    return Renaming(
        name=f"By order and shapes only, as {name}" if name else "By order and shapes only",
        source="unknown", target=library, shapes=promised, convert=Converter(pieces),
        dropped=tuple(key for key in shapes if key.endswith(_COUNTER)),
        note="Tensors of the same shape may have been exchanged.",
    )  # fmt: skip
