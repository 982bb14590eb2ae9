"""Vision transformers under their authors' names: CLIP, DINOv2, MAE, DeiT III, Swin, PVT v2."""

import torch

from interp_gui.checkpoints.keymaps.reshaping import leading_axis, transposed
from interp_gui.checkpoints.keymaps.rules import (  # fmt: skip
    DROP,
    Fate,
    KeyMap,
    Made,
    Numbers,
    Place,
    Rules,
)
from interp_gui.checkpoints.keymaps.transformers_clip import head_without_bias
from interp_gui.checkpoints.keymaps.transformers_vit import free_class_token
from interp_gui.checkpoints.match import Shapes

_TEXT = ("transformer.", "token_embedding.", "positional_embedding", "ln_final.",
         "text_projection", "logit_scale", "logit_bias", "input_resolution", "context_length",
         "vocab_size", "attn_mask", "text.")  # fmt: skip


def _token(vector: torch.Tensor) -> torch.Tensor:
    return vector.reshape(1, 1, -1)


_RESBLOCK = "transformer.resblocks.#."
_CLIP: dict[str, Fate] = {
    "class_embedding": Made("cls_token", _token),
    "positional_embedding": Made("pos_embed", leading_axis),
    "proj": Made("head.weight", transposed),
    "conv1.*": "patch_embed.proj.*",
    "ln_pre.*": "norm_pre.*",
    "ln_post.*": "norm.*",
    f"{_RESBLOCK}attn.in_proj_weight": "blocks.#.attn.qkv.weight",
    f"{_RESBLOCK}attn.in_proj_bias": "blocks.#.attn.qkv.bias",
    f"{_RESBLOCK}attn.out_proj.*": "blocks.#.attn.proj.*",
    f"{_RESBLOCK}ln_1.*": "blocks.#.norm1.*",
    f"{_RESBLOCK}ln_2.*": "blocks.#.norm2.*",
    f"{_RESBLOCK}mlp.c_fc.*": "blocks.#.mlp.fc1.*",
    f"{_RESBLOCK}mlp.c_proj.*": "blocks.#.mlp.fc2.*",
    f"{_RESBLOCK}ls_1.gamma": "blocks.#.ls1.gamma",
    f"{_RESBLOCK}ls_2.gamma": "blocks.#.ls2.gamma",
}


def _blocks(numbers: str, block: str) -> dict[str, Fate]:
    """A plain transformer block that already has timm's names, under `numbers`."""
    return {
        f"{numbers}norm1.*": f"{block}norm1.*",
        f"{numbers}norm2.*": f"{block}norm2.*",
        f"{numbers}attn.qkv.*": f"{block}attn.qkv.*",
        f"{numbers}attn.proj.*": f"{block}attn.proj.*",
        f"{numbers}mlp.fc1.*": f"{block}mlp.fc1.*",
        f"{numbers}mlp.fc2.*": f"{block}mlp.fc2.*",
        f"{numbers}mlp.w12.*": f"{block}mlp.fc1.*",
        f"{numbers}mlp.w3.*": f"{block}mlp.fc2.*",
        f"{numbers}ls1.gamma": f"{block}ls1.gamma",
        f"{numbers}ls2.gamma": f"{block}ls2.gamma",
        f"{numbers}gamma_1": f"{block}ls1.gamma",
        f"{numbers}gamma_2": f"{block}ls2.gamma",
    }


_PLAIN: dict[str, Fate] = {
    "cls_token": "cls_token",
    "dist_token": "dist_token",
    "pos_embed": "pos_embed",
    "register_tokens": "reg_token",
    "mask_token": DROP,
    "patch_embed.proj.*": "patch_embed.proj.*",
    "norm.*": "norm.*",
    "fc_norm.*": "fc_norm.*",
    "head.*": "head.*",
    "head_dist.*": "head_dist.*",
    "pre_logits.fc.*": DROP,
}
_WHOLE = _PLAIN | _blocks("blocks.#.", "blocks.#.")


def _chunked(shapes: Shapes) -> Rules:
    """Blocks that were wrapped in chunks for training: the second number counts through."""

    def place(name: str) -> Place:
        def of(numbers: Numbers) -> str:
            return f"blocks.{numbers[1]}.{name}"

        return of

    chunked = {
        key: place(str(fate).removeprefix("blocks.#."))
        for key, fate in _blocks("blocks.#.#.", "blocks.#.").items()
    }
    return {**_PLAIN, **chunked}


def _later(name: str) -> Place:
    def place(numbers: Numbers) -> str:
        return f"layers.{numbers[0] + 1}.downsample.{name}"

    return place


_SWIN_BLOCK = "layers.#.blocks.#."
_SWIN: dict[str, Fate] = {
    "patch_embed.proj.*": "patch_embed.proj.*",
    "patch_embed.norm.*": "patch_embed.norm.*",
    "absolute_pos_embed": "absolute_pos_embed",
    **{
        f"{_SWIN_BLOCK}{name}": f"{_SWIN_BLOCK}{name}"
        for name in (
            "norm1.*", "norm2.*", "attn.qkv.*", "attn.proj.*", "mlp.fc1.*", "mlp.fc2.*",
            "attn.relative_position_bias_table", "attn.logit_scale", "attn.q_bias",
            "attn.v_bias", "attn.cpb_mlp.0.*", "attn.cpb_mlp.2.*",
        )
    },
    f"{_SWIN_BLOCK}attn.relative_position_index": DROP,
    f"{_SWIN_BLOCK}attn.relative_coords_table": DROP,
    f"{_SWIN_BLOCK}attn_mask": DROP,
    "layers.#.downsample.norm.*": _later("norm.*"),
    "layers.#.downsample.reduction.*": _later("reduction.*"),
    "norm.*": "norm.*",
    "head.*": "head.fc.*",
    "head.fc.*": "head.fc.*",
}  # fmt: skip

_PVT: dict[str, Fate] = {"head.*": "head.*"}
for _stage in range(4):
    _target = "patch_embed" if _stage == 0 else f"stages.{_stage}.downsample"
    _PVT |= {
        f"patch_embed{_stage + 1}.proj.*": f"{_target}.proj.*",
        f"patch_embed{_stage + 1}.norm.*": f"{_target}.norm.*",
        f"norm{_stage + 1}.*": f"stages.{_stage}.norm.*",
        f"block{_stage + 1}.#.mlp.dwconv.dwconv.*": f"stages.{_stage}.blocks.#.mlp.dwconv.*",
    } | {
        f"block{_stage + 1}.#.{name}.*": f"stages.{_stage}.blocks.#.{name}.*"
        for name in ("norm1", "norm2", "attn.q", "attn.kv", "attn.proj", "attn.sr", "attn.norm",
                     "mlp.fc1", "mlp.fc2")
    }  # fmt: skip

MAPS = (
    KeyMap(
        name="CLIP's image tower to timm", source="openai_clip", target="timm",
        marks=("transformer.resblocks.0.attn.in_proj_weight", "class_embedding", "ln_pre."),
        prefixes=("visual.", "module.visual."), outside=_TEXT, rules=_CLIP,
        finish=head_without_bias,
        note="Names do not tell its activation: OpenAI's networks use the quick GELU of "
        "vit_*_clip_quickgelu_*, most others the exact one.",
    ),
    KeyMap(
        name="DINOv2's own names to timm", source="dinov2", target="timm",
        marks=("\ncls_token", "\nmask_token", "\nblocks.0.norm1.weight"), without=("decoder_",),
        rules=_WHOLE, finish=free_class_token,
    ),
    KeyMap(
        name="DINOv2's own names in chunks to timm", source="dinov2", target="timm",
        marks=("\ncls_token", "\nblocks.0.0.norm1.weight", "attn.qkv"), without=("decoder_",),
        rules=_chunked, finish=free_class_token,
    ),
    KeyMap(
        name="MAE's encoder to timm", source="mae", target="timm",
        marks=("\ncls_token", "\nmask_token", "\ndecoder_", "\nblocks.0.attn.qkv"),
        drops=("decoder_",), rules=_WHOLE,
    ),
    KeyMap(
        name="DeiT III's own names to timm", source="deit", target="timm",
        marks=("\ncls_token", "\npos_embed", "\nblocks.0.gamma_1", "\nblocks.0.attn.qkv"),
        without=("q_bias", "relative_position"), rules=_WHOLE,
    ),
    KeyMap(
        name="Swin's own names to timm", source="swin", target="timm",
        marks=("\nlayers.0.blocks.0.attn.qkv.weight", "\nlayers.0.downsample.reduction.weight"),
        rules=_SWIN,
    ),
    KeyMap(
        name="PVT v2's own names to timm", source="pvt", target="timm",
        marks=("\npatch_embed1.proj", "\nblock1.0.mlp.dwconv.dwconv"), rules=_PVT,
    ),
)  # fmt: skip
