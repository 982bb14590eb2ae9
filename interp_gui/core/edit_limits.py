"""What a stack of edits may hold that comes out of a file, a drag or a session.

Each edit checks itself as it is made; this is about what a well-formed one can still do harm with.
"""

from collections.abc import Iterator

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import EditProblem, InterpError

MOST_BYTES = 16 * 1024 * 1024
"""Of the text of a stack."""
MOST_EDITS = 4096
MOST_UNIT = 1 << 24
"""An index that no layer has."""
LONGEST_TEXT = 500


def stack_of_json(data: str | bytes) -> EditStack:
    """A stack out of text that may come from any program.

    Raises
    ------
    EditProblem
        For anything that is not a list of well-formed edits within the limits, or of a newer
        version.
    """
    if len(data) > MOST_BYTES:
        raise EditProblem("This is too large to be a file of edits.")
    if isinstance(data, bytes):
        data = data.removeprefix(b"\xef\xbb\xbf")
    start = data.lstrip()[:1]
    if start not in ("{", b"{"):
        raise EditProblem(
            "This is not a file of edits: it holds none.",
            hint="Edits are kept as JSON that begins with a brace.",
        )
    try:
        stack = EditStack.from_json(data)
    except InterpError as problem:
        raise EditProblem(problem.message, hint=problem.hint) from None
    except RecursionError:
        raise EditProblem("This is not a file of edits: it is nested too deeply.") from None
    except (ValueError, OverflowError, MemoryError) as problem:
        raise EditProblem(f"This is not a file of edits: {problem}.") from None
    check_limits(stack)
    return stack


def check_limits(stack: EditStack, *, names: bool = True) -> None:
    """Raise EditProblem where a stack is beyond what a stack can be.

    Parameters
    ----------
    names
        Whether names have to be short and printable too. Those of a session need not: nobody
        shall lose one because of a letter in a name.
    """
    if len(stack.edits) > MOST_EDITS or len(stack.image_edits) > MOST_EDITS:
        raise EditProblem(f"There are more than {MOST_EDITS:,} edits in it.")
    if stack.solo is not None and not 0 <= stack.solo < len(stack.edits):
        raise EditProblem("The edit of it that stands alone is none of its edits.")
    for edit in stack.edits:
        if any(unit > MOST_UNIT for unit in edit.feature.units):
            raise EditProblem("One of the edits names a unit that no layer has.")
        if edit.feature.whole_layer and edit.feature.heads:
            raise EditProblem("One of the edits names no head.")
    if names and any(len(text) > LONGEST_TEXT or not text.isprintable() for text in _texts(stack)):
        raise EditProblem("One of the edits has a name that is not one.")


def _texts(stack: EditStack) -> Iterator[str]:
    yield stack.name
    for edit in stack.edits:
        yield from (edit.group, edit.feature.layer, edit.feature.model, edit.feature.name)
        yield from (edit.source, edit.baseline.source)
    for image_edit in stack.image_edits:
        yield from (image_edit.image, image_edit.source)
