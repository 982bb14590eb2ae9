"""Real architectures whose every tensor is random, distinct and well-scaled.

Default initialisations make tests that cannot fail: a head of zeros answers the same to
everything, and blocks of equal shape and value can be exchanged unnoticed.
"""

import copy
import zlib

import numpy as np
import pytest
import torch
import torchvision

from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.runtimes.torch_runtime import TorchRuntime

SIZES = {"mobilenet_v2": 64, "resnet18": 64, "convnext_tiny": 64, "vit_b_16": 64, "swin_t": 112}


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def describe(name, size, *, channels=3, outputs=(OutputInfo(size=1000),)):
    return ModelDescription(
        name=name,
        format="torch-zip",
        architecture=name,
        library="torchvision",
        parameters=1,
        weights_sha256="0" * 64,
        preprocessing=Preprocessing(
            size=(size, size), mean=(0.5,) * channels, std=(0.25,) * channels
        ),
        outputs=outputs,
    )


def randomise(module, size):
    """Give every parameter and buffer its own values, at a scale that keeps activations alive."""
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        noise = torch.randn(tensor.shape, generator=generator)
        share = torch.rand(tensor.shape, generator=generator)
        if "layer_scale" in name:
            tensor.copy_(0.3 + 0.4 * share)
        elif name.endswith("weight") and tensor.ndim >= 2:
            tensor.copy_(noise * (1.6 / tensor[0].numel()) ** 0.5)
        elif name.endswith("weight") or name.endswith("running_var"):
            tensor.copy_(0.6 + 0.8 * share)
        elif tensor.ndim >= 2:
            tensor.copy_(0.5 * noise)
        else:
            tensor.copy_(0.2 * noise)
    _calibrate(module, size)
    return module


def _calibrate(module, size):
    """Centre batch norms on what they really see, then shift each statistic by its own amount."""
    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    if not norms:
        return
    shifts = [(m.running_mean.clone(), m.running_var.clone()) for m in norms]
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        module(torch.from_numpy(pictures(4, size, seed=99)))
    for norm, momentum, (mean, share) in zip(norms, momenta, shifts, strict=True):
        norm.momentum = momentum
        norm.eval()
        norm.running_mean.add_(mean * norm.running_var.sqrt())
        norm.running_var.mul_(share)


def pictures(count, size, *, seed=0):
    """Smooth random pictures, as a network expects them."""
    generator = np.random.default_rng(seed)
    coarse = generator.normal(size=(count, 3, 8, 8))
    fine = np.kron(coarse, np.ones((1, 1, size // 8, size // 8)))
    return (fine + 0.3 * generator.normal(size=fine.shape)).astype(np.float32)


def build(name):
    size = SIZES[name]
    torch.manual_seed(0)
    options = {"image_size": size} if "vit" in name else {}
    module = torchvision.models.get_model(name, **options).eval()
    return TorchRuntime(randomise(module, size), describe(name, size))


@pytest.fixture(scope="session")
def built():
    """Runtimes by name, each made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = build(name)
        return made[name]

    return get


@pytest.fixture(scope="session", params=SIZES)
def network(request, built):
    return built(request.param)


@pytest.fixture(scope="session")
def doubled(built):
    """Runtimes in double precision by name, each made once."""
    made = {}

    def get(name):
        if name not in made:
            module = copy.deepcopy(built(name).module).double()
            made[name] = TorchRuntime(module, describe(name, SIZES[name]))
        return made[name]

    return get


@pytest.fixture
def batch():
    def make(runtime, count=2, *, seed=0):
        return pictures(count, runtime.preprocessing.size[0], seed=seed)

    return make


def plain(runtime, array):
    """What the module itself answers, on the path without fused attention."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            return runtime.module(runtime.tensor(array)).numpy()
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@pytest.fixture
def answers():
    return plain


@pytest.fixture
def tiny():
    """Make a runtime of a small module for pictures of 16 pixels."""

    def make(module, *, size=16, channels=3, outputs=(OutputInfo(size=5),)):
        return TorchRuntime(module, describe("tiny", size, channels=channels, outputs=outputs))

    return make


def snapshot(module):
    """Everything of a module that a call must leave alone."""
    return {
        "state": {name: tensor.clone() for name, tensor in module.state_dict().items()},
        "hooks": sum(
            len(getattr(m, kind))
            for m in module.modules()
            for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
        ),
        "training": [m.training for m in module.modules()],
        "frozen": [p.requires_grad for p in module.parameters()],
        "gradients": [p.grad is None for p in module.parameters()],
    }


@pytest.fixture
def untouched():
    """Check that a block leaves a runtime's module and torch's global hooks as they were."""
    from contextlib import contextmanager

    from torch.nn.modules import module as torch_module

    @contextmanager
    def check(runtime):
        before = snapshot(runtime.module)
        threads = torch.get_num_threads()
        fast = torch.backends.mha.get_fastpath_enabled()
        yield
        after = snapshot(runtime.module)
        state = before.pop("state"), after.pop("state")
        assert before == after
        assert before["hooks"] == 0
        assert all(torch.equal(state[0][name], state[1][name]) for name in state[0])
        assert not torch_module._global_forward_pre_hooks
        assert not torch_module._global_forward_hooks
        assert torch.get_num_threads() == threads
        assert torch.backends.mha.get_fastpath_enabled() == fast

    return check
