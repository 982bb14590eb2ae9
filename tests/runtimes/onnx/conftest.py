import contextlib
import io
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from tests.checkpoints.conftest import randomised

SIZE = 32


class Small(nn.Module):
    """Convolutions, a residual sum, a module called twice, and tokens."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8))
        self.relu = nn.ReLU()
        self.body = nn.Conv2d(8, 8, 3, 1, 1)
        self.down = nn.Conv2d(8, 12, 3, 2, 1)
        self.norm = nn.LayerNorm(12)
        self.mlp = nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12))
        self.head = nn.Linear(12, 6)

    def forward(self, x):
        x = self.relu(self.stem(x))
        x = self.relu(x + self.body(x))
        tokens = self.down(x).flatten(2).transpose(1, 2)
        tokens = tokens + self.mlp(self.norm(tokens))
        return self.head(tokens.mean(dim=1))


def exported(module, *, dynamo=False, opset=None, size=SIZE, dynamic=True, channels=3):
    """Bytes of a module exported by one of torch's exporters, and nothing on the terminal."""
    buffer = io.BytesIO()
    x = torch.randn(2 if dynamic else 1, channels, size, size)
    options = {"input_names": ["image"], "output_names": ["logits"]}
    if dynamo:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # the exporter's progress bar would leave a thread behind
        shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
        options |= {"dynamic_shapes": shapes, "verbose": False}
    elif dynamic:
        options["dynamic_axes"] = {"image": {0: "batch"}, "logits": {0: "batch"}}
    quiet = contextlib.redirect_stdout(io.StringIO())
    with warnings.catch_warnings(), quiet, contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        if dynamo:
            program = torch.onnx.export(
                module, (x,), dynamo=True, opset_version=opset or 20, **options
            )
            return program.model_proto.SerializeToString()
        torch.onnx.export(module, (x,), buffer, dynamo=False, opset_version=opset or 17, **options)
    return buffer.getvalue()


def described(classes, size=SIZE, channels=3):
    return ModelDescription(
        name="small.onnx", format="onnx", architecture="small", library="onnx", parameters=1,
        weights_sha256="0" * 64, outputs=(OutputInfo(kind="softmax", size=classes),),
        preprocessing=Preprocessing(
            size=(size, size), mean=(0.5,) * channels, std=(0.5,) * channels,
            channels="RGB" if channels == 3 else "L",
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def small():
    """The network in torch."""
    module = Small().eval()
    randomised(module)
    return module


@pytest.fixture(scope="session")
def small_bytes(small):
    return exported(small)


@pytest.fixture(scope="session")
def runtime(small_bytes):
    from interp_gui.runtimes.onnx.runtime import OnnxRuntime

    return OnnxRuntime(small_bytes, described(6))


@pytest.fixture
def batch():
    return np.random.default_rng(7).standard_normal((3, 3, SIZE, SIZE)).astype(np.float32)
