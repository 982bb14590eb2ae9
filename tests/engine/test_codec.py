import contextlib
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.errors import OutputProblem
from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Bars, Curve, Grid, GridItem, Heatmap, Picture, Table
from interp_gui.engine.codec import INLINE_BYTES, Decoder, Encoder
from interp_gui.engine.messages import (
    Ended,
    ErrorInfo,
    FromEngine,
    Heartbeat,
    OpenModel,
    Produced,
    Run,
    StateSaved,
    Submit,
    ToEngine,
)
from interp_gui.engine.transport import ProtocolError

quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

dtypes = st.one_of(
    st.just(np.dtype(bool)),
    hnp.integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(endianness="?"),
)
arrays = dtypes.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=30))
)
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False)
states = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        plain | st.text(max_size=8) | arrays,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


def exchange(message, folder, kind=FromEngine):
    frame = Encoder(folder, "t").encode(message)
    decoded = Decoder(kind, folder).decode(frame)
    assert list(Path(folder).iterdir()) == []
    return decoded


def same(a, b):
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and (a.dtype, a.shape) == (b.dtype, b.shape)
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@quick
@given(states)
def test_state_with_nested_arrays_comes_back_as_it_was(tmp_path, state):
    message = StateSaved(job=1, state=state)
    assert same(state, exchange(message, tmp_path).state)


@quick
@given(states)
def test_a_map_that_looks_like_an_array_stays_a_map(tmp_path, state):
    state["x"] = {"dtype": "<f4", "shape": [2], "data": b"12345678", "file": "../x"}
    assert same(state, exchange(StateSaved(job=1, state=state), tmp_path).state)


@quick
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60), st.just(3))))
def test_results_keep_their_arrays_and_their_kind(tmp_path, pixels):
    feature = Feature(layer="a.b#1", units=(3,))
    results = [
        Picture(key="p", title="P", pixels=pixels, numbers={"a": 1, "b": 2.5, "c": None, "d": "x"}),
        Heatmap(key="h", title="H", values=pixels[..., 0].astype(np.float32), image=pixels),
        Grid(key="g", title="G", items=(GridItem(title="i", pixels=pixels, feature=feature),)),
        Bars(key="b", title="B", labels=("x",), values=(0.5,), features=(feature,)),
        Table(key="t", title="T", columns=("x", "y"), cells=(("a", 1), (None, 2.0))),
        Curve(key="c", title="C", x=np.arange(3, dtype=np.float32), ys=np.ones((2, 3), np.float32)),
    ]
    for result in results:
        back = exchange(Produced(job=1, generation=2, result=result), tmp_path).result
        assert type(back) is type(result)
        assert back.numbers == result.numbers
        assert all(map(same, result.arrays().values(), back.arrays().values()))
        assert back.rows() == result.rows()


def test_arrays_are_read_only_and_outlive_their_file(tmp_path):
    big = np.arange(INLINE_BYTES, dtype=np.float64)
    back = exchange(StateSaved(job=1, state={"a": big, "b": big[:3]}), tmp_path).state
    np.testing.assert_array_equal(back["a"], big)
    for array in back.values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_views_and_strides_are_sent_by_value(tmp_path):
    base = np.arange(200 * 300, dtype=np.int32).reshape(200, 300)
    state = {"t": base.T, "r": base[::-1, ::3], "f": np.asfortranarray(base)}
    back = exchange(StateSaved(job=1, state=state), tmp_path).state
    for name, value in state.items():
        np.testing.assert_array_equal(back[name], value)


def test_numpy_numbers_become_plain_ones(tmp_path):
    numbers = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True)}
    back = exchange(StateSaved(job=1, state=numbers), tmp_path).state
    assert same(back, {"a": 0.5, "b": 3, "c": True})


def test_requests_and_recipes_come_back_equal(tmp_path):
    feature = Feature(layer="x", vectors=((1.0, 2.0), (0.5, -1.0)))
    messages = [
        Submit(job=3, request=OpenModel(model="m", path="p", preprocessing=Preprocessing())),
        Submit(
            job=4,
            request=Run(
                analysis="a",
                model="m",
                inputs=Inputs(features=(feature,), region=((0.0, 1.0),), seed=9),
                parameters={"steps": 5, "name": "x", "rate": 0.5, "on": True},
            ),
            priority="background",
            generation=7,
        ),
    ]
    for message in messages:
        assert exchange(message, tmp_path, ToEngine) == message
    identity = ModelIdentity(name="n", weights_sha256="0", architecture="a", library="l")
    recipe = Recipe(analysis="a", model=identity, preprocessing=Preprocessing(), seed=4)
    bars = Bars(key="b", title="B", labels=(), values=())
    produced = Produced(job=1, generation=0, result=bars, recipe=recipe)
    assert exchange(produced, tmp_path).recipe == recipe
    ended = Ended(job=1, generation=0, outcome="failed", error=ErrorInfo(cause="c", message="m"))
    assert exchange(ended, tmp_path) == ended


@pytest.mark.parametrize(
    "state",
    [
        {"a": object()},
        {"a": np.array(["text"])},
        {"a": np.array([None], dtype=object)},
        {"a": np.zeros(3, dtype=[("x", "i4")])},
        {"a": np.zeros(3, dtype="M8[s]")},
        {"a": 2**80},
    ],
)
def test_what_is_not_plain_is_refused_when_sent(tmp_path, state):
    with pytest.raises(ProtocolError, match="cannot be sent"):
        Encoder(tmp_path, "t").encode(StateSaved(job=1, state=state))
    assert list(tmp_path.iterdir()) == []


@quick
@given(st.binary(max_size=60))
def test_noise_is_one_kind_of_error(tmp_path, noise):
    with pytest.raises(ProtocolError):
        Decoder(FromEngine, tmp_path).decode(noise)


@settings(quick, max_examples=150)
@given(st.data())
def test_damaged_frames_are_one_kind_of_error_or_another_message(tmp_path, data):
    state = {"a": np.arange(2000.0), "b": np.arange(3), "c": [1, "x"]}
    frame = bytearray(Encoder(tmp_path, "t").encode(StateSaved(job=1, state=state)))
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    with contextlib.suppress(ProtocolError):
        Decoder(FromEngine, tmp_path).decode(bytes(frame[:cut] if cut % 2 else frame))
    for left in tmp_path.iterdir():
        left.unlink()


def mapped(dtype="<f4", shape=(4,), file="x-0.arrays", offset=0):
    inner = msgspec.msgpack.encode((dtype, shape, file, offset))
    message = {"type": "StateSaved", "job": 1, "state": {"a": msgspec.msgpack.Ext(2, inner)}}
    return msgspec.msgpack.encode(message)


@pytest.mark.parametrize(
    "fields",
    [
        {"file": "../x-0.arrays"},
        {"file": "/etc/passwd"},
        {"file": ".arrays"},
        {"file": "x\x00.arrays"},
        {"file": "gone-0.arrays"},
        {"dtype": "O"},
        {"dtype": "V4"},
        {"dtype": "nonsense"},
        {"dtype": "4f4"},
        {"shape": (5,)},
        {"shape": (-1,)},
        {"shape": (2**62, 4)},
        {"shape": (1,) * 100},
        {"offset": 4},
        {"offset": -4},
    ],
)
def test_a_header_that_does_not_fit_its_file_is_refused(tmp_path, fields):
    (tmp_path / "x-0.arrays").write_bytes(bytes(16))
    outside = tmp_path.parent / "x-0.arrays"
    outside.write_bytes(bytes(16))
    with pytest.raises(ProtocolError):
        Decoder(FromEngine, tmp_path).decode(mapped(**fields))
    assert outside.exists()


def test_the_same_header_is_accepted_where_it_fits(tmp_path):
    (tmp_path / "x-0.arrays").write_bytes(np.arange(4, dtype="<f4").tobytes())
    state = Decoder(FromEngine, tmp_path).decode(mapped()).state
    assert state["a"].tolist() == [0, 1, 2, 3]


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights there")
def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "real").write_bytes(bytes(16))
    (tmp_path / "x-0.arrays").symlink_to(tmp_path / "real")
    with pytest.raises(ProtocolError):
        Decoder(FromEngine, tmp_path).decode(mapped())


def test_files_that_cannot_be_removed_while_mapped_are_removed_at_the_end(tmp_path):
    allowed = []

    def unlink(path):
        if not allowed:
            raise PermissionError
        os.unlink(path)

    frame = Encoder(tmp_path, "t").encode(StateSaved(job=1, state={"a": np.ones(9000)}))
    decoder = Decoder(FromEngine, tmp_path, unlink=unlink)
    decoder.decode(frame)
    assert len(list(tmp_path.iterdir())) == 1
    allowed.append(True)
    decoder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(OutputProblem, match="handed over"):
        Encoder(tmp_path / "gone", "t").encode(StateSaved(job=1, state={"a": np.ones(9000)}))


def test_a_field_for_an_array_takes_nothing_else(tmp_path):
    message = {
        "type": "Produced", "job": 1, "generation": 0,
        "result": {"kind": "picture", "key": "k", "title": "t", "pixels": "none"},
    }  # fmt: skip
    with pytest.raises(ProtocolError, match="stands str"):
        Decoder(FromEngine, tmp_path).decode(msgspec.msgpack.encode(message))


def test_small_messages_write_no_file(tmp_path):
    Encoder(tmp_path, "t").encode(Heartbeat(compute_age_s=0.5, job=3))
    Encoder(tmp_path, "t").encode(StateSaved(job=1, state={"a": np.zeros(INLINE_BYTES, np.uint8)}))
    assert list(tmp_path.iterdir()) == []
    assert exchange(Heartbeat(compute_age_s=0.5), tmp_path).job is None
    assert Progress() == Progress(done=0)
