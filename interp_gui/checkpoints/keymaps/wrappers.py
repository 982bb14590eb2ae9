"""What training frameworks put around a network's own names, and heads under other names."""

import re
from collections import Counter
from collections.abc import Iterator

from interp_gui.checkpoints.keymaps.reshaping import zeros_for_rows
from interp_gui.checkpoints.keymaps.rules import (  # fmt: skip
    LEAVES,
    Piece,
    Pieces,
    View,
    renaming,
    view_of,
)
from interp_gui.checkpoints.match import Renaming

_PREFIXES = (
    ("backbone.", "names of a backbone (mmpretrain, solo-learn, lightly)"),
    ("visual.trunk.", "image tower of open_clip"),
    ("_feature_blocks.", "names of VISSL"),
    ("trunk._feature_blocks.", "names of VISSL"),
    ("trunk.base_model._feature_blocks.", "names of VISSL"),
    ("trunk.", "names of a trunk"),
    ("encoder_q.", "query encoder of MoCo"),
    ("base_encoder.", "base encoder of MoCo v3"),
    ("online_encoder.net.", "online encoder of BYOL"),
    ("teacher.backbone.", "teacher's backbone"),
    ("student.backbone.", "student's backbone"),
    ("teacher_backbone.", "teacher's backbone"),
    ("student_backbone.", "student's backbone"),
    ("encoder.", "names of an encoder"),
    ("feature_extractor.", "names of a feature extractor"),
    ("network.", "names of a network"),
    ("model.", "names of a model"),
    ("net.", "names of a network"),
    ("base_model.", "names of a base model"),
    ("image_encoder.", "image encoder"),
    ("vision_encoder.", "image encoder"),
)
_TRAINING = re.compile(
    r"(?:(?:momentum|online|target|student|teacher)_?\w*|projectors?"
    r"|prediction_head|prototypes|queue\w*|encoder_k|mask_token|center"
    r"|data_preprocessor|aux\w*|criterion|loss\w*|logit_scale|logit_bias|text|text_\w+"
    r"|token_embedding|positional_embedding|ln_final|cls_emb)(?:\.|$)"
    r"|head\.(?:mlp|last_layer|projection_head|prototypes\d*|layers\.(?!head))\."
    r"|heads\.\d+\.(?:projection_head|prototypes\d*)\."
)
"""Parts that serve training or another kind of input only."""

_BETWEEN = re.compile(r"(?:neck|projection\w*|proj_head|predictor|decoder\w*|transformer)\.")
"""Parts that may stand between body and classifier: dropped only where there is none."""

_OWN_TRAINING = {
    # the projection that stands where the network has its classifier
    "encoder_q.": re.compile(r"fc\.\d+\."),
    "base_encoder.": re.compile(r"(?:fc|head)\.\d+\."),
}
_HEAD_NAMES = (
    "head.layers.head", "heads.0.clf.0", "heads.head", "head.fc_cls", "head.fc", "head.classifier",
    "head.linear", "classification_head", "classifier.fc", "classifier", "cls_head", "last_linear",
    "_fc", "fc", "linear", "logits", "fc_cls", "clf", "output", "online_classifier",
    "linear_classifier", "output_layer", "final", "final_layer", "fc_out", "out", "mlp",
    "mlp_head", "last_layer", "new_fc", "head",
)  # fmt: skip
_HEADS = (
    # a name that tells how the body is called, and where such a body keeps its classifier
    ("\nlayer1.0.conv1.weight", "fc"),
    ("\nblock1.rep.0.conv1.weight", "fc"),
    ("\nconv2d_1a.conv.weight", "classif"),
    ("\nfeatures.conv1_1.conv.weight", "classifier"),
    ("\nconv_stem.weight", "classifier"),
    ("\nstages.0.blocks.0.conv_dw.weight", "head.fc"),
    ("\ns1.b1.conv1.conv.weight", "head.fc"),
    ("\nfeatures.denseblock1.", "classifier"),
    ("\nlayers.0.blocks.0.attn.qkv", "head.fc"),
    ("\nblocks.0.attn.qkv.weight", "head"),
    ("\nencoder.layers.encoder_layer_0.", "heads.head"),
    ("\ntrunk_output.", "fc"),
    ("\nMixed_5b.", "fc"),
    ("\ninception3a.", "fc"),
    ("\nfeatures.1.0.layer_scale", "classifier.2"),
    ("\nfeatures.1.0.attn.qkv", "head"),
    ("\nfeatures.1.0.block.", "classifier.1"),
    ("\nfeatures.1.conv.0.", "classifier.1"),
)
_OPEN_CLIP = "visual.trunk."
_OPEN_CLIP_HEAD = "visual.head.proj.weight"


def views(plain: View) -> Iterator[View]:
    """Other names a file's tensors have once a framework's wrapping is taken off."""
    for prefix, name in _PREFIXES:
        if f"\n{prefix}" not in plain.text:
            continue
        stripped = _strip(plain, prefix, name)
        if stripped is not None:
            yield stripped
            yield from _with_head(stripped)
    stripped = _strip_body(plain)
    if stripped is not None:
        yield stripped
        yield from _with_head(stripped)
    yield from _with_head(plain)
    yield from _without_buffers(plain)


def identity(view: View) -> Renaming | None:
    """A view whose names are a library's own."""
    pieces: Pieces = {key: Piece((key,)) for key in view.shapes}
    if view.name.startswith("image tower of open_clip") and "head.weight" in pieces:
        pieces.setdefault("head.bias", Piece(("head.weight",), zeros_for_rows))
    name = f"{view.name[0].upper()}{view.name[1:]}"
    whole = view_of(view.shapes, {key: key for key in view.shapes})
    return renaming(
        pieces, View(view.origin, whole.shapes, whole.text, "", view.dropped),
        name=name, source="wrapped", target="",
    )  # fmt: skip


def _strip(plain: View, prefix: str, name: str) -> View | None:
    origin: dict[str, str] = {}
    dropped, between, heads = [], False, False
    own_training = _OWN_TRAINING.get(prefix)
    for key in plain.shapes:
        inner = key.removeprefix(prefix)
        if key == _OPEN_CLIP_HEAD and prefix == _OPEN_CLIP:
            origin["head.weight"] = key
        elif key.startswith(prefix):
            if own_training is not None and own_training.match(inner):
                dropped.append(key)
            elif inner in origin:
                return None
            else:
                origin[inner] = key
        elif _TRAINING.match(key) or (prefix == _OPEN_CLIP and key.startswith("visual.head.")):
            dropped.append(key)
        elif _BETWEEN.match(key):
            dropped.append(key)
            between = True
        elif key in origin or not _is_head(key):
            return None
        else:
            origin[key] = key
            heads = True
    if not origin or (between and heads):
        return None
    return view_of(plain.shapes, origin, name=name, dropped=dropped)


def _strip_body(plain: View) -> View | None:
    """A body under a name of its author's (`resnet.`), with nothing beside it but a head."""
    firsts = Counter(key.partition(".")[0] for key in plain.shapes)
    if not firsts:
        return None
    body, count = firsts.most_common(1)[0]
    beside = [key for key in plain.shapes if not key.startswith(f"{body}.")]
    known = any(prefix == f"{body}." for prefix, _ in _PREFIXES)
    if known or not beside or count <= len(beside) or not all(_is_head(key) for key in beside):
        return None
    if not all(_dense(key, plain) for key in beside):
        return None
    stripped = _strip(plain, f"{body}.", f"names of a part '{body}'")
    usual = stripped is not None and any(mark in stripped.text for mark, _ in _HEADS)
    return stripped if usual else None


def _is_head(key: str) -> bool:
    return any(key.startswith(f"{name}.") for name in _HEAD_NAMES)


def _with_head(view: View) -> Iterator[View]:
    """The same with its classifier where a body of such names keeps it."""
    wanted = next((head for mark, head in _HEADS if mark in view.text), None)
    if wanted is None or any(_under(key, wanted) for key in view.shapes):
        return
    for name in _HEAD_NAMES:
        if f"\n{name}." not in view.text:
            continue
        inside = [key for key in view.shapes if key.startswith(f"{name}.")]
        # a body's own last norm may stand below the name that its head was given (`head.norm`)
        own = wanted.startswith(f"{name}.")
        moved = [key for key in inside if not own or _under(key, name)]
        if not moved or not all(_under(key, name) and _dense(key, view) for key in moved):
            continue
        origin = {
            wanted + key.removeprefix(name) if _under(key, name) else key: view.origin[key]
            for key in view.shapes
        }
        shapes = {own: view.shapes[key] for key, own in view.origin.items()}
        text = f"classifier '{name}' taken for '{wanted}'"
        if len(origin) == len(view.shapes):
            yield view_of(
                shapes, origin, dropped=view.dropped,
                name=f"{view.name}, {text}" if view.name else text,
            )  # fmt: skip
        return


def _under(key: str, head: str) -> bool:
    """Whether a tensor is a head's own or one of a sequence of layers in its place."""
    inner = key.removeprefix(f"{head}.")
    if inner == key:
        return False
    first, _, leaf = inner.rpartition(".")
    return leaf in LEAVES and (not first or first.isdigit())


def _dense(key: str, view: View) -> bool:
    """Whether a tensor may belong to a classifier of vectors, not of maps."""
    shape = view.shapes[key]
    return len(shape) <= 2 or shape[2:] == (1, 1)


_BUFFERS = (".relative_position_index", ".attn_mask", ".relative_coords_table",
            ".attention_bias_idxs")  # fmt: skip
_TOKENS = ("mask_token", "pre_logits.", "decoder_")


def _without_buffers(plain: View) -> Iterator[View]:
    """The same without tables that follow from the architecture and parts for training."""
    dropped = [
        key for key in plain.shapes
        if key.endswith(_BUFFERS) or key.startswith(_TOKENS)
    ]  # fmt: skip
    if not dropped or len(dropped) == len(plain.shapes):
        return
    lost = frozenset(dropped)
    origin = {key: plain.origin[key] for key in plain.shapes if key not in lost}
    without = view_of(
        plain.shapes, origin, dropped=(*plain.dropped, *dropped),
        name="names of an original publication",
    )  # fmt: skip
    yield without
    yield from _with_head(without)
