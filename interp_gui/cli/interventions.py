"""What edits did, as the JSON document and the lines of `run intervene` say it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from interp_gui.core.edit import Edit
from interp_gui.core.interventions.kinds import EditEffect, EditState, Intervention
from interp_gui.core.interventions.words import NOT_A_NUMBER, STATE_WORDS, words_of
from interp_gui.core.model import ModelDescription, OutputInfo
from interp_gui.core.result import AnyResult

TOP = 5
_STATES: tuple[EditState, ...] = (
    "broken", "effective", "ineffective", "inactive", "failed", "off",
)  # fmt: skip
"""Of several images the first that holds for any."""


class Interventions:
    """Gathers the answers of a run.

    Parameters
    ----------
    model
        What was asked.
    """

    def __init__(self, model: ModelDescription) -> None:
        self._model = model
        self._found: dict[str, Intervention] = {}

    def add(self, result: AnyResult) -> None:
        """Take one result; those of other kinds are passed over."""
        if isinstance(result, Intervention):
            self._found[result.image or result.key] = result

    def document(self) -> dict[str, Any]:
        """`images`, `edits` and `summary`; empty without answers."""
        found = list(self._found.values())
        if not found:
            return {}
        return {
            "images": [self._image(one) for one in found],
            "edits": [_edit(i, edit, found) for i, edit in enumerate(found[0].edits.edits)],
            "summary": self._summary(found),
        }

    def _image(self, one: Intervention) -> dict[str, Any]:
        told: dict[str, Any] = {
            "path": one.image,
            "before": {"top": self._top(one, one.before)},
            "after": {"top": self._top(one, one.after)},
            "target": one.target_title,
            "target_change": _change(one),
        }
        return told | ({"problem": one.problem} if one.problem else {})

    def _top(self, one: Intervention, values: Any) -> list[dict[str, Any]]:
        from interp_gui.analyses.predict import answers

        model = self._model
        output = model.outputs[0] if model.outputs else OutputInfo(kind="embedding")
        return answers(values, output, model, top=TOP) if len(values) else []

    def _summary(self, found: list[Intervention]) -> str:
        answered = [one for one in found if not one.problem]
        if not answered:
            if all(one.problem == NOT_A_NUMBER for one in found):
                return NOT_A_NUMBER
            return "None of the images could be answered."
        lost, live = _failed(found)
        if live and lost == live:
            return "Nothing was changed: none of the edits could run."
        sentences = []
        if lost:
            sentences.append(f"{lost} of {live} edits could not run and changed nothing.")
        broken = sum(one.problem == NOT_A_NUMBER for one in found)
        if broken:
            sentences.append(f"For {broken} of {len(found)} images the answer is not a number.")
        if self._model.class_count:
            tops = [(int(np.argmax(one.before)), int(np.argmax(one.after))) for one in answered]
            moved = [pair for pair in tops if pair[0] != pair[1]]
            if len(answered) == 1:
                was, now = (self._model.class_name(i) for i in tops[0])
                said = f"The answer {was} became {now}" if moved else f"The answer stays {was}"
                sentences.append(f"{said}.")
            elif moved:
                of = f"{len(moved)} of {len(answered)} images"
                sentences.append(f"The answer is another one for {of}.")
            else:
                sentences.append(f"The answer stays the same for all {len(answered)} images.")
        changes = [change for one in answered if (change := _change(one)) is not None]
        if changes:
            what = answered[0].target_title
            every = (
                "the Target" if len({one.target_title for one in answered}) > 1 else f"the {what}"
            )
            on = "" if len(changes) == 1 else " on average"
            sentences.append(
                f"{every[0].upper()}{every[1:]} changes by {np.mean(changes):+.3g}{on}."
            )
        return " ".join(sentences)


def intervention_lines(document: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    for image in document.get("images", ()):
        name = image["path"].replace("\\", "/").rsplit("/", 1)[-1]
        if image.get("problem"):
            yield f"{name}: {image['problem']}"
            continue
        change = image["target_change"]
        target = "" if change is None else f"; {image['target']} {change:+.3g}"
        yield f"{name}: {_first(image['before'])} → {_first(image['after'])}{target}"
    for edit in document.get("edits", ()):
        yield f"{edit['name']}: {_told(edit)}"
    if "summary" in document:
        yield document["summary"]


def _edit(index: int, edit: Edit, found: list[Intervention]) -> dict[str, Any]:
    """One edit over all images: hits together, sizes as means over the images where it ran."""
    ours = [one.effects[index] for one in found if len(one.effects) > index]
    states = [effect.state for effect in ours]
    state = next((state for state in _STATES if state in states), "failed")
    ran = [effect for effect in ours if effect.change is not None]
    told: dict[str, Any] = {
        "name": words_of(edit),
        "hits": sum(effect.hits for effect in ours),
        "change": float(np.mean([effect.change for effect in ran])) if ran else None,
        "state": state,
        "effect": _mean([effect.effect for effect in ran]),
        "random_percentile": _percentile(ran),
    }
    for name in ("reason", "control_note", "warning", "behind"):
        text = next((said for effect in ours if (said := getattr(effect, name))), "")
        told |= {name: text} if text else {}
    return told


def _percentile(ran: list[EditEffect]) -> float | None:
    """Share of random features, in percent, whose mean effect over the images is smaller.

    To a tenth: of 256 random features, the most there are, one is 0.4 %.

    The same random features stand beside an edit in every image.
    """
    measured = [effect for effect in ran if effect.effect is not None and effect.controls]
    count = min((len(effect.controls) for effect in measured), default=0)
    if not count:
        return None
    own = np.mean([abs(effect.effect or 0.0) for effect in measured])
    others = np.abs([effect.controls[:count] for effect in measured]).mean(axis=0)
    return round(float(100.0 * (others < own).mean()), 1)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _failed(found: list[Intervention]) -> tuple[int, int]:
    """How many of the edits that were to be in force ran for no image, and how many there are."""
    live = found[0].edits.live
    states = {i: [e.state for one in found for e in one.effects if e.index == i] for i in live}
    return sum(bool(each) and {*each} == {"failed"} for each in states.values()), len(live)


def _change(one: Intervention) -> float | None:
    if one.target_before is None or one.target_after is None:
        return None
    return one.target_after - one.target_before


def _first(answer: dict[str, Any]) -> str:
    if not answer["top"]:
        return "no answer"
    top = answer["top"][0]
    if "probability" in top:
        return f"{top['name']} {top['probability']:.1%}"
    return f"{top['name']} {top['value']:.4g}"


def _told(edit: dict[str, Any]) -> str:
    said = STATE_WORDS[edit["state"]]
    if edit.get("reason"):
        return f"{said}: {edit['reason']}"
    if edit["effect"] is not None:
        said += f", effect {edit['effect']:+.3g}"
    if edit["random_percentile"] is not None:
        said += f", more than {edit['random_percentile']:.0f} % of random features"
    elif edit.get("control_note"):
        said += f" ({edit['control_note'].rstrip('.')})"
    return f"{said}. {edit['warning']}" if edit.get("warning") else f"{said}."
