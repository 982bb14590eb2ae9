"""Whatever is done by hand in a window: undone it is as before, done again it is as after."""

import time

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from interp_gui.core.analysis import ParameterInfo
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.result import Picture
from interp_gui.core.target import Target
from interp_gui.engine.messages import SetPreprocessing
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.state import OpenModelState
from interp_gui.gui.tabs.brushed import BrushedPlaces
from interp_gui.gui.undoing.changes import choose_target
from interp_gui.gui.undoing.settings_history import SettingsHistory
from interp_gui.gui.widgets.form import ParameterForm
from interp_gui.gui.widgets.region import RegionCanvas

UNITS = st.integers(0, 5)
WORDS = st.sampled_from(["", "wheels", "eyes", " spaced  out ", "äöü", "<b>bold</b>"])
SOME = st.lists(st.integers(0, 6), max_size=4)
PLACE = st.integers(0, 7)
PARAMETERS = (
    ParameterInfo(name="steps", title="steps", kind="int", default=64, help="h"),
    ParameterInfo(name="rate", title="rate", kind="float", default=0.05, help="h"),
    ParameterInfo(name="fast", title="fast", kind="bool", default=False, help="h"),
)


def unit(index):
    return Feature(layer="features.14", units=(index,))


class Bench:
    """A window with two models over a client that computes nothing, and what hands do with it."""

    def __init__(self, window, client, models, folder, qapp):
        self.window, self.client, self.models, self.qapp = window, client, models, qapp
        self.folder = folder
        self.state, self.undo = window.state, window.state.undo
        self.names, self.shelf = names_of(window.state), shelf_of(window.state)
        self.kept = kept_of(window.state)
        self.images = window.documents.images
        self.answered = set()
        window.state.set_models(models)
        for model in models:
            window.state.set_model(model)
        self.form = ParameterForm(PARAMETERS, window)
        self.history = SettingsHistory(
            self.form, self.undo, read=self.form.values, write=self.form.set_values,
            title_of=str,
        )  # fmt: skip
        self.form.changed.connect(self.history.note)
        self.canvas = RegionCanvas()
        self.canvas.setParent(window)
        self.canvas.resize(240, 240)
        self.shown = None
        self.places = BrushedPlaces(
            self.canvas, self.undo, shown=lambda: self.shown, show=self.look
        )
        self.look("a.png")

    def reset(self):
        """Start each sequence from the same."""
        self.settle()
        self.names.restore({})
        self.shelf.restore(())
        self.kept.restore(())
        self.images.restore(None)
        self.state.set_models(self.models)
        for model in self.models:
            self.state.set_model(model)
            self.state.set_target(Target())
        self.form.reset()
        self.places._places.clear()
        self.look("a.png")
        self.settle()
        self.undo.clear()

    def look(self, path):
        self.shown = (path, None)
        self.canvas.set_pixels(np.full((96, 96, 3), 90, np.uint8))
        self.places.recall()

    def settle(self):
        """Play the engine's part and let everything that is queued happen."""
        for _ in range(3):
            self.qapp.processEvents()
            for job, request in list(self.client.requests.items()):
                if isinstance(request, SetPreprocessing) and job not in self.answered:
                    self.answered.add(job)
                    model = next(m for m in self.state.models if m.handle == request.model)
                    new = msgspec.structs.replace(
                        model.description, preprocessing=request.preprocessing
                    )
                    self.client.end(job, description=new)

    def add(self, numbers):
        found = Dataset(
            name="found",
            images=tuple(
                ImageEntry(path=str(self.folder / f"{n}.png"), label=f"label {n % 3}")
                for n in dict.fromkeys(numbers)
            ),
        )
        if not found.images:
            return
        done = []
        self.images.add_entries(found, then=lambda: done.append(1))
        deadline = time.monotonic() + 10
        while not done and time.monotonic() < deadline:
            self.qapp.processEvents()
        assert done

    def ids(self, store, some):
        ids = [item.id for item in store.items]
        return [ids[i] for i in some if i < len(ids)]

    def snapshot(self):
        dataset = self.state.dataset
        current = self.state.model
        others = [m for m in self.models if m.handle != current.handle]
        # as it would be on going there; going there each time takes the test a minute
        targets = {model.handle: self.state._left[model.handle][2] for model in others}
        targets[current.handle] = self.state.target
        return {
            "names": self.names.snapshot(),
            "shelf": [
                (i.id, i.feature, i.name, i.note, i.tags, i.picture.tobytes())
                for i in self.shelf.items
            ],
            "kept": [(k.id, k.note, k.included) for k in self.kept.items],
            "images": None
            if dataset is None
            else (dataset.name, dataset.images, dict(dataset.classes)),
            "targets": targets,
            "preprocessing": {m.handle: m.description.preprocessing for m in self.state.models},
            "form": self.form.values(),
            "places": {key: w.tobytes() for key, w in self.places._places.items()},
        }

    def open(self, model):
        return next(m for m in self.state.models if m.handle == model.handle)


class ByHand(RuleBasedStateMachine):
    """Random sequences of everything that can be undone, with going about in between."""

    bench: Bench

    def __init__(self):
        super().__init__()
        self.bench.reset()
        self.seen, self.at = {0: self.bench.snapshot()}, 0
        self.went = self.may_merge = False

    # --- names and shelf -----------------------------------------------------------------------

    @rule(index=UNITS, name=WORDS)
    def name(self, index, name):
        self.bench.names.set_name(unit(index), name)

    @rule(indices=st.lists(UNITS, max_size=3), place=PLACE, named=st.booleans())
    def collect(self, indices, place, named):
        features = [unit(i) for i in indices]
        if named:
            features = [msgspec.structs.replace(f, name="brought") for f in features]
        pictures = [np.full((4, 4, 3), i, np.uint8) for i in indices]
        self.bench.shelf.collect(features, pictures, place=place)

    @rule(some=SOME)
    def take_off(self, some):
        self.bench.shelf.remove(self.bench.ids(self.bench.shelf, some))

    @rule(some=SOME, place=PLACE)
    def put_in_order(self, some, place):
        self.bench.shelf.move(self.bench.ids(self.bench.shelf, some), place)

    @rule(index=UNITS, note=WORDS, tags=WORDS, name=WORDS, typed=st.booleans())
    def write(self, index, note, tags, name, typed):
        self.may_merge = True
        for item in self.bench.ids(self.bench.shelf, [index]):
            self.bench.shelf.update(item, note=note, merge=f"note:{item}" if typed else "")
            self.bench.shelf.update(item, tags=tags)
            self.bench.shelf.update(item, name=name)

    @rule(some=SOME, add=WORDS, remove=WORDS)
    def tag(self, some, add, remove):
        ids = self.bench.ids(self.bench.shelf, some)
        self.bench.shelf.tag(ids, [add], remove=[remove])

    # --- images --------------------------------------------------------------------------------

    @rule(numbers=SOME)
    def add_images(self, numbers):
        self.bench.add(numbers)

    @rule(some=SOME)
    def remove_images(self, some):
        dataset = self.bench.state.dataset
        if dataset is not None:
            rows = sorted({i for i in some if i < len(dataset.images)})
            self.bench.images.remove_rows(rows)

    @rule()
    def clear_images(self):
        self.bench.images.clear()

    @rule(classes=st.dictionaries(st.sampled_from(["label 0", "label 1"]), st.integers(0, 9)))
    def confirm_classes(self, classes):
        self.bench.images.set_classes(classes)

    # --- what is explained, and how it is seen -----------------------------------------------

    @rule(index=st.none() | st.integers(0, 9), kind=st.sampled_from(["logit", "probability"]))
    def explain(self, index, kind):
        choose_target(self.bench.state, Target(kind=kind, index=index))

    @rule(side=st.sampled_from([64, 96, 224]))
    def feed(self, side):
        self.bench.window.documents.set_preprocessing(Preprocessing(size=(side, side)))
        self.bench.settle()

    # --- results, settings, strokes ----------------------------------------------------------

    @rule(title=WORDS)
    def keep_result(self, title):
        result = Picture(key="p", title=title, pixels=np.zeros((2, 2, 3), np.uint8))
        self.bench.kept.keep(result, None)

    @rule(some=SOME)
    def drop_results(self, some):
        self.bench.kept.remove(self.bench.ids(self.bench.kept, some))

    @rule(some=SOME, place=PLACE)
    def order_results(self, some, place):
        self.bench.kept.move(self.bench.ids(self.bench.kept, some), place)

    @rule(index=UNITS, note=WORDS, included=st.booleans())
    def note_result(self, index, note, included):
        self.may_merge = True
        for item in self.bench.ids(self.bench.kept, [index]):
            self.bench.kept.update(item, note=note)
            self.bench.kept.update(item, included=included)

    @rule(steps=st.integers(1, 99), rate=st.sampled_from([0.05, 0.1, 2.5]), fast=st.booleans())
    def change_settings(self, steps, rate, fast):
        self.may_merge = True
        self.bench.form.control("steps").setValue(steps)
        self.bench.form.control("rate").setValue(rate)
        self.bench.form.control("fast").setChecked(fast)

    @rule()
    def take_over_settings(self):
        with self.bench.history.one_step("take over the settings of a picture"):
            self.bench.form.reset()
            self.bench.form.set_values({"rate": 0.7})

    @rule(x=st.integers(5, 230), y=st.integers(5, 230), erase=st.booleans())
    def brush(self, x, y, erase):
        keys = Qt.KeyboardModifier
        modifier = keys.ControlModifier if erase else keys.NoModifier
        QTest.mouseClick(self.bench.canvas, Qt.MouseButton.LeftButton, modifier, QPoint(x, y))

    @rule()
    def clear_place(self):
        self.bench.canvas.clear_region()

    # --- going about, which is no step -------------------------------------------------------

    @rule(which=st.integers(0, 1))
    def switch_model(self, which):
        self.bench.state.set_model(self.bench.open(self.bench.models[which]))

    @rule(name=st.sampled_from(["a.png", "b.png"]))
    def look_elsewhere(self, name):
        self.bench.look(name)

    @rule(layer=st.sampled_from(["features.0", "features.14"]))
    def choose_layer(self, layer):
        self.bench.state.set_layer(layer)

    @rule(back=st.integers(1, 3))
    def undo_some(self, back):
        for _ in range(back):
            self.go(self.bench.undo.undo)

    @rule(on=st.integers(1, 3))
    def redo_some(self, on):
        for _ in range(on):
            self.go(self.bench.undo.redo)

    def go(self, step):
        """Undo or redo; what is there then is what was there at that point of the history."""
        self.went = True
        step()
        self.bench.settle()
        at = self.bench.undo.index()
        if at in self.seen:  # a rule may take several steps at once
            assert self.bench.snapshot() == self.seen[at]

    @invariant()
    def remember(self):
        undo = self.bench.undo
        assert all(undo.text(i).strip() for i in range(undo.count()))
        if not self.went:
            at = undo.index()
            # a merged change went into the last step; what had been undone is gone for good
            last = self.at - 1 if self.may_merge and self.at else self.at
            self.seen = {i: seen for i, seen in self.seen.items() if i <= last}
            self.seen[at] = self.bench.snapshot()
        self.at = undo.index()
        self.went = self.may_merge = False

    def teardown(self):
        undo = self.bench.undo
        while undo.canRedo():  # what was undone last is done again, so that all steps count
            self.go(undo.redo)
        count = undo.count()
        while undo.canUndo():
            self.go(undo.undo)
        assert undo.count() == count, "a step was refused though nothing was closed"
        while undo.canRedo():
            self.go(undo.redo)


@pytest.fixture
def bench(window, client, relay, greet, model, describe, pictures, qapp):
    relay(greet())
    qapp.processEvents()
    other = OpenModelState("model-2", describe(weights_sha256="f" * 64), "/models/other.pth")
    folder = pictures.parent / "numbered"
    folder.mkdir()
    for number, path in enumerate(sorted(pictures.rglob("*.png"))):
        path.rename(folder / f"{number}.png")
    bench = Bench(window, client, (model, other), folder, qapp)
    yield bench
    bench.settle()


def test_undoing_everything_leads_back_and_redoing_it_leads_forth(bench):
    machine = type("Bound", (ByHand,), {"bench": bench})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
