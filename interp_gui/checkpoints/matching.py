"""Whether one architecture takes a set of named shapes, and how it then has to be built."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from interp_gui.checkpoints.heads import read_head
from interp_gui.checkpoints.index import COUNTER, Architecture, Shapes
from interp_gui.checkpoints.match import Match, OwnHead
from interp_gui.checkpoints.positions import Size, find_size, length
from interp_gui.core.opening import KeyReport, ReshapedKey

_USUAL_CHANNELS = 3
_USUAL_CLASSES = 1000
_WHOLE_SIZE_LIBRARIES = frozenset(("timm",))
"""Those whose builders take a height and a width."""


@dataclass(frozen=True, kw_only=True)
class _Body:
    """What the tensors outside the head tell, and those that nothing explains."""

    channels: int = _USUAL_CHANNELS
    size: Size | None = None
    missing: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        return not self.missing and not self.reshaped


@dataclass(frozen=True, kw_only=True)
class _Head:
    """How the network ends: tensors that are not looked at any further, and the outputs."""

    classes: int
    without: frozenset[str] = frozenset()
    config: Mapping[str, Any] = field(default_factory=dict)
    own: OwnHead | None = None


def own_names(shapes: Mapping[str, tuple[int, ...]]) -> Shapes:
    """The shapes without counters of batch norms, which change no answer."""
    return {
        key: tuple(shape)
        for key, shape in shapes.items()
        if not (
            key.endswith(f".{COUNTER}")
            and f"{key.removesuffix(COUNTER)}running_mean" in shapes
            and tuple(shape) == ()
        )
    }


def match_architecture(
    shapes: Shapes, architecture: Architecture, library: str, *, wanted: Size | None = None
) -> Match | None:
    """How the architecture has to be built to take exactly these tensors; None if it cannot be.

    Parameters
    ----------
    shapes
        As `own_names` gives them.
    wanted
        Height and width that a config names: decides where shapes tell only their product.
    """
    for head in _heads(shapes, architecture):
        body = _body(shapes, architecture, without=head.without, wanted=wanted)
        if body.fits:
            return _match(shapes, architecture, library, head, body)
    return None


def report(shapes: Shapes, architecture: Architecture, library: str) -> KeyReport:
    """In what a set of shapes departs from an architecture; likeness counts names with shapes."""
    head = next(iter(_heads(shapes, architecture)), None)
    without = head.without if head is not None else frozenset()
    body = _body(shapes, architecture, without=without)
    expected = architecture.tensors
    known = {*expected, *architecture.surplus}
    unexpected = [key for key in shapes if key not in known and not (head and head.own)]
    agreeing = sum(key in shapes for key in expected) - len(body.reshaped)
    return KeyReport(
        architecture=architecture.name,
        library=library,
        missing=body.missing,
        unexpected=tuple(unexpected),
        reshaped=tuple(
            ReshapedKey(key=key, found=shapes[key], expected=expected[key]) for key in body.reshaped
        ),
        likeness=max(0, agreeing) / max(1, len(expected.keys() | shapes.keys())),
    )


def _heads(shapes: Shapes, architecture: Architecture) -> list[_Head]:
    """Ways in which the head can be read: the architecture's, none, or one of its own."""
    known = {*architecture.tensors, *architecture.surplus}
    extra = [key for key in shapes if key not in known]
    main = architecture.head[:1]
    if not extra and not main:
        return [_Head(classes=0)]
    if not extra and main[0] in shapes:
        classes = _common_classes(shapes, architecture)
        usual = [_Head(classes=classes, config={"num_classes": classes})] if classes else []
        # one's own may have the very names of the architecture's, in other widths
        return [*usual, *_own_heads(shapes, architecture, extra)]
    missing = {key for key in architecture.tensors if key not in shapes}
    if not extra and architecture.bare and missing >= set(architecture.bare):
        return [_Head(classes=0, without=frozenset(architecture.bare), config={"num_classes": 0})]
    return _own_heads(shapes, architecture, extra)


def _common_classes(shapes: Shapes, architecture: Architecture) -> int:
    found = {shapes[key][:1] for key in architecture.head if key in shapes}
    first = found.pop() if len(found) == 1 else ()
    return first[0] if first else 0


def _own_heads(shapes: Shapes, architecture: Architecture, extra: Collection[str]) -> list[_Head]:
    heads = []
    for place in architecture.places:
        inside = f"{place.at}."
        if not all(key.startswith(inside) for key in extra):
            continue
        read = read_head(place, shapes)
        if read is None:
            continue
        own, classes = read
        without = frozenset(key for key in architecture.tensors if key.startswith(inside))
        config = {"num_classes": classes or _USUAL_CLASSES}
        heads.append(_Head(classes=classes, without=without, config=config, own=own))
    return heads


def _body(
    shapes: Shapes,
    architecture: Architecture,
    *,
    without: frozenset[str],
    wanted: Size | None = None,
) -> _Body:
    channels = _channels(shapes, architecture)
    size = find_size(architecture, shapes, wanted=wanted)
    if size is not None and size != architecture.size and not architecture.size_option:
        size = None
    auxiliary = architecture.auxiliary
    optional = frozenset(architecture.optional)
    auxiliary_head = {key for key in architecture.head if auxiliary and key.startswith(auxiliary)}
    left_out = auxiliary and not any(key.startswith(auxiliary) for key in shapes)
    explained = _explained(shapes, architecture, channels, size)
    missing, reshaped = [], []
    for key, usual in architecture.tensors.items():
        if key in without:
            continue
        shape = shapes.get(key)
        if shape is None:
            if key not in optional and not (left_out and key.startswith(auxiliary)):
                missing.append(key)
        elif key in auxiliary_head and shape[1:] == usual[1:]:
            continue  # a head for training only may be left with other classes than the one in use
        elif shape != usual and key not in optional and shape != explained.get(key):
            reshaped.append(key)
    agreed = size if architecture.grown or architecture.fixed_size else (0, 0)
    return _Body(
        channels=channels or _USUAL_CHANNELS, size=agreed, missing=tuple(missing),
        reshaped=tuple(reshaped),
    )  # fmt: skip


def _channels(shapes: Shapes, architecture: Architecture) -> int:
    """Channels of the image that all stems agree in; 0 if they do not."""
    found = set()
    for stem in architecture.stems:
        shape = shapes.get(stem.key, ())
        if len(shape) < 2 or shape[1] % stem.per_channel:
            return 0
        found.add(shape[1] // stem.per_channel)
    return found.pop() if len(found) == 1 else 0


def _explained(
    shapes: Shapes, architecture: Architecture, channels: int, size: Size | None
) -> dict[str, tuple[int, ...]]:
    """Shapes that other classes, channels and image sizes give."""
    expected: dict[str, tuple[int, ...]] = {}
    usual = architecture.tensors
    classes = _common_classes(shapes, architecture)
    if classes:
        expected.update((key, (classes, *usual[key][1:])) for key in architecture.head)
    if channels:
        for stem in architecture.stems:
            shape = usual[stem.key]
            expected[stem.key] = (shape[0], channels * stem.per_channel, *shape[2:])
    if size is not None:
        for axis in architecture.grown:
            grown = list(expected.get(axis.key, usual[axis.key]))
            grown[axis.axis] = length(axis, size)
            expected[axis.key] = tuple(grown)
    return expected


def _match(
    shapes: Shapes, architecture: Architecture, library: str, head: _Head, body: _Body
) -> Match | None:
    config = dict(head.config)
    if architecture.auxiliary:
        heads = [key for key in architecture.head if key.startswith(architecture.auxiliary)]
        classes = config.get("num_classes", _USUAL_CLASSES)
        config["aux_logits"] = all(shapes.get(key, (0,))[0] == classes for key in heads)
    if body.channels != _USUAL_CHANNELS:
        config["in_chans"] = body.channels
    size = body.size or (0, 0)
    square = size[0] == size[1]
    if size != (0, 0) and size != architecture.size:
        if not square and library not in _WHOLE_SIZE_LIBRARIES:
            return None
        config[architecture.size_option] = size[0] if square else size
        if architecture.window:
            sides = tuple(
                architecture.window * side // usual
                for side, usual in zip(size, architecture.size, strict=True)
            )
            config["window_size"] = sides[0] if square else sides
    return Match(
        architecture=architecture, library=library, classes=head.classes, config=config,
        image_px=size[0] if square else 0, channels=body.channels, head=head.own,
    )  # fmt: skip
