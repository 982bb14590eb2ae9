import pytest

from interp_gui.core.layer import LayerInfo
from interp_gui.gui.panels.layer_tree import layer_tree, shape_text


def layer(name):
    return LayerInfo(name=name, kind="K", axes=("unit",), shape=(3,))


def titles(nodes):
    return {node.title: titles(node.children) for node in nodes}


def test_numbers_keep_their_group_and_single_groups_are_merged():
    names = ("features.0", "features.1.conv.0", "features.1", "classifier.1")
    assert titles(layer_tree(map(layer, names))) == {
        "features": {"features.0": {}, "features.1": {"conv.0": {}}},
        "classifier.1": {},
    }


def test_every_layer_is_in_the_tree_once_in_order():
    names = ("a", "a.b", "a.b#1", "a.c/in", "b.0.0", "b.0.1.relu", "b.1", "head")
    found = [n.layer.name for top in layer_tree(map(layer, names)) for n in top.walk() if n.layer]
    assert sorted(found) == sorted(names)
    assert found[0] == "a"
    assert found[-1] == "head"


def test_calls_and_sites_are_told_apart():
    assert titles(layer_tree(map(layer, ("m.relu", "m.relu#1", "m.relu/in")))) == {
        "m": {"relu": {}, "relu#1": {}, "relu/in": {}}
    }


def test_virtual_sites_stand_below_their_module():
    names = ("b.0.attn/q", "b.0.attn/z", "b.0.attn", "b.0/resid", "b.0", "b.1.attn#1/z")
    nodes = layer_tree(map(layer, names))
    assert titles(nodes) == {
        "b": {"b.0": {"attn": {"/q": {}, "/z": {}}, "/resid": {}}, "b.1.attn#1/z": {}}
    }
    found = [n.layer.name for top in nodes for n in top.walk() if n.layer]
    assert sorted(found) == sorted(names)


@pytest.mark.parametrize(("shape", "text"), [((160, 7, 7), "160 × 7 × 7"), ((10,), "10")])
def test_shapes_as_text(shape, text):
    axes = ("unit", "y", "x")[: len(shape)]
    assert shape_text(LayerInfo(name="a", kind="K", axes=axes, shape=shape)) == text
