"""What stands on the panel, and the changes of it: plain functions from one content to the next.

An edit that is to use what the images at hand have on average is there before that average is
known. Which edits wait is part of the content, so that undoing leads back to an edit that waits,
not to one that was never meant.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from interp_gui.core.edit import Baseline, Edit, EditKind, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.place import Place

FACTOR, STEER = 0.5, 2.0
"""Strengths to begin with: half, and two standard deviations."""
MOST_APART = 64
"""So many features become an edit each; of more, the units of a layer are one edit together."""
MOST_ROWS = 256
"""Edits that the panel takes: with more of them, every change of one would be waited for."""
Find = Callable[[Feature], FeatureStatistics | None]


@dataclass(frozen=True)
class Content:
    """A stack, and which of its edits wait for statistics (those behind the end do not)."""

    stack: EditStack
    waits: tuple[bool, ...] = ()

    @property
    def rows(self) -> list[tuple[Edit, bool]]:
        """Each edit with whether it waits."""
        edits = self.stack.edits
        return [(e, i < len(self.waits) and self.waits[i]) for i, e in enumerate(edits)]

    @property
    def waiting(self) -> tuple[Feature, ...]:
        """Features whose edits wait."""
        return tuple(edit.feature for edit, waits in self.rows if waits)


def bundled(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """Features as edits are made of them: few apart, the units of a layer together if many."""
    if len(features) <= MOST_APART:
        return tuple(features)
    found: dict[object, Feature] = {}
    for feature in features:
        key = (feature.layer, feature.model, feature.heads) if feature.units else feature
        before = found.get(key)
        if before is None or not feature.units:
            found[key] = feature
            continue
        units = tuple(dict.fromkeys((*before.units, *feature.units)))
        found[key] = msgspec.structs.replace(before, units=units, name="")
    return tuple(found.values())


def why_too_many(count: int, there: int) -> str:
    """Why so many more edits have no room on the panel; empty if they have."""
    if there + count <= MOST_ROWS:
        return ""
    return f"The panel takes {MOST_ROWS} edits; these would be {there + count:,}."


def fresh(
    feature: Feature, kind: EditKind, *, place: Place = Place(), source: str = "", group: str = ""
) -> Edit:
    """An edit of a kind with the values to begin with; `source` is the image of a patch."""
    values: dict[str, Any] = {"feature": feature, "kind": kind, "place": place, "group": group}
    if kind == "scale":
        values["amount"] = FACTOR
    elif kind == "add":
        values["amount"] = STEER
    elif kind == "clamp":
        values["high"] = 0.0
    elif kind == "patch":
        values["source"] = source
    return Edit(**values)


def waits_for_statistics(edit: Edit) -> bool:
    """Whether a fresh edit of its kind is better for knowing the images at hand."""
    return edit.kind in ("ablate", "add", "clamp")


def filled(content: Content, find: Find) -> Content:
    """The same, with what is known by now put into the edits that wait for it."""
    rows = []
    for edit, waits in content.rows:
        known = find(edit.feature) if waits else None
        rows.append((edit if known is None else with_statistics(edit, known), waits and not known))
    return with_rows(content, rows, content.stack.solo)


def with_statistics(edit: Edit, known: FeatureStatistics) -> Edit:
    """An edit in terms of what images have: their mean, their standard deviation, their range."""
    edit = msgspec.structs.replace(edit, observed=known.observed)
    if edit.kind == "ablate":
        baseline = Baseline(kind="mean", values=known.mean, source=known.source)
        return msgspec.structs.replace(edit, baseline=baseline)
    if edit.kind == "add" and all(deviation > 0 for deviation in known.deviation):
        return msgspec.structs.replace(edit, deviation=known.deviation)
    if edit.kind == "clamp" and known.mean and edit.low is None:
        return msgspec.structs.replace(edit, high=float(f"{known.mean[0]:.4g}"))
    return edit


def with_rows(
    content: Content, rows: Sequence[tuple[Edit, bool]], solo: int | None = None
) -> Content:
    """The same stack with other edits."""
    stack = msgspec.structs.replace(content.stack, edits=tuple(edit for edit, _ in rows), solo=solo)
    waits = tuple(waits for _, waits in rows)
    return Content(stack, waits if any(waits) else ())


def reordered(content: Content, order: Sequence[int]) -> Content:
    """Rows by their present numbers; those that are missing go, and solo goes with its edit."""
    rows, solo = content.rows, content.stack.solo
    place = order.index(solo) if solo in order else None
    return with_rows(content, [rows[i] for i in order], place)


def inserted(content: Content, rows: Sequence[tuple[Edit, bool]], at: int) -> Content:
    """With rows more; they are not alone where another one is."""
    now, solo = content.rows, content.stack.solo
    at = max(0, min(at, len(now)))
    moved = solo + len(rows) if solo is not None and solo >= at else solo
    return with_rows(content, [*now[:at], *rows, *now[at:]], moved)


def moved_order(count: int, moving: Iterable[int], to: int) -> list[int]:
    """Numbers in the order that puts some of them before the one that is now at `to`."""
    chosen = sorted(set(moving))
    before = [i for i in range(min(to, count)) if i not in chosen]
    behind = [i for i in range(max(0, to), count) if i not in chosen]
    return [*before, *chosen, *behind]


def changed(content: Content, index: int, edit: Edit, *, waits: bool = False) -> Content:
    """With another edit in place of one."""
    rows = content.rows
    rows[index] = (edit, waits)
    return with_rows(content, rows, content.stack.solo)


def with_stack(content: Content, **fields: Any) -> Content:
    """With other values of the stack itself."""
    return replace(content, stack=msgspec.structs.replace(content.stack, **fields))
