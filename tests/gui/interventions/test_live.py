"""Which answers are asked for while edits change, and what is known of which row."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.kinds import EditEffect, Intervention
from interp_gui.core.target import Target
from interp_gui.engine.messages import EngineLost, ErrorInfo, Produced, Run
from interp_gui.gui.interventions.live import SETTLED_MS, LiveAnswers, live_of
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.interventions.sources import sources_of

CAT, DOG, OWL = "/x/cat.png", "/x/dog.png", "/x/owl.png"


def edit(unit=0, kind="scale", amount=0.5, **values):
    feature = Feature(layer="features.0", units=(unit,))
    return Edit(feature=feature, kind=kind, amount=amount, **values)


def stack(*edits, **values):
    return EditStack(edits=edits or (edit(),), **values)


class Engine:
    """What was asked of the engine, and its answers."""

    def __init__(self, client, qtbot, live):
        self.client, self.qtbot, self.live = client, qtbot, live

    @property
    def runs(self):
        runs = {n: r for n, r in self.client.requests.items() if isinstance(r, Run)}
        return {n: r for n, r in runs.items() if r.analysis == "intervene"}

    @property
    def last(self):
        return max(self.runs)

    @property
    def request(self):
        return self.runs[self.last]

    @property
    def brief(self):
        """Images and controls of every request so far."""
        return [(r.inputs.images, r.parameters["controls"]) for r in self.runs.values()]

    def answer(self, image=None, *, job=None, controls=(), after=0.2):
        job = job or self.last
        run = self.client.requests[job]
        for path in (image,) if image else run.inputs.images:
            made = intervention(path, run.inputs.edits, controls, after)
            self.client.emit(
                Produced(
                    job=job, generation=self.client.options[job]["generation"], result=made
                )
            )  # fmt: skip
        with self.qtbot.waitSignal(self.live.answered, timeout=1000):
            pass

    def end(self, job=None, **values):
        job = job or self.last
        with self.qtbot.waitSignal(self.live.changed, timeout=1000):
            self.client.end(job, **values)

    def finish(self, **values):
        job = self.last
        self.answer(job=job, **values)
        self.end(job)


def intervention(path, edits, controls=(), after=0.2):
    count = len(edits.edits)
    effects = tuple(
        EditEffect(index=i, state="effective", hits=1, effect=-(i + 1.0), controls=controls)
        for i in range(count)
    )
    return Intervention(
        key="image-000", title="x", image=path, before=np.array([1.0, 0.0], np.float32),
        after=np.array([after, 0.0], np.float32), target_before=1.0, target_after=after,
        effects=effects, edits=edits,
    )  # fmt: skip


INTERVENE = AnalysisInfo(
    id="intervene", title="Intervene", summary="", needs=("image", "edits"),
    produces=("intervention",), parameters=(),
)  # fmt: skip


@pytest.fixture
def live(state, bridge, client, greet, model, qtbot):
    client.emit(greet(analyses=(INTERVENE,)))
    qtbot.waitUntil(lambda: bridge.is_ready)
    live = live_of(state)
    live.attach(bridge)
    state.set_model(model)
    state.set_image(CAT)
    return live


@pytest.fixture
def engine(client, qtbot, live):
    return Engine(client, qtbot, live)


@pytest.fixture
def settle(live, qtbot):
    """Waits until a drag counts as over."""
    return lambda: qtbot.waitUntil(lambda: not live._settled.isActive(), timeout=4 * SETTLED_MS)


def test_there_is_one_a_window(state):
    assert live_of(state) is live_of(state)
    assert isinstance(live_of(state), LiveAnswers)


def test_without_edits_nothing_is_asked(live, engine, state, settle):
    state.set_edits(stack(edit(enabled=False)))
    settle()
    assert not engine.runs
    assert not live.in_force
    assert live.current is None


def test_watched_images_are_asked_without_edits_too(live, engine, state, settle):
    state.set_watched((DOG, CAT))
    settle()
    assert engine.brief == [((DOG, CAT), 0)]
    engine.finish()
    assert live.of(DOG) is not None
    assert live.current is None
    state.set_edits(stack())
    assert live.is_stale(DOG)
    engine.finish()
    settle()
    assert engine.brief[1:] == [((CAT,), 0), ((DOG,), 0)]


def test_what_a_dragged_value_still_refines_is_cut_off(live, engine, state):
    state.set_edits(stack(edit(1), edit(2)))
    engine.answer()
    running = engine.last
    state.set_edits(stack(edit(1, amount=0.4), edit(2)))
    assert ("cancel", running) in engine.client.calls
    assert engine.request.inputs.edits.edits[0].amount == 0.4
    state.set_edits(stack(edit(1, amount=0.3), edit(2)))
    running = engine.last
    assert ("cancel", running) not in engine.client.calls  # it has not answered yet
    engine.answer()
    assert ("cancel", running) in engine.client.calls
    assert engine.request.inputs.edits.edits[0].amount == 0.3


def test_the_current_image_first_then_the_watched_ones_then_controls(live, engine, state, settle):
    state.set_watched((DOG, CAT, OWL))
    state.set_edits(stack())
    assert engine.brief == [((CAT,), 0)]
    engine.finish()
    settle()
    assert engine.brief[1:] == [((DOG, OWL), 0)]
    engine.finish()
    assert engine.brief[2:] == [((CAT,), 20)]
    engine.finish(controls=(0.1,) * 20)
    assert len(engine.brief) == 3
    assert live.effects(0).percentile == 100.0
    assert not live.is_asking


def test_a_slider_never_has_two_requests_nor_starves(live, engine, state):
    for strength in (0.9, 0.8, 0.7, 0.6):
        state.set_edits(stack(edit(amount=strength)))
    assert len(engine.runs) == 1  # the first one is neither cancelled nor followed
    assert not engine.client.calls
    engine.answer()
    assert len(engine.runs) == 2
    assert engine.request.inputs.edits.edits[0].amount == 0.6  # the newest, none between


def test_controls_make_way_at_once(live, engine, state, settle):
    state.set_edits(stack())
    engine.finish()
    settle()
    assert engine.request.parameters == {"controls": 20}
    long = engine.last
    state.set_edits(stack(edit(amount=0.1)))
    assert ("cancel", long) in engine.client.calls
    assert engine.brief[-1] == ((CAT,), 0)


def test_another_model_or_target_takes_the_answers_away(live, engine, state, model):
    state.set_edits(stack())
    engine.finish()
    assert live.current is not None
    state.set_target(Target(index=1))
    assert live.current is None
    assert engine.request.inputs.target.index == 1
    engine.finish()
    state.set_model(replace(model, handle="model-2"))
    assert live.current is None
    assert engine.request.model == "model-2"
    running = engine.last
    state.set_model(None)
    assert ("cancel", running) in engine.client.calls
    assert not live.is_asking


def test_going_back_to_a_target_asks_again(live, engine, state):
    state.set_edits(stack())
    engine.finish()
    state.set_target(Target(index=1))
    state.set_target(Target())
    engine.finish()
    assert live.current is not None


def test_rows_that_are_off_are_off_and_the_others_keep_their_place(live, engine, state):
    state.set_edits(stack(edit(0, enabled=False), edit(1), edit(2)))
    assert [e.feature.units[0] for e in engine.request.inputs.edits.edits] == [1, 2]
    assert live.effects(1) is None  # not known yet
    engine.finish()
    assert live.effects(0) == EditEffect(index=0, state="off")
    assert (live.effects(1).index, live.effects(1).effect) == (1, -1.0)
    assert (live.effects(2).index, live.effects(2).effect) == (2, -2.0)
    assert live.effects(3) is None


def test_while_a_value_is_dragged_the_figure_before_stands(live, engine, state):
    state.set_edits(stack(edit(1), edit(2)))
    engine.finish()
    state.set_edits(stack(edit(1, amount=0.3), edit(2)))
    assert live.effects(0).effect == -1.0
    assert live.is_stale(CAT)
    state.set_edits(stack(edit(2), edit(1)))  # other rows: nothing is known of them
    assert live.effects(0) is None
    engine.answer()
    engine.finish()
    assert live.effects(0).effect == -1.0
    assert not live.is_stale(CAT)


def test_what_a_key_holds_is_asked_and_has_no_row(live, engine, state):
    state.set_held((edit(7, kind="ablate"),))
    assert live.in_force
    assert [e.feature.units[0] for e in engine.request.inputs.edits.edits] == [7]
    engine.finish()
    state.set_held(())
    assert live.current is None
    assert not live.in_force


def test_the_stack_compared_with_is_asked_too(live, engine, state, settle):
    state.set_edits(stack())
    engine.finish()
    live.compare(stack(edit(5), edit(6, enabled=False)))
    assert [e.feature.units[0] for e in engine.request.inputs.edits.edits] == [5]
    job = engine.last
    made = intervention(CAT, engine.request.inputs.edits, after=0.4)
    engine.client.emit(
        Produced(job=job, generation=engine.client.options[job]["generation"], result=made)
    )
    engine.qtbot.waitUntil(lambda: live.compared(CAT) is not None)
    assert live.compared(CAT).target_after == pytest.approx(0.4)
    assert live.of(CAT).target_after == pytest.approx(0.2)
    live.compare(None)
    assert live.compared(CAT) is None


def test_a_failure_is_told_and_not_asked_again_until_something_changes(live, engine, state, settle):
    state.set_watched((DOG,))
    state.set_edits(stack())
    engine.end(outcome="failed", error=ErrorInfo(cause="EditProblem", message="No.", hint="Do."))
    settle()
    assert live.problem == "No. Do."
    assert len(engine.runs) == 1
    state.set_edits(stack(edit(1)))
    assert live.problem == ""
    assert len(engine.runs) == 2


def test_a_new_engine_is_asked_again(live, engine, state, greet, qtbot, bridge):
    state.set_edits(stack())
    engine.client.emit(EngineLost(reason="It ended.", respawning=True))
    qtbot.waitUntil(lambda: not bridge.is_ready)
    assert not live.is_asking
    engine.client.emit(greet(analyses=(INTERVENE,)))
    qtbot.waitUntil(lambda: bridge.is_ready)
    assert len(engine.runs) == 2


def test_what_is_known_is_asked_once_more_on_demand(live, engine, state):
    state.set_edits(stack())
    engine.finish()
    assert len(engine.runs) == 1
    live.ask_again()
    assert len(engine.runs) == 2
    assert live.current is None


def test_an_engine_that_cannot_is_not_asked(state, bridge, client, greet, model, qtbot):
    client.emit(greet())
    qtbot.waitUntil(lambda: bridge.is_ready)
    live_of(state).attach(bridge)
    state.set_model(model)
    state.set_image(CAT)
    state.set_edits(stack())
    assert not [r for r in client.requests.values() if isinstance(r, Run)]


def test_edits_that_take_from_other_images_are_asked_with_the_images_at_hand(live, engine, state):
    from interp_gui.core.dataset import Dataset, ImageEntry

    state.set_dataset(Dataset(images=(ImageEntry(path=DOG),)), "images-1")
    state.set_edits(stack())
    assert engine.request.dataset == ""
    engine.finish()
    patch = msgspec.structs.replace(edit(), kind="patch", source="ab" * 32)
    state.set_edits(stack(patch))
    assert engine.request.dataset == "images-1"


def test_requests_say_where_a_watched_image_lies_that_is_not_open(live, engine, state, bridge):
    interventions_of(state).attach(bridge)
    patch = msgspec.structs.replace(edit(), kind="patch", source="ab" * 32)
    state.set_edits(stack(patch))
    assert engine.request.inputs.sources == ()
    engine.finish()
    sources = sources_of(state)
    sources._on_hashes({"ab" * 32: DOG})  # found only now: asked again
    assert engine.request.inputs.sources == (DOG,)
