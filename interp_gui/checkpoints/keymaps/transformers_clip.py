"""CLIP's and SigLIP's vision towers as Hugging Face names them."""

import torch

from interp_gui.checkpoints.keymaps.reshaping import leading_axis, zeros_for_rows
from interp_gui.checkpoints.keymaps.rules import (  # fmt: skip
    DROP,
    Fate,
    Join,
    KeyMap,
    Made,
    Make,
    Piece,
    Pieces,
)
from interp_gui.checkpoints.match import Shapes

_SOURCE = "transformers"
_TEXT = ("text_model.", "text_projection.", "logit_scale", "logit_bias")
_CLIP_NOTE = (
    "Names do not tell its activation: OpenAI's networks use the quick GELU of "
    "vit_*_clip_quickgelu_*, most others the exact one."
)
_SIGLIP_NOTE = (
    "transformers computes its GELU by the tanh formula, timm's vit_*_siglip_* the exact one "
    "but for the so400m sizes."
)


def _token(vector: torch.Tensor) -> torch.Tensor:
    return vector.reshape(1, 1, -1)


_BLOCKS: dict[str, Fate] = {
    "encoder.layers.#.self_attn.q_proj.*": Join("blocks.#.attn.qkv.*", 0),
    "encoder.layers.#.self_attn.k_proj.*": Join("blocks.#.attn.qkv.*", 1),
    "encoder.layers.#.self_attn.v_proj.*": Join("blocks.#.attn.qkv.*", 2),
    "encoder.layers.#.self_attn.out_proj.*": "blocks.#.attn.proj.*",
    "encoder.layers.#.layer_norm1.*": "blocks.#.norm1.*",
    "encoder.layers.#.layer_norm2.*": "blocks.#.norm2.*",
    "encoder.layers.#.mlp.fc1.*": "blocks.#.mlp.fc1.*",
    "encoder.layers.#.mlp.fc2.*": "blocks.#.mlp.fc2.*",
    "embeddings.patch_embedding.*": "patch_embed.proj.*",
    "embeddings.position_embedding.weight": Made("pos_embed", leading_axis),
    "embeddings.position_ids": DROP,
}
_CLIP: dict[str, Fate] = {
    **_BLOCKS,
    "embeddings.class_embedding": Made("cls_token", _token),
    "pre_layrnorm.*": "norm_pre.*",
    "post_layernorm.*": "norm.*",
    "visual_projection.weight": "head.weight",
}


def head_without_bias(pieces: Pieces, shapes: Shapes) -> None:
    """Timm's projection has a bias; none is a bias of zeros."""
    if "head.weight" in pieces and "head.bias" not in pieces:
        weight = pieces["head.weight"]
        pieces["head.bias"] = Piece(weight.sources, _zeros(weight))


def _zeros(weight: Piece) -> Make:
    def zeros(tensor: torch.Tensor) -> torch.Tensor:
        return zeros_for_rows(tensor if weight.make is None else weight.make(tensor))

    return zeros


def _query(joined: torch.Tensor) -> torch.Tensor:
    return joined.chunk(3)[0].clone()


def _key_and_value(joined: torch.Tensor) -> torch.Tensor:
    return joined[joined.shape[0] // 3 :].clone()


def _pool(pieces: Pieces, shapes: Shapes) -> None:
    """Timm keeps query apart from key and value in the attention that pools."""
    for leaf in ("weight", "bias"):
        joined = pieces.pop(f"attn_pool.qkv.{leaf}", None)
        if joined is not None:
            pieces[f"attn_pool.q.{leaf}"] = Piece(joined.sources, _query)
            pieces[f"attn_pool.kv.{leaf}"] = Piece(joined.sources, _key_and_value)


_SIGLIP: dict[str, Fate] = {
    **_BLOCKS,
    "post_layernorm.*": "norm.*",
    "head.probe": "attn_pool.latent",
    "head.attention.in_proj_weight": "attn_pool.qkv.weight",
    "head.attention.in_proj_bias": "attn_pool.qkv.bias",
    "head.attention.out_proj.*": "attn_pool.proj.*",
    "head.layernorm.*": "attn_pool.norm.*",
    "head.mlp.fc1.*": "attn_pool.mlp.fc1.*",
    "head.mlp.fc2.*": "attn_pool.mlp.fc2.*",
}
_MEAN_HEAD = (
    "Its classifier reads the mean of the patches, which timm's network does not compute; "
    "it ends in its features."
)

MAPS = (
    KeyMap(
        name="Hugging Face CLIP vision to timm", source=_SOURCE, target="timm",
        marks=("embeddings.class_embedding", "pre_layrnorm."), without=("\nclassifier.",),
        prefixes=("vision_model.",), outside=_TEXT, rules=_CLIP, finish=head_without_bias,
        note=_CLIP_NOTE,
    ),
    KeyMap(
        name="Hugging Face CLIP vision to timm", source=_SOURCE, target="timm",
        marks=("embeddings.class_embedding", "pre_layrnorm.", "\nclassifier."),
        prefixes=("vision_model.",), outside=_TEXT, rules={**_CLIP, "classifier.*": DROP},
        note=f"{_CLIP_NOTE} {_MEAN_HEAD}",
    ),
    KeyMap(
        name="Hugging Face SigLIP vision to timm", source=_SOURCE, target="timm",
        marks=("embeddings.patch_embedding", "position_embedding", "post_layernorm"),
        without=("class_embedding", "\nclassifier."),
        prefixes=("vision_model.",), outside=_TEXT, rules=_SIGLIP, finish=_pool,
        note=_SIGLIP_NOTE,
    ),
    KeyMap(
        name="Hugging Face SigLIP classifier to timm", source=_SOURCE, target="timm",
        marks=("embeddings.patch_embedding", "position_embedding", "post_layernorm",
               "\nclassifier."),
        without=("class_embedding",),
        prefixes=("vision_model.",), outside=_TEXT, rules={**_SIGLIP, "classifier.*": DROP},
        finish=_pool, note=f"{_SIGLIP_NOTE} {_MEAN_HEAD}",
    ),
)  # fmt: skip
