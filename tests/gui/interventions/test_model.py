"""The edits of a window: every change can be undone, and statistics come without a step."""

import msgspec
import pytest

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.core.result import Table
from interp_gui.engine.messages import Produced, Run
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.interventions.statistics import ANALYSIS


def unit(index, layer="features.14", **values):
    return Feature(layer=layer, units=(index,), **values)


@pytest.fixture
def edits(state, model):
    state.set_models((model,))
    state.set_model(model)
    return interventions_of(state)


@pytest.fixture
def asking(edits, state, bridge, client, greet, qtbot):
    """With images at hand and an engine that can be asked about them."""
    from interp_gui.core.analysis import AnalysisInfo
    from interp_gui.core.dataset import Dataset, ImageEntry

    info = AnalysisInfo(
        id=ANALYSIS, title="Statistics", summary="", needs=("dataset",), produces=("table",),
        parameters=(),
    )  # fmt: skip
    edits.attach(bridge)
    client.emit(greet(analyses=(info,)))
    qtbot.waitUntil(lambda: bridge.is_ready)
    state.set_dataset(Dataset(name="d", images=(ImageEntry(path="/a.png"),)), "data-1")
    return edits


def asked(client):
    return [
        (job, request)
        for job, request in client.requests.items()
        if isinstance(request, Run) and request.analysis == ANALYSIS
    ]


def answer(client, job, **values):
    features = client.requests[job].inputs.features
    given = {"mean": (0.5,), "deviation": (0.25,), "low": (0.0,), "high": (2.0,), **values}
    found = tuple(
        FeatureStatistics(feature=f, images=4, source="d" * 64, **given) for f in features
    )
    table = Table(
        key="statistics", title="", columns=("a",), cells=((1,),),
        provenance={"statistics": msgspec.to_builtins(found)},
    )  # fmt: skip
    client.emit(
        Produced(job=job, generation=client.options[job]["generation"], result=table, recipe=None)
    )
    client.end(job)


def texts(state):
    return [edit.feature.text for edit in state.edits.edits]


def test_every_change_leads_back(edits, state):
    """All kinds of changes in turn, all undone one by one, all redone: the same stacks."""
    seen = [(state.edits, state.stacks)]

    def step(change):
        before = state.undo.count()
        change()
        assert state.undo.count() == before + 1
        seen.append((state.edits, state.stacks))
        assert seen[-1] != seen[-2]

    image = ImageEdit(kind="blur", image="a" * 64, region=((1.0,),))
    for change in (
        lambda: edits.add_features((unit(7), unit(3), unit(5))),
        lambda: edits.add_features((unit(1, "features.0"),), "scale"),
        lambda: edits.change(3, amount=0.25),
        lambda: edits.change_kind(0, "add"),
        lambda: edits.move((2, 3), 0),
        lambda: edits.duplicate(1),
        lambda: edits.set_enabled(False, 0, 1),
        lambda: edits.group("edges", 0, 4),
        lambda: edits.solo(2),
        lambda: edits.mute_all(True),
        lambda: edits.remove(2),
        lambda: edits.keep_stack("first"),
        lambda: edits.add_image_edits((image,)),
        lambda: edits.change_image_edit(0, radius_px=3.0),
        lambda: edits.rename_stack(0, "start"),
        lambda: edits.exchange(0),
        lambda: edits.clear(),
        lambda: edits.add_edits(EditStack(edits=(Edit(feature=unit(2), kind="ablate"),))),
        lambda: edits.remove_stack(0),
    ):
        step(change)
    while state.undo.canUndo():
        assert (state.edits, state.stacks) == seen[state.undo.index()]
        state.undo.undo()
    assert (state.edits, state.stacks) == seen[0]
    while state.undo.canRedo():
        state.undo.redo()
        assert (state.edits, state.stacks) == seen[state.undo.index()]


def test_solo_goes_with_its_edit(edits, state):
    edits.add_features((unit(1), unit(2), unit(3)))
    edits.solo(1)
    edits.move(1, 3)
    assert state.edits.solo == 2
    edits.add_features((unit(9),), at=0)
    assert state.edits.solo == 3
    assert state.edits.active[0].feature.text == "features.14:2"
    edits.remove(3)
    assert state.edits.solo is None
    assert len(state.edits.active) == 3


def test_a_slider_is_one_step(edits, state):
    edits.add_features((unit(7),), "scale")
    for amount in (0.4, 0.3, 0.2):
        edits.change(0, merge="amount", amount=amount)
    edits.seal()
    edits.change(0, merge="amount", amount=0.1)
    state.undo.undo()
    assert state.edits.edits[0].amount == 0.2
    state.undo.undo()
    assert state.edits.edits[0].amount == 0.5


def test_what_is_impossible_is_told_and_changes_nothing(edits, state):
    notes = []
    state.notified.connect(notes.append)
    edits.add_features((unit(7),), "scale")
    before = state.edits
    assert not edits.change(0, amount=float("nan"))
    assert not edits.change_kind(0, "project_out")
    assert not edits.add_features((Feature(layer="features.14"),), "add")
    assert state.edits == before
    assert state.undo.count() == 1
    assert len(notes) == 3
    assert "finite" in notes[0].message


def test_the_mean_comes_later_and_is_no_step(asking, state, client, qtbot):
    asking.add_features((unit(7), unit(3)))
    asking.add_features((unit(5),), "add")
    assert [e.baseline.kind for e in state.edits.edits[:2]] == ["zero", "zero"]
    assert asking.is_waiting(0)
    assert asking.is_waiting(2)
    qtbot.waitUntil(lambda: len(asked(client)) == 1)
    ((job, request),) = asked(client)
    assert request.dataset == "data-1"
    assert len(request.inputs.features) == 3
    steps = state.undo.count()
    answer(client, job)
    qtbot.waitUntil(lambda: not asking.is_waiting(0))
    assert state.undo.count() == steps
    first, _, third = state.edits.edits
    assert first.baseline == Baseline(kind="mean", values=(0.5,), source="d" * 64)
    assert third.deviation == (0.25,)
    assert third.amount == 2.0
    # what is undone and redone gets it again, and nothing is asked twice
    state.undo.undo()
    state.undo.undo()
    state.undo.redo()
    assert state.edits.edits[0].baseline.kind == "mean"
    assert len(asked(client)) == 1


def test_zero_that_was_chosen_stays_zero(asking, state, client, qtbot):
    asking.add_features((unit(7),))
    asking.choose_baseline(0, "zero")
    assert not asking.is_waiting(0)
    qtbot.waitUntil(lambda: len(asked(client)) == 1)
    answer(client, asked(client)[0][0])
    qtbot.waitUntil(lambda: asking.statistics_of(unit(7)) is not None)
    assert state.edits.edits[0].baseline.kind == "zero"
    asking.choose_baseline(0, "mean")
    assert state.edits.edits[0].baseline.values == (0.5,)
    state.undo.undo()
    assert state.edits.edits[0].baseline.kind == "zero"


def test_without_images_nothing_waits(edits, state):
    edits.add_features((unit(7),))
    assert not edits.is_waiting(0)


def test_what_cannot_be_known_says_why(asking, client, qtbot):
    from interp_gui.engine.messages import ErrorInfo

    asking.add_features((unit(7),))
    qtbot.waitUntil(lambda: len(asked(client)) == 1)
    error = ErrorInfo(cause="InvalidValue", message="No image can be read.")
    client.end(asked(client)[0][0], "failed", error=error)
    qtbot.waitUntil(lambda: asking.waiting_problem(0) != "")
    assert asking.waiting_problem(0) == "No image can be read."


def test_a_dead_unit_is_steered_in_absolute_terms(asking, state, client, qtbot):
    asking.add_features((unit(7),), "add")
    qtbot.waitUntil(lambda: len(asked(client)) == 1)
    answer(client, asked(client)[0][0], deviation=(0.0,))
    qtbot.waitUntil(lambda: not asking.is_waiting(0))
    assert state.edits.edits[0].deviation == ()


def test_edits_of_another_model_are_kept_and_not_in_force(edits, state, describe):
    other = unit(7, model="ff" * 32)
    lacking = unit(3, "features.99")
    high = unit(999)
    edits.add_edits([Edit(feature=f, kind="ablate") for f in (other, lacking, high, unit(1))])
    assert texts(state)[0] == "features.14:7"
    assert len(state.edits.edits) == 4
    assert [e.feature.text for e in state.edits_in_force.edits] == ["features.14:1"]
    assert "another model" in edits.problem_of(0)
    assert "features.99" in edits.problem_of(1)
    assert "no unit 999" in edits.problem_of(2)
    assert edits.problem_of(3) == ""
    assert edits.can_adopt(0)
    assert not edits.can_adopt(1)
    edits.adopt(0)
    assert len(state.edits_in_force.edits) == 2


def test_a_read_only_layer_and_a_place_outside_are_refused(edits, state, model, describe):
    layers = tuple(
        msgspec.structs.replace(layer, writable=layer.name != "features.0")
        for layer in describe().layers
    )
    state.set_model(type(model)(model.handle, describe(layers=layers), model.path))
    from interp_gui.core.place import Place

    edits.add_features((unit(1, "features.0"),))
    edits.add_features((unit(1),), place=Place.parse("@9,9"))
    edits.add_features((unit(1),), place=Place.parse("@t5"))
    assert "not changed" in edits.problem_of(0)
    assert "outside" in edits.problem_of(1)
    assert "tokens" in edits.problem_of(2)
    assert state.edits_in_force.edits == ()


def test_what_is_held_is_in_force_where_it_fits(edits, state):
    state.set_held((Edit(feature=unit(2), kind="ablate"), Edit(feature=unit(999), kind="ablate")))
    assert [e.feature.units for e in state.edits_in_force.edits] == [(2,)]


def test_exchange_and_compare(edits, state):
    edits.add_features((unit(1),))
    edits.keep_stack("one")
    edits.add_features((unit(2),))
    now = state.edits
    edits.exchange(0)
    assert texts(state) == ["features.14:1"]
    assert state.stacks[0] == now
    edits.exchange(0)
    assert state.edits == now
    told = []
    edits.compared_changed.connect(lambda: told.append(edits.compared))
    edits.compare(0)
    edits.compare(7)
    edits.compare(0)
    edits.remove_stack(0)
    assert told == [0, None, 0, None]


def test_moving_behind_the_norm_asks_for_the_mean_there(asking, state, client, qtbot):
    asking.add_features((unit(7),))
    qtbot.waitUntil(lambda: len(asked(client)) == 1)
    answer(client, asked(client)[0][0])
    qtbot.waitUntil(lambda: not asking.is_waiting(0))
    asking.move_behind(0, "features.1")
    assert state.edits.edits[0].feature.text == "features.1:7"
    assert state.edits.edits[0].baseline.kind == "zero"
    assert asking.is_waiting(0)
    qtbot.waitUntil(lambda: len(asked(client)) == 2)


def test_many_units_of_a_layer_become_one_edit_of_them_all(edits, state):
    few = [unit(i) for i in range(64)]
    assert edits.add_features(few)
    assert len(state.edits.edits) == 64
    edits.clear()
    assert edits.add_features([*(unit(i) for i in range(40)), *(unit(i, "x") for i in range(40))])
    assert [(e.feature.layer, len(e.feature.units)) for e in state.edits.edits] == [
        ("features.14", 40), ("x", 40)
    ]  # fmt: skip
    assert state.edits.edits[0].feature.units == tuple(range(40))
    edits.clear()
    assert edits.add_features([unit(i) for i in range(4096)], "scale")
    assert len(state.edits.edits) == 1
    state.undo.undo()
    assert not state.edits.edits


def test_the_panel_takes_so_many_edits_and_no_more(edits, state):
    messages = []
    state.notified.connect(lambda note: messages.append(note.message))
    edits.add_edits([Edit(feature=unit(i), kind="ablate") for i in range(256)])
    assert len(state.edits.edits) == 256
    edits.add_edits([Edit(feature=unit(1), kind="ablate")])
    assert not edits.add_features([unit(1)])
    assert len(state.edits.edits) == 256
    assert "The panel takes 256 edits; these would be 257." in messages[0]


def test_whether_an_edit_fits_is_found_once_for_each_model(edits, state, monkeypatch):
    from interp_gui.gui.interventions import model as module

    asked = []
    real = module.why_unfit
    monkeypatch.setattr(module, "why_unfit", lambda e, m: asked.append(e) or real(e, m))
    edits.add_features([unit(1), unit(2)])
    for _ in range(3):
        assert [edits.problem_of(i) for i in range(2)] == ["", ""]
    assert len(asked) == 2
    edits.change(0, kind="scale")
    assert edits.problem_of(0) == edits.problem_of(1) == ""
    assert len(asked) == 3, "only the one that is another now"
