import functools
import threading

import numpy as np
import pytest

from interp_gui.analyses.atlas import umap_epochs
from interp_gui.analyses.atlas.layouts import FEWEST, Plan, distinct, laid_out, principal
from interp_gui.analyses.atlas.neighbours import nearest, one_thread, prepared
from interp_gui.analyses.atlas.umap_epochs import compiled, compiling, pull_and_push
from interp_gui.analyses.atlas.umap_layout import curve, fuzzy_graph
from interp_gui.core.errors import Cancelled


def ended(steps):
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return stop.value


def clumps(points=600, units=12, kinds=6, seed=0):
    random = np.random.default_rng(seed)
    label = np.arange(points) % kinds
    centres = random.normal(size=(kinds, units)) * 2
    return (centres[label] + random.normal(size=(points, units))).astype(np.float32), label


def map_of(vectors, layout="umap", *, seed=0, neighbours=15, metric="cosine"):
    plan = Plan(vectors, metric=metric)
    return ended(laid_out(plan, layout, seed=seed, neighbours=neighbours))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nearest_points_are_those_of_a_full_sort(metric):
    vectors, _ = clumps(300)
    near = ended(nearest(prepared(vectors, metric), 9, metric=metric))
    x = vectors.astype(np.float64)
    if metric == "cosine":
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        full = 1 - x @ x.T
    else:
        full = np.linalg.norm(x[:, None] - x[None], axis=2)
    np.fill_diagonal(full, np.inf)
    order = np.argsort(full, axis=1, kind="stable")[:, :9]
    assert (near.ends == order).all()
    assert np.abs(near.distance - np.take_along_axis(full, order, axis=1)).max() < 1e-5


def test_zero_vectors_have_no_direction_but_are_alike():
    vectors = np.array([[1, 0], [0, 0], [0, 0], [0.9, 0.1], [-1, 0]], np.float32)
    near = ended(nearest(prepared(vectors, "cosine"), 4, metric="cosine"))
    assert near.ends[1, 0] == 2
    assert near.distance[1, 0] == 0
    assert near.distance[1, 1:] == pytest.approx([1, 1, 1], abs=1e-6)
    assert near.ends[0].tolist() == [3, 1, 2, 4]


def test_vectors_of_extreme_length_have_their_direction():
    vectors = np.array([[1e-30, 1e-30], [1e30, 1e30], [1, -1]], np.float32)
    rows = prepared(vectors, "cosine")
    assert np.isfinite(rows).all()
    assert np.abs(rows[0] - rows[1]).max() < 1e-6


def test_principal_components_are_those_of_the_full_decomposition():
    for units in (12, 520):  # found exactly, and by iteration
        random = np.random.default_rng(3)
        scales = np.r_[9.0, 6.0, np.full(units - 2, 1.0)]
        basis = np.linalg.qr(random.normal(size=(units, units)))[0]
        x = ((random.normal(size=(400, units)) * scales) @ basis.T).astype(np.float32)
        found, share = principal(x)
        centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
        u, s, _ = np.linalg.svd(centred, full_matrices=False)
        wanted = u[:, :2] * s[:2]
        signs = np.sign((wanted * found).sum(axis=0))
        assert np.abs(found - wanted * signs).max() < 2e-3 * s[0] / 30
        assert share == pytest.approx((s[:2] ** 2).sum() / (s**2).sum(), rel=1e-3)


def test_signs_of_components_do_not_hang_on_the_order_of_points():
    vectors, _ = clumps()
    one, _ = principal(vectors)
    order = np.random.default_rng(0).permutation(len(vectors))
    other, _ = principal(vectors[order])
    assert np.abs(one[order] - other).max() < 1e-3


@pytest.mark.parametrize("layout", ["umap", "pca"])
def test_a_seed_gives_one_map_on_any_number_of_threads(layout):
    from threadpoolctl import threadpool_limits

    vectors, _ = clumps(250)
    maps = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            maps.append(map_of(vectors, layout, seed=4).xy)
    assert (maps[0] == maps[1]).all()
    if layout == "umap":
        assert (map_of(vectors, layout, seed=5).xy != maps[0]).any()


@pytest.mark.parametrize("layout", ["umap", "tsne"])
def test_clumps_come_apart_on_the_map(layout):
    vectors, label = clumps(150)
    xy = map_of(vectors, layout).xy
    near = ended(nearest(prepared(xy, "euclidean"), 10, metric="euclidean"))
    assert (label[near.ends] == label[:, None]).mean() > 0.95


def test_the_same_vector_lies_on_one_spot():
    vectors, _ = clumps(200)
    vectors = np.concatenate([vectors, vectors[:50], np.zeros((30, 12), np.float32)])
    vectors[-1] = -0.0
    found = map_of(vectors)
    assert (found.xy[200:250] == found.xy[:50]).all()
    assert (found.xy[250:] == found.xy[250]).all()
    assert found.distinct == 201
    assert "79 points repeat" in found.notes[0]
    assert np.isfinite(found.xy).all()


def test_rows_are_told_apart_in_the_order_of_their_appearance():
    rows = np.array([[2, 1], [0.0, 3], [2, 1], [-0.0, 3], [1, 1]], np.float32)
    found = distinct(rows)
    assert found.first.tolist() == [0, 1, 4]
    assert found.back.tolist() == [0, 1, 0, 1, 2]


@pytest.mark.parametrize("layout", ["umap", "tsne", "pca"])
@pytest.mark.parametrize("count", [1, 2, 4, 5, 8])
def test_fewer_points_than_neighbours(layout, count):
    vectors, _ = clumps(count, seed=2)
    found = map_of(vectors, layout, neighbours=50)
    assert found.xy.shape == (count, 2)
    assert np.isfinite(found.xy).all()
    assert found.layout == ("pca" if count < FEWEST else layout)
    assert bool(found.notes) == (count < FEWEST and layout != "pca")
    if count > 1:
        assert len(np.unique(found.xy, axis=0)) == count


@pytest.mark.parametrize("value", [0.0, 3.5])
def test_constant_vectors_lie_on_one_spot(value):
    found = map_of(np.full((100, 6), value, np.float32))
    assert found.distinct == 1
    assert (found.xy == found.xy[0]).all()
    assert found.layout == "pca"


def test_one_unit_can_be_laid_out():
    vectors = np.random.default_rng(0).normal(size=(60, 1)).astype(np.float32)
    for metric in ("cosine", "euclidean"):
        assert np.isfinite(map_of(vectors, "pca", metric=metric).xy).all()
        assert np.isfinite(map_of(vectors, "umap", metric=metric).xy).all()


@pytest.mark.parametrize("layout", ["umap", "tsne"])
def test_cancel_acts_wherever_it_comes(layout):
    vectors, _ = clumps(200)
    compiled()
    steps = sum(1 for _ in laid_out(Plan(vectors, metric="cosine"), layout, seed=0))
    assert steps > 5
    for stop in {1, steps // 2, steps - 3}:
        asked = 0

        def check(stop=stop):
            nonlocal asked
            asked += 1
            if asked >= stop:
                raise Cancelled

        if layout == "tsne" and stop > 3:
            continue  # how often it asks hangs on the clock
        with pytest.raises(Cancelled):
            ended(laid_out(Plan(vectors, metric="cosine"), layout, seed=0, check=check))


def test_cancel_acts_between_blocks_of_a_decomposition():
    for units, count in ((12, 20_000), (520, 300)):
        x = np.random.default_rng(0).normal(size=(count, units)).astype(np.float32)
        asked = []
        whole, _ = principal(x, lambda asked=asked: asked.append(1))
        assert len(asked) > 2
        plain = x - x.mean(axis=0, dtype=np.float64)
        assert np.abs(np.linalg.norm(whole, axis=0)).max() <= np.linalg.norm(plain)
        plan = Plan(x, metric="euclidean")

        def stop():
            raise Cancelled

        with pytest.raises(Cancelled):
            plan.principal(stop)
        assert np.abs(plan.principal()[0] - whole).max() < 1e-2  # nothing half done is kept


def test_rows_of_one_key_are_told_apart(monkeypatch):
    class Same:
        def integers(self, *_):
            return np.zeros(2, np.uint64)

    rows = np.array([[2, 1], [1, 2], [2, 1]], np.float32)
    monkeypatch.setattr(np.random, "default_rng", lambda _: Same())
    found = distinct(rows)
    assert found.first.tolist() == [0, 1]
    assert found.back.tolist() == [0, 1, 0]


def test_cancel_does_not_wait_for_the_compiler(monkeypatch):
    began, go_on, asked = threading.Event(), threading.Event(), []

    @functools.cache
    def slow():
        began.set()
        asked.append(threading.current_thread())
        assert go_on.wait(10)
        return "code"

    def stopped():
        if began.is_set():
            raise Cancelled

    monkeypatch.setattr(umap_epochs, "_compiled", slow)
    warming = threading.Thread(target=compiled)
    warming.start()
    for _ in range(2):  # for the other's turn
        with pytest.raises(Cancelled):
            ended(compiling(stopped))
    go_on.set()
    warming.join(10)
    assert ended(compiling(lambda: None)) == "code"
    assert asked == [warming]  # once for all
    for thread in [each for each in threading.enumerate() if each.name == "layout"]:
        thread.join(10)

    slow.cache_clear()
    began.clear()
    go_on.clear()
    with pytest.raises(Cancelled):
        ended(compiling(stopped))
    left = asked[-1]
    assert left is not threading.current_thread()
    go_on.set()
    left.join(10)
    assert slow.cache_info().currsize == 1  # what was begun was not for nothing


def test_nothing_else_is_limited_to_one_thread_between_steps():
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads():
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    with threadpool_limits(limits=2, user_api="blas"):
        before = threads()
        with one_thread()():
            assert set(threads()) <= {1}
        steps = laid_out(Plan(clumps(400)[0], metric="cosine"), "umap", seed=0)
        for _ in steps:
            assert threads() == before


def test_likelihoods_of_a_point_sum_to_what_its_neighbours_count():
    vectors, _ = clumps(300)
    near = ended(nearest(prepared(vectors, "cosine"), 14, metric="cosine"))
    graph = fuzzy_graph(near)
    weights = np.zeros((300, 300))
    rows = np.repeat(np.arange(300), np.diff(graph.starts))
    weights[rows, graph.ends] = graph.weights
    assert (weights == weights.T).all()
    assert weights.max() == 1.0  # to the nearest one
    assert (weights.max(axis=1) == 1.0).all()
    # before both directions were joined: log2(15); joining only adds
    assert (weights.sum(axis=1) > np.log2(15) - 1e-3).all()


def test_the_curve_falls_as_wanted():
    a, b = curve(0.05)
    d = np.array([0.01, 0.05, 1.0, 2.0])
    assert 1 / (1 + a * d ** (2 * b)) == pytest.approx([1, 1, 0.387, 0.142], abs=0.05)


def test_a_point_is_pushed_five_times_for_each_pull():
    # one edge from the point at 0 to one of a thousand points, all of which lie at 1
    a, b = 1.0, 0.5
    xy = np.zeros((1001, 2), np.float32)
    xy[1:, 0] = 1.0
    starts = np.array([0, *[1] * 1001], np.int64)
    state = np.array([12345], np.uint64)
    one, none = np.ones(1, np.float32), np.zeros(1, np.float32)
    with np.errstate(over="ignore"):  # numbers of the random generator wrap around
        pull_and_push(xy, starts, np.array([1], np.int32), one, none, state, a, b, 0, 1, 10)
    x = 2 * a * b / (1 + a)
    for _ in range(5):
        d = x - 1
        x += max(-4.0, 2 * b * d / ((0.001 + d * d) * (1 + a * abs(d) ** (2 * b))))
    assert xy[0, 0] == pytest.approx(x, rel=1e-4)
    assert xy[1, 0] == pytest.approx(1 - 2 * a * b / (1 + a))
    assert (xy[2:, 0] == 1).all()


@pytest.mark.thorough
def test_graph_and_curve_are_those_of_the_reference():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set

    vectors, _ = clumps(700)
    near = ended(nearest(prepared(vectors, "euclidean"), 19, metric="euclidean"))
    own = np.arange(700, dtype=np.int32)[:, None]
    ends = np.concatenate([own, near.ends], axis=1)
    lengths = np.concatenate([np.zeros((700, 1), np.float32), near.distance], axis=1)
    wanted = fuzzy_simplicial_set(
        vectors, 20, np.random.RandomState(0), "euclidean", knn_indices=ends, knn_dists=lengths
    )[0].toarray()
    graph = fuzzy_graph(near)
    found = np.zeros_like(wanted)
    rows = np.repeat(np.arange(700), np.diff(graph.starts))
    found[rows, graph.ends] = graph.weights
    assert np.abs(found - wanted).max() < 1e-5
    for min_dist in (0.0, 0.05, 0.5):
        assert curve(min_dist) == pytest.approx(find_ab_params(1.0, min_dist), rel=1e-6)
