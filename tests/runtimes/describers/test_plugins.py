"""Describers that plugins bring."""

import numpy as np
import pytest
import torch

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import PluginProblem
from interp_gui.core.feature import Feature
from interp_gui.plugins import (
    LayerDescriber,
    LayerFacts,
    LayerNotes,
    Plugin,
    SiteView,
    _check,
    layers_of,
)

from .conftest import runtime_of, vit_torchvision

BLOCK = "encoder.layers.encoder_layer_1"


def first_token(*, broken=False):
    def write(value, shown):
        return torch.cat([shown[:, None] * (2 if broken else 1), value[:, 1:]], 1)

    return SiteView(
        site="cls", axes=("unit",), read=lambda value: value[:, 0], write=write, role="class token"
    )


def describer(notes, name="toy"):
    return LayerDescriber(id=name, describe=lambda seen: notes(seen) if callable(notes) else notes)


def opened(*describers):
    return runtime_of(vit_torchvision(), describers=describers)


def test_a_describer_names_roles_and_sees_what_is_known():
    def describe(seen):
        blocks = layers_of(seen.layers, "block")
        assert seen.input_size == (32, 32)
        assert seen.modules[blocks[0].name] is not None
        return LayerNotes(
            facts={b.name: LayerFacts(role="thing", worthwhile=False) for b in blocks}
        )

    layers = opened(describer(describe)).description.layers
    assert len(layers_of(layers, "thing")) == 2
    assert not any(x.worthwhile for x in layers_of(layers, "thing"))
    assert all(x.token_grid == (4, 4) for x in layers_of(layers, "thing"))


def test_a_site_of_a_describer_is_read_written_and_probed(batch):
    runtime = opened(describer(LayerNotes(sites={BLOCK: (first_token(),)})))
    layer = runtime.description.layer(f"{BLOCK}/cls")
    assert layer.axes == ("unit",)
    assert layer.role == "class token"
    assert layer.writable
    got = runtime.forward(batch, capture=[BLOCK, layer.name]).captured
    np.testing.assert_array_equal(got[layer.name], got[BLOCK][:, 0])
    edits = EditStack(edits=(Edit(feature=Feature(layer=layer.name, units=(2,)), kind="ablate"),))
    edited = runtime.forward(batch, capture=[BLOCK], edits=edits)
    assert (edited.captured[BLOCK][:, 0, 2] == 0).all()
    assert (edited.captured[BLOCK][:, 1:] == got[BLOCK][:, 1:]).all()
    assert edited.hits == {0: 1}


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        (LayerNotes(facts={"nowhere": LayerFacts(role="x")}), "no layer 'nowhere'"),
        (LayerNotes(facts={BLOCK: LayerFacts(token_grid=(9, 9))}), "tokens are not the 17"),
        (LayerNotes(facts={BLOCK: LayerFacts(heads="two")}), "toy"),  # type: ignore[arg-type]
        (LayerNotes(sites={BLOCK: (first_token(broken=True),)}), "changes the value"),
        (LayerNotes(sites={f"{BLOCK}.self_attention": (SiteView(
            site="z", axes=("unit",), read=None, write=None),)}), "exists already"),
        (lambda seen: 1 / 0, "division by zero"),
    ],
)  # fmt: skip
def test_a_describer_that_is_wrong_is_named_and_left_out(notes, words):
    runtime = opened(describer(notes), describer(LayerNotes(facts={BLOCK: LayerFacts(role="ok")})))
    assert words in " ".join(runtime.description.notes)
    assert runtime.description.layer(BLOCK).role == "ok"
    assert not any(layer.name.endswith("/cls") for layer in runtime.description.layers)


def test_plugins_may_bring_describers():
    good = Plugin(name="a", version="1", describers=(describer(LayerNotes()),))
    _check(good, {})
    twice = Plugin(name="a", version="1", describers=good.describers * 2)
    with pytest.raises(PluginProblem, match="same id"):
        _check(twice, {})
    none = Plugin(name="a", version="1", describers=(len,))  # type: ignore[arg-type]
    with pytest.raises(PluginProblem, match="no LayerDescriber"):
        _check(none, {})
