"""ONNX exports of real networks: answers, layers and gradients as the originals have them."""

import io
import warnings

import numpy as np
import onnx
import pytest
import torch
import torchvision
from onnx import TensorProto, helper

from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo
from interp_gui.core.runtime import differentiable
from interp_gui.runtimes.fast import fast_network
from interp_gui.runtimes.onnx.graph import graph_of, read_graph
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from interp_gui.runtimes.onnx_torch.convert import as_torch
from interp_gui.runtimes.onnx_torch.node import Unsupported
from interp_gui.runtimes.onnx_torch.twin import gradient_twin
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.runtimes.conftest import describe, pictures, randomise

OUTPUT = (OutputInfo(size=10),)


def small(name):
    """A small network of the family, every tensor its own."""
    models = torchvision.models
    made = {
        "vit": lambda: models.VisionTransformer(32, 16, 2, 3, 48, 96, num_classes=10),
        "swin": lambda: models.SwinTransformer([4, 4], 24, [2, 2], [2, 4], [4, 4], num_classes=10),
    }.get(name, lambda: models.get_model(name, num_classes=10))()
    size = 32 if name == "vit" else 64
    return randomise(made.eval(), size), size


def exported(module, size, *, new=False, opset=17, dynamic=True):
    images = torch.randn(2 if dynamic else 1, 3, size, size)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if new:
            shapes = ({0: torch.export.Dim("n", min=1)},) if dynamic else None
            torch.onnx.export(
                module, (images,), dynamo=True, opset_version=opset, dynamic_shapes=shapes,
                verbose=False,
            ).save(stream)  # fmt: skip
        else:
            axes = {"x": {0: "n"}} if dynamic else None
            torch.onnx.export(
                module, (images,), stream, dynamo=False, opset_version=opset, input_names=["x"],
                dynamic_axes=axes,
            )  # fmt: skip
    return stream.getvalue()


def agree(name, **options):
    module, size = small(name)
    converted = as_torch(read_graph(exported(module, size, **options)), (3, size, size))
    images = torch.from_numpy(pictures(3, size))
    with torch.no_grad():
        found, expected = converted(images), module(images)
    assert (found - expected).abs().max() <= 1e-3 * expected.abs().max()


@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("opset", [12, 17])
@pytest.mark.parametrize("name", ["resnet18", "vit"])
def test_the_older_exporter(name, opset, dynamic):
    if name == "vit" and opset < 14:
        opset = 14  # the exporter itself needs that for attention
    agree(name, opset=opset, dynamic=dynamic)


@pytest.mark.thorough
@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("opset", [14, 17])
@pytest.mark.parametrize("name", ["mobilenet_v2", "convnext_tiny", "swin", "efficientnet_b0"])
def test_more_by_the_older_exporter(name, opset, dynamic):
    agree(name, opset=opset, dynamic=dynamic)


@pytest.mark.thorough
@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.parametrize("name", ["mobilenet_v2", "vit", "convnext_tiny", "swin", "resnet50"])
def test_the_newer_exporter(name, opset, dynamic):
    agree(name, new=True, opset=opset, dynamic=dynamic)


@pytest.fixture(scope="module")
def pair():
    module, size = small("resnet18")
    description = describe("resnet18", size, outputs=OUTPUT)
    runtime = OnnxRuntime(exported(module, size, dynamic=False), description)
    runtime.seek_gradients()
    return runtime, TorchRuntime(module, description)


def test_a_model_that_agrees_has_gradients(pair):
    runtime, _ = pair
    assert runtime.description.gradient_problem == ""
    twin = differentiable(runtime)
    assert [layer.name for layer in twin.description.layers] == [
        layer.name for layer in runtime.description.layers
    ]
    for layer in runtime.description.layers:
        assert twin.layer(layer.name) == layer


def test_gradients_are_those_of_the_original(pair):
    runtime, original = pair
    twin = differentiable(runtime)
    batch = pictures(2, 64)
    for own, theirs in (("layer3.0.conv2.Conv", "layer3.0.bn2"), ("maxpool.MaxPool", "maxpool")):
        gradients = []
        for model, name in ((twin, own), (original, theirs)):
            x = torch.from_numpy(batch).requires_grad_()
            traced = model.trace(x, capture=[name])
            output = next(iter(traced.outputs.values()))[:, 3].sum()
            gradients += [torch.autograd.grad(output, traced.captured[name])[0].flatten()]
        assert torch.cosine_similarity(*gradients, dim=0) > 0.999


def test_a_faster_copy_gives_the_same_values(pair):
    twin = differentiable(pair[0])
    x = twin.tensor(pictures(1, 64))
    fast = fast_network(twin, ["layer2.1.relu.Relu"])
    with torch.no_grad():
        own = fast.trace(x)["layer2.1.relu.Relu"]
        true = twin.trace(x, capture=["layer2.1.relu.Relu"]).captured["layer2.1.relu.Relu"]
    assert (own - true).abs().max() <= 1e-4 * true.abs().max()


def model_of(*nodes, constants=(), shape=(None, 3, 8, 8), opset=17):
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        list(constants),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def test_unknown_operators_are_named():
    nodes = [helper.make_node("Unique", ["x"], ["a"]), helper.make_node("Det", ["a"], ["y"])]
    with pytest.raises(Unsupported, match="Unique, Det") as caught:
        as_torch(graph_of(model_of(*nodes)), (3, 8, 8))
    assert caught.value.operators == ("Unique", "Det")


def test_quantised_models_have_no_gradient():
    scale = onnx.numpy_helper.from_array(np.float32(0.1), "s")
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    with pytest.raises(Unsupported, match="quantised"):
        as_torch(graph_of(model_of(*nodes, constants=[scale])), (3, 8, 8))


def test_gradients_equal_finite_differences():
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(4, 3, 3, 3)).astype(np.float32)
    head = generator.normal(size=(4, 2)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], auto_pad="SAME_UPPER", strides=[2, 2]),
        helper.make_node("Erf", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "h"], ["e"]),
        helper.make_node("Softmax", ["e"], ["y"]),
    ]
    constants = [onnx.numpy_helper.from_array(v, n) for v, n in ((weight, "w"), (head, "h"))]
    module = as_torch(graph_of(model_of(*nodes, constants=constants)), (3, 8, 8)).double()
    x = torch.from_numpy(generator.normal(size=(1, 3, 8, 8))).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: module(v)[:, 0], [x], eps=1e-6, atol=1e-7)


def test_a_twin_that_answers_otherwise_is_not_taken(monkeypatch, pair):
    from interp_gui.runtimes.onnx_torch import twin

    def other(graph, shape, **options):
        module = as_torch(graph, shape, **options)
        module.get_submodule("fc.Gemm").bias.data += 1.0
        return module

    monkeypatch.setattr(twin, "as_torch", other)
    assert "answers otherwise" in gradient_twin(pair[0])


@pytest.mark.thorough
def test_real_weights_see_and_differentiate_alike():
    from interp_gui.core.errors import FileProblem
    from interp_gui.samples.mobilenet import mobilenet_path

    try:
        path = mobilenet_path()
    except FileProblem:
        pytest.skip("the sample weights are not on this machine")
    module = torchvision.models.mobilenet_v2()
    module.load_state_dict(torch.load(path, weights_only=True))
    description = describe("mobilenet_v2", 224)
    runtime = OnnxRuntime(exported(module.eval(), 224, dynamic=False), description)
    runtime.seek_gradients()
    assert runtime.description.gradient_problem == ""
    original = TorchRuntime(module, description)
    gradients = []
    names = [n.name for n in runtime.description.layers if n.name.startswith("features.14.conv.")]
    for model, own in ((differentiable(runtime), names[-1]), (original, "features.14.conv.3")):
        x = torch.from_numpy(pictures(1, 224)).requires_grad_()
        traced = model.trace(x, capture=[own])
        output = next(iter(traced.outputs.values()))[:, 281].sum()
        gradients.append(torch.autograd.grad(output, x)[0].flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999


def test_analyses_that_need_gradients_take_onnx_models(pair):
    from interp_gui.analyses.feature_visualization import ANALYSIS as asked
    from interp_gui.core.analysis import Context, Inputs
    from interp_gui.engine.needs import check_needs

    inputs = Inputs(features=(Feature.parse("layer2.0.conv1.Conv:3"),))
    check_needs(asked, pair[0], inputs)
    reached = []
    for count in (1, 32):
        run = asked.run(Context(model=pair[0], inputs=inputs), asked.settings({"steps": count}))
        shown = [step for step in run if "objective" in getattr(step, "numbers", {})]
        reached.append(shown[-1].numbers["objective"])
    assert reached[1] > reached[0]


def test_pictures_climb_the_gradient_of_the_original(pair):
    start = torch.from_numpy(pictures(2, 64, seed=3))
    gradients = []
    for model, name in (
        (differentiable(pair[0]), "layer3.1.conv1.Conv"),
        (pair[1], "layer3.1.bn1"),
    ):
        x = start.clone().requires_grad_()
        value = fast_network(model, [name], uncapped=True).trace(x)[name]
        gradients.append(torch.autograd.grad(value[:, 5].mean(), x)[0].flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999


def test_a_graph_that_takes_bytes_has_gradients_of_its_pixels():
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    image, name = "interp_gui_input/image", "interp_gui_input"
    nodes = [
        helper.make_node("Round", [image], [f"{name}/Round_0"], name=f"{name}/Round_0"),
        helper.make_node("Cast", [f"{name}/Round_0"], ["bytes"], name=f"{name}/Cast_1", to=2),
        helper.make_node("Cast", ["bytes"], ["pixels"], to=1),
        helper.make_node("Conv", ["pixels", "kernel"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info(image, TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(kernel, "kernel")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    module = as_torch(graph_of(model), (3, 8, 8))
    x = (torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 255).requires_grad_()
    answer = module(x)
    wanted = torch.nn.functional.conv2d(x.detach().round(), torch.tensor(kernel))
    assert torch.allclose(answer, wanted, rtol=1e-4, atol=1e-2)
    answer.sum().backward()
    assert float(x.grad.abs().max()) > 0
