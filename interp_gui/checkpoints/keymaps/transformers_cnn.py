"""Hugging Face's convolutional networks: ConvNeXt, ResNet, RegNet, MobileNets, EfficientNet."""

from interp_gui.checkpoints.keymaps.blocks import EFFICIENTNET_STAGES, placed, stages_of
from interp_gui.checkpoints.keymaps.reshaping import flat
from interp_gui.checkpoints.keymaps.rules import (  # fmt: skip
    Fate,
    KeyMap,
    Made,
    Numbers,
    Place,
    Rules,
)
from interp_gui.checkpoints.match import Shapes

_SOURCE = "transformers"
_BATCH_NORM = "Its batch norms divide with epsilon 1e-3 in transformers"


def _next(text: str, *, of: int = 2) -> Place:
    """A name in which stages (and blocks, where `of` is 2 both) count from one."""

    def place(numbers: Numbers) -> str:
        return text.format(*(number + 1 for number in numbers[:of]), *numbers[of:])

    return place


_STAGE = "encoder.stages.#.layers.#."
_CONVNEXT: dict[str, Fate] = {
    "embeddings.patch_embeddings.*": "stem.0.*",
    "embeddings.layernorm.*": "stem.1.*",
    "encoder.stages.#.downsampling_layer.0.*": "stages.#.downsample.0.*",
    "encoder.stages.#.downsampling_layer.1.*": "stages.#.downsample.1.*",
    f"{_STAGE}dwconv.*": "stages.#.blocks.#.conv_dw.*",
    f"{_STAGE}layernorm.*": "stages.#.blocks.#.norm.*",
    f"{_STAGE}pwconv1.*": "stages.#.blocks.#.mlp.fc1.*",
    f"{_STAGE}pwconv2.*": "stages.#.blocks.#.mlp.fc2.*",
    f"{_STAGE}layer_scale_parameter": "stages.#.blocks.#.gamma",
    f"{_STAGE}grn.weight": Made("stages.#.blocks.#.mlp.grn.weight", flat),
    f"{_STAGE}grn.bias": Made("stages.#.blocks.#.mlp.grn.bias", flat),
    "layernorm.*": "head.norm.*",
    "classifier.*": "head.fc.*",
}


def _layer(convolution: str, norm: str, text: str, number: int) -> dict[str, Fate]:
    return {
        f"{_STAGE}layer.{number}.convolution.weight": _next(text.format(convolution) + ".weight"),
        f"{_STAGE}layer.{number}.normalization.*": _next(text.format(norm) + ".*"),
    }


_RESNET: dict[str, Fate] = {
    "embedder.embedder.convolution.weight": "conv1.weight",
    "embedder.embedder.normalization.*": "bn1.*",
    f"{_STAGE}shortcut.convolution.weight": _next("layer{}.{}.downsample.0.weight", of=1),
    f"{_STAGE}shortcut.normalization.*": _next("layer{}.{}.downsample.1.*", of=1),
    **{
        f"{_STAGE}layer.{number}.convolution.weight": _next(
            f"layer{{}}.{{}}.conv{number + 1}.weight", of=1
        )
        for number in range(3)
    },
    **{
        f"{_STAGE}layer.{number}.normalization.*": _next(f"layer{{}}.{{}}.bn{number + 1}.*", of=1)
        for number in range(3)
    },
    "classifier.1.*": "fc.*",
}


def _regnet(shapes: Shapes) -> Rules:
    squeezed = any(".attention." in key for key in shapes)
    # with squeeze and excitation it is the third of a block's layers
    layers = {0: 1, 1: 2, 3: 3} if squeezed else {0: 1, 1: 2, 2: 3}
    return {
        "embedder.embedder.convolution.weight": "stem.conv.weight",
        "embedder.embedder.normalization.*": "stem.bn.*",
        f"{_STAGE}shortcut.convolution.weight": _next("s{}.b{}.downsample.conv.weight"),
        f"{_STAGE}shortcut.normalization.*": _next("s{}.b{}.downsample.bn.*"),
        f"{_STAGE}layer.2.attention.0.*": _next("s{}.b{}.se.fc1.*"),
        f"{_STAGE}layer.2.attention.2.*": _next("s{}.b{}.se.fc2.*"),
        **{
            key: fate
            for number, place in layers.items()
            for key, fate in (
                (f"{_STAGE}layer.{number}.convolution.weight",
                 _next(f"s{{}}.b{{}}.conv{place}.conv.weight")),
                (f"{_STAGE}layer.{number}.normalization.*",
                 _next(f"s{{}}.b{{}}.conv{place}.bn.*")),
            )
        },
        "classifier.1.*": "head.fc.*",
    }  # fmt: skip


_MOBILENET_V1_STAGES = (1, 2, 2, 6, 2)
_MOBILENET_V2_STAGES = (1, 2, 3, 4, 3, 3, 1)


def _mobilenet_v1(shapes: Shapes) -> Rules:
    table: dict[str, Fate] = {
        "conv_stem.convolution.weight": "conv_stem.weight",
        "conv_stem.normalization.*": "bn1.*",
        "classifier.*": "classifier.*",
    }
    for flat_index, block in enumerate(placed(_MOBILENET_V1_STAGES)):
        for part, convolution, norm in ((0, "conv_dw", "bn1"), (1, "conv_pw", "bn2")):
            own = f"layer.{2 * flat_index + part}"
            table[f"{own}.convolution.weight"] = f"{block}.{convolution}.weight"
            table[f"{own}.normalization.*"] = f"{block}.{norm}.*"
    return table


def _mobilenet_v2(shapes: Shapes) -> Rules:
    table: dict[str, Fate] = {
        "conv_stem.first_conv.convolution.weight": "conv_stem.weight",
        "conv_stem.first_conv.normalization.*": "bn1.*",
        "conv_stem.conv_3x3.convolution.weight": "blocks.0.0.conv_dw.weight",
        "conv_stem.conv_3x3.normalization.*": "blocks.0.0.bn1.*",
        "conv_stem.reduce_1x1.convolution.weight": "blocks.0.0.conv_pw.weight",
        "conv_stem.reduce_1x1.normalization.*": "blocks.0.0.bn2.*",
        "conv_1x1.convolution.weight": "conv_head.weight",
        "conv_1x1.normalization.*": "bn2.*",
        "classifier.*": "classifier.*",
    }
    for flat_index, block in enumerate(placed(_MOBILENET_V2_STAGES)[1:]):
        for own, convolution, norm in (
            ("expand_1x1", "conv_pw", "bn1"),
            ("conv_3x3", "conv_dw", "bn2"),
            ("reduce_1x1", "conv_pwl", "bn3"),
        ):
            layer = f"layer.{flat_index}.{own}"
            table[f"{layer}.convolution.weight"] = f"{block}.{convolution}.weight"
            table[f"{layer}.normalization.*"] = f"{block}.{norm}.*"
    return table


def _efficientnet(shapes: Shapes) -> Rules | None:
    stages = stages_of(shapes, "encoder.blocks.", EFFICIENTNET_STAGES)
    if stages is None:
        return None
    table: dict[str, Fate] = {
        "embeddings.convolution.weight": "conv_stem.weight",
        "embeddings.batchnorm.*": "bn1.*",
        "encoder.top_conv.weight": "conv_head.weight",
        "encoder.top_bn.*": "bn2.*",
        "classifier.*": "classifier.*",
    }
    for number, block in enumerate(placed(stages)):
        own = f"encoder.blocks.{number}"
        wide = f"{own}.expansion.expand_conv.weight" in shapes
        first, second, last = ("bn1", "bn2", "bn3") if wide else ("", "bn1", "bn2")
        if wide:
            table[f"{own}.expansion.expand_conv.weight"] = f"{block}.conv_pw.weight"
            table[f"{own}.expansion.expand_bn.*"] = f"{block}.{first}.*"
        table[f"{own}.depthwise_conv.depthwise_conv.weight"] = f"{block}.conv_dw.weight"
        table[f"{own}.depthwise_conv.depthwise_norm.*"] = f"{block}.{second}.*"
        table[f"{own}.squeeze_excite.reduce.*"] = f"{block}.se.conv_reduce.*"
        table[f"{own}.squeeze_excite.expand.*"] = f"{block}.se.conv_expand.*"
        projection = "conv_pwl" if wide else "conv_pw"
        table[f"{own}.projection.project_conv.weight"] = f"{block}.{projection}.weight"
        table[f"{own}.projection.project_bn.*"] = f"{block}.{last}.*"
    return table


MAPS = (
    KeyMap(
        name="Hugging Face ConvNeXt to timm", source=_SOURCE, target="timm",
        marks=("encoder.stages.0.layers.0.dwconv", "embeddings.patch_embeddings"),
        prefixes=("convnext.", "convnextv2."), rules=_CONVNEXT,
    ),
    KeyMap(
        name="Hugging Face ResNet to torchvision and timm", source=_SOURCE, target="",
        marks=("embedder.embedder.convolution", "encoder.stages.0.layers.0.layer.0.convolution"),
        without=(".attention.", "num_groups"),
        prefixes=("resnet.",), rules=_RESNET,
    ),
    KeyMap(
        name="Hugging Face RegNet to timm", source=_SOURCE, target="timm",
        marks=("embedder.embedder.convolution", "encoder.stages.0.layers.0.layer.0.convolution"),
        prefixes=("regnet.",), rules=_regnet,
    ),
    KeyMap(
        name="Hugging Face MobileNetV1 to timm", source=_SOURCE, target="timm",
        marks=("conv_stem.convolution.weight", "layer.25.convolution"),
        prefixes=("mobilenet_v1.",), rules=_mobilenet_v1,
        note=f"{_BATCH_NORM}, and 1e-5 in timm; it pads as TensorFlow does.",
    ),
    KeyMap(
        name="Hugging Face MobileNetV2 to timm", source=_SOURCE, target="timm",
        marks=("conv_stem.first_conv.convolution", "layer.15.expand_1x1"),
        prefixes=("mobilenet_v2.",), rules=_mobilenet_v2,
        note=f"{_BATCH_NORM}, and 1e-5 in timm; it pads as TensorFlow does.",
    ),
    KeyMap(
        name="Hugging Face EfficientNet to timm", source=_SOURCE, target="timm",
        marks=("embeddings.convolution.weight", "encoder.blocks.0.depthwise_conv"),
        prefixes=("efficientnet.",), rules=_efficientnet,
        note="It pads as TensorFlow does and its batch norms divide with epsilon 1e-3, "
        "as timm's tf_efficientnet_b*; the same names without tf_ compute otherwise.",
    ),
)  # fmt: skip
