"""Heads of one's own: a sequence of layers in the place of an architecture's head."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from interp_gui.checkpoints.index import HeadPlace
from interp_gui.checkpoints.match import HeadLayer, OwnHead
from interp_gui.core.errors import InvalidValue
from interp_gui.core.opening import HeadQuestion

NOTHING = "none"
"""The answer for a gap in which nothing stands, or only dropout, which does nothing here."""

ACTIVATIONS = {
    "relu": "ReLU",
    "gelu": "GELU",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "hardswish": "Hardswish",
    "relu6": "ReLU6",
    "selu": "SELU",
    "mish": "Mish",
    "softplus": "Softplus",
}
_OPTIONS = (*ACTIVATIONS, NOTHING)
_UNKNOWN = HeadLayer(kind="Identity")
_LEAVES = frozenset(("weight", "bias", "running_mean", "running_var"))


@dataclass(frozen=True)
class _Found:
    """A layer with tensors: its path below the head, and the features it takes and gives."""

    path: str
    layer: HeadLayer
    takes: int
    gives: int


def read_head(
    place: HeadPlace, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[OwnHead, int] | None:
    """The head that stands at a place, and its number of outputs; None if it cannot be told.

    No keys at the place are a head that was removed: no outputs.
    """
    prefix = f"{place.at}."
    keys = {k.removeprefix(prefix): s for k, s in shapes.items() if k.startswith(prefix)}
    if not keys:
        return OwnHead(at=place.at, layers=()), 0
    found = _layers(keys)
    if not found:
        return None
    chain = _in_order(found, place.features)
    if chain is None or chain[-1].layer.kind != "Linear" or _biases_lack(chain):
        return None
    return _with_gaps(place, chain), chain[-1].gives


def answered(head: OwnHead, answers: Sequence[str]) -> OwnHead:
    """The head with its gaps filled.

    Parameters
    ----------
    answers
        One a gap; none are needed where nothing is asked, and gaps are then left empty.

    Raises
    ------
    InvalidValue
        There are too few or too many answers, or one is no option.
    """
    if not answers and head.question is None:
        answers = (NOTHING,) * len(head.gaps)
    if len(answers) != len(head.gaps):
        raise InvalidValue(
            f"The head at '{head.at}' has {len(head.gaps)} places whose layer its names do not "
            f"tell, and {len(answers)} were chosen.",
            hint=f"Choose one of {', '.join(_OPTIONS)} for each.",
        )
    unknown = [answer for answer in answers if answer not in _OPTIONS]
    if unknown:
        raise InvalidValue(
            f"'{unknown[0]}' is no layer that can stand in a head.",
            hint=f"Choose one of {', '.join(_OPTIONS)}.",
        )
    filling = {
        gap: HeadLayer(kind=ACTIVATIONS.get(answer, "Identity"))
        for gap, answer in zip(head.gaps, answers, strict=True)
    }
    layers = tuple(filling.get(i, layer) for i, layer in enumerate(head.layers))
    return replace(head, layers=layers, gaps=(), question=None)


def describe_head(head: OwnHead) -> tuple[str, ...]:
    """The layers in words; places that the keys do not tell are `?`."""
    return tuple("?" if i in head.gaps else _words(each) for i, each in enumerate(head.layers))


def head_note(head: OwnHead, answers: Sequence[str] = ()) -> str:
    """A sentence on what was found, chosen (`answers`, as in `answered`) and assumed."""
    if not head.layers:
        return f"It has no head at '{head.at}': it ends in its features."
    chosen = iter(answers)
    layers = [next(chosen, NOTHING) if each == "?" else each for each in describe_head(head)]
    words = [each for each in layers if each != NOTHING]
    note = f"Its head is one of its own at '{head.at}': {', then '.join(words)}."
    if head.gaps and head.question is None and not answers:
        note += " What stands before it has no weights and is taken for dropout."
    return note


def lone_in_sequence(head: OwnHead) -> str:
    """Path of the only layer with tensors, where it is the first of a sequence; else empty.

    Whoever writes a sequence puts more than one layer in it: here the others have no tensors.
    """
    if len(head.layers) != 1 or head.layers[0].kind != "Linear":
        return ""
    prefix = head.layers[0].prefix
    return prefix if prefix.endswith(".0") else ""


def _words(layer: HeadLayer) -> str:
    o = layer.options
    if layer.kind == "Linear":
        return f"Linear {o['in_features']} → {o['out_features']}"
    return f"{layer.kind} {o.get('num_features', o.get('normalized_shape', ''))}".strip()


def _layers(keys: Mapping[str, tuple[int, ...]]) -> list[_Found] | None:
    """Layers by path, in the order of the keys; None if some tensors are of no known layer."""
    by_path: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in keys.items():
        path, _, leaf = key.rpartition(".")
        if leaf not in _LEAVES:
            return None
        by_path.setdefault(path, {})[leaf] = shape
    found = [_layer(path, leaves) for path, leaves in by_path.items()]
    paths = list(by_path)
    inside = any(a and b.startswith(f"{a}.") for a in paths for b in paths) or (
        "" in by_path and len(by_path) > 1
    )
    if inside or any(each is None for each in found):
        return None
    return [each for each in found if each is not None]


def _layer(path: str, leaves: dict[str, tuple[int, ...]]) -> _Found | None:
    weight = leaves.get("weight", ())
    mean, variance = leaves.get("running_mean"), leaves.get("running_var")
    rest = {shape for leaf, shape in leaves.items() if leaf != "weight"}
    if mean is not None or variance is not None:
        width = (mean or (0,))[0]
        affine = "weight" in leaves
        whole = ({weight} if affine else set()) | rest == {(width,)}
        if mean != variance or affine != ("bias" in leaves) or not whole or width < 1:
            return None
        options = {"num_features": width, "affine": affine}
        return _Found(path, HeadLayer(kind="BatchNorm1d", options=options), width, width)
    if not all(size > 0 for size in weight):
        return None
    if len(weight) == 2 and rest <= {weight[:1]}:
        linear = {"in_features": weight[1], "out_features": weight[0], "bias": "bias" in leaves}
        return _Found(path, HeadLayer(kind="Linear", options=linear), weight[1], weight[0])
    if len(weight) == 1 and rest == {weight}:
        norm = {"normalized_shape": weight[0]}
        return _Found(path, HeadLayer(kind="LayerNorm", options=norm), weight[0], weight[0])
    return None


def _in_order(found: list[_Found], features: int) -> list[_Found] | None:
    """The layers as a chain from the features on; None where more than one order is possible.

    Numbers say the order. Among names the widths do, if they allow one order only; else the order
    of the file counts, unless it is that of the alphabet, into which some formats sort names.
    """
    if all(re.fullmatch(r"(\w+\.)*\d*", each.path) for each in found):
        numbered = sorted(found, key=lambda each: _numbers(each.path))
        return numbered if _chains(numbered, features) else None
    orders = _orders(found, features)
    if len(orders) == 1:
        return orders[0]
    paths = [each.path for each in found]
    counted = len({path.rstrip("0123456789") for path in paths}) == 1
    told = counted or paths != sorted(paths)
    return found if told and _chains(found, features) else None


def _numbers(path: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (0, part) for part in path.split("."))


def _chains(layers: list[_Found], features: int) -> bool:
    for each in layers:
        if each.takes != features:
            return False
        features = each.gives
    return True


def _orders(found: list[_Found], features: int, most: int = 2) -> list[list[_Found]]:
    """Orders in which the layers make a chain (no more than `most`)."""
    if not found:
        return [[]]
    orders: list[list[_Found]] = []
    for i, each in enumerate(found):
        if each.takes == features and len(orders) < most:
            rest = _orders([*found[:i], *found[i + 1 :]], each.gives, most)
            orders.extend([each, *order] for order in rest)
    return orders[:most]


def _biases_lack(chain: list[_Found]) -> bool:
    """Whether a bias is missing where no norm behind it would make it needless."""
    followed = [each.layer.kind != "Linear" for each in chain[1:]] + [False]
    return any(
        each.layer.kind == "Linear" and not each.layer.options["bias"] and not norm
        for each, norm in zip(chain, followed, strict=True)
    )


def _with_gaps(place: HeadPlace, chain: list[_Found]) -> OwnHead:
    layers: list[HeadLayer] = []
    gaps: list[int] = []
    asks = False
    for i, each in enumerate(chain):
        if _gap(chain[i - 1].path if i else "", each.path, first=i == 0):
            gaps.append(len(layers))
            layers.append(_UNKNOWN)
            asks = asks or i > 0
        path = f"{place.at}.{each.path}" if each.path else place.at
        layers.append(replace(each.layer, prefix=path))
    head = OwnHead(at=place.at, layers=tuple(layers), gaps=tuple(gaps))
    if not asks:
        return head
    question = HeadQuestion(layers=describe_head(head), gaps=tuple(gaps), options=_OPTIONS)
    return replace(head, question=question)


def _gap(before: str, after: str, *, first: bool) -> bool:
    """Whether layers without tensors may stand between two paths.

    Numbers that follow each other leave no room; names always do, but not before the first.
    """
    above, _, number = after.rpartition(".")
    if not number.isdigit():
        return not first
    if first:
        return int(number) > 0
    above_before, _, number_before = before.rpartition(".")
    if above != above_before or not number_before.isdigit():
        return True
    return int(number) != int(number_before) + 1
