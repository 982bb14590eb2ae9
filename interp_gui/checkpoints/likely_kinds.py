"""What weights of no known architecture look like, by names and shapes, and what would help."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from interp_gui.checkpoints.inert import TensorRef
from interp_gui.checkpoints.other_kinds import is_shard

Shapes = Mapping[str, tuple[int, ...]]

_BACKBONE_HINT = (
    "Networks that give one answer for an image open, and so do their bodies without a head: save "
    "the body alone, torch.save(model.backbone.state_dict(), 'weights.pth') (model.encoder in some "
    "libraries). Or export the whole network to ONNX."
)
_OWN_HINT = (
    "Give the Python file that defines it, with a function that makes the network (def build(): "
    "return …), or export it to ONNX."
)
_SAVE_HINT = "Save them with torch.save(model.state_dict(), 'weights.pth')."
_JOIN_HINT = (
    "Join the parts with the zero_to_fp32.py that DeepSpeed saves beside them, and open the result."
)
_OTHER_HINT = "Networks that take one image open. Another one may open as ONNX."


_FEWEST_OF_BODY = 20  # tensors


@dataclass(frozen=True)
class Likely:
    """What weights look like, as the end of `They look like …`, and what would help."""

    words: str
    hint: str


@dataclass(frozen=True)
class _Sign:
    likely: Likely
    applies: Callable[[Shapes], bool]


def likely_kind(
    shapes: Shapes, file_name: str = "", *, whole: Shapes | None = None
) -> Likely | None:
    """What the weights look like; None where nothing speaks for anything.

    Parameters
    ----------
    whole
        All tensors beside them in the file too, under the names there: a wrapper's prefix says
        `backbone`, and what was left alone may tell most.
    """
    if is_shard(file_name):
        return Likely(
            "one of several parts of a checkpoint",
            "Open the folder that holds all parts and their index (.index.json).",
        )
    both = (shapes, whole) if whole else (shapes,)
    return next((sign.likely for sign in _SIGNS if any(map(sign.applies, both))), None)


def in_place_of_weights(tree: Any) -> tuple[str, str]:
    """What a file without named weights holds, as the end of a sentence, and what would help."""
    table = tree if isinstance(tree, dict) else {}
    inner = table.get("optimizer_state_dict")
    if isinstance(inner, dict) and ("zero_stage" in inner or "ds_version" in table):
        return ", but one machine's part of a training with DeepSpeed", _JOIN_HINT
    if {"state", "param_groups"} <= table.keys():
        return ", but the state of an optimizer", "Open the file of weights saved beside it."
    if isinstance(tree, list | tuple) and any(type(each) is TensorRef for each in tree):
        return ", but tensors without names", _SAVE_HINT
    if table and all(type(key) is int for key in table):
        return ", but entries that have numbers in the place of names", _SAVE_HINT
    return "", _SAVE_HINT


def _named(pattern: str) -> Callable[[Shapes], bool]:
    compiled = re.compile(pattern)
    return lambda shapes: any(compiled.search(key) for key in shapes)


def _empty(shapes: Shapes) -> bool:
    return bool(shapes) and all(0 in shape for shape in shapes.values())


def _of_videos(shapes: Shapes) -> bool:
    return any(len(shape) == 5 for shape in shapes.values())


def _merged(shapes: Shapes) -> bool:
    """Whether convolutions have biases and nothing has running statistics, in a network of them."""
    convolutions = [key for key, shape in shapes.items() if len(shape) == 4]
    biased = [key for key in convolutions if f"{key.removesuffix('weight')}bias" in shapes]
    ordinary = re.search(
        r"(^|\n)(layer1\.0\.conv1|conv_stem|features\.\d+\.conv\.)", "\n".join(shapes)
    )
    norms = any(
        key.endswith("running_mean") or (len(shape) == 1 and key.endswith("weight"))
        for key, shape in shapes.items()
    )
    return bool(ordinary) and len(biased) > 4 and not norms


def _for_small_images(shapes: Shapes) -> bool:
    """Whether a residual network begins with a convolution of 3×3 in the place of 7×7."""
    first = shapes.get("conv1.weight", ())
    return len(first) == 4 and first[1:] == (3, 3, 3) and "layer1.0.conv1.weight" in shapes


def _several_heads(shapes: Shapes) -> bool:
    """Whether classifiers of several names stand beside a body under a prefix."""
    firsts = [key.partition(".")[0] for key in shapes]
    body = max(set(firsts), key=firsts.count)
    beside = {first for first in firsts if first != body}
    dense = all(len(shape) <= 2 for key, shape in shapes.items() if key.partition(".")[0] in beside)
    sizes = {
        shape[1]
        for key, shape in shapes.items()
        if len(shape) == 2
        and re.fullmatch(r"[^.]+(\.0)?\.weight", key)
        and not key.startswith(body)
    }
    long = (
        firsts.count(body) > _FEWEST_OF_BODY and len(firsts) - firsts.count(body) < len(firsts) // 2
    )
    return len(beside) > 1 and dense and len(sizes) == 1 and long


def _in_a_row(shapes: Shapes) -> bool:
    return "0.0.weight" in shapes and any(re.match(r"1\.\d+\.weight", key) for key in shapes)


_SIGNS = (
    _Sign(
        Likely(
            "a network with adapters (LoRA) that were not merged",
            "Merge them where it was trained, model.merge_and_unload(), and save that network.",
        ),
        _named(r"(^|\.)(lora_(A|B|a|b|up|down)|base_layer)(\.|$)"),
    ),
    _Sign(
        Likely(
            "a quantised network",
            "Open its full-precision weights, or export it to ONNX.",
        ),
        _named(r"(_packed_params|zero_point|\.qweight|quant_state|weight_fake_quant)(\.|$)|\.SCB$"),
    ),
    _Sign(
        Likely(
            "one part of a network that was spread over several machines: its tensors are empty",
            _JOIN_HINT,
        ),
        _empty,
    ),
    _Sign(
        Likely("a generator of pictures (diffusion)", _OTHER_HINT),
        _named(r"diffusion_model\.|(^|\.)(input_blocks\.\d+|time_embed(ding)?|down_blocks\.\d+)\."),
    ),
    _Sign(
        Likely(
            "an object detector",
            _BACKBONE_HINT,
        ),
        _named(
            r"(^|\.)(rpn\w*|roi_heads?|bbox_\w+|anchors?(_\w+)?|class_embed|mask_head|"
            r"classification_head\.module_list|regression_head)(\.|$)|\.dfl\."
        ),
    ),
    _Sign(
        Likely("a network that answers for every place (segmentation)", _BACKBONE_HINT),
        lambda shapes: _named(
            r"(^|\.)(decode_head|segmentation_head|aux_classifier|(low|high)_classifier)\."
        )(shapes)
        or any(key.startswith("classifier.") and len(shape) == 4 and max(shape[2:]) > 1
               and any(other.startswith("backbone.") for other in shapes)
               for key, shape in shapes.items()),
    ),
    _Sign(
        Likely("a language model", _OTHER_HINT),
        _named(r"(^|\.)(embed_tokens|lm_head|wte|word_embeddings)\."),
    ),
    _Sign(
        Likely("the half of CLIP that reads texts", "Open the half that sees images."),
        lambda shapes: "token_embedding.weight" in shapes and "text_projection" in shapes
        and not any(len(shape) == 4 for shape in shapes.values()),
    ),
    _Sign(
        Likely("a network with recurrent layers (LSTM, GRU)", _OTHER_HINT),
        _named(r"(^|\.)(weight_hh_l0|bias_hh_l0)$"),
    ),
    _Sign(
        Likely("a network that makes maps from images (U-Net or the like)", _BACKBONE_HINT),
        _named(r"(^|\.)(up\d+|upconv\w*|up_\w+|outc|decoder\w*|decoders?)\.\S*weight"),
    ),
    _Sign(
        Likely(
            "a transformer of vit-pytorch, which computes otherwise than those of timm", _OWN_HINT
        ),
        _named(r"(^|\.)to_patch_embedding\.\d"),
    ),
    _Sign(
        Likely(
            "a residual network for small images (CIFAR), whose first layer is 3×3", _OWN_HINT
        ),
        _for_small_images,
    ),
    _Sign(
        Likely("a body with several heads beside it", _BACKBONE_HINT),
        _several_heads,
    ),
    _Sign(Likely("a network of videos or volumes", _OTHER_HINT), _of_videos),
    _Sign(
        Likely(
            "a network whose norms were merged into its convolutions",
            "Save it before that step (fuse), or export it to ONNX.",
        ),
        _merged,
    ),
    _Sign(
        Likely(
            "a body and a head of fastai",
            "Export it where it runs: torch.onnx.export(learn.model.eval(), example, "
            "'model.onnx').",
        ),
        _in_a_row,
    ),
)  # fmt: skip
