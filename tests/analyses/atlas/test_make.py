import contextlib
import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from interp_gui.analyses.atlas import ANALYSIS, AtlasSettings, make_atlas
from interp_gui.analyses.atlas.picked import _no_numbers, positions_of
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.atlas.directions import direction
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import (
    Cancelled,
    ImageProblem,
    InvalidValue,
    MissingAbility,
    UnknownName,
)
from interp_gui.core.layer import LayerInfo

PLAIN = {"layout": "pca", "labels": "none", "pictures": "none"}


def ended(context, **settings):
    """The atlas, and all that was yielded on the way."""
    steps = make_atlas(context, AtlasSettings(**settings))
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as stop:
            return stop.value, seen


def context_of(runtime, images, layer, **more):
    inputs = Inputs(dataset=Dataset(images=tuple(images)), layer=layer, **more.pop("inputs", {}))
    return Context(model=runtime, inputs=inputs, **more)


@pytest.fixture
def entries(pictures):
    return [
        ImageEntry(path=path, label="ab"[i % 2], metadata={"day": str(i % 3)})
        for i, path in enumerate(pictures)
    ]


def test_points_are_what_the_network_holds_at_their_places(runtimes, entries):
    runtime = runtimes["cnn"]
    atlas, seen = ended(context_of(runtime, entries, "last"), layout="pca", labels="label")
    assert [s.final for s in seen if isinstance(s, Atlas)] == [False, True]
    assert len(atlas.xy) == len(entries) * 16
    assert atlas.grid == (8, 8)
    from interp_gui.core.preprocessing import load_input

    for point in (0, 17, 100, len(atlas.xy) - 1):
        path = atlas.paths[atlas.image[point]]
        x = load_input(path, runtime.preprocessing)[None]
        value = runtime.forward(x, capture=["last"]).captured["last"][0]
        row, column = divmod(int(atlas.place[point]), 8)
        assert np.abs(value[:, row, column] - atlas.vectors[point]).max() < 1e-5
        assert bytes.fromhex(hashlib.sha256(Path(path).read_bytes()).hexdigest()) == bytes(
            atlas.sha256[atlas.image[point]]
        )
    rows, columns = np.divmod(atlas.place, 8)
    assert {rows.min(), columns.min()} == {1}  # edges are skipped
    assert {rows.max(), columns.max()} == {6}


def test_counts_sum_to_the_points_on_the_map_and_cells_are_means(runtimes, entries):
    atlas, _ = ended(
        context_of(runtimes["cnn"], entries, "last"), layout="pca", labels="label", percentile=5.0,
        margin=0.0,
    )  # fmt: skip
    assert atlas.levels
    for level in atlas.levels:
        assert level.count.sum() == len(atlas.xy) - atlas.numbers["outside"]
        cells = atlas.cell_of(level.side)
        for cell in range(len(level.count)):
            own = np.flatnonzero(cells == cell)
            assert len(own) == level.count[cell]
            mean = atlas.vectors[own].astype(np.float64).mean(axis=0)
            assert np.abs(level.vectors[cell] - mean).max() < 1e-6
            labels = [atlas.columns["label"][i] for i in atlas.image[own]]
            most = max(labels.count(name) for name in "ab")
            assert level.purity[cell] == pytest.approx(most / len(own))
            assert set(level.examples[cell]) - {-1} <= set(own.tolist())
    assert atlas.numbers["outside"] > 0
    assert np.abs(atlas.mean - atlas.vectors.mean(axis=0, dtype=np.float64)).max() < 1e-6
    covariance = np.cov(atlas.vectors.astype(np.float64).T, bias=True)
    assert np.abs(atlas.covariance - covariance).max() < 1e-6


def test_a_seed_gives_the_same_atlas_without_any_cache(runtimes, entries, memory):
    runtime = runtimes["cnn"]
    settings = {"labels": "none", "positions": 4, "neighbours": 10}
    one, seen = ended(context_of(runtime, entries, "last", cache=memory), **settings)
    again, _ = ended(context_of(runtime, entries, "last"), **settings)
    other, _ = ended(context_of(runtime, entries, "last", inputs={"seed": 3}), **settings)
    shown = [s for s in seen if isinstance(s, Atlas)]
    assert [(s.layout, s.final) for s in shown] == [("pca", False), ("umap", False), ("umap", True)]
    assert len({s.key for s in shown}) == 1
    assert (one.xy == again.xy).all()
    assert one.provenance == again.provenance
    assert (one.vectors == other.vectors).all()
    assert (one.xy != other.xy).any()
    assert one.provenance["atlas_sha256"] != other.provenance["atlas_sha256"]
    # asked again, it is there at once: no first look, no step of the layout
    known, steps = ended(context_of(runtime, entries, "last", cache=memory), **settings)
    assert (known.xy == one.xy).all()
    assert not any("Laying" in s.text for s in steps if isinstance(s, Progress))
    assert [s.layout for s in steps if isinstance(s, Atlas)] == ["umap", "umap"]


def test_names_and_order_of_files_do_not_matter(runtimes, entries, tmp_path):
    runtime = runtimes["cnn"]
    settings = {"layout": "pca", "labels": "none", "points": 20, "positions": 2}
    one, _ = ended(context_of(runtime, entries, "last"), **settings)
    moved = []
    for i, entry in enumerate(reversed(entries)):
        path = tmp_path / f"{i}.png"
        path.write_bytes(Path(entry.path).read_bytes())
        moved.append(ImageEntry(path=str(path), label=entry.label))
    other, _ = ended(context_of(runtime, moved, "last"), **settings)

    def points(atlas):
        return {
            (bytes(atlas.sha256[i]), int(p)) for i, p in zip(atlas.image, atlas.place, strict=True)
        }

    assert len(points(one)) == 20
    assert points(one) == points(other)


def test_more_positions_are_taken_of_few_images():
    assert [positions_of(AtlasSettings(), n) for n in (1, 312, 313, 2500, 5000, 10**6)] == [
        16, 16, 8, 2, 1, 1,
    ]  # fmt: skip
    assert positions_of(AtlasSettings(positions=3), 10**6) == 3


@pytest.mark.parametrize(("network", "layer", "grid"), [
    ("vit", "encoder.layers.encoder_layer_1", (4, 4)), ("swin", "features.1", (8, 8)),
    ("cnn", "head", (1, 1)), ("swin", "avgpool", (1, 1)),
])  # fmt: skip
def test_layers_of_other_kinds(runtimes, entries, network, layer, grid):
    atlas, _ = ended(context_of(runtimes[network], entries, layer), layout="pca", labels="none")
    assert atlas.grid == grid
    assert len(atlas.field) == grid[0] * grid[1]
    assert atlas.place.max() < grid[0] * grid[1]
    count = f"{len(atlas.xy)} points of {len(atlas.sha256)} images"
    assert f"{count}, laid out by PCA, seed 0." in atlas.notes
    notes = " ".join(atlas.notes)
    assert ("each image is one point" in notes) == (grid == (1, 1))
    assert ("class token" in notes) == (network == "vit")
    if grid == (1, 1):
        assert len(atlas.xy) == len(entries)


def test_what_holds_several_vectors_a_place_is_refused(runtimes, entries):
    layers = runtimes["vit"].description.layers
    for layer in layers:
        if "head" not in layer.axes and "other" not in layer.axes and layer.units:
            continue
        with pytest.raises(MissingAbility) as raised:
            ended(context_of(runtimes["vit"], entries, layer.name), **{"layout": "pca"})
        assert raised.value.message
        assert raised.value.hint
    assert any("head" in layer.axes for layer in layers)


def test_columns_that_do_not_exist_are_said_before_anything_runs(runtimes, entries):
    context = context_of(runtimes["cnn"], entries, "last")
    steps = make_atlas(context, AtlasSettings(labels="dya"))
    with pytest.raises(UnknownName) as raised:
        next(steps)
    assert "day" in raised.value.hint


# --- bad input ----------------------------------------------------------------------------------


def test_without_images(runtimes):
    with pytest.raises(InvalidValue, match="Images at hand are needed"):
        ended(context_of(runtimes["cnn"], [], "last"))


def test_images_none_of_which_can_be_read(runtimes, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"no image")
    with pytest.raises(ImageProblem, match="None of the images"):
        ended(context_of(runtimes["cnn"], [ImageEntry(path=str(path))], "last"))


@pytest.mark.parametrize("layout", ["umap", "pca"])
@pytest.mark.parametrize("positions", [0, 1])
def test_one_image(runtimes, entries, layout, positions):
    atlas, _ = ended(
        context_of(runtimes["cnn"], entries[:1], "last"), layout=layout, positions=positions,
        labels="auto" if positions else "label",
    )  # fmt: skip
    assert len(atlas.xy) == (positions or 16)
    assert [level.side for level in atlas.levels] == [5]
    assert atlas.minimum == 1
    assert any("such a map says little" in note for note in atlas.notes)
    assert any("pictures stand for 1 point or more" in note for note in atlas.notes)
    if positions:
        assert (atlas.xy == 0.5).all()


class Fill(torch.nn.Module):
    """Gives one value where the first unit is above a threshold; at first nowhere."""

    def __init__(self):
        super().__init__()
        self.value, self.above = 0.0, float("inf")

    def forward(self, h):
        where = h[:, :1].expand_as(h) > self.above
        return torch.where(where, torch.full_like(h, self.value), h)


class Filled(torch.nn.Module):
    """A layer that holds what it is told to."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 5, 4, stride=4)
        self.last = Fill()
        self.head = torch.nn.Linear(5, 3)

    def forward(self, x):
        h = self.last(self.conv(x))
        return self.head(torch.nan_to_num(h, posinf=0.0).mean(dim=(2, 3)))


@pytest.fixture
def filled():
    from interp_gui.runtimes.torch_runtime import TorchRuntime
    from tests.analyses.conftest import describe, randomise

    def make(value, *, above=-float("inf")):
        runtime = TorchRuntime(randomise(Filled()), describe("cnn", 3))
        assert runtime.description.layer("last").units == 5  # known before it is filled
        runtime.module.last.value, runtime.module.last.above = value, above
        return runtime

    return make


@pytest.mark.parametrize("value", [0.0, 2.5])
def test_a_dead_or_constant_layer_is_one_place(filled, entries, value):
    atlas, _ = ended(context_of(filled(value), entries, "last"), labels="none")
    assert (atlas.xy == 0.5).all()
    assert atlas.layout == "pca"
    assert any("same vector everywhere" in note for note in atlas.notes)
    (level,) = atlas.levels
    assert level.count.tolist() == [len(atlas.xy)]
    assert level.spread.tolist() == [0.0]


def test_activations_that_are_no_numbers_are_left_out_and_counted(filled, entries):
    runtime = filled(float("nan"), above=0.0)
    atlas, _ = ended(context_of(runtime, entries, "last"), layout="pca", labels="none")
    assert atlas.numbers["left_out"] > 0
    assert atlas.numbers["left_out"] + len(atlas.xy) == 16 * len(entries)
    assert np.isfinite(atlas.vectors).all()
    assert np.isfinite(atlas.xy).all()
    assert np.isfinite(atlas.mean).all()
    assert any("not all numbers" in note for note in atlas.notes)


@pytest.mark.parametrize("units", [(3,), (0, 3)])
def test_units_that_are_never_a_number_are_left_out_of_the_map(filled, entries, units):
    runtime = filled(0.0, above=float("inf"))
    whole, _ = ended(context_of(runtime, entries, "last"), layout="pca", labels="none")
    runtime = filled(0.0, above=float("inf"))
    with torch.no_grad():
        runtime.module.conv.weight[list(units)] = float("nan")
    atlas, _ = ended(context_of(runtime, entries, "last"), layout="pca", labels="none")
    others = [u for u in range(5) if u not in units]
    assert len(atlas.xy) == len(whole.xy)
    assert (atlas.vectors[:, others] == whole.vectors[:, others]).all()
    assert (atlas.vectors[:, list(units)] == 0).all()
    assert atlas.mean[others] == pytest.approx(whole.mean[others], abs=1e-6)
    found = atlas.covariance[np.ix_(others, others)]
    assert found == pytest.approx(whole.covariance[np.ix_(others, others)], abs=1e-6)
    said = {1: "Unit 3 is a number nowhere", 2: "Units 0 and 3 are a number nowhere"}
    assert any(said[len(units)] in note for note in atlas.notes)
    assert atlas.numbers["units_left_out"] == len(units)
    for kind in ("centred", "raw", "whitened"):
        vector = direction(atlas, np.arange(5), kind).vectors[0]
        assert np.isfinite(vector).all()
        assert not np.asarray(vector)[list(units)].any()


def test_units_that_share_no_place_are_named():
    layer = LayerInfo(name="mixed", kind="Conv2d", axes=("unit",), shape=(3,))
    numbers = np.array([[True, False, True], [True, True, False]])
    problem = _no_numbers(layer, numbers)
    assert "'mixed' are all units numbers: units 1 and 2 often are not" in problem.message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_layer_of_no_numbers_at_all_is_said(filled, entries, value):
    with pytest.raises(InvalidValue, match="No activation of layer 'last' is a number"):
        ended(context_of(filled(value), entries, "last"))


def test_a_folder_that_changed_gives_another_atlas(runtimes, entries, memory, tmp_path):
    runtime = runtimes["cnn"]
    copies = []
    for i, entry in enumerate(entries):
        path = tmp_path / f"{i}.png"
        path.write_bytes(Path(entry.path).read_bytes())
        copies.append(ImageEntry(path=str(path)))
    settings = {"layout": "pca", "labels": "none"}
    one, _ = ended(context_of(runtime, copies, "last", cache=memory), **settings)
    Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(copies[3].path)
    Path(copies[5].path).unlink()
    other, _ = ended(context_of(runtime, copies, "last", cache=memory), **settings)
    assert other.numbers["broken_images"] == 1
    assert len(other.paths) == len(copies) - 1
    assert one.provenance["atlas_sha256"] != other.provenance["atlas_sha256"]
    fresh, _ = ended(context_of(runtime, copies, "last"), **settings)
    # other batches change the last digits
    assert np.abs(fresh.xy - other.xy).max() < 1e-4


def test_a_two_class_dataset_has_both_names(runtimes, entries):
    atlas, _ = ended(context_of(runtimes["cnn"], entries, "last"), layout="pca", labels="label")
    assert atlas.names == ("a", "b")
    assert atlas.labelled_by == "label"
    assert set(np.concatenate([level.label for level in atlas.levels])) == {0, 1}


def test_cancel_at_every_stage_ends_it_and_leaves_nothing_half_done(runtimes, entries, memory):
    runtime = runtimes["cnn"]
    settings = {"labels": "attribution", "positions": 2, "neighbours": 5}
    asked = [0]

    def count():
        asked[0] += 1

    whole, _ = ended(context_of(runtime, entries, "last", check=count), **settings)
    total = asked[0]
    for stop in sorted({1, 2, 3, *np.linspace(4, total, 8).astype(int)}):
        asked[0] = 0

        def check(stop=stop):
            asked[0] += 1
            if asked[0] >= stop:
                raise Cancelled

        context = context_of(runtime, entries, "last", check=check, cache=memory)
        if stop < total // 2:  # later ones find what earlier ones kept
            with pytest.raises(Cancelled):
                ended(context, **settings)
            continue
        with contextlib.suppress(Cancelled):
            ended(context, **settings)
    again, _ = ended(context_of(runtime, entries, "last", cache=memory), **settings)
    assert (again.xy == whole.xy).all()
    for a, b in zip(again.levels, whole.levels, strict=True):
        assert (a.label == b.label).all()
        assert (a.count == b.count).all()


# --- the analysis -------------------------------------------------------------------------------


def test_the_analysis_gives_the_map_and_then_its_crops(runtimes, entries, run_analysis, memory):
    found = run_analysis(
        ANALYSIS, runtimes["cnn"], {"layout": "pca", "labels": "label", "size": 32},
        dataset=Dataset(images=tuple(entries)), layer="last", cache=memory,
    )  # fmt: skip
    atlas = found.last["atlas"]
    sheets = [result for result in found.results if result.kind == "sheet"]
    assert {sheet.atlas for sheet in sheets} == {atlas.provenance["atlas_sha256"]}
    drawn = {(s.pictures.level, int(c)) for s in sheets for c in s.pictures.cells}
    wanted = {
        (level.side, int(c))
        for level in atlas.levels
        for c in np.flatnonzero(level.count >= atlas.minimum)
    }
    assert drawn == wanted
    assert not any(str(Path(entries[0].path).parent) in str(r.provenance) for r in found.results)


def test_what_it_will_cost_is_told(runtimes, entries):
    context = context_of(runtimes["cnn"], entries, "last")
    plain = ANALYSIS.estimate(context, ANALYSIS.settings(PLAIN))
    slower = ANALYSIS.estimate(context, ANALYSIS.settings({**PLAIN, "labels": "attribution"}))
    assert 0 < plain.seconds < slower.seconds


def test_what_was_made_before_costs_no_time(runtimes, entries, memory):
    context = context_of(runtimes["cnn"], entries, "last", cache=memory)
    settings = {"layout": "pca", "labels": "attribution"}

    def cost(**changes):
        chosen = {**settings, "pictures": "none", **changes}
        return ANALYSIS.estimate(context, ANALYSIS.settings(chosen))

    before = cost()
    ended(context, **settings)
    assert cost().seconds < before.seconds
    assert "made before" in cost().note
    assert "made before" not in cost(neighbours=9).note
    assert "made before" not in cost(positions=2).note
    fewer = context_of(runtimes["cnn"], entries[:-1], "last", cache=memory)
    asked = ANALYSIS.settings({**settings, "pictures": "none"})
    assert "made before" not in ANALYSIS.estimate(fewer, asked).note


def test_an_edited_network_has_an_atlas_of_its_own(runtimes, entries, memory):
    from interp_gui.core.edit import Edit, EditStack
    from interp_gui.core.feature import Feature

    runtime = runtimes["cnn"]
    edit = Edit(feature=Feature(layer="act", units=(1,)), kind="scale", amount=3.0)
    settings = {"layout": "pca", "labels": "none"}
    plain, _ = ended(context_of(runtime, entries, "last", cache=memory), **settings)
    edited, _ = ended(
        context_of(runtime, entries, "last", cache=memory, inputs={"edits": EditStack((edit,))}),
        **settings,
    )
    assert (plain.vectors != edited.vectors).any()
    assert any("edit" in note for note in edited.notes)
    assert msgspec.to_builtins(plain.notes) != msgspec.to_builtins(edited.notes)


@pytest.mark.parametrize("layout", ["umap", "tsne", "pca"])
def test_the_order_of_files_does_not_matter(runtimes, entries, layout):
    settings = {"layout": layout, "labels": "none", "positions": 3}
    one, _ = ended(context_of(runtimes["cnn"], entries, "last"), **settings)
    other, _ = ended(context_of(runtimes["cnn"], entries[::-1], "last"), **settings)
    np.testing.assert_array_equal(one.sha256, other.sha256)
    np.testing.assert_array_equal(one.vectors, other.vectors)
    np.testing.assert_array_equal(one.xy, other.xy)
    assert one.columns == other.columns
    assert one.provenance["atlas_sha256"] == other.provenance["atlas_sha256"]
    assert one.provenance["images_sha256"] == other.provenance["images_sha256"]
