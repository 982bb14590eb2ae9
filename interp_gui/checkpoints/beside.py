"""Whether the config.json beside a file of weights speaks of it."""

from interp_gui.checkpoints.folders import folder_weights, is_huggingface
from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.core.errors import FileProblem

_FORMATS = frozenset(
    ("torch-zip", "torch-legacy", "safetensors", "safetensors-sharded", "torch-sharded")
)


def described_beside(file: CheckpointFile) -> bool:
    """Whether a file holds the weights of the Hugging Face folder that it lies in.

    It does if it is what opening the folder would read; not if it is one of several checkpoints.
    """
    folder = file.path.parent
    if file.format not in _FORMATS or not is_huggingface(folder):
        return False
    try:
        weights = folder_weights(folder)
    except FileProblem:
        return False
    return file.path.name == weights.path.name
