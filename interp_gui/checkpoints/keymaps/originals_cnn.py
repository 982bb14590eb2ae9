"""Convolutional networks as their authors published them: ConvNeXt, EfficientNet-PyTorch."""

from interp_gui.checkpoints.keymaps.blocks import EFFICIENTNET_STAGES, placed, stages_of
from interp_gui.checkpoints.keymaps.reshaping import as_matrix, flat
from interp_gui.checkpoints.keymaps.rules import Fate, KeyMap, Made, Rules
from interp_gui.checkpoints.match import Shapes

_BLOCK = "stages.#.#."


def _matrix_or_not(shapes: Shapes, name: str, target: str) -> Fate:
    # early files keep the point-wise layers as 1×1 convolutions
    first = next((key for key in shapes if key.endswith(f"{name}.weight")), "")
    return Made(target, as_matrix) if first and len(shapes[first]) == 4 else target


def _convnext(shapes: Shapes) -> Rules:
    block = "stages.#.blocks.#."
    return {
        "downsample_layers.0.0.*": "stem.0.*",
        "downsample_layers.0.1.*": "stem.1.*",
        "downsample_layers.#.0.*": "stages.#.downsample.0.*",
        "downsample_layers.#.1.*": "stages.#.downsample.1.*",
        f"{_BLOCK}dwconv.*": f"{block}conv_dw.*",
        f"{_BLOCK}norm.*": f"{block}norm.*",
        f"{_BLOCK}pwconv1.weight": _matrix_or_not(shapes, "pwconv1", f"{block}mlp.fc1.weight"),
        f"{_BLOCK}pwconv1.bias": f"{block}mlp.fc1.bias",
        f"{_BLOCK}pwconv2.weight": _matrix_or_not(shapes, "pwconv2", f"{block}mlp.fc2.weight"),
        f"{_BLOCK}pwconv2.bias": f"{block}mlp.fc2.bias",
        f"{_BLOCK}gamma": f"{block}gamma",
        f"{_BLOCK}grn.gamma": Made(f"{block}mlp.grn.weight", flat),
        f"{_BLOCK}grn.beta": Made(f"{block}mlp.grn.bias", flat),
        "norm.*": "head.norm.*",
        "head.*": "head.fc.*",
    }


def _efficientnet(shapes: Shapes) -> Rules | None:
    stages = stages_of(shapes, "_blocks.", EFFICIENTNET_STAGES)
    if stages is None:
        return None
    table: dict[str, Fate] = {
        "_conv_stem.weight": "conv_stem.weight",
        "_bn0.*": "bn1.*",
        "_conv_head.weight": "conv_head.weight",
        "_bn1.*": "bn2.*",
        "_fc.*": "classifier.*",
    }
    for number, block in enumerate(placed(stages)):
        own = f"_blocks.{number}"
        wide = f"{own}._expand_conv.weight" in shapes
        if wide:
            table[f"{own}._expand_conv.weight"] = f"{block}.conv_pw.weight"
            table[f"{own}._bn0.*"] = f"{block}.bn1.*"
        table[f"{own}._depthwise_conv.weight"] = f"{block}.conv_dw.weight"
        table[f"{own}._bn1.*"] = f"{block}.{'bn2' if wide else 'bn1'}.*"
        table[f"{own}._se_reduce.*"] = f"{block}.se.conv_reduce.*"
        table[f"{own}._se_expand.*"] = f"{block}.se.conv_expand.*"
        table[f"{own}._project_conv.weight"] = f"{block}.{'conv_pwl' if wide else 'conv_pw'}.weight"
        table[f"{own}._bn2.*"] = f"{block}.{'bn3' if wide else 'bn2'}.*"
    return table


_CADENE_VGG: dict[str, Fate] = {
    "_features.#.*": "features.#.*",
    "linear0.*": "classifier.0.*",
    "linear1.*": "classifier.3.*",
    "last_linear.*": "classifier.6.*",
}

_POOLFORMER: dict[str, Fate] = {
    "patch_embed.proj.*": "stem.conv.*",
    "norm.*": "head.norm.*",
    "head.*": "head.fc.*",
}
for _stage in range(4):
    _own, _target = f"network.{2 * _stage}.#.", f"stages.{_stage}.blocks.#."
    _POOLFORMER |= {
        f"{_own}norm1.*": f"{_target}norm1.*",
        f"{_own}norm2.*": f"{_target}norm2.*",
        f"{_own}mlp.fc1.*": f"{_target}mlp.fc1.*",
        f"{_own}mlp.fc2.*": f"{_target}mlp.fc2.*",
        f"{_own}layer_scale_1": f"{_target}layer_scale1.scale",
        f"{_own}layer_scale_2": f"{_target}layer_scale2.scale",
        f"network.{2 * _stage + 1}.proj.*": f"stages.{_stage + 1}.downsample.conv.*",
    }

MAPS = (
    KeyMap(
        name="ConvNeXt's own names to timm", source="convnext", target="timm",
        marks=("\ndownsample_layers.0.0.weight", "\nstages.0.0.dwconv"), rules=_convnext,
    ),
    KeyMap(
        name="EfficientNet-PyTorch to timm", source="efficientnet_pytorch", target="timm",
        marks=("\n_conv_stem.weight", "\n_blocks.0._depthwise_conv"), rules=_efficientnet,
        note="It pads as TensorFlow does and its batch norms divide with epsilon 1e-3, "
        "as timm's tf_efficientnet_b*; the same names without tf_ compute otherwise.",
    ),
    KeyMap(
        name="pretrainedmodels' VGG to torchvision", source="pretrainedmodels",
        target="torchvision", marks=("\n_features.0.weight", "\nlinear0.weight"),
        rules=_CADENE_VGG,
    ),
    KeyMap(
        name="PoolFormer's own names to timm", source="poolformer", target="timm",
        marks=("\nnetwork.0.0.layer_scale_1", "\nnetwork.1.proj"), rules=_POOLFORMER,
        note="Its last map is normalised before the mean is taken, and after it in timm.",
    ),
)  # fmt: skip
