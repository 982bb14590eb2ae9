"""mmpretrain's (mmcls's) transformers and ConvNeXt, the ``backbone.`` already taken off.

Its ResNets and most other convolutional networks keep torchvision's names below ``backbone.``,
and its heads are moved by `wrappers`.
"""

import torch

from interp_gui.checkpoints.keymaps.reshaping import as_matrix, flat
from interp_gui.checkpoints.keymaps.rules import (  # fmt: skip
    DROP,
    Fate,
    KeyMap,
    Made,
    Numbers,
    Place,
    Rules,
)
from interp_gui.checkpoints.match import Shapes

_SOURCE = "mmpretrain"
_MLP = {"ffn.layers.0.0.*": "mlp.fc1.*", "ffn.layers.1.*": "mlp.fc2.*"}

_VIT: dict[str, Fate] = {
    "cls_token": "cls_token",
    "dist_token": "dist_token",
    "pos_embed": "pos_embed",
    "patch_embed.projection.*": "patch_embed.proj.*",
    "pre_norm.*": "norm_pre.*",
    "ln1.*": "norm.*",
    "norm1.*": "norm.*",
    "head.layers.head.*": "head.*",
    "head.layers.head_dist.*": "head_dist.*",
    "head.fc.*": "head.*",
}
for _own, _target in (
    ("ln1.*", "norm1.*"), ("norm1.*", "norm1.*"), ("ln2.*", "norm2.*"), ("norm2.*", "norm2.*"),
    ("attn.qkv.*", "attn.qkv.*"), ("attn.proj.*", "attn.proj.*"), *_MLP.items(),
):  # fmt: skip
    _VIT[f"layers.#.{_own}"] = f"blocks.#.{_target}"
_VIT["layers.#.attn.gamma1.weight"] = "blocks.#.ls1.gamma"
_VIT["layers.#.ffn.gamma2.weight"] = "blocks.#.ls2.gamma"
_VIT["layers.#.ffn.w12.*"] = "blocks.#.mlp.fc1.*"
_VIT["layers.#.ffn.w3.*"] = "blocks.#.mlp.fc2.*"


def merging_order(tensor: torch.Tensor) -> torch.Tensor:
    """Columns of patch merging from the order of `torch.nn.Unfold` to Swin's own.

    Unfold lists channel by channel the four places of a 2×2 patch, row by row; Swin lists the
    places, column by column, and in each the channels.
    """
    channels = tensor.shape[-1] // 4
    if tensor.shape[-1] % 4:
        raise ValueError("patch merging joins four places")
    places = tensor.reshape(*tensor.shape[:-1], channels, 4)[..., [0, 2, 1, 3]]
    return places.transpose(-1, -2).reshape(tensor.shape).contiguous()


def _later(name: str) -> Place:
    def place(numbers: Numbers) -> str:
        return f"layers.{numbers[0] + 1}.downsample.{name}"

    return place


_SWIN: dict[str, Fate] = {
    "patch_embed.projection.*": "patch_embed.proj.*",
    "patch_embed.norm.*": "patch_embed.norm.*",
    "stages.#.downsample.norm.weight": Made(_later("norm.weight"), merging_order),
    "stages.#.downsample.norm.bias": Made(_later("norm.bias"), merging_order),
    "stages.#.downsample.reduction.weight": Made(_later("reduction.weight"), merging_order),
    "norm3.*": "norm.*",
    "head.fc.*": "head.fc.*",
}
for _own, _target in (
    ("norm1.*", "norm1.*"), ("norm2.*", "norm2.*"), *_MLP.items(),
    ("attn.w_msa.qkv.*", "attn.qkv.*"), ("attn.w_msa.proj.*", "attn.proj.*"),
    ("attn.w_msa.relative_position_bias_table", "attn.relative_position_bias_table"),
):  # fmt: skip
    _SWIN[f"stages.#.blocks.#.{_own}"] = f"layers.#.blocks.#.{_target}"
_SWIN["stages.#.blocks.#.attn.w_msa.relative_position_index"] = DROP
_SWIN["absolute_pos_embed"] = "absolute_pos_embed"
_SWIN_V2: dict[str, Fate] = {
    **_SWIN,
    # its norm comes after the reduction, whose columns alone have an order to mend
    "stages.#.downsample.norm.weight": _later("norm.weight"),
    "stages.#.downsample.norm.bias": _later("norm.bias"),
    "stages.#.blocks.#.attn.w_msa.relative_coords_table": DROP,
}
for _own in ("logit_scale", "q_bias", "v_bias", "cpb_mlp.0.*", "cpb_mlp.2.*"):
    _SWIN_V2[f"stages.#.blocks.#.attn.w_msa.{_own}"] = f"layers.#.blocks.#.attn.{_own}"

_CONVNEXT: dict[str, Fate] = {
    "downsample_layers.0.0.*": "stem.0.*",
    "downsample_layers.0.1.*": "stem.1.*",
    "downsample_layers.#.0.*": "stages.#.downsample.0.*",
    "downsample_layers.#.1.*": "stages.#.downsample.1.*",
    "norm3.*": "head.norm.*",
    "head.fc.*": "head.fc.*",
}
for _own, _target in (
    ("depthwise_conv.*", "conv_dw.*"), ("norm.*", "norm.*"), ("gamma", "gamma"),
    ("pointwise_conv1.*", "mlp.fc1.*"), ("pointwise_conv2.*", "mlp.fc2.*"),
):  # fmt: skip
    _CONVNEXT[f"stages.#.#.{_own}"] = f"stages.#.blocks.#.{_target}"
_CONVNEXT["stages.#.#.grn.gamma"] = Made("stages.#.blocks.#.mlp.grn.weight", flat)
_CONVNEXT["stages.#.#.grn.beta"] = Made("stages.#.blocks.#.mlp.grn.bias", flat)


def _convnext(shapes: Shapes) -> Rules:
    # its point-wise layers are matrices or 1×1 convolutions, by a setting
    if len(shapes.get("stages.0.0.pointwise_conv1.weight", ())) != 4:
        return _CONVNEXT
    return {
        **_CONVNEXT,
        "stages.#.#.pointwise_conv1.weight": Made("stages.#.blocks.#.mlp.fc1.weight", as_matrix),
        "stages.#.#.pointwise_conv2.weight": Made("stages.#.blocks.#.mlp.fc2.weight", as_matrix),
    }


MAPS = (
    KeyMap(
        name="mmpretrain's ViT to timm", source=_SOURCE, target="timm",
        marks=("\ncls_token", "\npatch_embed.projection.weight", "\nlayers.0.attn.qkv"),
        rules=_VIT,
    ),
    KeyMap(
        name="mmpretrain's Swin to timm", source=_SOURCE, target="timm",
        marks=("\nstages.0.blocks.0.attn.w_msa.qkv", "relative_position_bias_table"), rules=_SWIN,
    ),
    KeyMap(
        name="mmpretrain's Swin V2 to timm", source=_SOURCE, target="timm",
        marks=("\nstages.0.blocks.0.attn.w_msa.qkv", "cpb_mlp"), rules=_SWIN_V2,
    ),
    KeyMap(
        name="mmpretrain's ConvNeXt to timm", source=_SOURCE, target="timm",
        marks=("\ndownsample_layers.0.0.weight", "\nstages.0.0.depthwise_conv"), rules=_convnext,
    ),
)  # fmt: skip
