import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import (
    EditProblem,
    InvalidValue,
    MissingAbility,
    OutOfMemory,
    UnknownName,
)
from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo, Preprocessing
from interp_gui.core.place import Place
from interp_gui.core.runtime import Capture, Differentiable
from interp_gui.runtimes.opening import open_runtime


class InPlace(nn.Module):
    """Adds in place what it has just computed, and calls one module twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.keep = nn.Identity()
        self.mix = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        y = self.conv(x)
        kept = self.keep(y)
        y += 1.0
        y = self.relu(y)
        mixed = self.mix(y)
        mixed *= 2.0
        return self.head(self.relu(mixed + kept).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, outputs="tensor"):
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 4, stride=4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 5)
        self.outputs = outputs

    def forward(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        y, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        logits = self.head(self.norm(tokens + y).mean(1))
        return {"tensor": logits, "pair": (logits, y), "dict": {"logits": logits, "extra": None}}[
            self.outputs
        ]


def stack(*edits):
    return EditStack(edits)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 3, 16, 16)).astype(np.float32)


def test_it_is_a_runtime_that_differentiates(tiny):
    assert isinstance(tiny(InPlace()), Differentiable)


@pytest.mark.parametrize("gradients", [False, True])
def test_what_follows_in_place_does_not_alter_what_was_captured(tiny, x, gradients):
    runtime = tiny(InPlace())
    conv = runtime.module.conv
    names = ["conv", "relu", "mix", "relu#1", "mix/in"]
    tensor = torch.from_numpy(x).requires_grad_(gradients)
    with torch.set_grad_enabled(gradients):
        got = runtime.trace(tensor, capture=names).captured
        y = conv(torch.from_numpy(x))
        z = torch.relu(y + 1)
        mixed = runtime.module.mix(z)
    expected = {"conv": y, "relu": z, "mix/in": z, "mix": mixed}
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=0, atol=1e-6)
    assert got["relu#1"].shape == mixed.shape
    # what it hands on is the very tensor that is added to afterwards: a copy would lose that
    assert "keep" not in {layer.name for layer in runtime.description.layers}


def test_the_gradient_of_a_captured_value_is_that_of_this_layer_alone(tiny, x):
    runtime = tiny(InPlace())
    tensor = torch.from_numpy(x).requires_grad_()
    traced = runtime.trace(tensor, capture=["mix/in", "relu"])
    total = traced.outputs["output"].sum()
    through, whole = torch.autograd.grad(
        total, [traced.captured["mix/in"], traced.captured["relu"]]
    )
    assert torch.equal(traced.captured["mix/in"], traced.captured["relu"])
    torch.testing.assert_close(through, whole)  # relu's value is read by mix alone


def test_a_value_that_edits_put_in_place_of_all_has_a_gradient(tiny, x):
    runtime = tiny(InPlace())
    name = runtime.description.layers[0].name
    ablated = stack(Edit(feature=Feature(layer=name), kind="ablate"))
    last = runtime.description.layers[-2].name
    with torch.enable_grad():
        traced = runtime.trace(
            torch.tensor(x, requires_grad=True), capture=[name, last], edits=ablated
        )
        total = traced.outputs["output"].sum()
        gradients = torch.autograd.grad(total, [traced.captured[name], traced.captured[last]])
    assert not traced.captured[name].any()
    assert all(bool(gradient.any()) for gradient in gradients)


def test_calls_of_one_module_are_told_apart(tiny, x):
    runtime = tiny(InPlace())
    assert [i.name for i in runtime.description.layers if i.name.startswith("relu")] == [
        "relu", "relu#1",
    ]  # fmt: skip
    first = Edit(feature=Feature(layer="relu#0", units=(1,)), kind="ablate")
    second = Edit(feature=Feature(layer="relu#1", units=(1,)), kind="ablate")
    names = ["relu", "relu#1"]
    one = runtime.forward(x, capture=names, edits=stack(first))
    two = runtime.forward(x, capture=names, edits=stack(second))
    assert not one.captured["relu"][:, 1].any()
    assert one.captured["relu#1"][:, 1].any()
    assert two.captured["relu"][:, 1].any()
    assert not two.captured["relu#1"][:, 1].any()
    assert one.hits == two.hits == {0: 1}


def test_captures_are_before_or_after_edits_as_asked(tiny, x):
    runtime = tiny(InPlace())
    early, late = Capture("conv", "before"), Capture("conv")
    edits = stack(
        Edit(feature=Feature(layer="conv", units=(0,)), kind="scale", amount=3.0),
        Edit(feature=Feature(layer="conv", units=(0,)), kind="add", amount=1.0),
    )
    got = runtime.forward(x, capture=[early, late, "conv"], edits=edits)
    plain = runtime.forward(x, capture=["conv"]).captured["conv"]
    assert np.array_equal(got.captured[early], plain)
    np.testing.assert_allclose(got.captured[late][:, 0], plain[:, 0] * 3 + 1, rtol=1e-6)
    assert np.array_equal(got.captured[late], got.captured["conv"])
    assert np.array_equal(got.captured[late][:, 1:], plain[:, 1:])


def test_stopping_early_gives_values_but_no_outputs(tiny, x):
    runtime = tiny(InPlace())
    seen = []
    handle = runtime.module.head.register_forward_pre_hook(lambda *_: seen.append(1))
    got = runtime.forward(x, capture=["conv"], until="relu")
    handle.remove()
    assert got.outputs == {}
    assert not seen
    assert np.array_equal(
        got.captured["conv"], runtime.forward(x, capture=["conv"]).captured["conv"]
    )


def test_what_is_never_reached_is_an_error(tiny, x, untouched):
    runtime = tiny(InPlace())
    late = Edit(feature=Feature(layer="relu#1", units=(0,)), kind="ablate")
    with untouched(runtime):
        with pytest.raises(EditProblem, match="never ran"):
            runtime.forward(x, edits=stack(late), until="relu")
        with pytest.raises(InvalidValue, match="never reached"):
            runtime.forward(x, capture=["mix"], until="conv")
        with pytest.raises(UnknownName) as problem:
            runtime.forward(x, capture=["con"])
        assert "conv" in problem.value.hint
        for name in ("relu#2", "head/z", ""):
            with pytest.raises((UnknownName, InvalidValue)):
                runtime.forward(x, capture=[name])
        absent = Edit(feature=Feature(layer="conv", units=(4,)), kind="ablate")
        with pytest.raises(UnknownName, match="no unit 4"):
            runtime.forward(x, edits=stack(absent))


def test_a_disabled_edit_does_nothing_and_is_not_missed(tiny, x):
    runtime = tiny(InPlace())
    edit = Edit(feature=Feature(layer="nowhere", units=(0,)), kind="ablate", enabled=False)
    got = runtime.forward(x, edits=stack(edit))
    assert got.hits == {}
    assert np.array_equal(got.outputs["output"], runtime.forward(x).outputs["output"])


def test_an_edit_of_another_model_runs_with_a_warning(tiny, x):
    runtime = tiny(InPlace())
    edit = Edit(feature=Feature(layer="conv", units=(0,), model="f" * 64), kind="ablate")
    assert runtime.forward(x, edits=stack(edit)).hits == {0: 1}
    assert len(stack(edit).warnings(runtime.description.weights_sha256)) == 1


def test_attention_is_read_and_edited_in_its_first_output(tiny, x):
    runtime = tiny(Attention())
    assert runtime.layer("attention").axes == ("token", "unit")
    assert "attention.out_proj" not in [i.name for i in runtime.description.layers]
    place = Place("tokens", tokens=(3,))
    edit = Edit(feature=Feature(layer="attention", units=(2,)), kind="ablate", place=place)
    got = runtime.forward(x, capture=["attention"], edits=stack(edit))
    plain = runtime.forward(x, capture=["attention"])
    changed = got.captured["attention"] != plain.captured["attention"]
    assert changed[:, 3, 2].all()
    assert changed.sum() == len(x)
    assert not np.array_equal(got.outputs["output"], plain.outputs["output"])


def test_outputs_are_named_by_the_description(tiny, x):
    names = (OutputInfo(name="logits", size=5), OutputInfo(name="tokens", kind="map"))
    pair = tiny(Attention("pair"), outputs=names).forward(x).outputs
    assert {n: v.shape for n, v in pair.items()} == {"logits": (2, 5), "tokens": (2, 16, 8)}
    assert tiny(Attention("dict")).forward(x).outputs["logits"].shape == (2, 5)
    plain = tiny(Attention()).forward(x).outputs
    assert np.array_equal(plain["output"].shape, (2, 5))


def test_a_network_without_tensors_as_output_says_so(tiny):
    class Mute(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 1)

        def forward(self, x):
            self.conv(x)
            return "nothing"

    with pytest.raises(MissingAbility, match="no tensor"):
        tiny(Mute())


def test_lack_of_memory_has_its_own_error(tiny, x, untouched):
    runtime = tiny(InPlace())
    with (
        untouched(runtime),
        pytest.raises(OutOfMemory),
        runtime.cancel_with(lambda: torch.empty(1 << 60)),
    ):
        runtime.forward(x, capture=["conv"])


def test_the_callers_batch_is_left_alone(tiny, x):
    class Greedy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 1)

        def forward(self, x):
            x *= 0.0
            return self.conv(x).mean((2, 3))

    before = x.copy()
    tiny(Greedy()).forward(x)
    assert np.array_equal(x, before)
    with pytest.raises(InvalidValue, match="shape"):
        tiny(InPlace()).forward(x[0])


def test_another_preprocessing_shares_the_module(tiny):
    runtime = tiny(InPlace())
    runtime.memo["kept"] = 1
    twin = runtime.with_preprocessing(Preprocessing(size=(16, 16), mean=(0, 0, 0), std=(1, 1, 1)))
    assert twin.module is runtime.module
    assert twin.memo is runtime.memo
    assert twin.preprocessing.mean == (0, 0, 0)
    assert runtime.preprocessing.mean == (0.5, 0.5, 0.5)
    larger = runtime.with_preprocessing(Preprocessing(size=(24, 32)))
    assert larger.layer("conv").shape == (4, 24, 32)
    assert larger.memo == {}
    assert runtime.layer("conv").shape == (4, 16, 16)
    with pytest.raises(InvalidValue, match="2 × 2"):
        tiny(Attention()).with_preprocessing(Preprocessing(size=(2, 2)))


def test_another_number_of_channels_is_refused_by_a_network_that_cannot_take_it(tiny):
    runtime = tiny(InPlace())
    grey = msgspec.structs.replace(runtime.preprocessing, channels="L", mean=(0.5,), std=(0.2,))
    with pytest.raises(InvalidValue, match="1 channels"):
        runtime.with_preprocessing(grey)


def test_an_opened_checkpoint_becomes_a_runtime(tiny, x):
    runtime = tiny(InPlace())

    class Opened:
        module = InPlace().train().requires_grad_(True)
        description = runtime.description

    made = open_runtime(Opened)
    assert not any(m.training for m in made.module.modules())
    assert not any(p.requires_grad for p in made.module.parameters())
    assert not made.module.relu.inplace
    assert made.device == "cpu"
    assert made.forward(x).outputs["output"].shape == (2, 5)


def test_only_this_thread_is_cancelled(tiny, x):
    from threading import Thread

    runtime = tiny(InPlace())
    done = []

    def refuse():
        raise RuntimeError("asked")

    with runtime.cancel_with(refuse):
        thread = Thread(target=lambda: done.append(runtime.module(torch.from_numpy(x))))
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="asked"):
            runtime.forward(x)
    assert len(done) == 1


def test_edits_that_are_muted_or_not_solo_are_not_made(tiny):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 196, 5)).eval()
    runtime = tiny(net)
    x = np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)
    edits = tuple(
        Edit(feature=Feature(layer="0", units=(unit,)), kind="scale", amount=5.0) for unit in (0, 1)
    )

    def run(**how):
        found = runtime.forward(x, edits=EditStack(edits, **how))
        return found.outputs["output"], found.hits

    plain = runtime.forward(x).outputs["output"]
    assert np.array_equal(run(muted=True)[0], plain)
    assert run(muted=True)[1] == {}
    alone = runtime.forward(x, edits=EditStack(edits[1:])).outputs["output"]
    assert np.array_equal(run(solo=1)[0], alone)
    assert run(solo=1)[1] == {1: 1}
    assert not np.array_equal(run()[0], alone)


class Aside(nn.Module):
    """A branch of which nothing reaches the answer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.dead = nn.Conv2d(4, 4, 1)
        self.end = nn.Conv2d(4, 4, 1)
        self.last = nn.Linear(4, 5)

    def forward(self, x):
        x = self.first(x)
        self.end(self.dead(x))
        return self.last(x.mean((2, 3)))


def test_a_layer_that_is_only_read_is_not_edited(tiny):
    torch.manual_seed(0)
    runtime = tiny(Aside().eval())
    x = np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)
    assert not runtime.layer("dead").writable
    assert runtime.forward(x, capture=["dead"]).captured["dead"].any()
    edit = Edit(feature=Feature(layer="dead", units=(1,)), kind="scale", amount=2.0)
    with pytest.raises(EditProblem, match="read but not changed"):
        runtime.forward(x, edits=EditStack((edit,)))
