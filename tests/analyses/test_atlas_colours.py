"""Values of features and classes at the points of an atlas."""

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.atlas import make_atlas
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.atlas_colours import ANALYSIS, nearest_recorded
from interp_gui.analyses.attribution import attributions
from interp_gui.analyses.unit_maps import feature_maps, unit_maps
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.errors import InvalidValue, MissingAbility, UnknownName
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.target import Target
from interp_gui.engine.needs import check_needs

SETTINGS = {"layout": "pca", "positions": 3}


def finished(steps):
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture
def made(runtimes, dataset):
    """The atlas itself."""
    context = Context(model=runtimes["cnn"], inputs=Inputs(dataset=dataset, layer="last"))
    settings = AtlasSettings(**SETTINGS)
    return finished(make_atlas(context, settings, preview=False, labels=False))


def values_of(run_analysis, runtimes, dataset, settings, **inputs):
    ran = run_analysis(
        ANALYSIS, runtimes["cnn"], {**SETTINGS, **settings}, dataset=dataset, layer="last", **inputs
    )
    (table,) = ran.results
    assert table.key == "colours"
    return table


@pytest.mark.parametrize(
    "feature",
    [
        Feature(layer="last", units=(3,)),
        Feature(layer="last", vectors=as_vectors(np.linspace(-1, 2, 12))),
    ],
)
def test_a_feature_of_the_same_layer_is_a_coordinate(
    run_analysis, runtimes, dataset, made, feature
):
    table = values_of(run_analysis, runtimes, dataset, {}, features=(feature,))
    values = table.values["values"]
    runtime = runtimes["cnn"]
    batch = load_batch(dataset.paths, runtime.preprocessing)
    captured = runtime.forward(batch, capture=["last"]).captured["last"]
    maps = feature_maps(unit_maps(captured, runtime.layer("last"), (32, 32)), feature)
    where = [dataset.paths.index(made.paths[i]) for i in made.image]
    expected = maps.reshape(len(maps), -1)[where, made.place]
    assert len(values) == 36
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
    assert table.provenance["atlas_sha256"] == made.provenance["atlas_sha256"]
    assert table.feature == feature
    assert table.cells[0][1] == pytest.approx(values.min())


def test_a_feature_of_another_layer_is_read_at_the_same_place(
    run_analysis, runtimes, dataset, made
):
    feature = Feature(layer="first", units=(4,))
    table = values_of(run_analysis, runtimes, dataset, {}, features=(feature,))
    values = table.values["values"]
    runtime = runtimes["cnn"]
    batch = load_batch(dataset.paths, runtime.preprocessing)
    maps = runtime.forward(batch, capture=["first"]).captured["first"][:, 4]
    columns = made.grid[1]
    near = 0
    for value, image, place in zip(values, made.image, made.place, strict=True):
        own = maps[dataset.paths.index(made.paths[image])]
        # twice as fine a grid: what lies below the position, or beside it
        row, column = 2 * (place // columns), 2 * (place % columns)
        around = own[max(0, row - 1) : row + 3, max(0, column - 1) : column + 3]
        near += np.abs(around - value).min() < 1e-5
    assert near == len(values)
    assert "recorded position nearest" in table.notes[0]


def test_a_class_is_what_points_argue_for(run_analysis, runtimes, dataset, made):
    table = values_of(run_analysis, runtimes, dataset, {"of": "class", "class_name": "name 2"})
    runtime = runtimes["cnn"]
    wanted = [(made.paths[i], int(p)) for i, p in zip(made.image, made.place, strict=True)]
    context = Context(model=runtime, inputs=Inputs())
    expected = finished(attributions(context, runtime.layer("last"), wanted, classes=[2]))
    np.testing.assert_allclose(table.values["values"], expected[:, 0], rtol=1e-4, atol=1e-6)
    assert table.title.startswith("Attribution to name 2")
    again = values_of(
        run_analysis, runtimes, dataset, {"of": "class"}, target=Target(index=2)
    )  # fmt: skip
    np.testing.assert_array_equal(again.values["values"], table.values["values"])


def test_what_is_missing_is_said(run_analysis, runtimes, dataset, small_cnn):
    def ask(settings, **inputs):
        return values_of(run_analysis, runtimes, dataset, settings, **inputs)

    with pytest.raises(InvalidValue, match="coloured by one feature"):
        ask({}, features=(Feature(layer="last", units=(1,)), Feature(layer="last", units=(2,))))
    with pytest.raises(InvalidValue, match="class is needed"):
        ask({"of": "class"})
    with pytest.raises(UnknownName, match="no class named 'cat'"):
        ask({"of": "class", "class_name": "cat"})
    bare = small_cnn(outputs=())
    inputs = Inputs(dataset=dataset, layer="last")
    of_class = ANALYSIS.settings({"of": "class"})
    with pytest.raises(MissingAbility, match="has no classes"):
        finished(ANALYSIS.run(Context(model=bare, inputs=inputs), of_class))
    with pytest.raises(InvalidValue, match="needs a feature"):
        check_needs(ANALYSIS, bare, inputs, ANALYSIS.settings({}))
    check_needs(ANALYSIS, bare, inputs, of_class)

    class Plain:
        description = msgspec.structs.replace(
            bare.description, outputs=runtimes["cnn"].description.outputs,
            gradient_problem="It only answers.",
        )  # fmt: skip

    context = Context(model=Plain(), inputs=inputs)
    with pytest.raises(MissingAbility, match="cannot compute gradients"):
        finished(ANALYSIS.run(context, ANALYSIS.settings({"of": "class", "class_name": "2"})))


def test_the_nearest_recorded_vector_of_the_same_image_counts():
    images = np.array([0, 0, 2, -1, 1])
    places = np.array([[0.1, 0.1], [0.9, 0.9], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    recorded = np.array([0, 2, 0, 2])
    there = np.array([[0.8, 0.8], [0.1, 0.1], [0.2, 0.2], [0.4, 0.6]])
    found = nearest_recorded(images, places, recorded, there)
    assert found.tolist() == [2, 0, 3, -1, -1]


def test_what_it_costs_is_told(runtimes, dataset):
    """A class takes passes of its own; a feature of the same layer takes none."""

    def seconds(settings, layer="last"):
        feature = Feature(layer=layer, units=(1,))
        inputs = Inputs(dataset=dataset, layer="last", features=(feature,))
        context = Context(model=runtimes["cnn"], inputs=inputs, probes=probes)
        return ANALYSIS.estimate(context, ANALYSIS.settings({**SETTINGS, **settings})).seconds

    probes = {}
    kinds = [({}, "last"), ({"of": "class"}, "last"), ({}, "first")]
    for kind in kinds:
        seconds(*kind)
    for name in probes:  # times as they could have been measured
        probes[name] = 1.0 if ': "first"' in name else 2.0 if ': "last"' in name else 4.0
    same, of_class, other = (seconds(*kind) for kind in kinds)
    assert other == pytest.approx(same + 12 * 1.0)
    # what lies before the layer once an image, what lies behind 2.5 times a position
    assert of_class == pytest.approx(same + 12 * 2.0 + 36 * 2.5 * 2.0)
