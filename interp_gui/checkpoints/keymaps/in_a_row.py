"""Networks whose parts were put in a row: `torch.nn.Sequential(*list(network.children())[:-1])`.

The numbers are those of the parts, so that they say as much as names do; layers without tensors
(rectifiers, pooling) are counted too. What comes after the body is a head of one's own.
"""

from interp_gui.checkpoints.keymaps.rules import Fate, KeyMap, Rules
from interp_gui.checkpoints.match import Shapes

_HEADS = ("fc", "classifier", "linear", "head", "last_linear", "output")
_FIRST_STAGE = 4  # behind convolution, norm, rectifier and pooling
_FEATURES = "0."
_FEWEST = 8  # tensors; fewer are no network's body


def _resnet() -> dict[str, Fate]:
    table: dict[str, Fate] = {"0.weight": "conv1.weight", "1.*": "bn1.*", "9.*": "fc.*"}
    for head in _HEADS:
        table |= {f"{head}.*": "fc.*", f"{head}.#.*": "fc.#.*"}
    for stage in range(4):
        own, target = f"{_FIRST_STAGE + stage}.#.", f"layer{stage + 1}.#."
        for part in (1, 2, 3):
            table[f"{own}conv{part}.weight"] = f"{target}conv{part}.weight"
            table[f"{own}bn{part}.*"] = f"{target}bn{part}.*"
        table[f"{own}downsample.0.weight"] = f"{target}downsample.0.weight"
        table[f"{own}downsample.1.*"] = f"{target}downsample.1.*"
    return table


def _features(shapes: Shapes) -> Rules | None:
    """Names of networks that keep their whole body in one part, `features`."""
    if len(shapes) < _FEWEST or not all(key.startswith(_FEATURES) for key in shapes):
        return None
    return {key: f"features.{key.removeprefix(_FEATURES)}" for key in shapes}


MAPS = (
    KeyMap(
        name="parts of a ResNet in a row", source="sequential", target="",
        marks=("\n0.weight", "\n1.running_mean", "\n4.0.conv1.weight", "\n7.0.conv1.weight"),
        rules=_resnet(),
    ),
    KeyMap(
        name="parts of a network in a row", source="sequential", target="",
        marks=("\n0.",), without=("\n0.weight",), rules=_features,
    ),
)  # fmt: skip
