import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from interp_gui.core.errors import Cancelled, InvalidValue
from interp_gui.runtimes.receptive_field import Box, receptive_field


def side(box):
    return box.bottom - box.top, box.right - box.left


def test_sides_known_from_arithmetic(tiny):
    """1 + sum of (kernel - 1) times the strides before; 43 and 99 for resnet18."""
    runtime = tiny(torchvision.models.resnet18(), size=224)
    assert receptive_field(runtime, "conv1", (50, 50)) == Box(97, 97, 104, 104)
    assert side(receptive_field(runtime, "layer1", (28, 28))) == (43, 43)
    assert side(receptive_field(runtime, "layer2", (14, 14))) == (99, 99)
    assert receptive_field(runtime, "layer4", (0, 0)) == Box(0, 0, 218, 218)
    assert receptive_field(runtime, "layer3", (13, 13)) == Box(13 * 16 - 105, 103, 224, 224)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, (3, 5), padding=(1, 2), stride=(2, 1))
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.dilated = nn.Conv2d(4, 4, 3, dilation=2, padding=2, groups=2)
        self.scale = nn.Parameter(torch.full((4, 1, 1), 1e-6))
        self.last = nn.Identity()
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        y = self.pool(self.relu(self.norm(self.conv(x))))
        y = self.last(y + self.scale * torch.nn.functional.relu(self.dilated(y)))
        return self.head(y.mean((2, 3)))


@pytest.mark.parametrize("layer", ["conv", "pool", "dilated", "last"])
def test_every_position_equals_brute_force(tiny, layer):
    """Which pixels can change a position's value, over many random pictures and weights."""
    size = 24
    runtime = tiny(Small(), size=size)
    grid = runtime.layer(layer).grid
    seen = np.zeros((*grid, size, size), bool)
    for seed in range(30):
        torch.manual_seed(seed)
        for parameter in runtime.module.parameters():
            parameter.copy_(torch.randn(parameter.shape))
        x = torch.randn(1, 3, size, size)
        jacobian = torch.autograd.functional.jacobian(
            lambda v: (
                runtime.trace(v, capture=[layer], until=layer).captured[layer].abs().sum((0, 1))
            ),
            x,
        )
        seen |= (jacobian != 0).any(2).any(2).numpy()
    for y in range(grid[0]):
        for x in range(grid[1]):
            rows, columns = np.nonzero(seen[y, x].any(1))[0], np.nonzero(seen[y, x].any(0))[0]
            expected = Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
            got = receptive_field(runtime, layer, (y, x))
            # Where a dilated kernel stands half outside, its holes still count as seen.
            holes = layer in ("dilated", "last") and not (
                2 <= y < grid[0] - 2 and 2 <= x < grid[1] - 2
            )
            if holes:
                assert all(a <= b for a, b in zip(got[:2], expected[:2], strict=True))
                assert all(a >= b for a, b in zip(got[2:], expected[2:], strict=True))
            else:
                assert got == expected


def test_window_attention_is_measured_position_by_position(built):
    swin = built("swin_t")
    assert receptive_field(swin, "features.0", (10, 3)) == Box(40, 12, 44, 16)
    assert receptive_field(swin, "features.1.0", (10, 3)) == Box(28, 0, 56, 28)
    assert receptive_field(swin, "features.1.0", (13, 7)) == Box(28, 28, 56, 56)


def test_gates_are_left_out_and_pooled_values_see_everything(tiny):
    runtime = tiny(torchvision.models.efficientnet_b0(), size=224)
    assert side(receptive_field(runtime, "features.4", (7, 7))) == (147, 147)
    assert receptive_field(runtime, "avgpool", (0, 0)) == Box(0, 0, 224, 224)


def test_layers_without_a_grid_see_everything(built):
    vit = built("vit_b_16")
    assert receptive_field(vit, "encoder.ln", (0, 0)) == Box(0, 0, 64, 64)
    assert receptive_field(vit, "conv_proj", (2, 1)) == Box(32, 16, 48, 32)


def test_it_is_remembered_and_leaves_the_network_alone(tiny, untouched, monkeypatch):
    runtime = tiny(Small(), size=24)
    with untouched(runtime):
        first = receptive_field(runtime, "last", (2, 5))
    monkeypatch.setattr(runtime, "trace", None)
    assert receptive_field(runtime, "last", (2, 5)) == first
    with pytest.raises(InvalidValue, match="outside"):
        receptive_field(runtime, "last", (0, 99))


def test_it_can_be_left_between_any_two_passes(tiny):
    asked = []
    box = receptive_field(tiny(Small(), size=24), "last", (2, 5), check=lambda: asked.append(1))
    assert len(asked) == 1 + 6  # forward, and back from each position that is looked at
    for stop in (1, 4, 7):
        runtime = tiny(Small(), size=24)
        left = iter(range(stop - 1))

        def check(left=left):
            if next(left, None) is None:
                raise Cancelled

        with pytest.raises(Cancelled):
            receptive_field(runtime, "last", (2, 5), check=check)
        assert receptive_field(runtime, "last", (2, 5)) == box  # nothing half known


def test_dilated_pooling_reaches_as_far_as_its_kernel(tiny):
    pool = nn.MaxPool2d(3, stride=1, dilation=3, padding=1)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), pool, nn.Flatten(1), nn.LazyLinear(5))
    net(torch.zeros(1, 3, 16, 16))
    # cell (4, 4) reads rows 3, 6 and 9
    assert receptive_field(tiny(net), "1", (4, 4)) == Box(3, 3, 10, 10)
