"""What a checkpoint file holds: its sets of weights and what it says of itself."""

from interp_gui.checkpoints.folders import folder_weights
from interp_gui.checkpoints.formats import SAVE_HINT, CheckpointFile
from interp_gui.checkpoints.hints import hints_of, outermost_class
from interp_gui.checkpoints.inert import TensorRef
from interp_gui.checkpoints.likely_kinds import in_place_of_weights
from interp_gui.checkpoints.match import Contents, WeightSet
from interp_gui.checkpoints.parametrised import whole_weights
from interp_gui.checkpoints.pickle_names import foreign
from interp_gui.checkpoints.tensors import Source, check_extent, open_source, read_tensors
from interp_gui.checkpoints.unwrapping import FoundSet, unwrap
from interp_gui.core.errors import FileProblem, UnsafeCheckpoint
from interp_gui.core.opening import ForeignName, Tell, quietly

_SHOWN_NAMES = 6


def read_contents(file: CheckpointFile, *, stubs: bool = False, tell: Tell = quietly) -> Contents:
    """Read a file's tensors; nothing foreign runs.

    A pickle that names classes or functions beyond tensors is read through stand-ins, which are
    inert whatever the names are. Where one of the names is known to be dangerous, this waits until
    it is asked for: not because reading would be less safe, but because such a file is most
    likely an attack or a mistake, and the user should know before anything of it is used.

    Parameters
    ----------
    file
        As `inspect_file` says; of a Hugging Face folder its weights are read.
    stubs
        Whether the user agreed to read a file that names something dangerous.
    tell
        Shows life while tensors are read; what it raises ends the reading.

    Raises
    ------
    FileProblem
        Truncated, damaged, contradicting itself, or without named tensors.
    UnsafeCheckpoint
        It names something dangerous; all foreign names are listed. Nothing was run.
    OutOfMemory
        The tensors do not fit in memory.
    """
    if file.format == "huggingface" and file.folder is not None:
        file = folder_weights(file.folder)
    with open_source(file) as source:
        names = foreign(source.names)
        _refuse_dangerous(file.path.name, names, stubs)
        found = unwrap(source.tree)
        if not found:
            raise _without_weights(file, source)
        for each in found:
            check_extent(each.tensors, file)
        notes = _notes(source, names)
        sets = tuple(_read(each, notes, tell) for each in found)
        return Contents(sets=sets, hints=hints_of(source.tree, source.metadata))


def read_as_named(file: CheckpointFile, *, stubs: bool = False, tell: Tell = quietly) -> WeightSet:
    """Read the tensors of a plain dict under the very names that they have in the file.

    Where they stand deeper, or beside other things, this is the first set of `read_contents`.

    Raises
    ------
    FileProblem, UnsafeCheckpoint, OutOfMemory
        As `read_contents` says.
    """
    if file.format == "huggingface" and file.folder is not None:
        file = folder_weights(file.folder)
    with open_source(file) as source:
        tree = source.tree
        _refuse_dangerous(file.path.name, foreign(source.names), stubs)
        flat = isinstance(tree, dict) and all(type(key) is str for key in tree)
        if flat and tree and all(type(value) is TensorRef for value in tree.values()):
            check_extent(tree, file)
            return WeightSet(name="weights", tensors=read_tensors(tree, check=lambda: tell("")))
    return read_contents(file, stubs=stubs, tell=tell).sets[0]


def _read(found: FoundSet, notes: tuple[str, ...], tell: Tell) -> WeightSet:
    tensors, part_notes = whole_weights(read_tensors(found.tensors, check=lambda: tell("")))
    return WeightSet(
        name=found.name,
        tensors=tensors,
        notes=(*found.notes, *notes, *part_notes),
        ignored=found.ignored,
        in_file=found.in_file,
    )


def _notes(source: Source, names: tuple[ForeignName, ...]) -> tuple[str, ...]:
    if not names:
        return ()
    whole = outermost_class(source.tree)
    if whole:
        return (
            f"It is a whole network of the class {whole}. Its classes were not run: the weights "
            "were read through stand-ins.",
        )
    return (f"It names {_listed(names)}. They were not run: it was read through stand-ins.",)


def _listed(names: tuple[ForeignName, ...]) -> str:
    shown = ", ".join(each.name for each in names[:_SHOWN_NAMES])
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f"{shown}{more}"


def _refuse_dangerous(name: str, names: tuple[ForeignName, ...], stubs: bool) -> None:
    if stubs or not any(each.dangerous for each in names):
        return
    raise UnsafeCheckpoint(
        f"'{name}' is not opened, because reading it in the usual way would run code beside the "
        f"weights: {_listed(names)}.",
        hint="Nothing in it was run. Its weights can be read through stand-ins that run nothing: "
        "choose that in the dialog, or give --stubs. Where you trust it: "
        f"{SAVE_HINT[0].lower()}{SAVE_HINT[1:]}",
        names=[each.name for each in names],
    )


def _without_weights(file: CheckpointFile, source: Source) -> FileProblem:
    what = "" if source.by_torch else "is a Python pickle that torch did not write, and "
    words, hint = in_place_of_weights(source.tree)
    return FileProblem(
        f"'{file.path.name}' {what}holds no named weights of a network{words}.", hint=hint
    )
