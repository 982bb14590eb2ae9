"""torchvision's vision transformers and Swins under timm's names, and ViT the other way."""

import torch

from interp_gui.checkpoints.keymaps.rules import DROP, Fate, KeyMap, Numbers, Piece, Pieces, Place
from interp_gui.checkpoints.match import Shapes

_LAYER = "encoder.layers.encoder_layer_#."
_VIT = {
    "class_token": "cls_token",
    "encoder.pos_embedding": "pos_embed",
    "conv_proj.*": "patch_embed.proj.*",
    "encoder.ln.*": "norm.*",
    f"{_LAYER}ln_1.*": "blocks.#.norm1.*",
    f"{_LAYER}ln_2.*": "blocks.#.norm2.*",
    f"{_LAYER}self_attention.in_proj_weight": "blocks.#.attn.qkv.weight",
    f"{_LAYER}self_attention.in_proj_bias": "blocks.#.attn.qkv.bias",
    f"{_LAYER}self_attention.out_proj.*": "blocks.#.attn.proj.*",
    f"{_LAYER}mlp.0.*": "blocks.#.mlp.fc1.*",
    f"{_LAYER}mlp.3.*": "blocks.#.mlp.fc2.*",
    "heads.head.*": "head.*",
}
_OLD = {
    # files published before torchvision 0.13
    f"{_LAYER}mlp.linear_1.*": "blocks.#.mlp.fc1.*",
    f"{_LAYER}mlp.linear_2.*": "blocks.#.mlp.fc2.*",
}
_BACK = {target: source for source, target in _VIT.items()}


def _swin_block(name: str) -> Place:
    def place(numbers: Numbers) -> str:
        # blocks stand at odd places, what merges patches at even ones
        return f"layers.{(numbers[0] - 1) // 2}.blocks.{numbers[1]}.{name}"

    return place


def _merging(name: str) -> Place:
    def place(numbers: Numbers) -> str:
        return f"layers.{numbers[0] // 2}.downsample.{name}"

    return place


_TABLE = "attn.relative_position_bias_table"
_SWIN: dict[str, Fate] = {
    "features.0.0.*": "patch_embed.proj.*",
    "features.0.2.*": "patch_embed.norm.*",
    "features.#.#.norm1.*": _swin_block("norm1.*"),
    "features.#.#.norm2.*": _swin_block("norm2.*"),
    "features.#.#.attn.qkv.*": _swin_block("attn.qkv.*"),
    "features.#.#.attn.proj.*": _swin_block("attn.proj.*"),
    f"features.#.#.{_TABLE}": _swin_block(_TABLE),
    "features.#.#.attn.relative_position_index": DROP,
    "features.#.#.mlp.0.*": _swin_block("mlp.fc1.*"),
    "features.#.#.mlp.3.*": _swin_block("mlp.fc2.*"),
    "features.#.reduction.weight": _merging("reduction.weight"),
    "features.#.norm.*": _merging("norm.*"),
    "norm.*": "norm.*",
    "head.*": "head.fc.*",
}
_SWIN_V2: dict[str, Fate] = {
    **_SWIN,
    "features.#.#.attn.logit_scale": _swin_block("attn.logit_scale"),
    "features.#.#.attn.cpb_mlp.0.*": _swin_block("attn.cpb_mlp.0.*"),
    "features.#.#.attn.cpb_mlp.2.*": _swin_block("attn.cpb_mlp.2.*"),
    "features.#.#.attn.relative_coords_table": DROP,
}


def _first(bias: torch.Tensor) -> torch.Tensor:
    return bias.chunk(3)[0].clone()


def _last(bias: torch.Tensor) -> torch.Tensor:
    return bias.chunk(3)[2].clone()


def _without_key_bias(pieces: Pieces, shapes: Shapes) -> None:
    """Timm keeps the biases of query and value; torchvision ignores the key's."""
    for target in [key for key in pieces if key.endswith(".attn.qkv.bias")]:
        joined = pieces.pop(target)
        block = target.removesuffix("qkv.bias")
        pieces[f"{block}q_bias"] = Piece(joined.sources, _first)
        pieces[f"{block}v_bias"] = Piece(joined.sources, _last)


MAPS = (
    KeyMap(
        name="torchvision's ViT to timm", source="torchvision", target="timm",
        marks=("\nclass_token", "encoder_layer_0.self_attention.in_proj_weight"),
        rules={**_VIT, **_OLD},
    ),
    KeyMap(
        name="timm's ViT to torchvision", source="timm", target="torchvision",
        marks=("\ncls_token", "\npos_embed", "\nblocks.0.attn.qkv.weight", "\npatch_embed.proj"),
        rules=_BACK,
    ),
    KeyMap(
        name="torchvision's Swin to timm", source="torchvision", target="timm",
        marks=("\nfeatures.1.0.attn.qkv.weight", _TABLE, "\nfeatures.2.reduction"), rules=_SWIN,
    ),
    KeyMap(
        name="torchvision's Swin V2 to timm", source="torchvision", target="timm",
        marks=("\nfeatures.1.0.attn.qkv.weight", "cpb_mlp", "\nfeatures.2.reduction"),
        rules=_SWIN_V2, finish=_without_key_bias,
    ),
)  # fmt: skip
