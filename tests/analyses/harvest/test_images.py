"""Datasets as they are: growing, broken, doubled, labelled; and networks that go wrong."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses import decoding, passes
from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.harvest import HarvestSpec, passing, places
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import Cancelled, ImageProblem, InvalidValue, MissingAbility
from interp_gui.core.images import image_sha256
from interp_gui.core.preprocessing import load_input
from interp_gui.engine.cache import Cache


def dataset_of(paths):
    return Dataset(images=tuple(ImageEntry(path=str(path)) for path in paths))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def close(one, two):
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_the_first_batch_can_be_left_while_it_is_decoded(runtimes, many):
    left = iter(range(2))

    def check():
        if next(left, None) is None:
            raise Cancelled

    images = [Known(i, ImageEntry(path=str(path)), "", -1) for i, path in enumerate(many)]
    context = Context(model=runtimes["cnn"], inputs=Inputs(), check=check)
    with pytest.raises(Cancelled):
        passing._first(context, images, 8)
    whole = passing._first(Context(model=runtimes["cnn"], inputs=Inputs()), images, 8)
    assert len(whole) == 8


def test_only_new_images_are_computed_and_figures_are_those_of_the_images_asked_for(
    runtimes, many, harvested, computed, cache
):
    harvested(runtimes["cnn"], dataset_of(many[10:40]), ["last"], cache=cache)
    computed.clear()
    grown = dataset_of((*many[45:], *many[:30]))
    found = harvested(runtimes["cnn"], grown, ["last"], cache=cache)
    assert sorted(computed) == sorted(image_sha256(path) for path in (*many[45:], *many[:10]))
    alone = harvested(runtimes["cnn"], grown, ["last"])
    assert found.sha256 == alone.sha256
    one, two = found.layers["last"], alone.layers["last"]
    close(one.peaks(), two.peaks())
    close(one.unit_variance, two.unit_variance)
    close(one.covariance, two.covariance)
    close(one.top.values, two.top.values)
    computed.clear()
    few = harvested(runtimes["cnn"], dataset_of(many[20:25]), ["last"], cache=cache)
    assert not computed
    assert few.layers["last"].count == 5
    close(few.layers["last"].maximum, few.layers["last"].peaks().max(axis=0))


def test_a_further_layer_and_another_place_take_a_pass_of_their_own(
    runtimes, many, harvested, computed, cache
):
    dataset = dataset_of(many[:12])
    harvested(runtimes["cnn"], dataset, ["last"], cache=cache)
    harvested(runtimes["cnn"], dataset, ["last"], HarvestSpec(k=3), cache=cache)
    assert len(computed) == 12
    both = harvested(runtimes["cnn"], dataset, ["last", "act"], cache=cache)
    assert len(computed) == 24
    assert set(both.layers) == {"last", "act"}
    harvested(runtimes["cnn"], dataset, ["last"], HarvestSpec(seed=1), cache=cache)
    assert len(computed) == 36


def test_batches_and_order_do_not_matter(runtimes, many, harvested):
    spec = HarvestSpec(positions=3, k=7)
    paths = list(many[:30])
    one = harvested(runtimes["cnn"], dataset_of(paths), ["last"], spec, batch=1)
    two = harvested(runtimes["cnn"], dataset_of(paths[::-1]), ["last"], spec, batch=7)
    a, b = one.layers["last"], two.layers["last"]
    close(a.peaks(), b.peaks()[::-1])
    close(a.unit_mean, b.unit_mean)
    close(a.covariance, b.covariance)
    close(a.top.values, b.top.values)
    close(a.quantiles([0.25, 0.5]), b.quantiles([0.25, 0.5]))
    by_image = {image.sha256: i for i, image in enumerate(two.images)}
    for i, image in enumerate(one.images):
        j = by_image[image.sha256]
        np.testing.assert_array_equal(
            a.vector_place[a.vector_image == i], b.vector_place[b.vector_image == j]
        )


def test_top_and_quantiles_are_those_of_a_full_sort_ties_among_them(runtimes, many, harvested):
    # the same file under several names gives equal values
    paths = [*many[:20], *many[5:12], *many[:3]]
    found = harvested(runtimes["cnn"], dataset_of(paths), ["last"], HarvestSpec(k=11))
    record = found.layers["last"]
    peaks = record.peaks()
    assert len(peaks) == 30
    order = np.lexsort((np.tile(np.arange(30), (12, 1)), -peaks.T), axis=-1)[:, :11]
    np.testing.assert_array_equal(record.top.items, order)
    np.testing.assert_array_equal(record.top.values, np.take_along_axis(peaks.T, order, axis=1))
    for unit in (0, 7):
        np.testing.assert_array_equal(
            record.top.positions[unit], record.positions()[order[unit], unit]
        )
    for q in ([0.0, 0.5, 1.0], [0.123, 0.9]):
        expected = np.quantile(peaks, q, axis=0, method="inverted_cdf")
        np.testing.assert_array_equal(record.peak_quantiles(q), expected)
        np.testing.assert_array_equal(record.unit_quantiles(3, q), expected[:, 3])
        expected = np.quantile(record.vectors(), q, axis=0, method="inverted_cdf")
        np.testing.assert_array_equal(record.quantiles(q), expected)


def test_broken_images_are_listed_once_and_not_tried_again(
    runtimes, many, harvested, computed, cache, tmp_path, monkeypatch
):
    (tmp_path / "images").mkdir()
    paths = [shutil.copy(path, tmp_path / "images") for path in many[:8]]
    Path(paths[3]).write_bytes(b"no image")
    content = Path(paths[5]).read_bytes()
    Path(paths[5]).write_bytes(content[: len(content) // 2])
    Path(paths[6]).unlink()
    found = harvested(runtimes["cnn"], dataset_of(paths), ["last"], batch=2, cache=cache)
    assert set(found.broken) == {3, 5, 6}
    assert "003.png" in found.broken[3]
    assert [image.place for image in found.images] == [0, 1, 2, 4, 7]
    assert not found.partial
    assert "3 images left out" in " ".join(found.notes)
    computed.clear()
    moved = Path(paths[3]).rename(tmp_path / "images" / "other.png")
    paths[3] = str(moved)
    again = harvested(runtimes["cnn"], dataset_of(paths), ["last"], batch=2, cache=cache)
    assert not computed
    assert "other.png" in again.broken[3]
    assert again.sha256 == found.sha256


@pytest.mark.parametrize("how", ["gone", "changed"])
def test_an_image_that_goes_or_changes_during_the_pass_is_left_out(
    runtimes, many, harvested, cache, tmp_path, monkeypatch, how
):
    (tmp_path / "images").mkdir()
    paths = [shutil.copy(path, tmp_path / "images") for path in many[:8]]
    victim = Path(paths[5])

    def going(path, preprocessing):
        if Path(path) == victim and how == "gone":
            victim.unlink()
        if Path(path) == victim and how == "changed":
            Image.new("RGB", (50, 50), "red").save(victim)
        return load_input(path, preprocessing)

    before = image_sha256(victim)
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "load_input", going)
        found = harvested(runtimes["cnn"], dataset_of(paths), ["last"], batch=2, cache=cache)
    assert found.partial
    assert set(found.broken) == {5}
    assert before not in {image.sha256 for image in found.images}
    shutil.copy(many[5], victim)
    whole = harvested(runtimes["cnn"], dataset_of(paths), ["last"], batch=2, cache=cache)
    assert not whole.broken
    assert not whole.partial
    close(
        whole.layers["last"].peaks(),
        harvested(runtimes["cnn"], dataset_of(paths), ["last"]).layers["last"].peaks(),
    )


def test_nothing_to_record_is_said(runtimes, harvested, tmp_path, many):
    with pytest.raises(InvalidValue, match="Images at hand"):
        harvested(runtimes["cnn"], Dataset(), ["last"])
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(ImageProblem, match="None of the images"):
        harvested(runtimes["cnn"], dataset_of([tmp_path / "a.png"]), ["last"])
    with pytest.raises(ImageProblem, match="None of the images"):
        harvested(runtimes["cnn"], dataset_of([tmp_path / "none.png"]), ["last"])
    with pytest.raises(InvalidValue, match="layer"):
        harvested(runtimes["cnn"], dataset_of(many[:2]), [])
    for wrong in ({"positions": 0}, {"k": 0}):
        with pytest.raises(InvalidValue):
            HarvestSpec(**wrong)


def test_one_image_and_a_layer_without_positions(runtimes, many, harvested):
    spec = HarvestSpec(positions=4)
    found = harvested(runtimes["cnn"], dataset_of(many[:1]), ["last", "head"], spec)
    head, last = found.layers["head"], found.layers["last"]
    assert head.grid == (1, 1)
    np.testing.assert_array_equal(head.vectors(), head.peaks())
    assert list(head.vector_place) == [0]
    assert len(set(last.vector_place.tolist())) == 4
    assert np.isfinite(last.covariance).all()
    assert head.covariance.shape == (6, 6)


def test_dead_units_and_constant_activations_are_told(runtimes, many, harvested):
    record = harvested(runtimes["cnn"], dataset_of(many[:5]), ["last"]).layers["last"]
    assert record.dead[5]
    assert record.active[5] == 0
    assert record.unit_variance[5] == 0
    assert not record.dead[[0, 1]].all()


def test_activations_that_are_no_numbers_are_counted_and_left_out(small_cnn, many, harvested):
    runtime = small_cnn()
    runtime.module.second.bias.data[2] = float("nan")
    runtime.module.second.weight.data[3] *= 1e38
    found = harvested(runtime, dataset_of(many[:6]), ["second", "last"])
    record = found.layers["second"]
    assert record.not_a_number[2] == 6
    assert record.not_a_number[0] == 0
    assert np.isnan(record.unit_mean[2])
    assert np.isfinite(record.unit_mean[[0, 1, 4]]).all()
    assert (record.top.items[2] == -1).all()
    assert not record.dead[2]
    assert any("not a number" in note for note in found.notes)


def test_labels_groups_and_columns_have_means_of_their_own(runtimes, many, harvested):
    entries = [
        ImageEntry(
            path=str(path), label="ab"[i % 2] if i else "", group=f"g{i % 3}",
            metadata={"year": str(i % 4)},
        )
        for i, path in enumerate(many[:12])
    ]  # fmt: skip
    found = harvested(runtimes["cnn"], Dataset(images=tuple(entries)), ["last"])
    peaks = found.layers["last"].peaks()
    by_label = found.label_peaks("last")
    assert by_label.names == ("a", "b")
    assert list(by_label.counts) == [5, 6]
    close(by_label.means[1], peaks[1::2].mean(axis=0))
    close(found.label_peaks("last", "group").means[2], peaks[2::3].mean(axis=0))
    close(found.label_peaks("last", "year").means[3], peaks[3::4].mean(axis=0))


def test_layers_without_units_are_refused(runtimes, many, harvested):
    layer = next(x for x in runtimes["swin"].description.layers if not x.units)
    with pytest.raises(MissingAbility):
        harvested(runtimes["swin"], dataset_of(many[:2]), [layer.name])


# --- places -------------------------------------------------------------------------------------


def test_places_hang_on_seed_and_content_alone_and_skip_edges():
    one = places.draws("ab" * 32, 500, seed=0)
    np.testing.assert_array_equal(one[:3], places.draws("ab" * 32, 3, seed=0))
    assert (one != places.draws("ab" * 32, 500, seed=1)).any()
    assert (one != places.draws("ac" * 32, 500, seed=0)).any()
    assert ((one >= 0) & (one < 1)).all()
    assert abs(one.mean() - 0.5) < 0.03
    for grid, inner in (((7, 5), (5, 3)), ((2, 3), (2, 1)), ((1, 1), (1, 1))):
        rows, columns = np.divmod(places.on_grid(one, grid), grid[1])
        for at, extent, kept in zip((rows, columns), grid, inner, strict=True):
            edge = (extent - kept) // 2
            assert sorted(set(at.tolist())) == list(range(edge, extent - edge))
    whole = places.on_grid(one, (4, 4), skip_edges=False)
    assert set(whole.tolist()) == set(range(16))


def test_layers_of_other_grids_look_at_the_same_place():
    drawn = places.draws("ab" * 32, 100, seed=0)
    small = np.stack(np.divmod(places.on_grid(drawn, (7, 7)), 7), axis=1)
    large = np.stack(np.divmod(places.on_grid(drawn, (56, 56)), 56), axis=1)
    assert np.abs((small + 0.5) / 7 - (large + 0.5) / 56).max() < 0.2


def test_outlying_tokens_are_drawn_again_and_counted(runtimes, many, harvested, monkeypatch):
    norms = np.ones((2, 16), np.float32)
    norms[0, 3] = 50
    norms[1] = np.linspace(1, 2.9, 16)
    assert places.outliers(norms).tolist() == [[i == 3 for i in range(16)], [False] * 16]
    tried = np.array([3, 7, 2, 9, -1], np.int32)
    left = np.array([True, False, False, False, False])
    assert places.chosen(tried, 2, left).tolist() == [1, 2]
    assert places.chosen(tried, 4, left).tolist() == [1, 2, 3, -1]


def test_outliers_lie_beyond_ten_deviations_and_three_medians():
    # the median is 1 and the median deviation 0.5: six counts
    spread = np.array([[0.5] * 8 + [1.5] * 7 + [last] for last in (5.9, 6.1)], np.float32)
    assert places.outliers(spread)[:, -1].tolist() == [False, True]
    # no deviation: three counts
    even = np.array([[1.0] * 15 + [last] for last in (2.9, 3.1)], np.float32)
    assert places.outliers(even)[:, -1].tolist() == [False, True]
    assert places.outliers(np.vstack([spread, even]))[:, :-1].sum() == 0


def test_outliers_of_a_transformer_are_not_recorded(runtimes, many, harvested, monkeypatch):
    runtime, name = runtimes["vit"], "encoder.layers.encoder_layer_0"
    plain = harvested(runtime, dataset_of(many[:12]), [name])
    values = passes.Route.values

    def with_outliers(self, *given):
        found = {key: value.copy() for key, value in values(self, *given).items()}
        for token in (1 + 5, 1 + 10):  # behind the class token
            found[name][:, token] *= 1000
        return found

    monkeypatch.setattr(passes.Route, "values", with_outliers)
    found = harvested(runtime, dataset_of(many[:12]), [name])
    record, before = found.layers[name], plain.layers[name]
    assert record.grid == (4, 4)
    assert record.outliers == 24
    assert before.outliers < 24
    assert not set(record.vector_place.tolist()) & {5, 10}
    assert set(before.vector_place.tolist()) & {5, 10}
    assert len(record.vector_place) == 12
