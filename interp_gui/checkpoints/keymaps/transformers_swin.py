"""Hugging Face's Swin and Swinv2."""

from interp_gui.checkpoints.keymaps.rules import DROP, Fate, Join, KeyMap, Numbers, Place

_SOURCE = "transformers"
_BLOCK = "encoder.layers.#.blocks.#."


def _downsample(name: str) -> Place:
    def place(numbers: Numbers) -> str:
        # transformers shrinks at the end of a stage, timm at the beginning of the next
        return f"layers.{numbers[0] + 1}.downsample.{name}"

    return place


_COMMON: dict[str, Fate] = {
    "embeddings.patch_embeddings.projection.*": "patch_embed.proj.*",
    "embeddings.norm.*": "patch_embed.norm.*",
    "embeddings.position_embeddings": "absolute_pos_embed",
    "embeddings.mask_token": DROP,
    f"{_BLOCK}layernorm_before.*": "layers.#.blocks.#.norm1.*",
    f"{_BLOCK}layernorm_after.*": "layers.#.blocks.#.norm2.*",
    f"{_BLOCK}attention.output.dense.*": "layers.#.blocks.#.attn.proj.*",
    f"{_BLOCK}attention.o_proj.*": "layers.#.blocks.#.attn.proj.*",
    f"{_BLOCK}intermediate.dense.*": "layers.#.blocks.#.mlp.fc1.*",
    f"{_BLOCK}output.dense.*": "layers.#.blocks.#.mlp.fc2.*",
    f"{_BLOCK}mlp.fc1.*": "layers.#.blocks.#.mlp.fc1.*",
    f"{_BLOCK}mlp.fc2.*": "layers.#.blocks.#.mlp.fc2.*",
    f"{_BLOCK}attention.self.relative_position_index": DROP,
    f"{_BLOCK}attention.relative_position_bias.relative_position_index": DROP,
    f"{_BLOCK}attention.self.relative_coords_table": DROP,
    "encoder.layers.#.downsample.norm.*": _downsample("norm.*"),
    "encoder.layers.#.downsample.reduction.weight": (_downsample("reduction.weight")),
    "layernorm.*": "norm.*",
    "classifier.*": "head.fc.*",
}
_QKV: dict[str, Fate] = {
    f"{_BLOCK}{place}.{leaf}": Join(f"layers.#.blocks.#.attn.qkv.{leaf}", slot)
    for slot, names in enumerate((("query", "q"), ("key", "k"), ("value", "v")))
    for place in (f"attention.self.{names[0]}", f"attention.{names[1]}_proj")
    for leaf in ("weight", "bias")
}
_TABLE = "relative_position_bias_table"
_SWIN: dict[str, Fate] = {
    **_COMMON,
    **_QKV,
    f"{_BLOCK}attention.self.{_TABLE}": f"layers.#.blocks.#.attn.{_TABLE}",
    f"{_BLOCK}attention.relative_position_bias.{_TABLE}": f"layers.#.blocks.#.attn.{_TABLE}",
}
_SWINV2: dict[str, Fate] = {
    **_COMMON,
    **{key: fate for key, fate in _QKV.items() if key.endswith("weight")},
    f"{_BLOCK}attention.self.query.bias": "layers.#.blocks.#.attn.q_bias",
    f"{_BLOCK}attention.self.value.bias": "layers.#.blocks.#.attn.v_bias",
    f"{_BLOCK}attention.q_proj.bias": "layers.#.blocks.#.attn.q_bias",
    f"{_BLOCK}attention.v_proj.bias": "layers.#.blocks.#.attn.v_bias",
    f"{_BLOCK}attention.self.logit_scale": "layers.#.blocks.#.attn.logit_scale",
    f"{_BLOCK}attention.self.continuous_position_bias_mlp.0.*": (
        "layers.#.blocks.#.attn.cpb_mlp.0.*"
    ),
    f"{_BLOCK}attention.self.continuous_position_bias_mlp.2.weight": (
        "layers.#.blocks.#.attn.cpb_mlp.2.weight"
    ),
}

MAPS = (
    KeyMap(
        name="Hugging Face Swin to timm", source=_SOURCE, target="timm",
        marks=("encoder.layers.0.blocks.0.", "layernorm_before", _TABLE),
        prefixes=("swin.",), rules=_SWIN,
    ),
    KeyMap(
        name="Hugging Face Swinv2 to timm", source=_SOURCE, target="timm",
        marks=("encoder.layers.0.blocks.0.", "layernorm_before", "continuous_position_bias_mlp"),
        prefixes=("swinv2.",), rules=_SWINV2,
    ),
)  # fmt: skip
