import json

import numpy as np
import pytest
import torch
from PIL import Image

from interp_gui.cli import main

LAYER = "features.3"


def randomise(module, seed=0):
    """Every tensor and buffer distinct and well-scaled."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in sorted(module.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        fan = max(tensor[0].numel() if tensor.dim() > 1 else 1, 1)
        values = torch.randn(tensor.shape, generator=generator) * (1.6 / fan**0.5)
        tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else values)
    return module


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    from torchvision.models import squeezenet1_1

    path = tmp_path_factory.mktemp("models") / "small.pth"
    torch.save(randomise(squeezenet1_1(weights=None, num_classes=1000)).state_dict(), path)
    return str(path)


@pytest.fixture(scope="session")
def opened():
    """Runtimes that were opened, by path and preprocessing."""
    return {}


@pytest.fixture(autouse=True)
def open_once(monkeypatch, opened, tmp_path):
    """Proving the layers of a model takes seconds: once for all tests that do not test that."""
    from interp_gui.engine import workspace

    original = workspace.open_on_engine

    def remembered(request, labelled, device, check):
        key = request.path, repr((request.preprocessing, request.choice, request.outputs)), device
        if key not in opened:
            opened[key] = yield from original(request, labelled, device, check)
        return opened[key]

    monkeypatch.setattr(workspace, "open_on_engine", remembered)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "secret-folder"
    folder.mkdir()
    for i in range(3):
        rng = np.random.default_rng(i)
        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((120, 90)).save(folder / f"photo{i}.png")
    return folder


@pytest.fixture
def run(capsys):
    """Run a command; gives code, standard output and standard error."""

    def command(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return command


@pytest.fixture
def run_json(run):
    """Run a command with --json; gives code and document, the only thing on standard output."""

    def command(*words):
        code, out, _ = run(*words, "--json")
        return code, json.loads(out)

    return command
