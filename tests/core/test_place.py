import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.errors import EditProblem, InvalidValue
from interp_gui.core.place import Place, resample_by_area

SHARES = st.floats(0, 1, width=32)
GRIDS = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda hw: st.lists(
        st.lists(SHARES, min_size=hw[1], max_size=hw[1]).map(tuple), min_size=hw[0], max_size=hw[0]
    ).map(tuple)
)
PAIRS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=4)
PLACES = st.one_of(
    st.just(Place()),
    PAIRS.map(lambda p: Place("positions", positions=tuple(p))),
    GRIDS.map(lambda g: Place("region", region=g)),
    st.lists(st.integers(-9, 200), min_size=1, max_size=4).map(
        lambda t: Place("tokens", tokens=tuple(t))
    ),
)


@given(PLACES)
def test_json_and_text_round_trips(place):
    assert msgspec.json.decode(msgspec.json.encode(place), type=Place) == place
    if place.kind != "region":
        assert Place.parse(place.text) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", Place()),
        ("@3,4", Place("positions", positions=((3, 4),))),
        ("@3,4;0,1", Place("positions", positions=((3, 4), (0, 1)))),
        ("@t5", Place("tokens", tokens=(5,))),
        ("@cls;t7", Place("tokens", tokens=(0, 7))),
    ],
)
def test_known_forms_are_read(text, place):
    assert Place.parse(text) == place


@pytest.mark.parametrize("text", ["@3", "@3,4,5", "@x,y", "@t", "@tx", "@cls;3,4"])
def test_other_text_is_refused(text):
    with pytest.raises(InvalidValue):
        Place.parse(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "positions"},
        {"kind": "tokens", "positions": ((1, 2),)},
        {"tokens": (1,)},
        {"kind": "region", "region": ((1.0,), (1.0, 0.0))},
    ],
)
def test_a_place_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(InvalidValue):
        Place(**wrong)


@pytest.mark.parametrize("axes", [("unit", "y", "x"), ("y", "x", "unit")])
def test_masks_stand_where_the_axes_say(axes):
    shape = tuple({"unit": 7, "y": 3, "x": 4}[a] for a in axes)
    mask = Place("positions", positions=((2, 1), (0, 3))).mask(axes, shape)
    full = np.broadcast_to(mask, shape)
    plane = np.moveaxis(full, axes.index("unit"), 0)
    assert plane.shape == (7, 3, 4)
    assert (plane == plane[0]).all()
    assert sorted(zip(*np.nonzero(plane[0]), strict=True)) == [(0, 3), (2, 1)]
    assert np.broadcast_to(Place().mask(axes, shape), shape).all()


def test_tokens_count_from_either_end():
    mask = Place("tokens", tokens=(0, -1)).mask(("token", "unit"), (5, 7))
    assert mask.shape == (5, 1)
    assert mask[:, 0].tolist() == [1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("place", "axes", "shape"),
    [
        (Place("positions", positions=((3, 0),)), ("unit", "y", "x"), (2, 3, 3)),
        (Place("positions", positions=((0, 0),)), ("token", "unit"), (5, 2)),
        (Place("region", region=((1.0,),)), ("unit",), (5,)),
        (Place("tokens", tokens=(5,)), ("token", "unit"), (5, 2)),
        (Place("tokens", tokens=(-6,)), ("token", "unit"), (5, 2)),
        (Place("tokens", tokens=(0,)), ("unit", "y", "x"), (2, 3, 3)),
    ],
)
def test_a_place_that_does_not_fit_a_layer_is_refused(place, axes, shape):
    with pytest.raises(EditProblem):
        place.mask(axes, shape)


@given(GRIDS, st.integers(1, 9), st.integers(1, 9))
def test_resampling_by_area_keeps_the_mean(rows, height, width):
    grid = np.asarray(rows, float)
    got = resample_by_area(grid, height, width)
    assert got.shape == (height, width)
    assert got.mean() == pytest.approx(grid.mean(), abs=1e-9)
    assert got.min() >= grid.min() - 1e-9
    assert got.max() <= grid.max() + 1e-9


def test_resampling_averages_cells():
    grid = np.array([[0.0, 1.0], [1.0, 1.0]])
    assert resample_by_area(grid, 1, 1).tolist() == [[0.75]]
    assert resample_by_area(grid, 4, 4)[:2, :2].tolist() == [[0, 0], [0, 0]]
    np.testing.assert_allclose(resample_by_area(grid, 3, 3)[1, 1], 0.75)
