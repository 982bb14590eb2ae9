import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.errors import InvalidValue, UnknownName
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing

FLOATS = st.floats(-100, 100, width=32)
VECTORS = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.lists(FLOATS, min_size=n, max_size=n).map(tuple), min_size=1, max_size=3
    ).map(tuple)
)
UNITS = st.lists(st.integers(0, 5000), min_size=1, max_size=5).map(tuple)
FEATURES = st.one_of(
    st.builds(Feature, layer=st.just("a.1#2"), units=UNITS, heads=st.booleans(), name=st.text()),
    st.builds(Feature, layer=st.just("a/in"), vectors=VECTORS, model=st.just("0" * 64)),
    st.just(Feature(layer="features.14")),
)


@given(FEATURES)
def test_json_round_trips(feature):
    assert msgspec.json.decode(msgspec.json.encode(feature), type=Feature) == feature


@given(FEATURES)
def test_text_round_trips(feature):
    known = {feature.vector_hash: feature.matrix()} if feature.vectors else None
    read = Feature.parse(feature.text, vectors=known)
    assert read == msgspec.structs.replace(feature, model="", name="")


@pytest.mark.parametrize(
    ("text", "units"),
    [("f.1:7", (7,)), ("f.1:7,9", (7, 9)), ("f.1:3-6", (3, 4, 5, 6)), ("f.1:1,4-5", (1, 4, 5))],
)
def test_units_are_read(text, units):
    assert Feature.parse(text) == Feature(layer="f.1", units=units)


def test_heads_and_whole_layers_are_read():
    assert Feature.parse("a.b/z:h3") == Feature(layer="a.b/z", units=(3,), heads=True)
    assert Feature.parse("a.b#0") == Feature(layer="a.b")
    assert Feature.parse("a.b").whole_layer


@pytest.mark.parametrize("text", ["f:x", "f:1,", "f:-3", "f:1.5", "", ":3", "f:h", "f g:1"])
def test_other_text_is_refused(text):
    with pytest.raises(InvalidValue):
        Feature.parse(text)


def test_directions_are_read_from_files(tmp_path):
    path = tmp_path / "direction.npy"
    np.save(path, np.arange(4.0))
    assert Feature.parse(f"f:@{path}").vectors == ((0.0, 1.0, 2.0, 3.0),)
    for name, content in (("gone.npy", None), ("text.npy", b"no array")):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidValue):
            Feature.parse(f"f:@{tmp_path / name}")
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidValue):
        Feature.parse(f"f:@{path}")
    with pytest.raises(UnknownName):
        Feature.parse("f:v/0123456789ab")


@pytest.mark.parametrize(
    "values", [np.zeros((2, 2, 2)), np.zeros(0), [1.0, float("nan")], [float("inf")], 3.0]
)
def test_what_is_no_direction_is_refused(values):
    with pytest.raises(InvalidValue):
        as_vectors(values)


def test_a_feature_has_one_kind_of_basis():
    for wrong in (
        {"units": (1,), "vectors": ((1.0,),)},
        {"units": (-1,)},
        {"vectors": ((1.0,), (1.0, 2.0))},
    ):
        with pytest.raises(InvalidValue):
            Feature(layer="a", **wrong)


def test_the_hash_is_of_content():
    one, other = (
        Feature(layer="a", vectors=((1.0, 2.0),)),
        Feature(layer="b", vectors=((1.0, 2.0),)),
    )
    assert one.vector_hash == other.vector_hash
    assert one.vector_hash != Feature(layer="a", vectors=((2.0, 1.0),)).vector_hash


def test_bases_are_columns():
    assert np.array_equal(Feature(layer="a", units=(2, 0)).basis(3), np.eye(3)[:, [2, 0]])
    assert np.array_equal(Feature(layer="a").basis(3), np.eye(3))
    assert Feature(layer="a", vectors=((1.0, 2.0, 3.0),)).basis(3).tolist() == [[1], [2], [3]]


@pytest.fixture
def model():
    layer = LayerInfo(name="features.14", kind="Block", axes=("unit", "y", "x"), shape=(8, 2, 2))
    return ModelDescription(
        name="m", format="torch-zip", architecture="m", library="torchvision", parameters=1,
        weights_sha256="ab" * 32, preprocessing=Preprocessing(), outputs=(OutputInfo(size=3),),
        layers=(layer,),
    )  # fmt: skip


def test_resolving_checks_against_the_model(model):
    assert Feature.resolve("features.14#0:7", model) == Feature(
        layer="features.14", units=(7,), model="ab" * 32
    )
    with pytest.raises(UnknownName, match="no unit 8") as problem:
        Feature.resolve("features.14:8", model)
    assert "0 to 7" in problem.value.hint
    with pytest.raises(UnknownName) as problem:
        Feature.resolve("feature.14:1", model)
    assert "features.14" in problem.value.hint
    with pytest.raises(InvalidValue, match="does not fit"):
        Feature(layer="features.14", vectors=((1.0, 2.0),)).check(model.layer("features.14"))


def test_numbers_of_numpy_become_plain_ones_or_are_refused_at_once():
    """They are numbers until they are written into a file, at the end of a long pass."""
    rows = np.array([[1.0, 0.5], [2.0, 0.25]], np.float32)
    for vectors in (tuple(tuple(row) for row in rows), rows, rows.tolist(), ((1, 0.5), (2, 0.25))):
        feature = Feature(layer="a", vectors=vectors)
        assert feature.vectors == ((1.0, 0.5), (2.0, 0.25))
        assert all(type(v) is float for row in feature.vectors for v in row)
        assert msgspec.json.decode(msgspec.json.encode(feature), type=Feature) == feature
    units = Feature(layer="a", units=tuple(np.arange(2)))
    assert msgspec.json.decode(msgspec.json.encode(units), type=Feature) == units
    assert Feature(layer="a", units=np.arange(2)) == units
    for wrong in ({"vectors": rows[0]}, {"vectors": (("x",),)}, {"units": (1.5,)}):
        with pytest.raises(InvalidValue):
            Feature(layer="a", **wrong)
