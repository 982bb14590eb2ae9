"""Output under edits: before and after, the mark, what is said where there is no answer."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.kinds import Intervention
from interp_gui.engine.messages import ErrorInfo, Produced, Run
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.output.panel import OutputPanel

CAT = "/x/cat.png"
EDIT = Edit(feature=Feature(layer="features.0", units=(1,)), kind="scale", amount=0.5)
INFOS = tuple(
    AnalysisInfo(id=name, title=name, summary="", needs=("image",), produces=(), parameters=())
    for name in ("predict", "intervene")
)


def answer(before=(3.0, 1.0, 0.0), after=(0.0, 2.0, 0.0), **values):
    given = {
        "key": "image-000", "title": "Answer for cat.png", "image": CAT,
        "before": np.array(before, np.float32), "after": np.array(after, np.float32),
        "labels": ("tabby", "tiger cat", "lynx"), "target_before": float(before[0]),
        "target_after": float(after[0]), "target_title": "logit of tabby", "divergence": 0.7,
        "numbers": {"entropy_before": 0.5, "entropy_after": 0.9},
    } | values  # fmt: skip
    return Intervention(**given)


@pytest.fixture
def panel(qtbot, state, bridge, client, greet, model):
    panel = OutputPanel(state, bridge)
    qtbot.addWidget(panel)
    panel.resize(260, 700)
    panel.show()
    with qtbot.waitSignal(bridge.ready):
        client.emit(greet(analyses=INFOS))
    state.set_models((model,))
    state.set_model(model)
    state.set_image(CAT)
    return panel


@pytest.fixture
def edited(panel, state, client, qtbot):
    def give(result=None, **fields):
        state.set_edits(EditStack(edits=(EDIT,)))
        job = client.last(Run)
        assert client.requests[job].analysis == "intervene"
        client.emit(
            Produced(
                job=job, generation=client.options[job]["generation"],
                result=result or answer(**fields),
            )
        )  # fmt: skip
        qtbot.waitUntil(lambda: panel.edited.view is not None)
        return panel.edited

    return give


def test_without_edits_it_is_the_plain_answer(panel):
    assert panel.edited.isHidden()
    assert not panel.plain.isHidden()


def test_before_and_after_stand_side_by_side(panel, edited):
    view = edited().view
    assert panel.plain.isHidden()
    assert view.headline.startswith("tabby  84.4% → ")
    assert [row.label for row in view.rows] == ["tabby", "tiger cat", "lynx"]
    assert view.rows[0].moved == "#1 → #2"
    assert view.target == 0
    assert "Logit of tabby: 3 → 0 (−3)" in view.footer
    assert "KL divergence 0.7 nats" in view.footer
    assert "Entropy 0.5 → 0.9 nats" in view.footer


def test_logits_and_their_differences_are_a_button_away(edited):
    part = edited()
    part.logits.click()
    assert part.view.line(0) == "tabby: 3 → 0 (−3), rank #1 → #2"
    part.logits.click()
    assert "points" in part.view.line(0)


def test_the_mark_lists_the_edits_and_says_when_a_key_holds_them(panel, edited, state):
    part = edited()
    assert part.mark.text() == "Edited"
    assert "Scale × 0.5: features.0:1" in part.mark.toolTip()
    state.set_held((Edit(feature=Feature(layer="features.0", units=(2,)), kind="ablate"),))
    assert part.mark.text() == "Held"
    state.set_held(())
    state.set_edits(EditStack())
    assert panel.edited.isHidden()


def test_a_failure_is_said_where_the_answer_would_be(panel, state, client, qtbot):
    state.set_edits(EditStack(edits=(EDIT,)))
    assert panel.edited.message.text() == "Asking the edited model…"
    client.end(client.last(Run), outcome="failed", error=ErrorInfo(cause="x", message="It broke."))
    qtbot.waitUntil(lambda: panel.edited.message.text() == "It broke.")


def test_a_row_becomes_the_target(edited, state, qtbot):
    view = edited().view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert "2 of 3" in view.accessibleDescription()
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert state.target.index == 1
    state.undo.undo()
    assert state.target.index is None
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().startswith("tabby  84.4%")


def test_views_follow_by_the_button(edited, state):
    part = edited()
    part.follow.click()
    assert state.follows_edits
    part.follow.click()
    assert not state.follows_edits


@pytest.mark.parametrize(
    ("fields", "headline", "labels"),
    [
        (
            {"output_kind": "scalar", "labels": ("value 0",), "before": (2.0,), "after": (1.5,),
             "target_title": "value 0", "divergence": None, "numbers": {}},
            "Value 0  2 → 1.5 (−0.5)", ["value 0"],
        ),
        (
            {"output_kind": "embedding", "labels": tuple(f"dimension {i}" for i in range(12)),
             "before": (1.0, *(0.0,) * 11), "after": (1.0, *(0.0,) * 10, 1.0),
             "target_before": None, "target_after": None, "divergence": None, "numbers": {}},
            "Similarity to the answer before: 0.707", None,
        ),
        (
            {"output_kind": "map", "labels": ("channel 0", "channel 1"), "before": (1.0, 2.0),
             "after": (1.0, 3.0), "target_title": "channel 1", "target_before": 2.0,
             "target_after": 3.0, "divergence": None, "numbers": {}},
            "Channel 1  2 → 3 (+1)", ["channel 0", "channel 1"],
        ),
        (
            {"output_kind": "sigmoid"}, "tabby  95.3% → 50.0%", ["tabby", "tiger cat", "lynx"],
        ),
    ],
    ids=("scalar", "embedding", "map", "sigmoid"),
)  # fmt: skip
def test_other_answers_are_what_they_are(edited, fields, headline, labels):
    view = edited(**fields).view
    assert view.headline == headline
    if labels is not None:
        assert [row.label for row in view.rows] == labels
    if fields["output_kind"] in ("scalar", "embedding", "map"):
        assert not any(row.moved for row in view.rows)
    if fields["output_kind"] == "embedding":
        assert view.rows[0].label == "dimension 11"  # what changed most
        assert len(view.rows) == 8


def test_a_kept_stack_is_compared_beside_it(panel, edited, state, client, qtbot):
    edited()
    state.set_stacks((EditStack(edits=(EDIT,), name="The other one"),))
    interventions_of(state).compare(0)
    assert panel.edited.compared_heading.text() == "Beside it: The other one"
    qtbot.waitUntil(lambda: not panel.edited.compared_heading.isHidden())
    interventions_of(state).compare(None)
    assert panel.edited.compared_heading.isHidden()
