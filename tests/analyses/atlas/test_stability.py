import numpy as np
import pytest

from interp_gui.analyses.atlas.comparing import near_on_map, procrustes, shared
from interp_gui.analyses.atlas.stability import ANALYSIS, compared
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.export import export_bytes


def turned(xy, angle, scale, shift, *, mirrored=False):
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, -c if mirrored else c]])
    if mirrored:
        turn = np.array([[c, s], [s, -c]])
    return (scale * xy @ turn + shift).astype(np.float32)


@pytest.fixture
def xy():
    return np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)


def test_a_map_that_is_moved_turned_scaled_or_mirrored_is_the_same(xy):
    for mirrored in (False, True):
        other = turned(xy, 0.7, 4.0, (30, -2), mirrored=mirrored)
        assert procrustes(xy, other) == pytest.approx(0, abs=1e-6)
        assert shared(near_on_map(xy, 10), near_on_map(other, 10)).mean() > 0.99


def test_maps_that_have_nothing_in_common(xy):
    random = np.random.default_rng(1)
    other = random.permutation(xy)
    assert procrustes(xy, other) > 0.9
    kept = shared(near_on_map(xy, 10), near_on_map(other, 10))
    assert kept.mean() == pytest.approx(10 / 299, abs=0.03)
    assert procrustes(xy, np.zeros_like(xy)) == 1.0
    assert procrustes(np.zeros_like(xy), np.ones_like(xy)) == 0.0


def test_the_nearest_on_a_map_leave_out_the_point_itself(xy):
    stacked = np.concatenate([xy[:20], xy[:20], np.zeros((30, 2), np.float32)])
    found = near_on_map(stacked, 5)
    assert not (found == np.arange(len(stacked))[:, None]).any()
    assert (found[:20, 0] == np.arange(20) + 20).all()
    apart = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (np.sort(near_on_map(xy, 7)) == np.sort(np.argsort(apart, axis=1)[:, :7])).all()


def test_only_the_part_that_moved_is_unstable(xy):
    moved = xy.copy()
    left = xy[:, 0] < 0
    moved[left] = np.random.default_rng(2).permutation(moved[left])
    found = compared([xy, moved], near_on_map(xy, 8))
    assert len(found.pairs) == 1
    assert found.stable[xy[:, 0] > 0.7].mean() > 0.95
    assert found.stable[xy[:, 0] < -0.7].mean() < 0.2
    assert found.true[xy[:, 0] > 0.7].mean() > 0.95


@pytest.fixture
def few(pictures):
    return Dataset(images=tuple(ImageEntry(path=path) for path in pictures))


def test_the_analysis_tells_pairs_and_points(runtimes, few, run_analysis, memory):
    settings = {"positions": 4, "neighbours": 8, "seeds": 3, "nearest": 5, "labels": "none"}
    found = run_analysis(
        ANALYSIS, runtimes["cnn"], settings, dataset=few, layer="last", cache=memory, seed=4
    )
    (table,) = found.results
    assert [row[:2] for row in table.cells] == [(4, 5), (4, 6), (5, 6)]
    numbers = table.numbers
    assert table.values["values"].shape == table.values["true"].shape == (numbers["points"],)
    assert numbers["kept_share"] == pytest.approx(table.values["values"].mean(), abs=1e-6)
    # of a map that says something, both lie far above chance
    assert numbers["kept_share"] > 3 * numbers["chance_share"]
    assert numbers["true_share"] > 3 * numbers["chance_share"]
    assert b"nearest points kept" in export_bytes(table, "csv")


def test_principal_components_are_stable(runtimes, few, run_analysis):
    settings = {"layout": "pca", "positions": 2, "seeds": 2, "labels": "none"}
    (table,) = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=few, layer="last").results
    assert table.numbers["kept_share"] == 1.0
    assert table.numbers["procrustes_residual"] == pytest.approx(0, abs=1e-9)
    assert any("no seed" in note for note in table.notes)


def test_one_point_has_nothing_to_compare(runtimes, few, run_analysis):
    one = Dataset(images=few.images[:1])
    settings = {"positions": 1, "labels": "none"}
    (table,) = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=one, layer="last").results
    assert table.values["values"].tolist() == [1.0]
    assert table.cells == ()
