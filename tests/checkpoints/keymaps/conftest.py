"""Comparing a network with what a renaming of its tensors makes of another library's."""

import tempfile
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from interp_gui.checkpoints.keymaps import renamings

TOLERANCE = 1e-5
COUNTER = "num_batches_tracked"


def shapes_of(state):
    return {key: tuple(value.shape) for key, value in state.items()}


def distinct(module, seed=0):
    """Every tensor and buffer random, well scaled, and different from every other."""
    generator = torch.Generator().manual_seed(seed)
    for key, value in module.state_dict().items():
        if not value.is_floating_point() or key.endswith("relative_coords_table"):
            continue
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif value.dim() > 1 and value[0].numel() > 1:
            # convolutions feed rectifiers: without the gain deep networks fall silent
            gain = 3.0 if value.dim() == 4 else 1.0
            value.normal_(0, (gain / value[0].numel()) ** 0.5, generator=generator)
        else:
            centre = 1.0 if key.endswith(("weight", "gamma", "lambda1", "scale")) else 0.0
            value.normal_(centre, 0.2, generator=generator)
    return module.eval()


def published(model):
    """Tensors of a transformers model under the names that its published files carry."""
    from safetensors.torch import load_file

    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(f"{folder}/model.safetensors")


def exchanged(state, besides=()):
    """The same with the first two equal-shaped tensors of different values exchanged."""
    by_shape = {}
    for key, value in state.items():
        if not value.is_floating_point() or value.dim() < 2 or key in besides:
            continue
        other = by_shape.setdefault(tuple(value.shape), key)
        if other != key and not torch.equal(state[other], value):
            return {**state, key: state[other], other: value}
    raise AssertionError("no two equal-shaped tensors")


@dataclass
class Agreement:
    """Outputs of both networks, and the renaming between them."""

    renaming: object
    expected: torch.Tensor
    found: torch.Tensor
    after_exchange: torch.Tensor

    def hold(self):
        scale = self.expected.abs().max()
        assert scale > 1e-3
        assert (self.expected - self.found).abs().max() <= TOLERANCE * scale
        assert (self.expected - self.after_exchange).abs().max() > 100 * TOLERANCE * scale


def load(target, tensors):
    """Load by name and shape; only counters of batch norms may be missing."""
    problems = target.load_state_dict(tensors, strict=False)
    assert not problems.unexpected_keys
    assert not [key for key in problems.missing_keys if not key.endswith(COUNTER)]


def only(state, library=None):
    """The one renaming that a file has (towards a library)."""
    found = [each for each in renamings(shapes_of(state)) if library in (None, each.target)]
    assert len(found) == 1, [(each.name, each.target) for each in found]
    return found[0]


@torch.no_grad()
def compare(state, expected, target, answer, *, library="timm"):
    """Read `state` under a library's names, load it and compare the answers."""
    renaming = only(state, library)
    converted = renaming.convert(state)
    assert shapes_of(converted) == dict(renaming.shapes)
    load(target.eval(), converted)
    found = answer(target)
    load(target, renaming.convert(exchanged(state, renaming.dropped)))
    return Agreement(renaming, expected, found, answer(target))


@pytest.fixture(scope="session")
def tools():
    """What the tests of maps share."""
    return SimpleNamespace(
        compare=compare, distinct=distinct, exchanged=exchanged, load=load, only=only,
        published=published, shapes_of=shapes_of,
    )  # fmt: skip


@pytest.fixture
def image():
    def make(side, count=2):
        return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))

    return make


@pytest.fixture(autouse=True)
def quiet_transformers():
    """transformers counts what it writes on standard error."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
