"""Preprocessings that are in common use, as changes to the present one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from interp_gui.core.model import Preprocessing

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_CAFFE = ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3)
"""In the order R, G, B."""


@dataclass(frozen=True)
class Candidate:
    """A preprocessing to be tried.

    Parameters
    ----------
    axis
        What it changes: `numbers`, `size`, `interpolation`; empty for the present one.
    title
        As in `Values from −1 to 1`.
    changes
        Fields that differ from the present preprocessing.
    """

    axis: str
    title: str
    preprocessing: Preprocessing
    changes: dict[str, Any]


def candidates(present: Preprocessing) -> tuple[Candidate, ...]:
    """The present preprocessing, and common others that differ from it in one respect.

    Each is what networks published with weights are run with: torchvision and timm (ImageNet's
    mean and deviation; 256, 232 or 224 pixels for a crop of 224), Inception and most of
    TensorFlow's (−1 to 1), OpenAI's CLIP, Keras and Darknet (0 to 1), and Caffe (0 to 255, BGR).
    Numbers and channel order are one respect: with both wrong, to right one of them helps little.
    """
    found = [Candidate("", "Present setting", present, {})]
    seen = {_rounded(present)}
    for axis, title, changes in _variants(present):
        changed = msgspec.structs.replace(present, **changes)
        if _rounded(changed) not in seen:
            seen.add(_rounded(changed))
            found.append(Candidate(axis, title, changed, changes))
    return tuple(found)


def together(present: Preprocessing, chosen: list[Candidate]) -> Candidate | None:
    """The best change of each respect in one; None where there are not two to be joined."""
    by_axis = {each.axis: each for each in chosen}
    if len(by_axis) < 2:
        return None
    changes: dict[str, Any] = {}
    for each in by_axis.values():
        changes |= each.changes
    changed = msgspec.structs.replace(present, **changes)
    title = " + ".join(each.title for each in by_axis.values())
    return Candidate("several", title, changed, changes)


def _variants(p: Preprocessing) -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield from _numbers(p)
    yield from _sizes(p)
    for name in ("bilinear", "bicubic"):
        yield "interpolation", f"{name.capitalize()} resizing", {"interpolation": name}


def _numbers(p: Preprocessing) -> Iterator[tuple[str, str, dict[str, Any]]]:
    count = len(p.mean)
    own = _in_order(p.mean, p.channels), _in_order(p.std, p.channels)
    sets = [
        ("Present numbers", own),
        ("Values from −1 to 1", ((0.5,) * count, (0.5,) * count)),
        ("Values from 0 to 1", ((0.0,) * count, (1.0,) * count)),
        ("Values from 0 to 255", ((0.0,) * count, (1 / 255,) * count)),
    ]
    if p.channels in ("L", "planes"):
        yield from (("numbers", name, {"mean": m, "std": s}) for name, (m, s) in sets)
        return
    sets[1:1] = [("ImageNet's mean and deviation", _IMAGENET)]
    sets += [("CLIP's mean and deviation", _CLIP), ("0 to 255 less the mean (Caffe)", _CAFFE)]
    for order in ("RGB", "BGR"):
        for name, (mean, std) in sets:
            title = name if order == p.channels else f"{name}, {order} order"
            yield "numbers", title.removeprefix("Present numbers, "), {
                "channels": order, "mean": _in_order(mean, order), "std": _in_order(std, order),
            }  # fmt: skip


def _in_order(values: tuple[float, ...], channels: str) -> tuple[float, ...]:
    """Values of R, G, B in the order of the channels, or the other way round."""
    return values[::-1] if channels == "BGR" else values


def _rounded(p: Preprocessing) -> bytes:
    """The same for settings that differ by rounding only."""
    numbers = {name: tuple(round(v, 4) for v in getattr(p, name)) for name in ("mean", "std")}
    return msgspec.json.encode(msgspec.structs.replace(p, **numbers))


def _sizes(p: Preprocessing) -> Iterator[tuple[str, str, dict[str, Any]]]:
    side = min(p.size)
    for share in (256 / 224, 232 / 224, 1.0):
        pixels = round(side * share)
        title = f"Shorter side {pixels}, then the centre"
        yield "size", title, {"resize": "shorter", "resize_px": pixels, "crop": True}
    yield "size", "Stretched to the input's size", {"resize": "exact", "crop": False}
