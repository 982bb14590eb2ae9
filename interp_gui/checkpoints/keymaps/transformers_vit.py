"""Hugging Face's plain vision transformers: ViT, DeiT, MAE, MSN, DINOv2, BEiT.

Each is read in the names of transformers 5 (``layers.0.attention.q_proj``) and in those that
published files carry (``encoder.layer.0.attention.attention.query``).
"""

import torch

from interp_gui.checkpoints.keymaps.rules import (
    DROP,
    Fate,
    Join,
    KeyMap,
    Piece,
    Pieces,
    Rules,
)  # fmt: skip
from interp_gui.checkpoints.match import Shapes

_SOURCE = "transformers"
_EPSILON = "Its norms divide with epsilon 1e-12 in transformers, and 1e-6 in timm."
_NO_HEAD = (
    "Its classifier reads the class token and the mean of the patches side by side, which timm "
    "has no place for; the network ends in its features."
)

# where a block's projections stand: since transformers 5, and in published files
_PROJECTIONS = ("attention.{}_proj", "attention.attention.{}")
_QKV = (("q", "query"), ("k", "key"), ("v", "value"))
_LAYERS = ("layers.#.", "encoder.layer.#.", "encoder.layers.#.")
_HEAD: dict[str, Fate] = {"classifier.*": "head.*", "classifier.#.*": "head.#.*"}


def _projections(*, leaves: str = "*") -> dict[str, Fate]:
    table: dict[str, Fate] = {}
    for slot, names in enumerate(_QKV):
        for layer in _LAYERS:
            for place, name in zip(_PROJECTIONS, names, strict=True):
                table[f"{layer}{place.format(name)}.{leaves}"] = Join(
                    f"blocks.#.attn.qkv.{leaves}", slot
                )
    return table


def _blocks(table: Rules) -> dict[str, Fate]:
    return {layer + key: fate for layer in _LAYERS for key, fate in table.items()}


_EMBEDDINGS: dict[str, Fate] = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.mask_token": DROP,
    "embeddings.patch_embeddings.projection.*": "patch_embed.proj.*",
}
_MLP = _blocks(
    {
        "attention.output.dense.*": "blocks.#.attn.proj.*",
        "attention.o_proj.*": "blocks.#.attn.proj.*",
        "intermediate.dense.*": "blocks.#.mlp.fc1.*",
        "output.dense.*": "blocks.#.mlp.fc2.*",
        "mlp.fc1.*": "blocks.#.mlp.fc1.*",
        "mlp.fc2.*": "blocks.#.mlp.fc2.*",
        "layernorm_before.*": "blocks.#.norm1.*",
        "layernorm_after.*": "blocks.#.norm2.*",
    }
)
_VIT: dict[str, Fate] = {
    **_EMBEDDINGS,
    **_projections(),
    **_MLP,
    "layernorm.*": "norm.*",
    "pooler.dense.*": DROP,
}
_DINO: dict[str, Fate] = {
    **_EMBEDDINGS,
    "embeddings.register_tokens": "reg_token",
    **_projections(),
    **_MLP,
    **_blocks(
        {
            "norm1.*": "blocks.#.norm1.*",
            "norm2.*": "blocks.#.norm2.*",
            "layer_scale1.lambda1": "blocks.#.ls1.gamma",
            "layer_scale2.lambda1": "blocks.#.ls2.gamma",
            "mlp.weights_in.*": "blocks.#.mlp.fc1.*",
            "mlp.weights_out.*": "blocks.#.mlp.fc2.*",
            "mlp.gate_proj.*": Join("blocks.#.mlp.fc1.*", 0, 2),
            "mlp.up_proj.*": Join("blocks.#.mlp.fc1.*", 1, 2),
            "mlp.down_proj.*": "blocks.#.mlp.fc2.*",
        }
    ),
    "layernorm.*": "norm.*",
    "classifier.*": DROP,
}
_BEIT_BLOCKS = _blocks(
    {
        "lambda_1": "blocks.#.gamma_1",
        "lambda_2": "blocks.#.gamma_2",
        **{
            f"{place.format(name)}.bias": f"blocks.#.attn.{letter}_bias"
            for letter, *names in (("q", "q", "query"), ("v", "v", "value"))
            for place, name in zip(_PROJECTIONS, names, strict=True)
        },
        **dict.fromkeys(
            (
                "relative_position_bias.relative_position_bias_table",
                "attention.attention.relative_position_bias.relative_position_bias_table",
            ),
            "blocks.#.attn.relative_position_bias_table",
        ),
        **dict.fromkeys(
            (
                "relative_position_bias.relative_position_index",
                "attention.attention.relative_position_bias.relative_position_index",
            ),
            DROP,
        ),
    }
)


def _beit(shapes: Shapes) -> Rules:
    # the mean of the patches has a norm of its own, the class token the last norm
    return {
        **_EMBEDDINGS,
        **_projections(leaves="weight"),
        **_MLP,
        **_BEIT_BLOCKS,
        "encoder.relative_position_bias.relative_position_bias_table": (
            "rel_pos_bias.relative_position_bias_table"
        ),
        "relative_position_bias.relative_position_bias_table": (
            "rel_pos_bias.relative_position_bias_table"
        ),
        "pooler.layernorm.*": "fc_norm.*",
        "layernorm.*": "norm.*",
        **_HEAD,
    }


def class_token_with_position(token: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """The class token with its position added, for networks that give it none."""
    return token + positions[:, :1]


def patch_positions(positions: torch.Tensor) -> torch.Tensor:
    """Positions of the patches alone."""
    return positions[:, 1:].clone()


def free_class_token(pieces: Pieces, shapes: Shapes) -> None:
    """With registers, timm gives positions to patches only: the class token's goes into it."""
    if "reg_token" not in pieces or not {"cls_token", "pos_embed"} <= pieces.keys():
        return
    token, positions = pieces["cls_token"].sources[0], pieces["pos_embed"].sources[0]
    pieces["cls_token"] = Piece((token, positions), class_token_with_position)
    pieces["pos_embed"] = Piece((positions,), patch_positions)


def _distilled_positions(pieces: Pieces, shapes: Shapes) -> None:
    # a network without the second classifier answers from the class token alone; timm's averages
    # both, so that the one classifier has to stand for both only where a file has it so
    if "dist_token" in pieces and "head.weight" in pieces and "head_dist.weight" not in pieces:
        pieces.clear()


MAPS = (
    KeyMap(
        name="Hugging Face ViT to timm", source=_SOURCE, target="timm",
        marks=("embeddings.cls_token", "patch_embeddings.projection", "layernorm_before"),
        without=("distillation_token", "lambda_1", "relative_position"),
        prefixes=("vit.",), rules={**_VIT, **_HEAD}, note=_EPSILON,
        outside=("decoder.",),
    ),
    KeyMap(
        name="Hugging Face DeiT to timm", source=_SOURCE, target="timm",
        marks=("embeddings.distillation_token", "layernorm_before"),
        prefixes=("deit.",), note=_EPSILON, finish=_distilled_positions,
        rules={
            **_VIT,
            "embeddings.distillation_token": "dist_token",
            "cls_classifier.*": "head.*",
            "distillation_classifier.*": "head_dist.*",
            **_HEAD,
        },
    ),
    KeyMap(
        name="Hugging Face DINOv2 to timm", source=_SOURCE, target="timm",
        marks=("embeddings.cls_token", "layer_scale1.lambda1", "\nclassifier."),
        prefixes=("dinov2.", "dinov2_with_registers."), rules=_DINO, finish=free_class_token,
        note=_NO_HEAD,
    ),
    KeyMap(
        name="Hugging Face DINOv2 to timm", source=_SOURCE, target="timm",
        marks=("embeddings.cls_token", "layer_scale1.lambda1"), without=("\nclassifier.",),
        prefixes=("dinov2.", "dinov2_with_registers."), rules=_DINO, finish=free_class_token,
    ),
    KeyMap(
        name="Hugging Face BEiT to timm", source=_SOURCE, target="timm",
        marks=("embeddings.cls_token", "layernorm_before", "lambda_1"),
        prefixes=("beit.",), rules=_beit,
        note="Its norms divide with epsilon 1e-12 in transformers, and 1e-6 in timm.",
    ),
)  # fmt: skip
