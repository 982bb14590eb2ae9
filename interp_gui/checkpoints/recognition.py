"""Which architecture a set of named shapes belongs to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interp_gui.checkpoints.index import Architecture, Index, Shapes, load_index
from interp_gui.checkpoints.match import Hints, Match, Recognition
from interp_gui.core.opening import KeyReport, ReshapedKey

_POSITIONS = "encoder.pos_embedding"  # of vision transformers: its length says the image size
_PATCHES = "conv_proj.weight"
_USUAL_IMAGE_SIZE = 224  # pixels; builders take it unless told
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """In what a set of shapes departs from an architecture; keys in order."""

    architecture: Architecture
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]
    likeness: float
    """Share of tensors that agree, 0..1."""


def recognise(shapes: Mapping[str, tuple[int, ...]], *, hints: Hints = Hints()) -> Recognition:
    """Every architecture that takes these tensors; the nearest ones if none does."""
    index = load_index()
    matches = find_matches(shapes, index)
    if matches:
        return Recognition(matches=matches)
    return Recognition(nearest=(_report(nearest(shapes, index), shapes, index.library),))


def _report(found: "Difference", shapes: Mapping[str, tuple[int, ...]], library: str) -> KeyReport:
    expected = found.architecture.tensors
    return KeyReport(
        architecture=found.architecture.name,
        library=library,
        missing=found.missing,
        unexpected=found.unexpected,
        reshaped=tuple(
            ReshapedKey(key=key, found=shapes[key], expected=expected[key])
            for key in found.reshaped
        ),
        likeness=found.likeness,
    )


def find_matches(shapes: Mapping[str, tuple[int, ...]], index: Index) -> tuple[Match, ...]:
    """Every architecture whose names and shapes these are, whatever the number of classes."""
    own = _relevant(shapes)
    found = (_match(own, architecture) for architecture in index.architectures)
    return tuple(match for match in found if match is not None)


def nearest(shapes: Mapping[str, tuple[int, ...]], index: Index) -> Difference:
    """The architecture with most in common."""
    own = _relevant(shapes)
    differences = [difference(own, architecture) for architecture in index.architectures]
    return max(differences, key=lambda each: each.likeness)


def difference(shapes: Shapes, architecture: Architecture) -> Difference:
    """Compare names and shapes with those of an architecture."""
    expected = architecture.tensors
    auxiliary = architecture.auxiliary
    leave_out = auxiliary and not any(key.startswith(auxiliary) for key in shapes)
    missing = [
        key for key in expected
        if key not in shapes and key not in architecture.optional
        and not (leave_out and key.startswith(auxiliary))
    ]  # fmt: skip
    reshaped = [
        key for key, shape in expected.items()
        if key in shapes and shapes[key] != shape and not _may_differ(key, shapes, architecture)
    ]  # fmt: skip
    unexpected = [key for key in shapes if key not in expected]
    agreeing = sum(key in shapes for key in expected) - len(reshaped)
    return Difference(
        architecture=architecture,
        missing=tuple(missing),
        unexpected=tuple(unexpected),
        reshaped=tuple(reshaped),
        likeness=agreeing / max(1, len(expected.keys() | shapes.keys())),
    )


def _relevant(shapes: Mapping[str, tuple[int, ...]]) -> Shapes:
    return {key: tuple(shape) for key, shape in shapes.items() if not key.endswith(_COUNTER)}


def _match(shapes: Shapes, architecture: Architecture) -> Match | None:
    head = architecture.head[0]
    if head not in shapes or not shapes.keys() <= architecture.tensors.keys():
        return None
    found = difference(shapes, architecture)
    if found.missing or found.unexpected or found.reshaped:
        return None
    classes = shapes[head][0]
    if any(shapes[key][0] != classes for key in architecture.head if key in shapes):
        return None
    config: dict[str, Any] = {"num_classes": classes}
    if architecture.auxiliary:
        config["aux_logits"] = any(key.startswith(architecture.auxiliary) for key in shapes)
    side = 0
    if _POSITIONS in shapes:
        side = math.isqrt(shapes[_POSITIONS][1] - 1) * shapes[_PATCHES][-1]
        if side != _USUAL_IMAGE_SIZE:
            config["image_size"] = side
    return Match(
        architecture=architecture, library="torchvision", classes=classes, config=config,
        image_px=side,
    )  # fmt: skip


def _may_differ(key: str, shapes: Shapes, architecture: Architecture) -> bool:
    """Whether another shape is only another number of classes or another image size."""
    shape, usual = shapes[key], architecture.tensors[key]
    if len(shape) != len(usual):
        return False
    if key in architecture.head:
        return shape[0] > 0 and shape[1:] == usual[1:]
    if key == _POSITIONS:
        places = shape[1] - 1
        square = places > 0 and math.isqrt(places) ** 2 == places
        return square and (shape[0], *shape[2:]) == (usual[0], *usual[2:])
    return False
