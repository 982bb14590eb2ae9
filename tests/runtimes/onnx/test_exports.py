"""Exports of real networks: the answers, the layers and the edits of both runtimes agree."""

import numpy as np
import pytest
import torch

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import EditProblem
from interp_gui.core.feature import Feature
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.onnx.verifying import verify_names
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.checkpoints.conftest import randomised
from tests.runtimes.onnx.conftest import described, exported

SIDE = 64
CLASSES = 10


def torchvision_network(name):
    import torchvision

    return torchvision.models.get_model(name, weights=None, num_classes=CLASSES)


def timm_network(name, **options):
    import timm

    return timm.create_model(name, pretrained=False, num_classes=CLASSES, **options)


NETWORKS = {
    "mobilenet_v2": lambda: torchvision_network("mobilenet_v2"),
    "resnet18": lambda: torchvision_network("resnet18"),
    "efficientnet_b0": lambda: torchvision_network("efficientnet_b0"),
    "squeezenet1_1": lambda: torchvision_network("squeezenet1_1"),
    "densenet": lambda: timm_network("densenet121", growth_rate=8, block_config=(2, 2, 2)),
    "vit": lambda: timm_network("vit_tiny_patch16_224", img_size=SIDE, depth=2),
    "swin": lambda: timm_network(
        "swin_tiny_patch4_window7_224", img_size=SIDE, window_size=4, depths=(2, 2),
        embed_dim=24, num_heads=(2, 4),
    ),
    "convnext": lambda: timm_network("convnext_atto", depths=(1, 1, 2, 1)),
}  # fmt: skip


def compared(name, **options):
    """Hold an export against its network: answers, layers by value, and the same edits on both."""
    module = NETWORKS[name]().eval()
    randomised(module)
    runtime = OnnxRuntime(exported(module, size=SIDE, **options), described(CLASSES, SIDE))
    theirs = TorchRuntime(
        module,
        ModelDescription(
            name=name, format="torch-zip", architecture=name, library="torchvision", parameters=1,
            weights_sha256="0" * 64, outputs=(OutputInfo(kind="softmax", size=CLASSES),),
            preprocessing=Preprocessing(size=(SIDE, SIDE)),
        ),
    )  # fmt: skip
    batch = np.random.default_rng(3).standard_normal((2, 3, SIDE, SIDE)).astype(np.float32)
    ours, wanted = runtime.forward(batch).outputs["output"], theirs.forward(batch).outputs["output"]
    scale = np.abs(wanted).max()
    assert np.abs(ours - wanted).max() <= 1e-4 * scale
    assert (np.argsort(-ours)[:, :5] == np.argsort(-wanted)[:, :5]).all()
    names = verify_names(runtime, theirs, batch)
    assert len(names) >= len(theirs.description.layers) / 4
    pairs = [
        (torch_name, name)
        for torch_name, name in names.items()
        if runtime.layer(name).axes == theirs.layer(torch_name).axes
        and runtime.layer(name).writable and theirs.layer(torch_name).writable
        and runtime.layer(name).worthwhile
    ]  # fmt: skip
    assert pairs
    for torch_name, name in pairs[:: max(1, len(pairs) // 3)]:
        units = runtime.layer(name).units
        vector = np.random.default_rng(4).standard_normal(units).astype(np.float32)
        basis = (tuple(float(v) for v in vector),)
        recipes = [
            {"kind": "ablate", "baseline": Baseline("mean", values=(0.3,))},
            {"kind": "scale", "amount": 3.0},
        ]
        for recipe in recipes:
            for feature in ({"units": (units // 2,)}, {"vectors": basis}):
                changes = []
                for model, layer, plain in ((runtime, name, ours), (theirs, torch_name, wanted)):
                    edit = Edit(feature=Feature(layer=layer, **feature), **recipe)
                    after = model.forward(batch, edits=EditStack((edit,))).outputs["output"]
                    changes.append(after - plain)
                assert np.abs(changes[0] - changes[1]).max() <= 2e-4 * scale, (name, recipe)
                assert np.abs(changes[1]).max() > 0, (name, recipe)


def test_mobilenet_by_the_older_exporter():
    compared("mobilenet_v2")


def test_vit_by_the_newer_exporter():
    compared("vit", dynamo=True)


@pytest.mark.thorough
@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "static"])
@pytest.mark.parametrize("exporter", ["older", "newer"])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_by_both_exporters(name, exporter, dynamic):
    compared(name, dynamo=exporter == "newer", dynamic=dynamic)


@pytest.mark.thorough
@pytest.mark.parametrize("opset", range(11, 21))
def test_opsets_of_the_older_exporter(opset):
    name = "resnet18" if opset < 14 else "vit"
    compared(name, opset=opset)


@pytest.mark.thorough
@pytest.mark.parametrize("opset", [18, 19, 20, 21, 22])
def test_opsets_of_the_newer_exporter(opset):
    compared("mobilenet_v2", dynamo=True, opset=opset)


def test_edits_that_change_nothing_leave_every_bit_where_nodes_are_fused():
    """Invariant 1; a patch from the image itself is read in another graph, so it rounds."""
    module = NETWORKS["resnet18"]().eval()
    randomised(module)
    runtime = OnnxRuntime(exported(module, size=SIDE), described(CLASSES, SIDE))
    batch = np.random.default_rng(3).standard_normal((5, 3, SIDE, SIDE)).astype(np.float32)
    plain = runtime.forward(batch).outputs["output"]
    alone = runtime.forward(batch[:1]).outputs["output"]
    for layer in ("conv1.Conv", "layer1.1.Add", "layer2.0.Add"):
        units = runtime.layer(layer).units
        vector = np.random.default_rng(4).standard_normal(units).astype(np.float32)
        features = [
            Feature(layer=layer, units=(units - 1,)),
            Feature(layer=layer, vectors=(tuple(float(v) for v in vector),)),
        ]
        source = runtime.forward(batch[:1], capture=[layer]).captured[layer][0]
        for feature in features:
            for recipe in ({"kind": "scale"}, {"kind": "add", "amount": 0.0}, {"kind": "clamp"}):
                stack = EditStack((Edit(feature=feature, **recipe),))
                ran = runtime.forward(batch, capture=[layer], edits=stack)
                assert np.array_equal(ran.outputs["output"], plain), (layer, recipe)
                assert ran.hits == {0: 1}
            stack = EditStack((Edit(feature=feature, kind="patch", source="s"),))
            ran = runtime.forward(batch[:1], edits=stack, sources={(layer, "s"): source})
            scale = np.abs(alone).max()
            assert np.abs(ran.outputs["output"] - alone).max() <= 1e-5 * scale, layer
            ran = runtime.forward(batch, edits=stack, sources={(layer, "s"): source})
            assert not np.allclose(ran.outputs["output"], plain), layer


def test_a_torch_name_is_borne_only_by_an_equal_value(small, runtime, batch):
    theirs = TorchRuntime(small, described(6))
    names = verify_names(runtime, theirs, batch)
    # the exporter folds the norm into the convolution: stem.0 exists nowhere in the graph
    assert names["stem.1"] == "stem.0.Conv"
    assert "stem.0" not in names
    assert names["relu#1"] == "relu_1.Relu"
    other = np.random.default_rng(0).standard_normal(small.body.weight.shape).astype(np.float32)
    with torch.no_grad():
        kept = small.body.weight.clone()
        small.body.weight.copy_(torch.tensor(other))
        try:
            assert "body" not in verify_names(runtime, theirs, batch)
        finally:
            small.body.weight.copy_(kept)


def by_hand(opset=17, kind=np.float32, quantised=False):
    """A classifier as other tools write it: nodes without names, any kind of number."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    tensors = {
        "kernel": 0.3 * random.standard_normal((5, 3, 3, 3)),
        "head": random.standard_normal((5, 6)), "bias": random.standard_normal(6),
        "s": np.float32(0.05), "z": np.int8(3),
    }  # fmt: skip
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes = [
        helper.make_node("Conv", ["dq" if quantised else "image", "kernel"], ["c"], pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "head", "bias"], ["answer"]),
    ]
    if quantised:
        nodes[:0] = [
            helper.make_node("QuantizeLinear", ["image", "s", "z"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["dq"]),
        ]
    names = ("kernel", "head", "bias", "s", "z") if quantised else ("kernel", "head", "bias")
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("answer", element, ["n", 6])],
        [numpy_helper.from_array(np.asarray(tensors[n], None if n in "sz" else kind), n)
         for n in names],
    )  # fmt: skip
    if kind == np.float16:
        graph.node.insert(0, helper.make_node("Cast", ["image"], ["half"], to=element))
        graph.node[1].input[0] = "half"
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4 if opset < 11 else 8
    ).SerializeToString()


@pytest.mark.parametrize(
    "options",
    [{"opset": 11}, {"opset": 22}, {"kind": np.float16}, {"quantised": True}],
    ids=["opset 11", "opset 22", "half precision", "quantised"],
)
def test_models_of_other_tools(options):
    runtime = OnnxRuntime(by_hand(**options), described(6, 16))
    layer = runtime.layer("Conv_0")
    assert layer.writable
    batch = np.random.default_rng(1).standard_normal((2, 3, 16, 16)).astype(np.float32)
    plain = runtime.forward(batch).outputs["output"]
    nothing = Edit(feature=Feature(layer="Conv_0", units=(2,)), kind="scale", amount=1.0)
    assert np.array_equal(
        runtime.forward(batch, edits=EditStack((nothing,))).outputs["output"], plain
    )
    edit = Edit(feature=Feature(layer="Conv_0", units=(2,)), kind="ablate")
    ran = runtime.forward(batch, capture=["Conv_0"], edits=EditStack((edit,)))
    assert not ran.captured["Conv_0"][:, 2].any()
    assert not np.array_equal(ran.outputs["output"], plain)


def test_models_too_old_for_edits_can_be_read():
    runtime = OnnxRuntime(by_hand(opset=9), described(6, 16))
    batch = np.zeros((1, 3, 16, 16), np.float32)
    assert runtime.forward(batch, capture=["Relu_0"]).captured["Relu_0"].shape == (1, 5, 16, 16)
    assert not any(layer.writable for layer in runtime.description.layers)
    edit = Edit(feature=Feature(layer="Conv_0", units=(2,)), kind="ablate")
    with pytest.raises(EditProblem, match="opset 9"):
        runtime.forward(batch, edits=EditStack((edit,)))
