"""Preprocessings that are in common use, as changes to the present one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from interp_gui.core.model import Preprocessing

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_CAFFE_BGR = (103.939 / 255, 116.779 / 255, 123.68 / 255)


@dataclass(frozen=True)
class Candidate:
    """A preprocessing to be tried.

    Parameters
    ----------
    axis
        What it changes: `numbers`, `channels`, `size`, `interpolation`; empty for the present one.
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
    """
    found = [Candidate("", "Present setting", present, {})]
    seen = {msgspec.json.encode(present)}
    for axis, title, changes in _variants(present):
        changed = msgspec.structs.replace(present, **changes)
        encoded = msgspec.json.encode(changed)
        if encoded not in seen:
            seen.add(encoded)
            found.append(Candidate(axis, title, changed, changes))
    return tuple(found)


def together(present: Preprocessing, chosen: list[Candidate]) -> Candidate | None:
    """The best change of each respect in one; None where there are not two to be joined."""
    by_axis = {each.axis: each for each in chosen}
    numbers, channels = by_axis.get("numbers"), by_axis.get("channels")
    if numbers is not None and "channels" in numbers.changes:
        by_axis.pop("channels", None)
    if len(by_axis) < 2:
        return None
    changes: dict[str, Any] = {}
    for each in by_axis.values():
        changes |= each.changes
    if numbers is not None and "channels" in by_axis and channels is not None:
        # the other order turns the numbers that replace the present ones
        mean, std = numbers.preprocessing.mean[::-1], numbers.preprocessing.std[::-1]
        changes |= channels.changes | {"mean": mean, "std": std}
    changed = msgspec.structs.replace(present, **changes)
    title = " + ".join(each.title for each in by_axis.values())
    return Candidate("several", title, changed, changes)


def _variants(p: Preprocessing) -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield from _numbers(p)
    if p.channels != "L":
        other = "RGB" if p.channels == "BGR" else "BGR"
        yield "channels", f"{other} order", {
            "channels": other, "mean": p.mean[::-1], "std": p.std[::-1],
        }  # fmt: skip
    yield from _sizes(p)
    for name in ("bilinear", "bicubic"):
        yield "interpolation", f"{name.capitalize()} resizing", {"interpolation": name}


def _numbers(p: Preprocessing) -> Iterator[tuple[str, str, dict[str, Any]]]:
    count = len(p.mean)
    flip = -1 if p.channels == "BGR" else 1
    if p.channels != "L":
        for title, (mean, std) in (
            ("ImageNet's mean and deviation", _IMAGENET), ("CLIP's mean and deviation", _CLIP),
        ):  # fmt: skip
            yield "numbers", title, {"mean": mean[::flip], "std": std[::flip]}
    for title, middle, scale in (
        ("Values from −1 to 1", 0.5, 0.5),
        ("Values from 0 to 1", 0.0, 1.0),
        ("Values from 0 to 255", 0.0, 1 / 255),
    ):
        yield "numbers", title, {"mean": (middle,) * count, "std": (scale,) * count}
    if p.channels != "L":
        yield "numbers", "Values from 0 to 255 less the mean, BGR (Caffe)", {
            "mean": _CAFFE_BGR, "std": (1 / 255,) * 3, "channels": "BGR",
        }  # fmt: skip


def _sizes(p: Preprocessing) -> Iterator[tuple[str, str, dict[str, Any]]]:
    side = min(p.size)
    for share in (256 / 224, 232 / 224, 1.0):
        pixels = round(side * share)
        title = f"Shorter side {pixels}, then the centre"
        yield "size", title, {"resize": "shorter", "resize_px": pixels, "crop": True}
    yield "size", "Stretched to the input's size", {"resize": "exact", "crop": False}
