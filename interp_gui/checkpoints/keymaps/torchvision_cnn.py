"""torchvision's convolutional networks under timm's names.

ResNets, DenseNets and Inception have the same names in both.
"""

import re

import torch

from interp_gui.checkpoints.keymaps.blocks import placed
from interp_gui.checkpoints.keymaps.reshaping import as_convolution, flat
from interp_gui.checkpoints.keymaps.rules import (  # fmt: skip
    Fate,
    KeyMap,
    Made,
    Numbers,
    Place,
    Rules,
)
from interp_gui.checkpoints.match import Shapes

_SOURCE = "torchvision"
_EPSILON = "Its batch norms divide with epsilon 1e-3 in torchvision, and 1e-5 in timm's {}."


def _stage(text: str) -> Place:
    def place(numbers: Numbers) -> str:
        return text.format(numbers[0] // 2, *numbers[1:])

    return place


def _stage_below(text: str) -> Place:
    def place(numbers: Numbers) -> str:
        return text.format((numbers[0] - 1) // 2, *numbers[1:])

    return place


_BLOCK = "stages.{}.blocks.{}."
_CONVNEXT: dict[str, Fate] = {
    "features.0.0.*": "stem.0.*",
    "features.0.1.*": "stem.1.*",
    "features.#.0.*": _stage("stages.{}.downsample.0.*"),
    "features.#.1.*": _stage("stages.{}.downsample.1.*"),
    "features.#.#.layer_scale": Made(_stage_below(f"{_BLOCK}gamma"), flat),
    "features.#.#.block.0.*": _stage_below(f"{_BLOCK}conv_dw.*"),
    "features.#.#.block.2.*": _stage_below(f"{_BLOCK}norm.*"),
    "features.#.#.block.3.*": _stage_below(f"{_BLOCK}mlp.fc1.*"),
    "features.#.#.block.5.*": _stage_below(f"{_BLOCK}mlp.fc2.*"),
    "classifier.0.*": "head.norm.*",
    "classifier.2.*": "head.fc.*",
}


def _first_dense(weight: torch.Tensor) -> torch.Tensor:
    """The first dense layer over 512 channels of 7×7 places as a convolution."""
    return weight.reshape(weight.shape[0], 512, 7, 7)


def _dense(weight: torch.Tensor) -> torch.Tensor:
    return weight.reshape(*weight.shape, 1, 1)


_VGG: dict[str, Fate] = {
    "features.#.*": "features.#.*",
    "classifier.0.weight": Made("pre_logits.fc1.weight", _first_dense),
    "classifier.0.bias": "pre_logits.fc1.bias",
    "classifier.3.weight": Made("pre_logits.fc2.weight", _dense),
    "classifier.3.bias": "pre_logits.fc2.bias",
    "classifier.6.*": "head.fc.*",
}


def _inverted(shapes: Shapes, own: str, block: str) -> dict[str, Fate]:
    """One block of an EfficientNet or MobileNet: parts (convolution, norm) and squeeze.

    Which parts there are depends on the block: depth-wise first where nothing is widened; fused
    ones have no depth-wise part.
    """
    table: dict[str, Fate] = {}
    parts = sorted(
        int(found.group(1))
        for key in shapes
        if (found := re.fullmatch(re.escape(own) + r"\.(\d+)\.0\.weight", key))
    )
    depthwise = [
        part for part in parts
        if (shape := shapes[f"{own}.{part}.0.weight"])[1] == 1 and shape[0] > 1
    ]  # fmt: skip
    if not depthwise:
        names = ["conv"] if len(parts) == 1 else ["conv_exp", "conv_pwl"]
    elif depthwise[0] == parts[0]:
        names = ["conv_dw", "conv_pw"]
    else:
        names = ["conv_pw", "conv_dw", "conv_pwl"]
    for number, (part, name) in enumerate(zip(parts, names, strict=False)):
        table[f"{own}.{part}.0.weight"] = f"{block}.{name}.weight"
        table[f"{own}.{part}.1.*"] = f"{block}.bn{number + 1}.*"
    for key in shapes:
        if key.startswith(f"{own}.") and key.endswith(".fc1.weight"):
            squeeze = key.removesuffix(".fc1.weight")
            table[f"{squeeze}.fc1.*"] = f"{block}.se.conv_reduce.*"
            table[f"{squeeze}.fc2.*"] = f"{block}.se.conv_expand.*"
    return table


def _ends(last: int) -> dict[str, Fate]:
    return {
        "features.0.0.weight": "conv_stem.weight",
        "features.0.1.*": "bn1.*",
        f"features.{last}.0.weight": "conv_head.weight",
        f"features.{last}.1.*": "bn2.*",
        "classifier.1.*": "classifier.*",
    }


def _last_feature(shapes: Shapes) -> int:
    numbers = [
        int(key.split(".")[1]) for key in shapes
        if key.startswith("features.") and key.split(".")[1].isdigit()
    ]  # fmt: skip
    return max(numbers)


def _efficientnet(shapes: Shapes) -> Rules:
    table = _ends(_last_feature(shapes))
    blocks = {
        match.group(1, 2)
        for key in shapes
        if (match := re.match(r"features\.(\d+)\.(\d+)\.block\.", key))
    }
    for stage, number in blocks:
        table |= _inverted(
            shapes, f"features.{stage}.{number}.block", f"blocks.{int(stage) - 1}.{number}"
        )
    return table


_MOBILENET_V2_STAGES = (1, 2, 3, 4, 3, 3, 1)


def _mobilenet_v2(shapes: Shapes) -> Rules:
    table = _ends(_last_feature(shapes))
    for number, block in enumerate(placed(_MOBILENET_V2_STAGES)):
        own = f"features.{number + 1}.conv"
        names = ["conv_dw"] if number == 0 else ["conv_pw", "conv_dw"]
        for part, name in enumerate(names):
            table[f"{own}.{part}.0.weight"] = f"{block}.{name}.weight"
            table[f"{own}.{part}.1.*"] = f"{block}.bn{part + 1}.*"
        last = len(names)
        table[f"{own}.{last}.weight"] = f"{block}.{'conv_pw' if last == 1 else 'conv_pwl'}.weight"
        table[f"{own}.{last + 1}.*"] = f"{block}.bn{last + 1}.*"
    return table


_MOBILENET_V3_STAGES = {15: (1, 2, 3, 4, 2, 3), 11: (1, 2, 3, 2, 3)}


def _mobilenet_v3(shapes: Shapes) -> Rules | None:
    last = _last_feature(shapes)
    stages = _MOBILENET_V3_STAGES.get(last - 1)
    if stages is None:
        return None
    table: dict[str, Fate] = {
        "features.0.0.weight": "conv_stem.weight",
        "features.0.1.*": "bn1.*",
        f"features.{last}.0.weight": f"blocks.{len(stages)}.0.conv.weight",
        f"features.{last}.1.*": f"blocks.{len(stages)}.0.bn1.*",
        "classifier.0.weight": Made("conv_head.weight", as_convolution),
        "classifier.0.bias": "conv_head.bias",
        "classifier.3.*": "classifier.*",
    }
    for number, block in enumerate(placed(stages)):
        table |= _inverted(shapes, f"features.{number + 1}.block", block)
    return table


_REGNET_BLOCK = re.compile(r"trunk_output\.block(\d+)\.block\d+-(\d+)\.")


def _regnet(shapes: Shapes) -> Rules:
    table: dict[str, Fate] = {
        "stem.0.weight": "stem.conv.weight",
        "stem.1.*": "stem.bn.*",
        "fc.*": "head.fc.*",
    }
    for own, stage, number in {
        (match.group(), match.group(1), match.group(2))
        for key in shapes
        if (match := _REGNET_BLOCK.match(key))
    }:
        block = f"s{stage}.b{int(number) + 1}."
        table |= {
            f"{own}proj.0.weight": f"{block}downsample.conv.weight",
            f"{own}proj.1.*": f"{block}downsample.bn.*",
            f"{own}f.se.fc1.*": f"{block}se.fc1.*",
            f"{own}f.se.fc2.*": f"{block}se.fc2.*",
        }
        for part, convolution in (("a", "conv1"), ("b", "conv2"), ("c", "conv3")):
            table[f"{own}f.{part}.0.weight"] = f"{block}{convolution}.conv.weight"
            table[f"{own}f.{part}.1.*"] = f"{block}{convolution}.bn.*"
    return table


MAPS = (
    KeyMap(
        name="torchvision's ConvNeXt to timm", source=_SOURCE, target="timm",
        marks=("\nfeatures.1.0.layer_scale", "\nclassifier.0."), rules=_CONVNEXT,
    ),
    KeyMap(
        name="torchvision's VGG to timm", source=_SOURCE, target="timm",
        marks=("\nfeatures.0.weight", "\nclassifier.0.weight", "\nclassifier.6.weight"),
        without=("features.denseblock",), rules=_VGG,
        note="torchvision averages over 7×7 places before its dense layers, which makes no "
        "difference at 224 pixels.",
    ),
    KeyMap(
        name="torchvision's EfficientNet to timm", source=_SOURCE, target="timm",
        marks=("\nfeatures.0.0.weight", "\nfeatures.1.0.block.0.0.weight", "\nclassifier.1."),
        rules=_efficientnet,
    ),
    KeyMap(
        name="torchvision's MobileNetV2 to timm", source=_SOURCE, target="timm",
        marks=("\nfeatures.0.0.weight", "\nfeatures.17.conv.0.0.weight"), rules=_mobilenet_v2,
    ),
    KeyMap(
        name="torchvision's MobileNetV3 to timm", source=_SOURCE, target="timm",
        marks=("\nfeatures.0.0.weight", "\nfeatures.1.block.0.0.weight", "\nclassifier.3."),
        rules=_mobilenet_v3, note=_EPSILON.format("mobilenetv3_*_100"),
    ),
    KeyMap(
        name="torchvision's RegNet to timm", source=_SOURCE, target="timm",
        marks=("\ntrunk_output.block1.block1-0.", "\nstem.0.weight"), rules=_regnet,
    ),
)  # fmt: skip
