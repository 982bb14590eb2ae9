"""Hugging Face's PoolFormer, PVT v2 and LeViT."""

from interp_gui.checkpoints.keymaps.rules import Fate, Join, KeyMap, Numbers, Place, Rules
from interp_gui.checkpoints.match import Shapes

_SOURCE = "transformers"


def _poolformer(shapes: Shapes) -> Rules:
    table: dict[str, Fate] = {
        "encoder.patch_embeddings.0.projection.*": "stem.conv.*",
        "encoder.patch_embeddings.#.projection.*": "stages.#.downsample.conv.*",
        "norm.*": "head.norm.*",
        "classifier.*": "head.fc.*",
    }
    for own, target in (
        ("before_norm.*", "norm1.*"), ("after_norm.*", "norm2.*"),
        ("output.conv1.*", "mlp.fc1.*"), ("output.conv2.*", "mlp.fc2.*"),
        ("layer_scale_1", "layer_scale1.scale"), ("layer_scale_2", "layer_scale2.scale"),
    ):  # fmt: skip
        table[f"encoder.block.#.#.{own}"] = f"stages.#.blocks.#.{target}"
    return table


_PVT_BLOCK = "encoder.layers.#.blocks.#."
_PVT: dict[str, Fate] = {
    "encoder.layers.0.patch_embedding.proj.*": "patch_embed.proj.*",
    "encoder.layers.0.patch_embedding.layer_norm.*": "patch_embed.norm.*",
    "encoder.layers.#.patch_embedding.proj.*": "stages.#.downsample.proj.*",
    "encoder.layers.#.patch_embedding.layer_norm.*": "stages.#.downsample.norm.*",
    "encoder.layers.#.layer_norm.*": "stages.#.norm.*",
    f"{_PVT_BLOCK}attention.key.*": Join("stages.#.blocks.#.attn.kv.*", 0, 2),
    f"{_PVT_BLOCK}attention.value.*": Join("stages.#.blocks.#.attn.kv.*", 1, 2),
    "classifier.*": "head.*",
}
for _own, _target in (
    ("layer_norm_1", "norm1"), ("layer_norm_2", "norm2"), ("attention.query", "attn.q"),
    ("attention.proj", "attn.proj"), ("attention.spatial_reduction", "attn.sr"),
    ("attention.layer_norm", "attn.norm"), ("mlp.dense1", "mlp.fc1"), ("mlp.dense2", "mlp.fc2"),
    ("mlp.dwconv.dwconv", "mlp.dwconv"),
):  # fmt: skip
    _PVT[f"{_PVT_BLOCK}{_own}.*"] = f"stages.#.blocks.#.{_target}.*"


def _half(text: str) -> Place:
    """Attention and MLP of a block of LeViT are two entries of one list."""

    def place(numbers: Numbers) -> str:
        return text.format(numbers[0], numbers[1] // 2)

    return place


def _after(text: str) -> Place:
    def place(numbers: Numbers) -> str:
        return text.format(numbers[0] + 1)

    return place


def _levit(shapes: Shapes) -> Rules:
    layer, block = "encoder.stages.#.layers.#.", "stages.{}.blocks.{}."
    table: dict[str, Fate] = {
        "classifier.batch_norm.*": "head.bn.*",
        "classifier.linear.*": "head.linear.*",
        "classifier_distill.batch_norm.*": "head_dist.bn.*",
        "classifier_distill.linear.*": "head_dist.linear.*",
        f"{layer}module.attention_biases": _half(f"{block}attn.attention_biases"),
    }
    for number in range(1, 5):
        own = f"patch_embeddings.embedding_layer_{number}"
        table[f"{own}.convolution.weight"] = f"stem.conv{number}.linear.weight"
        table[f"{own}.batch_norm.*"] = f"stem.conv{number}.bn.*"
    for name, target in (
        ("queries_keys_values", "attn.qkv"), ("projection", "attn.proj.ln"),
        ("linear_up", "mlp.ln1"), ("linear_down", "mlp.ln2"),
    ):  # fmt: skip
        table[f"{layer}module.{name}.linear.weight"] = _half(f"{block}{target}.linear.weight")
        table[f"{layer}module.{name}.batch_norm.*"] = _half(f"{block}{target}.bn.*")
    # the last two entries of a stage lead to the next one
    for stage in {key.split(".")[2] for key in shapes if key.startswith("encoder.stages.")}:
        inner = f"encoder.stages.{stage}.layers."
        numbers = [
            int(key.split(".")[4]) for key in shapes
            if key.startswith(inner) and ".queries." in key
        ]  # fmt: skip
        if not numbers:
            continue
        number = numbers[0]
        down = f"stages.{int(stage) + 1}.downsample."
        table[f"{inner}{number}.attention_biases"] = f"{down}attn_downsample.attention_biases"
        for entry, name, target in (
            (number, "keys_values", "attn_downsample.kv"),
            (number, "queries", "attn_downsample.q.ln"),
            (number, "projection", "attn_downsample.proj.ln"),
            (number + 1, "module.linear_up", "mlp.ln1"),
            (number + 1, "module.linear_down", "mlp.ln2"),
        ):
            table[f"{inner}{entry}.{name}.linear.weight"] = f"{down}{target}.linear.weight"
            table[f"{inner}{entry}.{name}.batch_norm.*"] = f"{down}{target}.bn.*"
    return table


MAPS = (
    KeyMap(
        name="Hugging Face PoolFormer to timm", source=_SOURCE, target="timm",
        marks=("encoder.patch_embeddings.0.projection", "encoder.block.0.0.before_norm"),
        prefixes=("poolformer.",), rules=_poolformer,
        note="Its last map is normalised before the mean is taken, and after it in timm.",
    ),
    KeyMap(
        name="Hugging Face PVT v2 to timm", source=_SOURCE, target="timm",
        marks=("encoder.layers.0.patch_embedding.proj", "mlp.dwconv.dwconv"),
        prefixes=("pvt_v2.",), rules=_PVT,
    ),
    KeyMap(
        name="Hugging Face LeViT to timm", source=_SOURCE, target="timm",
        marks=("patch_embeddings.embedding_layer_1.convolution", "queries_keys_values"),
        prefixes=("levit.",), rules=_levit,
    ),
)  # fmt: skip
