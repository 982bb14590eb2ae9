"""Answers before and after as drawings: the strongest outputs, every edit, what went wrong."""

import numpy as np
import pytest

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.export import FORMATS, export_bytes
from interp_gui.core.export.drawing import Rectangle, Text
from interp_gui.core.export.interventions import intervention_drawing, strongest
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.kinds import EditEffect, Intervention


def made(kind="softmax", **fields):
    before = np.linspace(-2.0, 3.0, 12, dtype=np.float32)
    after = before.copy()
    after[0] = 9.0
    unit = Feature(layer="features.14", units=(7,))
    edits = (Edit(feature=unit, kind="ablate"), Edit(feature=unit, kind="scale", amount=0.5))
    effects = (
        EditEffect(index=0, state="effective", hits=1, change=1.5, share=0.25, effect=-1.25,
                   controls=(0.5, 2.0, -1.0, 0.1), warning="Mind this."),
        EditEffect(index=1, state="failed", reason="There is no such unit."),
    )  # fmt: skip
    known = {
        "before": before, "after": after, "labels": tuple(f"name {i}" for i in range(12)),
        "target_before": 3.0, "target_after": 1.0, "target_title": "logit of name 11",
        "divergence": 0.5, "effects": effects, "edits": EditStack(edits),
    }  # fmt: skip
    return Intervention(key="image-000", title="Answer", output_kind=kind, **(known | fields))


def texts(result):
    return [item.text for item in intervention_drawing(result).items if isinstance(item, Text)]


def test_the_strongest_before_or_after_are_shown_with_both_numbers():
    result = made()
    assert strongest(result, 3) == [0, 11, 10]
    said = texts(result)
    shares = np.exp(result.before) / np.exp(result.before).sum()
    assert f"{shares[11]:.1%}" in said
    assert "name 11" in said
    assert any(text.startswith("Logit of name 11: 3 → 1 (−2)") for text in said)


def test_every_edit_has_a_line_and_says_why_it_failed():
    said = texts(made())
    assert "Switch off features.14:7" in said
    assert "Scale × 0.5 features.14:7" in said
    assert "1.5 (25.0%)" in said
    assert "−1.25" in said
    assert "more than 75 % of 4" in said
    assert "There is no such unit." in said
    assert "Mind this." in said


@pytest.mark.parametrize("kind", ["sigmoid", "scalar", "embedding", "map"])
def test_outputs_of_other_kinds(kind):
    result = made(kind, before=-made().before, divergence=None)
    drawing = intervention_drawing(result)
    bars = [item for item in drawing.items if isinstance(item, Rectangle)]
    assert len(bars) == 2 + 2 * 8
    assert all(bar.x >= 0 and bar.x + bar.width <= drawing.width for bar in bars)


def test_an_image_that_could_not_be_read_says_so():
    empty = np.zeros(0, np.float32)
    result = made(before=empty, after=empty, labels=(), effects=(), problem="It is broken.")
    assert "It is broken." in texts(result)


@pytest.mark.parametrize("format", FORMATS)
def test_all_formats(format):
    before = made().before
    before[3] = np.nan
    for result in (made(), made(before=before), made("scalar", effects=(), target_before=None)):
        assert len(export_bytes(result, format)) > 100
