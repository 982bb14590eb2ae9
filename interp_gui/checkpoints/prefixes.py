"""Prefixes that wrappers put before all names of a network, and several networks in one dict.

`module.` comes from parallel training, `_orig_mod.` from compilation, `model.` and its like from
the class that a training program wraps around a network. A prefix is taken off only where all
tensors carry it, or where those that do not are plainly something else (a projector, a queue, a
criterion); these are told as ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from interp_gui.checkpoints.inert import TensorRef

Refs = dict[str, TensorRef]

_KNOWN = (
    "module", "_orig_mod", "model", "_model", "net", "_net", "network", "backbone", "encoder",
    "base_model", "base_encoder", "feature_extractor", "_forward_module", "_fsdp_wrapped_module",
    "ema_model", "model_ema", "ema", "averaged_model", "student", "teacher", "encoder_q",
    "encoder_k", "momentum_encoder", "online_encoder", "target_encoder", "online_network",
    "target_network", "online", "target", "generator", "discriminator", "classifier_model", "cnn",
    "student_model", "teacher_model", "img_encoder", "image_encoder", "trunk",
)  # fmt: skip
WRAPPERS = frozenset(_KNOWN)
"""First parts of names that are taken for a wrapper's."""

# names by which networks call parts of their own: no prefix, even where all tensors carry them
_OWN = re.compile(
    r"features|stages?|blocks?|layers?\d*|stem|body|vision_model|vision_tower|visual|"
    r"embeddings|classifier|fc|heads?|[a-z]?\d+|transformer|patch_embed|levels?|conv\w*"
)
# what stands beside a network and is not part of it
_SIDE = re.compile(
    r"(\w*_)?(proj|projs|projector|projection|projection_head|proj_head|predictor|prediction_head|"
    r"prototypes|dino_head|ibot_head|queue\w*|center|criterion\w*|loss\w*|loss_fn|metrics?|"
    r"accuracy|acc|auroc|f1|confmat|train_\w+|val_\w+|test_\w+|temperature|logit_scale|"
    r"normali[sz]er?|normali[sz]e|preprocess\w*|mean|std|mu|sigma|class_weights?|decay|"
    r"num_updates|step|initted|n_averaged|attacker|decoder|aux_head|auxiliary_head|decode_head)"
)
# the same where no prefix sets the network apart: by these names no network calls a part of its own
_ALONE = re.compile(
    r"projector|projection_head|proj_head|predictor|prediction_head|prototypes\d*|queue(_\w+)?|"
    r"criterion|loss_fn|center_loss|class_weights?|logit_scale|temperature|n_averaged|initted|"
    r"op_threshs|"
    r"(train|val|test)_(acc\w*|f1\w*|auroc\w*|loss\w*|metrics?|confmat\w*|precision\w*|recall\w*)"
)
# signs of learning without labels: a classifier that stands beside such a network is only a probe
_UNLABELLED = re.compile(
    r"(\w*_)?(projector|projection_head|proj_head|predictor|prediction_head|prototypes|dino_head|"
    r"ibot_head|queue\w*|momentum\w*|teacher\w*|logit_scale)|center"
)
# what wrappers put between the parts of a name, not only before it
_WITHIN = re.compile(r"(?<=\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_HEAD = re.compile(r"fc\d*|heads?|classifiers?|cls_head|linear|last_layer|mlp|mlp_head|output|out")
_WRAPS_HEADLESS = frozenset(
    ("backbone", "encoder", "base_model", "base_encoder", "feature_extractor", "trunk", "cnn")
    + ("model", "net", "network", "image_encoder", "img_encoder", "_model", "_net")
)
# several networks that stand beside each other; the one to take first comes first
_SIBLINGS = (
    ("teacher", "student"), ("teacher_model", "student_model"), ("encoder_q", "encoder_k"),
    ("base_encoder", "momentum_encoder"), ("online_encoder", "target_encoder"),
    ("teacher_backbone", "student_backbone"), ("backbone", "backbone_momentum"),
    ("online_network", "target_network"), ("online", "target"), ("generator", "discriminator"),
    ("online_model", "ema_model"),
    ("model", "ema_model"), ("model", "model_ema"), ("model", "ema"), ("net", "ema"),
    ("net", "ema_net"), ("net", "net_ema"), ("module", "module_ema"), ("network", "ema"),
    ("model", "averaged_model"), ("model", "teacher"), ("model", "swa_model"), ("G", "D"),
)  # fmt: skip
_MOST = 0.5  # share of the tensors that must carry a prefix that not all carry
_FEWEST = 2
_IN_HEAD = re.compile(
    r"((fc|linear|classifier|layers\.head|head|\d+)\.)?"
    r"(weight|bias|running_mean|running_var|num_batches_tracked)"
)
# a part that holds the network once more, for attacks on it (robustness)
_AGAIN = ("model", "attacker")
_CONTRASTED = frozenset(
    (("encoder_q", "encoder_k"), ("base_encoder", "momentum_encoder"))
    + (("online_encoder", "target_encoder"), ("online_network", "target_network"))
)
_PROJECTOR = re.compile(r"(fc|head)\.\d+\.(weight|bias|running_\w+|num_batches_tracked)")
_FEW = 3  # tensors: a single layer under a name of its own is no wrapped network


@dataclass(frozen=True, kw_only=True)
class Part:
    """One network's tensors under its own names.

    Parameters
    ----------
    name
        Which of several networks in one dict it is; empty where it is the only one.
    prefix
        What was taken off.
    ignored
        What stood beside it, in words.
    note
        A sentence more; empty if there is none.
    """

    tensors: Refs
    name: str = ""
    prefix: str = ""
    ignored: tuple[str, ...] = ()
    note: str = ""


def split_parts(
    tensors: Refs, *, name: str = "", depth: int = 0, unlabelled: bool = False
) -> tuple[Part, ...]:
    """Take prefixes off, and tell several networks in one dict apart; the one to take first.

    Parameters
    ----------
    unlabelled
        Whether it is known that the network learned without labels.
    """
    taken = ""
    ignored: list[str] = []
    head: Refs = {}
    labelled = False
    while depth < 12:
        depth += 1
        firsts = _firsts(tensors)
        if all(each in firsts for each in _AGAIN):
            again = {key: each for key, each in tensors.items() if key.startswith(f"{_AGAIN[1]}.")}
            ignored.extend(_told(again))
            tensors = _outside(tensors, _AGAIN[1:])
            firsts = _firsts(tensors)
        siblings = _siblings(firsts)
        if siblings:
            told = _told(_outside(tensors, siblings))
            parts: list[Part] = []
            for each in siblings:
                inner = _stripped(tensors, each)
                title = ".".join(text for text in (name, each) if text)
                contrast = unlabelled or siblings in _CONTRASTED
                for part in split_parts(inner, name=title, depth=depth, unlabelled=contrast):
                    parts.append(_below(part, f"{taken}{each}.", (*ignored, *told)))
            return tuple(parts)
        prefix = _prefix(tensors, firsts)
        if prefix is None:
            break
        outside = _outside(tensors, (prefix,))
        inside = _stripped(tensors, prefix)
        taken += f"{prefix}."
        unlabelled = unlabelled or any(
            _UNLABELLED.fullmatch(key.partition(".")[0]) for key in outside
        )
        found = _head_among(outside)
        if found:
            head, labelled = found, _ends_in_linear(found) and not unlabelled
        ignored.extend(_told(outside))
        tensors = inside
    tensors = _without_inner_wrappers(tensors)
    beside = {key: each for key, each in tensors.items() if _ALONE.fullmatch(key.split(".")[0])}
    if beside and len(tensors) - len(beside) > _FEW:
        ignored.extend(_told(beside))
        tensors = {key: each for key, each in tensors.items() if key not in beside}
    projector = _projector(tensors) if unlabelled else {}
    if projector:
        ignored.extend(_told(projector))
        tensors = {key: each for key, each in tensors.items() if key not in projector}
    only = Part(tensors=tensors, name=name, prefix=taken, ignored=tuple(ignored))
    if not head or head.keys() & tensors.keys():
        return (only,)
    told = _told(head)
    whole = Part(
        tensors=_without_inner_wrappers({**tensors, **head}),
        name=f"{name}.with head".lstrip("."), prefix=taken,
        ignored=tuple(each for each in ignored if each not in told),
        note="Its head stood outside the network that the prefix belongs to.",
    )  # fmt: skip
    if not labelled:
        return only, whole
    bare = f"{name}.without head".lstrip(".")
    return replace(whole, name=name), replace(only, name=bare)


def _below(part: Part, prefix: str, ignored: tuple[str, ...]) -> Part:
    return replace(part, prefix=prefix + part.prefix, ignored=(*ignored, *part.ignored))


def _firsts(tensors: Mapping[str, TensorRef]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key in tensors:
        first, dot, _ = key.partition(".")
        if dot:
            counts[first] = counts.get(first, 0) + 1
    return counts


def _siblings(firsts: Mapping[str, int]) -> tuple[str, ...]:
    for pair in _SIBLINGS:
        if all(firsts.get(each, 0) >= _FEWEST for each in pair):
            return pair
    return ()


def _prefix(tensors: Refs, firsts: Mapping[str, int]) -> str | None:
    if not firsts:
        return None
    best = max(firsts, key=lambda each: firsts[each])
    if firsts[best] == len(tensors):
        own = _OWN.fullmatch(best) is not None
        return best if best in _KNOWN or (not own and _has_inner(tensors, best)) else None
    if best not in _KNOWN or firsts[best] <= _MOST * len(tensors):
        return None
    outside = _outside(tensors, (best,))
    if any(_is_spatial(value) for value in outside.values()):
        return None  # it ends in maps: its convolutions may be spread wider than a classifier's
    plainly = all(
        _SIDE.fullmatch(key.partition(".")[0])
        or (best in _WRAPS_HEADLESS and _HEAD.fullmatch(key.partition(".")[0]))
        for key in outside
    )
    return best if plainly else None


def _has_inner(tensors: Refs, prefix: str) -> bool:
    """Whether what would be left are names, not numbers of layers in a row."""
    rest = [key[len(prefix) + 1 :] for key in tensors]
    return len(rest) > _FEW and not any(key[:1].isdecimal() for key in rest)


def _stripped(tensors: Refs, prefix: str) -> Refs:
    start = f"{prefix}."
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def _outside(tensors: Refs, prefixes: tuple[str, ...]) -> Refs:
    starts = tuple(f"{prefix}." for prefix in prefixes)
    return {key: value for key, value in tensors.items() if not key.startswith(starts)}


def _without_inner_wrappers(tensors: Refs) -> Refs:
    """The same without what compilation and sharding put between the parts of names."""
    if not any(_WITHIN.search(key) for key in tensors):
        return tensors
    plain = {_WITHIN.sub("", key): value for key, value in tensors.items()}
    return plain if len(plain) == len(tensors) else tensors


def _is_spatial(tensor: TensorRef) -> bool:
    return len(tensor.shape) > 3 and max(tensor.shape[2:]) > 1


def _head_among(outside: Refs) -> Refs:
    """Linear layers and norms that stand beside a network under one name: its head, most likely."""
    firsts = {key.partition(".")[0] for key in outside}
    heads = [first for first in firsts if _HEAD.fullmatch(first)]
    if len(heads) != 1:
        return {}
    found = {key: each for key, each in outside.items() if key.partition(".")[0] == heads[0]}
    known = all(_IN_HEAD.fullmatch(key.partition(".")[2]) for key in found)
    sides = [len(each.shape) for each in found.values()]
    return found if known and 2 in sides and max(sides) == 2 else {}


def _projector(tensors: Refs) -> Refs:
    """Several numbered linear layers in the place of a classifier: they serve training only."""
    found = {key: each for key, each in tensors.items() if _PROJECTOR.fullmatch(key)}
    linear = sum(len(each.shape) == 2 for each in found.values())
    return found if linear > 1 and len(tensors) - len(found) > _FEW else {}


def _ends_in_linear(head: Refs) -> bool:
    """Whether it is one linear layer or a numbered sequence, and the last one has a bias."""
    layers = {key.rpartition(".")[0] for key, each in head.items() if len(each.shape) == 2}
    last = max(layers, key=lambda path: (len(path), path))
    numbered = all(path.rpartition(".")[2].isdigit() for path in layers)
    return (len(layers) == 1 or numbered) and f"{last}.bias" in head


def _told(outside: Refs) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for key in outside:
        first = key.partition(".")[0]
        counts[first] = counts.get(first, 0) + 1
    return tuple(
        name if count == 1 and name in outside else f"{name} ({count} tensors)"
        for name, count in counts.items()
    )
