import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.errors import InvalidValue
from interp_gui.core.layer import Address, LayerInfo, layers_of, token_layers

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
PATHS = st.lists(NAMES | st.integers(0, 99).map(str), min_size=1, max_size=4).map(".".join)


@given(PATHS, st.integers(0, 30), st.just("") | NAMES)
def test_an_address_reads_what_it_writes(path, call, site):
    address = Address(path, call, site)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("features.14", Address("features.14")),
        ("features.14#0", Address("features.14")),
        ("layer1.0.relu#1", Address("layer1.0.relu", 1)),
        ("layer1.0.relu#1/in", Address("layer1.0.relu", 1, "in")),
        ("encoder.layers.5.self_attention/z", Address("encoder.layers.5.self_attention", 0, "z")),
        ("trunk_output.block1.block1-0", Address("trunk_output.block1.block1-0")),
    ],
)
def test_known_forms_are_read(text, address):
    assert Address.parse(text) == address


@pytest.mark.parametrize("text", ["", "a b", "a#", "a#x", "a/", "a/0", "a:3", "a#1#2", "a/in#1"])
def test_other_text_is_refused_with_a_hint(text):
    with pytest.raises(InvalidValue) as problem:
        Address.parse(text)
    assert "features.14" in problem.value.hint


def test_axes_tell_units_and_places():
    first = LayerInfo(name="a", kind="Conv2d", axes=("unit", "y", "x"), shape=(8, 3, 4))
    last = LayerInfo(name="b", kind="CNBlock", axes=("y", "x", "unit"), shape=(3, 4, 8))
    tokens = LayerInfo(name="c", kind="Block", axes=("token", "unit"), shape=(5, 8))
    flat = LayerInfo(name="d", kind="Linear", axes=("unit",), shape=(8,))
    assert [i.units for i in (first, last, tokens, flat)] == [8, 8, 8, 8]
    assert [i.unit_axis for i in (first, last, tokens, flat)] == [1, 3, 2, 1]
    assert [i.grid for i in (first, last, tokens, flat)] == [(3, 4), (3, 4), None, None]
    assert [i.spatial for i in (first, last, tokens, flat)] == [True, True, True, False]
    assert LayerInfo(name="e", kind="X", axes=("y", "x"), shape=(3, 4)).units == 0


def attention(site, axes, shape, **more):
    return LayerInfo(name=f"a.attn/{site}", kind="X", axes=axes, shape=shape, role=site, **more)


def test_layers_are_found_by_role_and_tokens_by_their_grid():
    z = attention("z", ("token", "head", "unit"), (17, 2, 8), token_grid=(4, 4), prefix_tokens=1)
    windows = attention("k", ("other", "token", "head", "unit"), (4, 16, 2, 8))
    block = LayerInfo(name="a", kind="Block", axes=("token", "unit"), shape=(17, 16), role="block")
    layers = (z, windows, block)
    assert layers_of(layers, "z", "block") == (z, block)
    assert token_layers(layers) == (z,)
    assert [x.virtual for x in layers] == [True, True, False]
    assert [x.spatial for x in layers] == [True, False, True]


def test_what_older_versions_wrote_is_still_read():
    old = {"name": "a", "kind": "Conv2d", "axes": ["unit"], "shape": [3], "depth": 4}
    found = msgspec.convert(old, LayerInfo)
    assert (found.role, found.heads, found.token_grid) == ("", 0, None)
