"""What a checkpoint file holds: its sets of weights and what it says of itself."""

from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.match import Contents, WeightSet
from interp_gui.checkpoints.tensors import check_extent, read_content
from interp_gui.checkpoints.unwrapping import unwrap


def read_contents(file: CheckpointFile, *, stubs: bool = False) -> Contents:
    """Read a file's tensors; nothing foreign runs.

    Parameters
    ----------
    stubs
        Whether foreign classes in a pickle may be replaced by inert stubs.

    Raises
    ------
    FileProblem, UnsafeCheckpoint, OutOfMemory
        As `tensors.read_content` says.
    """
    tensors, notes = unwrap(read_content(file), file.path.name)
    check_extent(tensors, file)
    return Contents(sets=(WeightSet(name="weights", tensors=tensors, notes=notes),))
