"""The workspace with a network of numpy and analyses made here; and the engine in this process."""

import contextlib
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.core.analysis import Analysis, Inputs, Progress, Saved, parameter
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import (
    Cancelled,
    EditProblem,
    InterpError,
    InvalidValue,
    MissingAbility,
    OutOfMemory,
    UnknownName,
    unknown_name,
)
from interp_gui.core.feature import Feature
from interp_gui.core.images import dataset_sha256, image_sha256
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import Bars
from interp_gui.core.runtime import Forward
from interp_gui.core.target import Target
from interp_gui.engine.cache import Cache
from interp_gui.engine.jobs import Made
from interp_gui.engine.local import LocalEngine
from interp_gui.engine.messages import CloseModel, OpenModel, RegisterDataset, Run, SetPreprocessing
from interp_gui.engine.workspace import Workspace

LAYERS = (
    LayerInfo(name="conv", kind="Conv2d", axes=("unit", "y", "x"), shape=(3, 8, 8)),
    LayerInfo(name="head", kind="Linear", axes=("unit",), shape=(5,)),
)
DESCRIPTION = ModelDescription(
    name="net.pt", path="/secret/place/net.pt", format="torch-zip", architecture="tiny",
    library="test", config={"w": 2}, parameters=7, weights_sha256="ab" * 32, layers=LAYERS,
    preprocessing=Preprocessing(size=(8, 8), resize="exact"), outputs=(OutputInfo(size=5),),
)  # fmt: skip


class FakeRuntime:
    def __init__(self, description=DESCRIPTION):
        self.description = description
        self.device = "cpu"
        self.preprocessing = description.preprocessing
        self.checks = []

    def with_preprocessing(self, preprocessing):
        return FakeRuntime(msgspec.structs.replace(self.description, preprocessing=preprocessing))

    @contextlib.contextmanager
    def cancel_with(self, check):
        self.checks.append(check)
        try:
            yield
        finally:
            self.checks.pop()

    def forward(self, batch, *, capture=(), edits=None, sources=None, until=None):
        for check in self.checks:
            check()
        return Forward(
            outputs={"output": batch.mean((2, 3))}, captured=dict.fromkeys(capture, batch)
        )


@dataclass(frozen=True)
class Settings:
    count: int = parameter(2, minimum=1, maximum=9, help="How many.")


def body(context, settings):
    start = 0 if context.state is None else context.state["i"]
    for i in range(start, settings.count):
        yield Progress(done=i, total=settings.count)
        yield Saved(state={"i": i})
        values = (
            float(len(context.sources)),
            sum(float(v.sum()) for v in context.sources.values()),
        )
        yield Bars(key=f"k{i}", title="t", labels=("a", "b"), values=values, provenance={"slot": i})


def analysis(name="demo", *, run=body, **declared):
    return Analysis(
        id=name, title=name.title(), summary="", parameters=Settings, run=run, **declared
    )


def opener(request, labelled, device, check):
    preprocessing = request.preprocessing
    yield Progress(text="opening")
    check()
    yield Progress(text="opened")
    runtime = FakeRuntime()
    return runtime if preprocessing is None else runtime.with_preprocessing(preprocessing)


def drain(steps):
    found = []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as stop:
            return found, stop.value


@pytest.fixture
def images(tmp_path):
    paths = []
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (10, 12, 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"image{i}.png"))
        Image.fromarray(pixels).save(paths[-1])
    return paths


def make(*analyses):
    workspace = Workspace(analyses=analyses or (analysis(),), open_model=opener)
    drain(workspace.execute(OpenModel(model="m", path="p")))
    return workspace


def run(workspace, name="demo", *, inputs=None, check=lambda: None, **fields):
    request = Run(analysis=name, model="m", inputs=inputs or Inputs(), **fields)
    return drain(workspace.execute(request, check))[0]


def results(steps):
    return [step for step in steps if isinstance(step, Made)]


def test_opening_gives_a_description_and_closing_forgets():
    workspace = Workspace(analyses=(), open_model=opener)
    steps, description = drain(workspace.execute(OpenModel(model="m", path="p")))
    assert description == DESCRIPTION
    assert [s.text for s in steps] == ["opening", "opened"]
    other = Preprocessing(size=(4, 4))
    _, changed = drain(workspace.execute(SetPreprocessing(model="m", preprocessing=other)))
    assert changed.preprocessing == workspace.model("m").preprocessing == other
    drain(workspace.execute(CloseModel(model="m")))
    with pytest.raises(UnknownName, match="not open"):
        workspace.model("m")


def test_a_result_comes_with_all_that_reproduces_it_and_no_path(images):
    workspace = make(analysis(needs=("dataset",), version=3))
    value = Dataset(images=tuple(ImageEntry(path=p) for p in images))
    drain(workspace.execute(RegisterDataset(dataset="d", value=value)))
    feature = Feature(layer="conv", units=(1,))
    inputs = Inputs(images=(images[1],), layer="conv", features=(feature,), seed=5)
    made = results(run(workspace, inputs=inputs, dataset="d", parameters={"count": "3"}))
    assert [m.recipe.result for m in made] == ["k0", "k1", "k2"]
    recipe = made[2].recipe
    assert (recipe.analysis, recipe.analysis_version, recipe.seed) == ("demo", 3, 5)
    assert recipe.parameters == {"count": 3}
    assert recipe.images == (image_sha256(images[1]),)
    assert recipe.dataset == dataset_sha256(images)
    assert recipe.features == (feature,)
    assert recipe.provenance == {"slot": 2}
    assert recipe.model.weights_sha256 == "ab" * 32
    assert recipe.model.config == {"w": 2}
    assert recipe.environment.versions["numpy"] == np.__version__
    assert "/" not in recipe.to_json().replace("</", "")
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_defaults_are_written_out_in_the_recipe():
    assert results(run(make()))[0].recipe.parameters == {"count": 2}


@pytest.mark.parametrize(("declared", "known"), [({}, False), ({"uses": ("dataset",)}, True)])
def test_the_dataset_is_part_of_recipes_where_it_matters(images, declared, known):
    value = Dataset(images=(ImageEntry(path=images[0]), ImageEntry(path="/gone.png")))
    made = results(run(make(analysis(**declared)), inputs=Inputs(dataset=value)))
    assert made[0].recipe.dataset == (dataset_sha256(images[:1]) if known else "")


def test_a_run_resumes_from_its_state():
    steps = run(make(), parameters={"count": 5}, state={"i": 3})
    assert [m.result.key for m in results(steps)] == ["k3", "k4"]
    assert [s.state["i"] for s in steps if isinstance(s, Saved)] == [3, 4]


@pytest.mark.parametrize(
    ("needs", "inputs", "kind", "words"),
    [
        ("image", {}, InvalidValue, "needs an image"),
        ("dataset", {}, InvalidValue, "needs images"),
        ("dataset", {"dataset": Dataset()}, InvalidValue, "needs images"),
        ("layer", {}, InvalidValue, "needs a layer"),
        ("features", {}, InvalidValue, "needs a feature"),
        ("gradient", {}, MissingAbility, "gradients"),
        ("spatial", {"layer": "head"}, MissingAbility, "has none"),
        ("target", {"target": Target(index=5)}, InvalidValue, "no class 5"),
        ("image", {"images": ("x",), "layer": "cnov"}, UnknownName, "cnov"),
        ("layer", {"features": (Feature(layer="conv", units=(3,)),)}, UnknownName, "no unit 3"),
    ],
)
def test_what_is_missing_is_said_before_anything_runs(needs, inputs, kind, words):
    def never(context, settings):
        raise AssertionError
        yield

    workspace = make(analysis(run=never, needs=(needs,)))
    with pytest.raises(kind, match=words):
        run(workspace, inputs=Inputs(**inputs))


def test_a_model_without_classes_is_told_so():
    workspace = make(analysis(needs=("classes",)))
    plain = msgspec.structs.replace(DESCRIPTION, outputs=(OutputInfo(kind="embedding", size=9),))
    workspace._models["m"] = FakeRuntime(plain)
    with pytest.raises(MissingAbility, match="needs classes"):
        run(workspace)


def test_edits_are_checked_against_their_layers():
    edit = Edit(feature=Feature(layer="conv", units=(7,)), kind="scale", amount=2.0)
    with pytest.raises(InterpError, match="no unit 7"):
        run(make(), inputs=Inputs(edits=EditStack((edit,))))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "dmo"}, "dmo"),
        ({"dataset": "gone"}, "not at hand"),
        ({"parameters": {"cuont": 1}}, "cuont"),
    ],
)
def test_unknown_names_are_refused(fields, words):
    with pytest.raises(UnknownName, match=words):
        run(make(), **fields)


def test_few_known_names_are_all_offered():
    known = unknown_name("analysis", "qqq", ["grad-cam", "predict"])
    assert known.hint == "Known names: grad-cam, predict."
    assert "grad-cam" in unknown_name("analysis", "grad-cm", ["grad-cam", "predict"]).hint
    assert unknown_name("class", "qqq", [f"c{i}" for i in range(1000)]).hint == ""


def test_values_out_of_bounds_are_refused():
    with pytest.raises(InvalidValue, match="count"):
        run(make(), parameters={"count": 10})


def patch(digest, layer="conv"):
    return Edit(feature=Feature(layer=layer, units=(0,)), kind="patch", source=digest)


def test_images_that_edits_take_values_from_are_found_by_content(images):
    value = Dataset(images=tuple(ImageEntry(path=p) for p in images))
    stack = EditStack((patch(image_sha256(images[2])), patch(image_sha256(images[0]))))
    made = results(run(make(), inputs=Inputs(images=(images[0],), dataset=value, edits=stack)))
    count, total = made[0].result.values
    assert count == 2
    assert total != 0
    with pytest.raises(InvalidValue, match="not at hand"):
        run(make(), inputs=Inputs(images=(images[0],), edits=stack))
    off = EditStack((msgspec.structs.replace(patch("0" * 64), enabled=False),))
    assert results(run(make(), inputs=Inputs(edits=off)))[0].result.values[0] == 0


def test_an_edit_without_its_image_cannot_be_made():
    with pytest.raises(EditProblem):
        patch("")


def test_the_check_is_in_the_model_while_a_step_runs_and_gone_between():
    seen = []

    def looking(context, settings):
        for _ in range(3):
            seen.append(len(context.model.checks))
            yield Progress()

    workspace = make(analysis(run=looking))
    request = Run(analysis="demo", model="m", inputs=Inputs())
    for _ in workspace.execute(request, lambda: None):
        assert workspace.model("m").checks == []
    assert seen == [1, 1, 1]


def test_a_run_is_cancelled_inside_the_model_and_cleans_up():
    cleaned = []

    def forever(context, settings):
        try:
            yield Progress()
            while True:
                context.model.forward(np.zeros((1, 3, 8, 8), np.float32))
        finally:
            cleaned.append(True)

    calls = []

    def check():
        calls.append(1)
        if len(calls) > 20:
            raise Cancelled

    workspace = make(analysis(run=forever))
    with pytest.raises(Cancelled):
        run(workspace, check=check)
    assert cleaned == [True]
    assert workspace.model("m").checks == []


def test_leaving_a_run_half_way_cleans_up():
    cleaned = []

    def slow(context, settings):
        try:
            while True:
                yield Progress()
        finally:
            cleaned.append(True)

    steps = make(analysis(run=slow)).execute(Run(analysis="demo", model="m", inputs=Inputs()))
    next(steps)
    steps.close()
    assert cleaned == [True]


def test_the_cache_reaches_the_analysis(tmp_path):
    def keeping(context, settings):
        context.cache.put({"k": 1}, {"v": 2})
        yield Progress(done=context.cache.get({"k": 1})["v"])

    workspace = Workspace(
        analyses=(analysis(run=keeping),), open_model=opener, cache=Cache(tmp_path / "c")
    )
    drain(workspace.execute(OpenModel(model="m", path="p")))
    assert run(workspace)[0].done == 2


def test_the_local_engine_does_the_same_at_once(images):
    states = []
    engine = LocalEngine(Workspace(analyses=(analysis(),), open_model=opener))
    told = []
    assert engine.open_model("p", on_progress=told.append) == DESCRIPTION
    assert [p.text for p in told] == ["opening", "opened"]
    handle = engine.register_dataset(Dataset(images=(ImageEntry(path=images[0]),)))
    request = Run(analysis="demo", model="model", dataset=handle, inputs=Inputs())
    steps = list(engine.run(request, on_state=states.append))
    pairs = [s for s in steps if not isinstance(s, Progress)]
    assert [result.key for result, recipe in pairs] == ["k0", "k1"]
    assert all(isinstance(recipe, Recipe) for _, recipe in pairs)
    assert states == [{"i": 0}, {"i": 1}]
    assert engine.set_preprocessing(Preprocessing(size=(6, 6))).preprocessing.size == (6, 6)
    engine.close_model()
    with pytest.raises(UnknownName):
        list(engine.run(request))


def test_the_local_engine_says_in_a_sentence_that_memory_ran_out():
    def hungry(context, settings):
        yield Progress()
        raise MemoryError

    engine = LocalEngine(Workspace(analyses=(analysis(run=hungry),), open_model=opener))
    engine.open_model("p")
    with pytest.raises(OutOfMemory, match="memory"):
        list(engine.run(Run(analysis="demo", model="model", inputs=Inputs())))


def test_hello_names_what_is_here():
    hello = make(analysis("one"), analysis("two")).hello()
    assert [info.id for info in hello.analyses] == ["one", "two"]
    assert hello.device == "cpu"
    assert hello.versions["interp-gui"]
