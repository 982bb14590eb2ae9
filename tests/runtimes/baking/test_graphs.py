"""Edits as nodes of ONNX graphs against the runtime's own edits."""

import numpy as np
import onnx
import pytest

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.place import Place
from interp_gui.runtimes.baking.onnx_files import answers, export_edited, insert_edits, plan_nodes
from interp_gui.runtimes.baking.outcome import AGREEMENT, difference
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import SmallCnn, describe, randomise
from tests.runtimes.onnx.conftest import Small, described, exported

KINDS = {
    "off": {"kind": "ablate"},
    "mean": {"kind": "ablate", "baseline": Baseline(kind="mean", values=(0.4,))},
    "scale": {"kind": "scale", "amount": 0.3},
    "add": {"kind": "add", "amount": 0.7, "deviation": (0.5,)},
    "limit": {"kind": "clamp", "low": -0.1, "high": 0.2},
}


@pytest.fixture(scope="module")
def opened():
    data = exported(randomise(Small()).eval())
    return data, OnnxRuntime(data, described(6))


def batch():
    return np.random.default_rng(0).standard_normal((3, 3, 32, 32)).astype(np.float32)


def edits_of(runtime, layer, kind):
    units = runtime.layer(layer).units
    rows = np.random.default_rng(1).standard_normal((1, units)).astype(np.float32)
    yield Edit(feature=Feature(layer=layer, units=(2,)), **KINDS[kind])
    yield Edit(
        feature=Feature(layer=layer, vectors=tuple(map(tuple, rows.tolist()))), **KINDS[kind]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", ["down.Conv", "mlp.0.MatMul", "body.Conv/in"])
def test_nodes_do_what_edits_do(opened, layer, kind):
    data, runtime = opened
    names = [x.name for x in (*runtime.description.layers, *runtime.description.inputs)]
    layer = layer if layer in names else next(n for n in names if n.startswith(layer[:5]))
    stack = EditStack(edits=tuple(edits_of(runtime, layer, kind)))
    outcomes, edits = plan_nodes(runtime, stack)
    assert all(each.baked for each in outcomes)
    model = onnx.load_model_from_string(data)
    insert_edits(runtime, model, stack, edits)
    onnx.checker.check_model(model, full_check=True)
    names = tuple(each.name for each in runtime.description.outputs)
    found = answers(model.SerializeToString(), batch(), names)
    wanted = runtime.forward(batch(), edits=stack).outputs
    assert difference(found, wanted) <= AGREEMENT
    assert difference(runtime.forward(batch()).outputs, wanted) > 1e-3


def test_an_edited_output_keeps_its_name(opened):
    data, runtime = opened
    last = runtime.description.layers[-1].name
    stack = EditStack(edits=(Edit(feature=Feature(layer=last, units=(1,)), kind="ablate"),))
    model = onnx.load_model_from_string(data)
    insert_edits(runtime, model, stack, plan_nodes(runtime, stack)[1])
    assert [port.name for port in model.graph.output] == ["logits"]
    found = answers(model.SerializeToString(), batch(), ("output",))
    assert difference(found, runtime.forward(batch(), edits=stack).outputs) <= AGREEMENT


def test_places_and_other_images_are_named(opened):
    _, runtime = opened
    layer = "down.Conv"
    placed = Edit(
        feature=Feature(layer=layer, units=(1,)), kind="ablate", place=Place.parse("@1,1")
    )
    patch = Edit(feature=Feature(layer=layer), kind="patch", source="ab" * 32)
    outcomes, edits = plan_nodes(runtime, EditStack(edits=(placed, patch)))
    assert [each.baked for each in outcomes] == [False, False]
    assert edits == {}


@pytest.mark.parametrize("layer", ["last", "second/in", "head"])
def test_a_torch_network_is_exported_with_its_edits(layer):
    runtime = TorchRuntime(randomise(SmallCnn()), describe("cnn", 6))
    stack = EditStack(edits=tuple(
        edit for kind in KINDS for edit in edits_of(runtime, layer, kind)
    ))  # fmt: skip
    _, edits = plan_nodes(runtime, stack)
    data = export_edited(runtime, batch(), stack, edits)
    found = answers(data, batch(), ("output",))
    wanted = runtime.forward(batch(), edits=stack).outputs
    assert difference(found, wanted) <= AGREEMENT
    assert difference(runtime.forward(batch()).outputs, wanted) > 1e-3
