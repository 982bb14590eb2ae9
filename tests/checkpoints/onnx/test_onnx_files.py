import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from interp_gui.checkpoints.hashing import weights_sha256
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import FileProblem
from interp_gui.core.opening import OpenChoice

SIDE = 16


def built(
    nodes, *, image=("image", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE]), answer=("batch", 5),
    constants=None, opset=17, kind=TensorProto.FLOAT,
):  # fmt: skip
    """A model of some nodes; `answer` is its output."""
    values = {"kernel": weight((5, 3, 3, 3))} | (constants or {})
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info(*image)],
        [helper.make_tensor_value_info("answer", kind, list(answer))],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )  # fmt: skip
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="hand"
    )


def weight(shape, seed=0):
    scale = np.prod(shape[1:]) ** -0.5
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def classifier(end=(), *, source="image"):
    nodes = [
        helper.make_node("Conv", [source, "kernel"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["seen"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
    ]
    nodes.append(helper.make_node("Gemm", ["flat", "head"], ["logits" if end else "answer"]))
    return [*nodes, *end]


HEAD = {"head": weight((5, 5), 1)}


def saved(tmp_path, model):
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def run(data, image):
    session = onnxruntime.InferenceSession(
        data if isinstance(data, bytes) else data.SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    return session.run(None, {session.get_inputs()[0].name: image})[0]


def images(count=2):
    return np.random.default_rng(5).standard_normal((count, 3, SIDE, SIDE)).astype(np.float32)


def test_a_classifier_opens_as_it_is(tmp_path):
    model = built(classifier(), constants=HEAD)
    opened = open_checkpoint(saved(tmp_path, model))
    description = opened.description
    assert (description.format, description.runtime, description.library) == (
        "onnx", "onnx", "onnx",
    )  # fmt: skip
    assert [(o.name, o.kind, o.size) for o in description.outputs] == [("output", "softmax", 5)]
    assert description.preprocessing.size == (SIDE, SIDE)
    assert any("does not say how images are normalised" in note for note in description.notes)
    assert description.parameters == 5 * 27 + 25
    assert np.array_equal(run(opened.onnx, images()), run(model, images()))


def test_the_hash_is_that_of_the_same_tensors_elsewhere(tmp_path):
    import torch

    opened = open_checkpoint(saved(tmp_path, built(classifier(), constants=HEAD)))
    tensors = {"kernel": torch.tensor(weight((5, 3, 3, 3))), "head": torch.tensor(HEAD["head"])}
    assert opened.description.weights_sha256 == weights_sha256(tensors)


@pytest.mark.parametrize(("op", "kind"), [("Softmax", "softmax"), ("Sigmoid", "sigmoid")])
def test_logits_stand_before_the_last_activation(op, kind, tmp_path):
    attributes = {"axis": 1} if op == "Softmax" else {}
    model = built(
        classifier([helper.make_node(op, ["logits"], ["answer"], **attributes)]), constants=HEAD
    )
    opened = open_checkpoint(saved(tmp_path, model))
    assert opened.description.outputs[0].kind == kind
    assert any("numbers before" in note for note in opened.description.notes)
    logits = run(opened.onnx, images()).astype(np.float64)
    if op == "Softmax":
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    else:
        shares = 1 / (1 + np.exp(-logits))
    assert np.allclose(shares, run(model, images()), atol=1e-6)


def test_an_image_with_channels_last_as_bytes(tmp_path):
    start = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "most"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "mean3"], ["centred"]),
        helper.make_node("Transpose", ["centred"], ["turned"], perm=[0, 3, 1, 2]),
    ]
    constants = HEAD | {
        "most": np.array([255], np.float32), "mean3": np.array([0.4, 0.5, 0.6], np.float32),
    }  # fmt: skip
    model = built(
        [*start, *classifier(source="turned")],
        image=("image", TensorProto.UINT8, ["batch", SIDE, SIDE, 3]), constants=constants,
    )  # fmt: skip
    opened = open_checkpoint(saved(tmp_path, model))
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    own = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)
    assert np.allclose(run(opened.onnx, own), run(model, pixels), atol=1e-6)
    preprocessing = opened.description.preprocessing
    assert preprocessing.mean == (0.0,) * 3
    assert preprocessing.std == (1 / 255,) * 3


def test_normalisation_within_the_graph_is_found(tmp_path):
    start = [
        helper.make_node("Sub", ["image", "mean3"], ["centred"]),
        helper.make_node("Div", ["centred", "std3"], ["scaled"]),
    ]
    constants = HEAD | {
        "mean3": np.array([0.4, 0.5, 0.6], np.float32).reshape(1, 3, 1, 1),
        "std3": np.array([0.2, 0.25, 0.3], np.float32).reshape(1, 3, 1, 1),
    }
    model = built([*start, *classifier(source="scaled")], constants=constants)
    opened = open_checkpoint(saved(tmp_path, model))
    assert opened.description.preprocessing.mean == (0.0,) * 3
    assert opened.description.preprocessing.std == (1.0,) * 3
    assert any("from 0 to 1 itself" in note for note in opened.description.notes)


def test_names_and_size_in_metadata(tmp_path):
    model = built(
        classifier(), constants=HEAD,
        image=("image", TensorProto.FLOAT, ["batch", 3, "height", "width"]),
    )  # fmt: skip
    helper.set_model_props(
        model, {"names": str({i: f"kind {i}" for i in range(5)}), "imgsz": "[48, 64]"}
    )
    description = open_checkpoint(saved(tmp_path, model)).description
    assert description.class_names[4] == "kind 4"
    assert description.preprocessing.size == (48, 64)


def test_a_preprocessor_config_beside_it_counts(tmp_path):
    config = {
        "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "do_normalize": True,
        "size": {"height": SIDE, "width": SIDE}, "resample": 3,
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    opened = open_checkpoint(saved(tmp_path, built(classifier(), constants=HEAD)))
    preprocessing = opened.description.preprocessing
    assert (preprocessing.mean, preprocessing.interpolation) == ((0.1, 0.2, 0.3), "bicubic")


def test_an_embedding_has_no_classes(tmp_path):
    nodes = classifier()[:-1]
    nodes[-1] = helper.make_node("Flatten", ["mean"], ["answer"])
    kernel = {"kernel": weight((96, 3, 3, 3))}
    opened = open_checkpoint(saved(tmp_path, built(nodes, answer=("batch", 96), constants=kernel)))
    assert opened.description.outputs[0].kind == "embedding"
    assert opened.description.class_count == 0
    chosen = open_checkpoint(tmp_path / "net.onnx", choice=OpenChoice(output="softmax"))
    assert chosen.description.outputs[0].kind == "softmax"


NORM = [
    helper.make_node("ReduceMean", ["flat"], ["middle"], axes=[1]),
    helper.make_node("Sub", ["flat", "middle"], ["centred"]),
    helper.make_node("Mul", ["centred", "factor"], ["scaled"]),
    helper.make_node("Add", ["scaled", "offset"], ["answer"]),
]


@pytest.mark.parametrize(
    ("end", "extents", "kind"),
    [
        ([helper.make_node("Identity", ["flat"], ["answer"])], 12, "softmax"),  # SqueezeNet
        ([helper.make_node("Identity", ["flat"], ["answer"])], 1000, "softmax"),
        (NORM, 12, "embedding"),  # a norm of an older opset
        (
            [
                helper.make_node("Gemm", ["flat", "one"], ["first"]),
                helper.make_node("Gemm", ["flat", "other"], ["second"]),
                helper.make_node("Add", ["first", "second"], ["both"]),
                helper.make_node("Div", ["both", "half"], ["answer"]),
            ],
            12,
            "softmax",
        ),  # the mean of two heads, as LeViT and DeiT's distilled networks have
    ],
    ids=["pooled", "pooled to ImageNet", "written-out norm", "two heads"],
)
def test_a_head_is_told_from_features(end, extents, kind, tmp_path):
    constants = {
        "kernel": weight((extents, 3, 3, 3)),
        "factor": weight((extents,), 2), "offset": weight((extents,), 3),
        "one": weight((extents, extents), 4), "other": weight((extents, extents), 5),
        "half": np.array(2.0, np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["seen"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        *end,
    ]
    model = built(nodes, answer=("batch", extents), constants=constants)
    assert open_checkpoint(saved(tmp_path, model)).description.outputs[0].kind == kind


def test_an_output_that_is_called_an_embedding_is_one(tmp_path):
    nodes = classifier([helper.make_node("Identity", ["logits"], ["image_embeds"])])
    model = built(nodes, constants=HEAD)
    model.graph.output[0].name = "image_embeds"
    assert open_checkpoint(saved(tmp_path, model)).description.outputs[0].kind == "embedding"


def test_a_network_that_joins_its_values_many_times_opens(tmp_path):
    nodes = [helper.make_node("Conv", ["image", "kernel"], ["part0"], pads=[1, 1, 1, 1])]
    for i in range(40):
        nodes += [
            helper.make_node("Concat", [f"part{i}", f"part{i}"], [f"all{i}"], axis=1),
            helper.make_node(
                "Conv", [f"all{i}", "narrow"], [f"part{i + 1}"], pads=[1, 1, 1, 1]
            ),
        ]  # fmt: skip
    nodes += [
        helper.make_node("GlobalAveragePool", ["part40"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head"], ["answer"]),
    ]
    model = built(nodes, constants=HEAD | {"narrow": weight((5, 10, 3, 3), 6)})
    opened = open_checkpoint(saved(tmp_path, model))
    assert opened.description.outputs[0].size == 5


def test_a_map_keeps_its_places(tmp_path):
    nodes = [helper.make_node("Conv", ["image", "kernel"], ["answer"], pads=[1, 1, 1, 1])]
    opened = open_checkpoint(saved(tmp_path, built(nodes, answer=("batch", 5, SIDE, SIDE))))
    assert [(o.kind, o.size) for o in opened.description.outputs] == [("map", 5)]


def test_functions_of_its_own_are_written_out(tmp_path):
    body = [helper.make_node("Softplus", ["x"], ["m"]), helper.make_node("Mul", ["x", "m"], ["y"])]
    function = helper.make_function(
        "own", "Twice", ["x"], ["y"], body, [helper.make_opsetid("", 17)]
    )
    model = built(
        classifier([helper.make_node("Twice", ["logits"], ["answer"], domain="own")]),
        constants=HEAD,
    )
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    opened = open_checkpoint(saved(tmp_path, model))
    plain = onnx.load_model_from_string(opened.onnx)
    assert not plain.functions
    assert {node.domain for node in plain.graph.node} == {""}
    assert np.allclose(run(opened.onnx, images()), run(model, images()), atol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "options", "sentence"),
    [
        (
            [*classifier(), helper.make_node("ArgMax", ["answer"], ["choice"], axis=1)],
            {"end": ("choice", TensorProto.INT64, ["batch", 1])}, "no numbers",
        ),
        (
            [helper.make_node("Relu", ["image"], ["answer"])],
            {"image": ("image", TensorProto.FLOAT, ["batch", 3])}, "batch of images",
        ),
    ],
)  # fmt: skip
def test_what_is_no_network_for_images_is_refused(nodes, options, sentence, tmp_path):
    end = options.pop("end", None)
    model = built(nodes, constants=HEAD, **options)
    if end:
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(*end))
    with pytest.raises(FileProblem) as caught:
        open_checkpoint(saved(tmp_path, model))
    assert sentence in caught.value.message


def test_a_wrong_declaration_of_the_output_does_not_matter(tmp_path):
    opened = open_checkpoint(saved(tmp_path, built(classifier(), constants=HEAD, answer=(7, 7))))
    assert opened.description.outputs[0].size == 5
