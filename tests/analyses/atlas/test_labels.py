"""What cells are named after."""

import dataclasses

import msgspec
import numpy as np
import pytest
from scipy import stats

from interp_gui.analyses.atlas.labels import (
    _named,
    label_source,
    labelled,
    looked_at,
    stands_out,
)
from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.attribution import Answers, attributions
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.errors import MissingAbility, UnknownName
from interp_gui.core.images import image_sha256
from interp_gui.core.target import Target


def finished(steps):
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def context_of(runtime, **inputs):
    return Context(model=runtime, inputs=Inputs(**inputs))


@pytest.fixture
def atlas_of(make_atlas, runtimes, pictures):
    """An atlas whose points are positions of real images, with random places on the map."""

    def make(points=120, *, sides=(4, 8), layer="last"):
        grid = runtimes["cnn"].layer(layer).grid
        random = np.random.default_rng(0)
        made = make_atlas(points, sides=sides)
        return msgspec.structs.replace(
            made, layer=layer, grid=grid, minimum=2,
            image=(np.arange(points) % len(pictures)).astype(np.int32),
            place=random.integers(0, grid[0] * grid[1], points).astype(np.int32),
            paths=pictures,
            sha256=np.array([list(bytes.fromhex(image_sha256(p))) for p in pictures], np.uint8),
            columns={"label": tuple("ab"[i % 2] for i in range(12)), "site": ("x",) * 12},
        )  # fmt: skip

    return make


def test_a_column_names_cells_by_its_commonest_value(runtimes, atlas_of):
    atlas = atlas_of()
    found = finished(labelled(context_of(runtimes["cnn"]), AtlasSettings(labels="label"), atlas))
    assert (found.names, found.labelled_by) == (("a", "b"), "label")
    for level in found.levels:
        cells = found.cell_of(level.side)
        for cell in range(len(level.x)):
            own = [found.columns["label"][i] for i in found.image[cells == cell]]
            most = max(own.count("a"), own.count("b"))
            assert own.count(found.names[level.label[cell]]) == most
            assert level.purity[cell] == pytest.approx(most / len(own))
        assert level.attribution.shape == (len(level.x), 0)


def test_an_image_that_changed_names_no_cell_and_is_said(runtimes, atlas_of):
    atlas = atlas_of()
    sha256 = atlas.sha256.copy()
    sha256[3] ^= 1
    changed = msgspec.structs.replace(atlas, sha256=sha256)
    settings = AtlasSettings(labels="attribution", label_points=10_000)
    found = finished(labelled(context_of(runtimes["cnn"]), settings, changed))
    points = looked_at(changed, each=10_000, most=10_000)
    kept = int((changed.image[points] != 3).sum())
    assert found.numbers["looked_at"] == kept < len(points)
    assert any("1 image left out" in note and "has changed" in note for note in found.notes)


def test_attribution_names_cells_after_what_their_points_argue_for(runtimes, atlas_of):
    runtime, atlas = runtimes["cnn"], atlas_of()
    settings = AtlasSettings(labels="attribution", label_points=10_000)
    found = finished(labelled(context_of(runtime), settings, atlas))
    assert found.names == runtime.description.class_names
    assert found.classes == tuple(range(6))
    wanted = [(atlas.paths[i], int(p)) for i, p in zip(atlas.image, atlas.place, strict=True)]
    every = finished(attributions(context_of(runtime), runtime.layer("last"), wanted))
    for level in found.levels:
        cells = found.cell_of(level.side)
        large = level.count >= 2
        for cell in np.flatnonzero(large):
            mean = every[cells == cell].mean(axis=0)
            np.testing.assert_allclose(level.attribution[cell], mean, rtol=1e-4, atol=1e-5)
            strongest = every[cells == cell][:, mean.argmax()].astype(np.float64)
            if len(strongest) > 1:
                chance = stats.ttest_1samp(strongest, 0, alternative="greater").pvalue * 6
            if len(strongest) > 1 and chance < 0.05:
                assert level.label[cell] == mean.argmax()
                assert level.purity[cell] == pytest.approx((strongest > 0).mean())
            else:
                assert level.label[cell] == -1
                assert np.isnan(level.purity[cell])
    assert len({int(label) for label in found.levels[0].label}) > 1
    looked = found.numbers["looked_at"]
    assert f"the mean over {looked} of 120 points" in found.notes[-1]


def test_the_largest_mean_of_noise_is_no_name():
    """Of a thousand classes the strongest is above zero in every cell, whatever it holds."""
    random = np.random.default_rng(0)
    values = random.normal(size=(40 * 16, 1000)).astype(np.float32)
    cells = np.repeat(np.arange(40), 16)
    values[cells < 10, 7] += 3.0
    mean = np.stack([values[cells == cell].mean(axis=0) for cell in range(40)])
    best = mean.argmax(axis=1)
    assert (mean.max(axis=1) > 0).all()
    found = stands_out(
        values, cells, np.ones(len(cells)), mean, classes=best, known=np.ones(40, bool)
    )
    assert found[:10].all()
    assert (best[:10] == 7).all()
    assert found[10:].sum() <= 4


def test_purity_by_attribution_is_the_share_that_argues_for_the_class(make_atlas):
    """Of a thousand classes hardly any point's strongest is that of its cell."""
    atlas = make_atlas(400, sides=(4,))
    (level,) = atlas.levels
    random = np.random.default_rng(0)
    points = np.arange(400)
    values = random.normal(size=(400, 1000)).astype(np.float32)
    values[:, 7] = np.where(points % 10 > 0, 2.0, -0.5) + 0.01 * random.normal(size=400)
    weights = np.where(points % 10 > 0, 1.0, 3.0)
    answers = Answers(output="logits", classes=tuple(range(1000)), names=("x",) * 1000, every=True)
    named = _named(atlas, level, points, values, weights, answers)
    cells = atlas.cell_of(4)
    sevens = np.flatnonzero(named.label == 7)
    assert len(sevens) > 3
    for cell in sevens:
        own = cells == cell
        share = np.average(values[own, 7] > 0, weights=weights[own])
        assert named.purity[cell] == pytest.approx(share)
        assert named.purity[cell] > 10 * (values[own].argmax(axis=1) == 7).mean()


def test_of_few_points_looked_at_crowded_places_count_in_full(runtimes, atlas_of):
    """The mean of a coarse cell weighs what was looked at by the points that it stands for."""
    runtime, atlas = runtimes["cnn"], atlas_of(400)
    settings = AtlasSettings(labels="attribution", label_points=1)
    found = finished(labelled(context_of(runtime), settings, atlas))
    points = looked_at(atlas, each=1, most=1000)
    assert found.numbers["looked_at"] == len(points) < 120
    wanted = [(atlas.paths[atlas.image[p]], int(atlas.place[p])) for p in points]
    values = finished(attributions(context_of(runtime), runtime.layer("last"), wanted))
    fine, coarse = atlas.levels[-1], atlas.levels[0]
    of_fine, of_coarse = atlas.cell_of(fine.side)[points], atlas.cell_of(coarse.side)[points]
    cell = int(np.bincount(of_coarse[of_coarse >= 0]).argmax())
    inside = np.flatnonzero(of_coarse == cell)
    weights = [fine.count[of_fine[p]] / (of_fine == of_fine[p]).sum() for p in inside]
    assert len(set(weights)) > 1
    np.testing.assert_allclose(
        found.levels[0].attribution[cell],
        np.average(values[inside], axis=0, weights=weights), rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_points_are_looked_at_by_content_and_within_bounds(atlas_of):
    atlas = atlas_of(400)
    chosen = looked_at(atlas, each=3, most=1000)
    for level in atlas.levels:
        cells = atlas.cell_of(level.side)[chosen]
        counts = np.bincount(cells[cells >= 0], minlength=len(level.x))
        wanted = np.minimum(level.count, 3)
        large = level.count >= atlas.minimum
        assert (counts[large] >= wanted[large]).all()
    assert len(looked_at(atlas, each=3, most=20)) == 20
    assert set(looked_at(atlas, each=3, most=20)) <= set(chosen)
    back = np.arange(400)[::-1]
    turned = msgspec.structs.replace(
        atlas, xy=atlas.xy[back], image=atlas.image[back], place=atlas.place[back]
    )
    chosen_turned = looked_at(turned, each=3, most=1000)
    same = {(int(atlas.image[p]), int(atlas.place[p])) for p in chosen}
    assert {(int(turned.image[p]), int(turned.place[p])) for p in chosen_turned} == same


def test_cells_of_which_nothing_was_looked_at_have_no_numbers(runtimes, atlas_of, monkeypatch):
    monkeypatch.setattr("interp_gui.analyses.atlas.labels.MOST_LOOKED_AT", 5)
    found = finished(
        labelled(context_of(runtimes["cnn"]), AtlasSettings(labels="attribution"), atlas_of())
    )
    for level in found.levels:
        unknown = np.isnan(level.attribution).all(axis=1)
        assert unknown.any()
        assert (level.label[unknown] == -1).all()
        assert np.isnan(level.purity[unknown]).all()


def test_what_cells_are_named_after_by_itself(runtimes, atlas_of):
    context, atlas = context_of(runtimes["cnn"]), atlas_of()
    assert label_source(context, "auto", atlas) == "attribution"
    assert label_source(context, "none", atlas) == ""
    assert label_source(context, "site", atlas) == "site"
    with pytest.raises(UnknownName, match="no column of the images named 'sita'") as problem:
        label_source(context, "sita", atlas)
    assert "site" in problem.value.hint

    def but(**changes):
        class Other:
            description = msgspec.structs.replace(runtimes["cnn"].description, **changes)

        return context_of(Other())

    opaque = but(gradient_problem="It only answers.")
    assert label_source(opaque, "auto", atlas) == "label"
    with pytest.raises(MissingAbility, match="has no gradients"):
        label_source(opaque, "attribution", atlas)
    bare = msgspec.structs.replace(atlas, columns={"label": ("",) * 12})
    assert label_source(opaque, "auto", bare) == ""


def test_without_labels_nothing_is_named(runtimes, atlas_of):
    found = finished(
        labelled(context_of(runtimes["cnn"]), AtlasSettings(labels="none"), atlas_of())
    )
    assert (found.names, found.labelled_by, found.classes) == ((), "", ())
    for level in found.levels:
        assert (level.label == -1).all()
        assert np.isnan(level.purity).all()


def test_a_model_without_classes_is_coloured_by_its_target(small_cnn, atlas_of):
    from interp_gui.core.model import OutputInfo

    runtime = small_cnn(outputs=(OutputInfo(kind="embedding", size=6),), class_names=())
    target = Target(kind="scalar", index=3)
    settings = dataclasses.replace(AtlasSettings(), labels="attribution")
    found = finished(labelled(context_of(runtime, target=target), settings, atlas_of()))
    assert (found.labelled_by, found.names) == ("", ())
    assert found.class_names == (target.title(runtime.description),)
    for level in found.levels:
        assert level.attribution.shape == (len(level.x), 1)
        assert (level.label == -1).all()
    assert np.isfinite(found.levels[0].attribution).any()
