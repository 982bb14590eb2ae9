import threading

import numpy as np
import onnxruntime
import pytest
import torch

from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.edit_reference import apply_stack
from interp_gui.core.errors import Cancelled, EditProblem, InvalidValue, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo, Preprocessing
from interp_gui.core.place import Place
from interp_gui.core.runtime import Capture
from interp_gui.runtimes.onnx.providers import available_providers, provider_sentence
from interp_gui.runtimes.onnx.runtime import OnnxRuntime
from tests.runtimes.onnx.conftest import SIZE, Small, described, exported

SPATIAL, TOKENS, ROW = "down.Conv", "mlp.0.Add", "ReduceMean"
REGION = Place("region", region=((1.0, 0.5, 0.0), (0.25, 0.0, 0.0)))


def unit(layer, *units):
    return Feature(layer=layer, units=units)


def direction(layer, count, rows=1, seed=0):
    values = np.random.default_rng(seed).standard_normal((rows, count)).astype(np.float32)
    return Feature(layer=layer, vectors=tuple(tuple(float(v) for v in row) for row in values))


def all_edits():
    """Every kind, basis and place."""
    for layer, count in ((SPATIAL, 12), (TOKENS, 24), (ROW, 12)):
        features = [
            unit(layer, 3), unit(layer, 5, 1, 9), unit(layer, 2, 2), Feature(layer=layer),
            direction(layer, count), direction(layer, count, rows=3),
        ]  # fmt: skip
        places = [Place()]
        if layer == SPATIAL:
            places += [Place("positions", positions=((0, 1), (7, 7))), REGION]
        if layer == TOKENS:
            places += [Place("tokens", tokens=(0, -1))]
        for feature in features:
            size = len(feature.units) or len(feature.vectors)
            numbers = tuple(0.5 + 0.25 * i for i in range(size))
            for place in places:
                own = {"feature": feature, "place": place}
                yield Edit(kind="scale", amount=2.5, **own)
                yield Edit(kind="clamp", low=-0.5, high=0.25, **own)
                yield Edit(kind="clamp", high=0.1, **own)
                yield Edit(kind="ablate", **own)
                yield Edit(kind="patch", source="other", **own)
                yield Edit(kind="ablate", baseline=Baseline("image", source="other"), **own)
                if size:
                    mean = Baseline("mean", values=numbers)
                    yield Edit(kind="add", amount=1.5, **own)
                    yield Edit(kind="add", amount=-2.0, deviation=numbers, **own)
                    yield Edit(kind="ablate", baseline=mean, **own)
                if feature.vectors:
                    yield Edit(kind="project_out", **own)


def test_answers_are_those_of_torch(runtime, small, batch):
    with torch.no_grad():
        wanted = small(torch.tensor(batch)).numpy()
    found = runtime.forward(batch).outputs["output"]
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert runtime.description.runtime == "onnx"
    assert runtime.description.runtime_reason == "ONNX Runtime on the CPU."


def test_every_edit_equals_the_reference(runtime, batch):
    other = np.random.default_rng(8).standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)
    layers = [SPATIAL, TOKENS, ROW]
    values = runtime.forward(other, capture=layers).captured
    plain = runtime.forward(batch, capture=layers).captured
    for edit in all_edits():
        name = edit.feature.layer
        stack = EditStack((edit,))
        ran = runtime.forward(
            batch, capture=[name], edits=stack, sources={(name, "other"): values[name][0]}
        )
        axes = runtime.layer(name).axes
        wanted = apply_stack(plain[name], stack, name, axes, sources={"other": values[name][0]})
        scale = np.abs(wanted).max()
        assert np.abs(ran.captured[name] - wanted).max() <= 1e-5 * max(scale, 1.0), edit
        assert ran.hits == {0: 1}


def test_a_captured_value_before_and_after_its_edits(runtime, batch):
    stack = EditStack((Edit(feature=unit(SPATIAL, 1), kind="scale", amount=3.0),))
    before = Capture(SPATIAL, moment="before")
    ran = runtime.forward(batch, capture=[SPATIAL, before], edits=stack)
    plain = runtime.forward(batch, capture=[SPATIAL]).captured[SPATIAL]
    assert np.array_equal(ran.captured[before], plain)
    assert np.array_equal(ran.captured[SPATIAL][:, 1], plain[:, 1] * 3)
    assert not np.array_equal(ran.outputs["output"], runtime.forward(batch).outputs["output"])


def test_an_edit_that_changes_nothing_leaves_every_bit(runtime, batch):
    plain = runtime.forward(batch).outputs["output"]
    nothing = (
        Edit(feature=unit(SPATIAL, 1), kind="scale", amount=1.0),
        Edit(feature=unit(SPATIAL, 1), kind="scale", amount=1.0, place=REGION),
        Edit(feature=direction(TOKENS, 24), kind="scale", amount=1.0),
        Edit(feature=Feature(layer=ROW), kind="clamp"),
        Edit(feature=direction(SPATIAL, 12), kind="add", amount=0.0),
    )
    for edit in nothing:
        assert np.array_equal(
            runtime.forward(batch, edits=EditStack((edit,))).outputs["output"], plain
        ), edit


def test_order_of_edits_counts(runtime, batch):
    scale = Edit(feature=unit(SPATIAL, 0), kind="scale", amount=2.0)
    add = Edit(feature=unit(SPATIAL, 0), kind="add", amount=1.0)
    both = [
        runtime.forward(batch, capture=[SPATIAL], edits=EditStack(order)).captured[SPATIAL][:, 0]
        for order in ((scale, add), (add, scale))
    ]
    assert np.allclose(both[1] - both[0], 1.0, atol=1e-5)


def test_moving_a_slider_makes_no_session(runtime, batch):
    def answer(amount, index=4, kind="scale"):
        edit = Edit(feature=unit(SPATIAL, index), kind=kind, amount=amount)
        return runtime.forward(batch, edits=EditStack((edit,))).outputs["output"]

    answer(0.5)
    made = runtime.sessions_made
    answers = [answer(0.25), answer(3.0), answer(3.0, index=7), answer(0.1, kind="add")]
    assert runtime.sessions_made == made
    assert len({each.tobytes() for each in answers}) == len(answers)


def test_a_site_at_a_nodes_input_changes_that_node_alone(runtime, batch):
    # relu's result goes into body.Conv and into the sum; only the convolution sees the edit
    assert "body.Conv/in" not in [layer.name for layer in runtime.description.layers]
    edit = Edit(feature=Feature(layer="body.Conv/in"), kind="ablate")
    ran = runtime.forward(
        batch, capture=["body.Conv/in", "relu.Relu", "body.Conv"], edits=EditStack((edit,))
    )
    plain = runtime.forward(batch, capture=["relu.Relu"]).captured["relu.Relu"]
    assert not ran.captured["body.Conv/in"].any()
    assert np.array_equal(ran.captured["relu.Relu"], plain)
    assert np.ptp(ran.captured["body.Conv"], axis=(0, 2, 3)).max() < 1e-6  # the bias alone


def test_stopping_early(runtime, batch):
    ran = runtime.forward(batch, capture=[SPATIAL], until=SPATIAL)
    assert ran.outputs == {}
    whole = runtime.forward(batch, capture=[SPATIAL]).captured[SPATIAL]
    assert np.allclose(ran.captured[SPATIAL], whole, atol=1e-5)
    with pytest.raises(InvalidValue, match="never reached"):
        runtime.forward(batch, capture=[ROW], until=SPATIAL)
    edit = Edit(feature=unit(ROW, 0), kind="ablate")
    with pytest.raises(EditProblem, match="never ran"):
        runtime.forward(batch, edits=EditStack((edit,)), until=SPATIAL)


def test_what_does_not_fit_is_said(runtime, batch):
    with pytest.raises(UnknownName, match=r"down\.Con"):
        runtime.forward(batch, capture=["down.Con"])
    with pytest.raises(UnknownName, match="no unit 99"):
        runtime.forward(batch, edits=EditStack((Edit(feature=unit(SPATIAL, 99), kind="ablate"),)))
    patch = Edit(feature=unit(SPATIAL, 0), kind="patch", source="missing")
    with pytest.raises(EditProblem, match="another image"):
        runtime.forward(batch, edits=EditStack((patch,)))
    place = Edit(feature=unit(SPATIAL, 0), kind="ablate", place=Place("tokens", tokens=(0,)))
    with pytest.raises(EditProblem, match="tokens"):
        runtime.forward(batch, edits=EditStack((place,)))
    with pytest.raises(InvalidValue, match="shape"):
        runtime.forward(batch[0])
    off = Edit(feature=unit(SPATIAL, 0), kind="ablate", enabled=False)
    assert runtime.forward(batch, edits=EditStack((off,))).hits == {}


def test_captured_values_are_those_of_the_unoptimised_graph(runtime, small_bytes, batch):
    import onnx

    model = onnx.load_model_from_string(small_bytes)
    names = [runtime.graph.values[layer.name] for layer in runtime.description.layers]
    known = {port.name for port in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    wanted = dict(zip(names, session.run(names, {"image": batch}), strict=True))
    layers = [layer.name for layer in runtime.description.layers]
    captured = runtime.forward(batch, capture=layers).captured
    for layer in layers:
        value = wanted[runtime.graph.values[layer]]
        assert captured[layer].shape == value.shape
        assert np.allclose(captured[layer], value, rtol=1e-4, atol=1e-4 * np.abs(value).max())
        assert runtime.layer(layer).shape == value.shape[1:]


def test_every_layer_offered_for_editing_changes_the_answer(runtime, batch):
    plain = runtime.forward(batch).outputs["output"]
    offered = [layer for layer in runtime.description.layers if layer.writable]
    assert len(offered) > 15
    for layer in offered:
        noise = np.random.default_rng(1).standard_normal(layer.shape).astype(np.float32)
        edit = Edit(feature=Feature(layer=layer.name), kind="patch", source="noise")
        ran = runtime.forward(
            batch, edits=EditStack((edit,)), sources={(layer.name, "noise"): noise}
        )
        assert not np.array_equal(ran.outputs["output"], plain), layer.name


def test_axes_and_the_layers_worth_looking_at(runtime):
    layer = runtime.layer(SPATIAL)
    assert (layer.kind, layer.axes, layer.shape) == ("Conv", ("unit", "y", "x"), (12, 8, 8))
    assert runtime.layer(TOKENS).axes == ("token", "unit")
    assert runtime.layer(ROW).axes == ("unit",)
    chosen = [each.name for each in runtime.description.layers if each.worthwhile]
    assert "relu_1.Relu" in chosen
    assert any(name.startswith("mlp.1") for name in chosen)
    assert len(chosen) < len(runtime.description.layers) / 2


def test_a_model_for_one_image_at_a_time(small, batch):
    single = OnnxRuntime(exported(small, dynamic=False), described(6))
    with torch.no_grad():
        wanted = small(torch.tensor(batch)).numpy()
    edit = EditStack((Edit(feature=unit(SPATIAL, 2), kind="ablate"),))
    assert np.allclose(single.forward(batch).outputs["output"], wanted, atol=1e-4)
    ran = single.forward(batch, capture=[SPATIAL], edits=edit)
    assert ran.captured[SPATIAL].shape == (3, 12, 8, 8)
    assert not ran.captured[SPATIAL][:, 2].any()


def test_other_preprocessing_and_outputs(runtime, batch):
    other = runtime.with_preprocessing(
        Preprocessing(size=(SIZE, SIZE), mean=(0.0,) * 3, std=(1.0,) * 3)
    )
    assert other.description.layers == runtime.description.layers
    with pytest.raises(InvalidValue, match="does not take images of 40"):
        runtime.with_preprocessing(Preprocessing(size=(40, 40)))
    with pytest.raises(InvalidValue):
        runtime.with_preprocessing(
            Preprocessing(size=(SIZE, SIZE), mean=(0.5,), std=(0.5,), channels="L")
        )
    changed = runtime.with_outputs((OutputInfo(kind="sigmoid", size=6),))
    assert changed.description.outputs[0].kind == "sigmoid"
    assert np.array_equal(
        changed.forward(batch).outputs["output"], runtime.forward(batch).outputs["output"]
    )


def test_cancelling_leaves_the_session_fine(runtime, batch):
    plain = runtime.forward(batch).outputs["output"]
    calls = []

    def check():
        calls.append(threading.get_ident())
        if len(calls) > 1:
            raise Cancelled

    many = np.concatenate([batch] * 64)
    with runtime.cancel_with(check), pytest.raises(Cancelled):
        assert [runtime.forward(many) for _ in range(50)]
    assert set(calls) == {threading.get_ident()}
    assert np.array_equal(runtime.forward(batch).outputs["output"], plain)


def test_providers_are_told_as_the_session_says():
    assert available_providers()[-1] == "CPUExecutionProvider"
    assert "AzureExecutionProvider" not in available_providers()
    said = provider_sentence(["CPUExecutionProvider"], [("CUDAExecutionProvider", {}), "x"], "")
    assert said == (
        "ONNX Runtime on the CPU: the NVIDIA GPU (CUDA) was asked for, but did not start."
    )


def test_a_device_that_is_not_there_is_the_cpu_and_says_so(small_bytes):
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this computer has it")
    runtime = OnnxRuntime(small_bytes, described(6), device="cuda:0")
    assert runtime.device == "cpu"
    assert "built without support" in runtime.description.runtime_reason


def test_exchanging_two_equal_tensors_changes_the_answer(small, batch):
    twin = Small().eval()
    twin.load_state_dict(small.state_dict())
    with torch.no_grad():
        twin.stem[1].weight.copy_(small.stem[1].bias)
        twin.stem[1].bias.copy_(small.stem[1].weight)
        assert not torch.allclose(twin(torch.tensor(batch)), small(torch.tensor(batch)))


def test_edits_that_are_muted_or_not_solo_are_not_made(runtime, batch):
    edits = tuple(
        Edit(feature=Feature(layer="body.Conv", units=(unit,)), kind="scale", amount=5.0)
        for unit in (0, 1)
    )
    muted = runtime.forward(batch, edits=EditStack(edits, muted=True))
    assert np.array_equal(muted.outputs["output"], runtime.forward(batch).outputs["output"])
    assert muted.hits == {}
    solo = runtime.forward(batch, edits=EditStack(edits, solo=1))
    alone = runtime.forward(batch, edits=EditStack(edits[1:]))
    assert np.array_equal(solo.outputs["output"], alone.outputs["output"])
    assert solo.hits == {1: 1}
