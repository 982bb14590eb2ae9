"""The network of the Shapes sample: five blocks of convolution, norm and ReLU, and a linear head.

Plain on purpose: every block's output is a layer of its own name, nothing is skipped or merged,
and the mean over the last block's places is what the head weighs.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

WIDTHS = (16, 24, 48, 64, 96)
"""Units of the blocks."""


class ConvBlock(nn.Module):
    """Convolution, batch norm and ReLU; as many places as are given to it."""

    def __init__(self, inputs: int, outputs: int, kernel_px: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_px, padding=kernel_px // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        found: Tensor = self.relu(self.norm(self.conv(x)))
        return found


class ShapesCNN(nn.Module):
    """Class logits of small pictures.

    Parameters
    ----------
    classes
        Number of outputs.
    widths
        Units of the five blocks.
    """

    def __init__(self, classes: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.block1 = ConvBlock(3, widths[0], 5)
        self.pool1 = nn.MaxPool2d(2)
        self.block2 = ConvBlock(widths[0], widths[1], 3)
        self.pool2 = nn.MaxPool2d(2)
        self.block3 = ConvBlock(widths[1], widths[2], 3)
        self.block4 = ConvBlock(widths[2], widths[3], 3)
        self.pool4 = nn.MaxPool2d(2)
        self.block5 = ConvBlock(widths[3], widths[4], 3)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(widths[4], classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, classes)."""
        x = self.pool1(self.block1(x))
        x = self.pool2(self.block2(x))
        x = self.pool4(self.block4(self.block3(x)))
        found: Tensor = self.head(self.mean(self.block5(x)).flatten(1))
        return found


def widths_of(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Units of the blocks, as the shapes of a state dict tell them.

    Raises
    ------
    KeyError, IndexError
        A block's weights are missing or no arrays.
    """
    return tuple(tensors[f"block{i}.conv.weight"].shape[0] for i in range(1, len(WIDTHS) + 1))
