import pytest

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.preprocessing import load_batch


@pytest.fixture(scope="session")
def unedited(runtimes, pictures):
    """Outputs (12, 6) of the CNN as it is."""
    runtime = runtimes["cnn"]
    return runtime.forward(load_batch(pictures, runtime.preprocessing)).outputs["output"]


@pytest.fixture
def labelled(pictures, unedited):
    """Three of four images are labelled with the network's answer, the others with the next."""
    images = tuple(
        ImageEntry(
            path=path, label=f"l{(int(unedited[i].argmax()) + (i % 4 == 3)) % 6}",
            metadata={"side": "left" if i % 2 else "right", "number": str(i)}, group=f"p{i // 4}",
        )
        for i, path in enumerate(pictures)
    )  # fmt: skip
    return Dataset(images=images, classes={f"l{i}": i for i in range(6)})
