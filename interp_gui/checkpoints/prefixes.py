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
    r"num_updates|step|n_averaged|attacker|decoder|aux_head|auxiliary_head|decode_head)"
)
_HEAD = re.compile(r"fc\d*|heads?|classifiers?|cls_head|linear|last_layer|mlp|mlp_head|output|out")
_WRAPS_HEADLESS = frozenset(
    ("backbone", "encoder", "base_model", "base_encoder", "feature_extractor", "trunk", "cnn")
    + ("model", "net", "network", "image_encoder", "img_encoder", "_model", "_net")
)
# several networks that stand beside each other; the one to take first comes first
_SIBLINGS = (
    ("teacher", "student"), ("teacher_model", "student_model"), ("encoder_q", "encoder_k"),
    ("base_encoder", "momentum_encoder"), ("online_encoder", "target_encoder"),
    ("online_network", "target_network"), ("online", "target"), ("generator", "discriminator"),
    ("model", "ema_model"), ("model", "model_ema"), ("model", "ema"), ("net", "ema"),
    ("net", "ema_net"), ("net", "net_ema"), ("module", "module_ema"), ("network", "ema"),
    ("model", "averaged_model"), ("model", "teacher"), ("model", "swa_model"), ("G", "D"),
)  # fmt: skip
_MOST = 0.5  # share of the tensors that must carry a prefix that not all carry
_FEWEST = 2
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


def split_parts(tensors: Refs, *, name: str = "", depth: int = 0) -> tuple[Part, ...]:
    """Take prefixes off, and tell several networks in one dict apart; the one to take first."""
    taken = ""
    ignored: list[str] = []
    with_head: Part | None = None
    while depth < 12:
        depth += 1
        firsts = _firsts(tensors)
        siblings = _siblings(firsts)
        if siblings:
            rest = _told(_outside(tensors, siblings))
            parts: list[Part] = []
            for each in siblings:
                inner = _stripped(tensors, each)
                title = ".".join(text for text in (name, each) if text)
                for part in split_parts(inner, name=title, depth=depth):
                    parts.append(_below(part, f"{taken}{each}.", (*ignored, *rest)))
            return tuple(parts)
        prefix = _prefix(tensors, firsts)
        if prefix is None:
            break
        outside = _outside(tensors, (prefix,))
        inside = _stripped(tensors, prefix)
        taken += f"{prefix}."
        if outside and _is_linear(outside) and not outside.keys() & inside.keys():
            with_head = Part(
                tensors={**inside, **outside}, name=f"{name}.with head".lstrip("."), prefix=taken,
                ignored=tuple(ignored),
                note="Its last layer stood outside the network that the prefix belongs to.",
            )  # fmt: skip
        ignored.extend(_told(outside))
        tensors = inside
    only = Part(tensors=tensors, name=name, prefix=taken, ignored=tuple(ignored))
    return (only,) if with_head is None else (only, with_head)


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


def _is_linear(outside: Refs) -> bool:
    """Whether what is left is one linear layer: the head of the network beside it, most likely."""
    shapes = sorted(len(value.shape) for value in outside.values())
    names = {key.rpartition(".")[2] for key in outside}
    heads = all(_HEAD.fullmatch(key.partition(".")[0]) for key in outside)
    return heads and shapes in ([2], [1, 2]) and names <= {"weight", "bias"}


def _told(outside: Refs) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for key in outside:
        first = key.partition(".")[0]
        counts[first] = counts.get(first, 0) + 1
    return tuple(
        name if count == 1 and name in outside else f"{name} ({count} tensors)"
        for name, count in counts.items()
    )
