"""Attributions of positions to all answers at once are what one gradient an answer gives."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.analyses.attribution import answers_of, attributed, attributions
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, InvalidValue, MissingAbility
from interp_gui.core.feature import Feature
from interp_gui.core.images import image_sha256
from interp_gui.core.preprocessing import load_batch, load_input
from interp_gui.core.target import Target
from interp_gui.runtimes.attributing import WAYS, Attributing, Positions
from interp_gui.runtimes.target import evaluate_target
from interp_gui.runtimes.torch_runtime import TorchRuntime
from tests.analyses.conftest import SIDE, build, describe, randomise


def finished(steps):
    """What a generator returns, and what it yielded on its way."""
    yielded = []
    while True:
        try:
            yielded.append(next(steps))
        except StopIteration as end:
            return end.value, yielded


def context_of(runtime, *, cache=None, check=None, **inputs):
    return Context(
        model=runtime, inputs=Inputs(**inputs), cache=cache, check=check or (lambda: None)
    )


def double(name):
    """A test network in double precision, so that only the method is compared."""
    module, classes = build(name)
    return TorchRuntime(module.double(), describe(name, classes))


@pytest.fixture(scope="module")
def doubles():
    return {name: double(name) for name in ("cnn", "vit", "swin")}


def by_gradients(runtime, layer, path, place, columns):
    """Value × gradient, one backward pass a column, written down from the layer's axes."""
    batch = load_batch([path], runtime.preprocessing)
    x = runtime.tensor(batch).requires_grad_(True)
    traced = runtime.trace(x, capture=[layer.name])
    value = traced.captured[layer.name]
    output = traced.outputs["output"]
    found = []
    for column in columns:
        (slope,) = torch.autograd.grad(
            output[0, column], value, retain_graph=True, allow_unused=True
        )
        product = (value * slope)[0]
        if layer.axes == ("unit", "y", "x"):
            product = product.flatten(1)[:, place]
        elif layer.axes == ("y", "x", "unit"):
            product = product.flatten(0, 1)[place]
        elif layer.axes == ("token", "unit"):
            product = product[place + layer.prefix_tokens]
        found.append(product.sum().item())
    return np.array(found)


LAYERS = [
    ("cnn", "first"), ("cnn", "last"), ("vit", "conv_proj"),
    ("vit", "encoder.layers.encoder_layer_0"), ("vit", "encoder.layers.encoder_layer_0.mlp.0"),
    ("swin", "features.0"), ("swin", "features.1"), ("swin", "features.1.0.attn"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_all_answers_at_once_are_one_gradient_each(doubles, pictures, name, layer):
    runtime = doubles[name]
    info = runtime.layer(layer)
    rows, columns = info.grid or info.token_grid
    wanted = [(pictures[i], (5 * i + 3) % (rows * columns)) for i in range(3)]
    context = context_of(runtime)
    found, yielded = finished(attributions(context, info, wanted))
    classes = range(runtime.description.class_count)
    assert found.dtype == np.float32
    assert found.shape == (3, len(classes))
    assert any(isinstance(each, Progress) for each in yielded)
    for row, (path, place) in zip(found, wanted, strict=True):
        expected = by_gradients(runtime, info, path, place, classes)
        scale = np.abs(expected).max()
        assert scale > 1e-10  # a saturated attention leaves some places little to say
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_all_ways_agree(doubles, maps_layer, pictures, name):
    runtime = doubles[name]
    layer = maps_layer[name]
    answers = answers_of(context_of(runtime))
    attributing = Attributing(runtime=runtime, read=answers.read, strongest=answers.strongest)
    x = runtime.tensor(load_batch(pictures[:2], runtime.preprocessing))
    with torch.no_grad():
        value = runtime.trace(x, capture=[layer]).captured[layer]
    mask = (torch.randn(value.shape) > 0).double()
    positions = Positions(layer=layer, mask=mask)
    found = [attributing._run(x, positions, way, False) for way in WAYS]
    for other in found[1:]:
        torch.testing.assert_close(other.values, found[0].values, rtol=1e-9, atol=1e-12)
        assert torch.equal(other.strongest, found[0].strongest)
    assert attributing._found_way(x[:1], positions) == "forward"


def test_positions_of_a_linear_head_sum_to_the_logit_without_its_bias(pictures):
    runtime = double("cnn")
    info = runtime.layer("last")
    rows, columns = info.grid
    wanted = [(path, place) for path in pictures[:2] for place in range(rows * columns)]
    found, _ = finished(attributions(context_of(runtime), info, wanted))
    sums = found.astype(np.float64).reshape(2, rows * columns, -1).sum(axis=1)
    logits = runtime.forward(load_batch(pictures[:2], runtime.preprocessing)).outputs["output"]
    bias = runtime.module.head.bias.numpy()
    np.testing.assert_allclose(sums, logits - bias, atol=1e-5)


def test_several_positions_of_an_image_share_what_lies_before(doubles, pictures):
    runtime = doubles["cnn"]
    info = runtime.layer("first")
    wanted = [(path, place) for place in (3, 9, 200) for path in pictures[:3]]
    together, _ = finished(attributions(context_of(runtime), info, wanted, batch=6))
    spread = [key for key in runtime.memo if "spread" in key and "first" in key]
    assert [runtime.memo[key] for key in spread] == [True]
    alone = [
        finished(attributions(context_of(runtime), info, [each], batch=1))[0][0] for each in wanted
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-6, atol=1e-9)


class Viewing(nn.Module):
    """A view that needs channels to lie first in memory."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=4, padding=1)
        self.head = nn.Linear(6 * 64, 4)

    def forward(self, x):
        return self.head(self.first(x).view(len(x), -1).tanh())


def test_a_network_that_needs_its_order_in_memory_gets_it(pictures):
    runtime = TorchRuntime(randomise(Viewing()), describe("viewing", 4))
    info = runtime.layer("first")
    found, _ = finished(attributions(context_of(runtime), info, [(pictures[0], 11)]))
    expected = by_gradients(runtime, info, pictures[0], 11, range(4))
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)
    assert [v for k, v in runtime.memo.items() if "channels last" in k] == [False]


class Around(nn.Module):
    """A value goes around `inner`, in another number of rows than what comes out of it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=4, padding=1)
        self.inner = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        x = torch.relu(self.first(x))
        y = torch.cat([x, torch.tanh(self.inner(x))], dim=1)
        return self.head((y**2).mean(dim=(2, 3)))


def test_where_values_go_around_the_layer_rows_are_repeated_before(pictures):
    runtime = TorchRuntime(randomise(Around()).double(), describe("around", 4))
    info = runtime.layer("inner")
    wanted = [(path, place) for path in pictures[:2] for place in (1, 20, 37)]
    found, _ = finished(attributions(context_of(runtime), info, wanted, batch=6))
    assert [v for k, v in runtime.memo.items() if "spread" in k] == [False]
    for row, (path, place) in zip(found, wanted, strict=True):
        expected = by_gradients(runtime, info, path, place, range(4))
        np.testing.assert_allclose(row, expected, rtol=1e-5)


class Opaque(torch.autograd.Function):
    """An operation with neither forward mode nor a second derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0].cos()


class WithOpaque(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=4, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        return self.head(Opaque.apply(self.first(x)).mean(dim=(2, 3)))


def test_an_operation_without_any_such_derivative_takes_one_gradient_an_answer(pictures):
    runtime = TorchRuntime(randomise(WithOpaque()).double(), describe("opaque", 4))
    info = runtime.layer("first")
    wanted = [(path, 11) for path in pictures[:2]]
    found, _ = finished(attributions(context_of(runtime), info, wanted))
    assert [v for k, v in runtime.memo.items() if "way" in k] == ["each"]
    expected = [by_gradients(runtime, info, path, 11, range(4)) for path, _ in wanted]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "target",
    [
        Target(kind="logit_difference", index=1, versus=4),
        Target(kind="scalar", index=2),
        Target(kind="similarity", reference=(1.0, -2.0, 0.5, 3.0, 0.0, 1.0)),
    ],
)
def test_a_target_that_is_one_number_is_one_column(doubles, pictures, target):
    runtime = doubles["cnn"]
    info = runtime.layer("last")
    context = context_of(runtime, target=target)
    found, _ = finished(attributions(context, info, [(pictures[0], 9)]))
    assert found.shape == (1, 1)
    x = runtime.tensor(load_batch(pictures[:1], runtime.preprocessing)).requires_grad_(True)
    traced = runtime.trace(x, capture=["last"])
    value = traced.captured["last"]
    (slope,) = torch.autograd.grad(evaluate_target(traced.outputs, target).sum(), value)
    expected = (value * slope)[0].flatten(1)[:, 9].sum().item()
    assert found[0, 0] == pytest.approx(expected, rel=1e-5)


def test_a_pooled_layer_counts_as_one_place(doubles, pictures):
    runtime = doubles["cnn"]
    head = runtime.layer("head")
    assert not head.spatial
    found, _ = finished(attributions(context_of(runtime), head, [(pictures[0], 0)]))
    logits = runtime.forward(load_batch(pictures[:1], runtime.preprocessing)).outputs["output"]
    np.testing.assert_allclose(found, logits, rtol=1e-5)
    with pytest.raises(InvalidValue, match="1 × 1 positions"):
        finished(attributions(context_of(runtime), head, [(pictures[0], 1)]))


def test_classes_asked_for_are_those_columns(doubles, pictures):
    runtime = doubles["cnn"]
    info = runtime.layer("last")
    wanted = [(path, 7) for path in pictures[:2]]
    everything, _ = finished(attributions(context_of(runtime), info, wanted))
    some, _ = finished(attributions(context_of(runtime), info, wanted, classes=[4, 1]))
    np.testing.assert_allclose(some, everything[:, [4, 1]], rtol=1e-6)
    with pytest.raises(InvalidValue, match="no class 6"):
        finished(attributions(context_of(runtime), info, wanted, classes=[6]))


def test_the_strongest_answer_is_that_of_the_image(doubles, pictures):
    runtime = doubles["cnn"]
    context = context_of(runtime)
    wanted = [(path, 0) for path in pictures]
    found, _ = finished(
        attributed(context, runtime.layer("last"), wanted, answers=answers_of(context, [2]))
    )
    logits = runtime.forward(load_batch(pictures, runtime.preprocessing)).outputs["output"]
    assert found.strongest.tolist() == logits.argmax(axis=1).tolist()


def test_order_batch_and_cache_change_nothing(doubles, pictures, memory):
    runtime = doubles["cnn"]
    info = runtime.layer("last")
    wanted = [(path, place) for path in pictures for place in (0, 21)]
    plain, _ = finished(attributions(context_of(runtime, cache=memory), info, wanted))
    again, _ = finished(attributions(context_of(runtime, cache=memory), info, wanted[::-1]))
    assert memory.hits == 1
    np.testing.assert_array_equal(again[::-1], plain)
    other, _ = finished(attributions(context_of(runtime), info, wanted, batch=5))
    np.testing.assert_allclose(other, plain, rtol=1e-6, atol=1e-9)


def test_a_stopped_run_keeps_what_it_has(doubles, pictures, memory, monkeypatch):
    monkeypatch.setattr("interp_gui.analyses.attribution.run.CHUNK", 4)
    runtime = doubles["cnn"]
    info = runtime.layer("last")
    wanted = [(path, 5) for path in pictures]

    def stopped():
        if len(memory.held) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        finished(attributions(context_of(runtime, cache=memory, check=stopped), info, wanted))
    finished(attributions(context_of(runtime, cache=memory), info, wanted))
    assert memory.hits == 2
    assert len(memory.held) == 3
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in runtime.module.modules())


@pytest.mark.parametrize("when", ["before", "while"])
def test_an_image_that_changed_is_left_out_and_its_values_are_not_kept(
    doubles, pictures, memory, tmp_path, monkeypatch, when
):
    runtime = doubles["cnn"]
    info, context = runtime.layer("last"), context_of(runtime, cache=memory)
    paths = [shutil.copy(path, tmp_path / f"{i}.png") for i, path in enumerate(pictures[:4])]
    hashes = [image_sha256(path) for path in paths]
    content = Path(paths[2]).read_bytes()
    wanted = [(str(path), 9) for path in paths]
    answers = answers_of(context)
    whole, _ = finished(
        attributed(context_of(runtime), info, wanted, answers=answers, hashes=hashes)
    )

    def change():
        shutil.copy(pictures[5], paths[2])

    def read(path, preprocessing):
        change()
        return load_input(path, preprocessing)

    with monkeypatch.context() as patched:
        if when == "before":
            change()
        else:
            patched.setattr("interp_gui.analyses.attribution.run.load_input", read)
        found, _ = finished(attributed(context, info, wanted, answers=answers, hashes=hashes))
    assert np.isnan(found.values[2]).all()
    assert found.strongest[2] == -1
    np.testing.assert_allclose(found.values[[0, 1, 3]], whole.values[[0, 1, 3]], rtol=1e-6)
    (note,) = found.notes
    assert note.startswith("1 image left out: '2.png' has changed")
    Path(paths[2]).write_bytes(content)
    again, _ = finished(attributed(context, info, wanted, answers=answers, hashes=hashes))
    np.testing.assert_allclose(again.values, whole.values, rtol=1e-6)
    assert not again.notes


@pytest.mark.parametrize("way", ["cancelled", "closed"])
def test_a_stopped_run_goes_on_within_a_chunk(doubles, pictures, memory, way, monkeypatch):
    """Nothing that was attributed is again, and progress begins at what is known."""
    runtime = doubles["cnn"]
    info = runtime.layer("last")
    wanted = [(path, place) for path in pictures for place in (5, 6, 7)]
    whole, _ = finished(attributions(context_of(runtime), info, wanted, batch=4))
    stop = [False]

    def check():
        if stop[0] and way == "cancelled":
            raise Cancelled

    context = context_of(runtime, cache=memory, check=check)
    steps = attributions(context, info, wanted, batch=4)
    reached = 0
    while reached < 13:
        step = next(steps)
        reached = step.done if step.total else 0
    stop[0] = True
    if way == "closed":
        steps.close()
    else:
        with pytest.raises(Cancelled):
            next(steps)
    computed = []
    attribute = Attributing.attribute

    def counted(self, inputs, positions):
        computed.append(len(inputs) * positions.repeats)
        return attribute(self, inputs, positions)

    monkeypatch.setattr(Attributing, "attribute", counted)
    stop[0] = False
    again, seen = finished(attributions(context, info, wanted, batch=4))
    first = next(step for step in seen if step.total)
    assert (first.done, first.total) == (reached, len(wanted))
    assert sum(computed) == len(wanted) - reached
    np.testing.assert_array_equal(again, whole)
    computed.clear()
    known, seen = finished(attributions(context, info, wanted, batch=4))
    assert not computed
    assert [step.done for step in seen if step.total] == [len(wanted)]
    np.testing.assert_array_equal(known, whole)


def test_an_image_that_is_gone_has_no_numbers(doubles, pictures, tmp_path, memory):
    runtime = doubles["cnn"]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    wanted = [(pictures[0], 3), (str(tmp_path / "gone.png"), 3), (str(broken), 3)]
    context = context_of(runtime, cache=memory)
    found, _ = finished(
        attributed(context, runtime.layer("last"), wanted, answers=answers_of(context))
    )
    assert np.isfinite(found.values[0]).all()
    assert np.isnan(found.values[1:]).all()
    assert found.strongest[1:].tolist() == [-1, -1]
    assert not memory.held


def test_edits_count(doubles, pictures):
    runtime = doubles["cnn"]
    info = runtime.layer("last")
    wanted = [(path, 7) for path in pictures[:2]]
    plain, _ = finished(attributions(context_of(runtime), info, wanted))
    edits = EditStack(edits=(Edit(feature=Feature(layer="last"), kind="scale", amount=0.5),))
    edited, _ = finished(attributions(context_of(runtime, edits=edits), info, wanted))
    np.testing.assert_allclose(edited, 0.5 * plain, rtol=1e-6)


class Pooled(nn.Module):
    """Maximum pooling behind a convolution."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.pool(torch.relu(self.first(x))).mean(dim=(2, 3)))


def test_smooth_pooling_shares_credit_and_changes_no_answer(pictures):
    runtime = TorchRuntime(randomise(Pooled()).double(), describe("pooled", 4))
    info = runtime.layer("first")
    wanted = [(pictures[0], 33 * SIDE // 2 + i) for i in range(12)]
    found = {
        smooth: finished(attributions(context_of(runtime), info, wanted, smooth=smooth))[0]
        for smooth in (False, True)
    }
    assert (found[False] == 0).all(axis=1).any()  # lost the maximum everywhere
    assert (found[True] == 0).all(axis=1).sum() < (found[False] == 0).all(axis=1).sum()
    # The derivative is that of mean(x²) / (0.01 + mean |x|), by hand for one position.
    x = runtime.tensor(load_batch(pictures[:1], runtime.preprocessing))
    h = runtime.module.first(x).requires_grad_(True)
    y = torch.relu(h)

    def mean(v):
        return nn.functional.avg_pool2d(v, 3, 2, 1, count_include_pad=False)

    logits = runtime.module.head((mean(y**2) / (0.01 + mean(y.abs()))).mean(dim=(2, 3)))
    (slope,) = torch.autograd.grad(logits[0, 2], h)
    place = wanted[5][1]
    expected = (h * slope)[0].flatten(1)[:, place].sum().item()
    assert found[True][5, 2] == pytest.approx(expected, rel=1e-5)


def test_without_gradients_it_is_said(runtimes, pictures):
    class Plain:
        description = msgspec.structs.replace(
            runtimes["cnn"].description, gradient_problem="It only answers."
        )

    context = context_of(Plain())
    with pytest.raises(MissingAbility, match="cannot compute gradients"):
        finished(attributions(context, runtimes["cnn"].layer("last"), [(pictures[0], 0)]))


def test_a_model_from_an_onnx_file_takes_its_twin(runtimes, pictures):
    from interp_gui.runtimes.onnx.runtime import OnnxRuntime
    from tests.runtimes.onnx.conftest import exported

    runtime = OnnxRuntime(exported(build("cnn")[0], size=SIDE), describe("cnn", 6))
    runtime.seek_gradients()
    assert runtime.description.gradient_problem == ""
    wanted = [(path, 7) for path in pictures[:2]]
    layer = next(each for each in runtime.description.layers if each.shape == (12, 8, 8))
    found, _ = finished(attributions(context_of(runtime), layer, wanted))
    own = runtimes["cnn"]
    expected, _ = finished(attributions(context_of(own), own.layer("second"), wanted))
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
