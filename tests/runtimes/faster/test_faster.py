"""Passes on ONNX Runtime: only where they agree with PyTorch and are faster; else PyTorch."""

import numpy as np
import pytest
import torch
from torch import nn

from interp_gui.core.errors import Cancelled
from interp_gui.runtimes.faster import choosing
from interp_gui.runtimes.faster.choosing import (
    AGREEMENT,
    Choice,
    Work,
    choice_of,
    decide,
    disagreement,
    network_of,
    remember,
)
from interp_gui.runtimes.faster.exporting import CannotExport, export
from interp_gui.runtimes.faster.network import ExportedNetwork
from interp_gui.runtimes.faster.reducing import Extremes, Reduction, extremes_of, flattened
from interp_gui.runtimes.onnx.providers import CPU

NETWORKS = ("mobilenet_v2", "resnet18", "vit", "swin")


@pytest.fixture(autouse=True)
def chosen(monkeypatch):
    """Elsewhere in the tests PyTorch computes everything."""
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "automatic")


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "onnx")


class Net(nn.Module):
    """A module that is called twice, a sum, and a head."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.again = nn.Conv2d(6, 6, 1)
        self.act = nn.ReLU()
        self.head = nn.Linear(6, 5)
        for parameter in self.parameters():
            parameter.data = 0.4 * torch.randn(parameter.shape, generator=generator)

    def forward(self, x):
        x = self.act(self.conv(x))
        x = self.act(self.again(x) + x)
        return self.head(x.mean((2, 3)))


class Strict(Net):
    """One whose path through itself hangs on values, and which no exporter can follow."""

    def forward(self, x):
        if not torch.jit.is_tracing() and not torch.compiler.is_compiling():
            return super().forward(x)
        raise NotImplementedError("this network is for PyTorch alone\nand more")


class Fixed(Net):
    """One that an export follows for one number of images, and answers otherwise."""

    def forward(self, x):
        return super().forward(x) * (3.0 if torch.jit.is_tracing() else 1.0)


@pytest.fixture
def net(tiny):
    return tiny(Net())


def work_of(runtime, *, outputs=True, names=None):
    """Reductions of the layers worth looking at, as a pass has them."""
    layers = [
        layer
        for layer in runtime.description.layers
        if layer.units and (layer.name in names if names is not None else layer.worthwhile)
    ]
    reductions = tuple(
        Reduction(
            layer=layer.name, axes=layer.axes, units=layer.units, spatial=layer.spatial,
            skip=layer.prefix_tokens if layer.spatial and "token" in layer.axes else 0,
        )
        for layer in layers
    )  # fmt: skip
    return Work(reductions=reductions, outputs=outputs)


def exported(runtime, work, batch):
    made = export(runtime, runtime.tensor(batch), work.layers, until=work.until)
    return ExportedNetwork(made, device="cpu", threads=1)


def noise(count, side=16, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 3, side, side)).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_values_reductions_and_outputs_agree(name, built, small, untouched, always):
    runtime = small(name) if name in ("vit", "swin") else built(name)
    side = runtime.preprocessing.size[0]
    batch, others = noise(3, side), noise(5, side, seed=8)
    work = work_of(runtime)
    assert work.reductions
    with untouched(runtime):
        choice = decide(runtime, work, batch, images=3)
        assert choice.onnx, choice.sentence
        assert choice.difference <= AGREEMENT
        network = network_of(runtime, work)
        true = runtime.forward(others, capture=work.layers)
        found = network.run(others, capture=work.layers, reductions=work.reductions, outputs=True)
    assert network.providers == (CPU,)
    assert set(found.outputs) == set(true.outputs)
    for ours, theirs in [
        *((true.outputs[key], found.outputs[key]) for key in true.outputs),
        *((true.captured[key], found.captured[key]) for key in work.layers),
    ]:
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(ours).max()
    for reduction in work.reductions:
        value = true.captured[reduction.layer]
        wanted = extremes_of(flattened(value, reduction))
        got = found.extremes[reduction.layer]
        tolerance = 1e-4 * np.abs(value).max()
        for part in ("peak", "low", "mean"):
            assert np.abs(getattr(wanted, part) - getattr(got, part)).max() <= tolerance
        assert (wanted.position == got.position).mean() > 0.95


def test_virtual_sites_inputs_and_second_calls_are_exported_under_their_own_addresses(small, net):
    vit = small("vit")
    sites = [x.name for x in vit.description.layers if x.name.endswith(("/z", "/resid"))][:2]
    assert len(sites) == 2
    cases = [
        (vit, sites, noise(2, 32)),
        (net, ["act#0", "act#1", "again", "again/in"], noise(2)),
    ]
    for runtime, names, batch in cases:
        made = export(runtime, runtime.tensor(batch), names)
        network = ExportedNetwork(made, device="cpu", threads=1)
        listed = [runtime.layer(name).name for name in names]
        found = network.run(batch, capture=listed).captured
        true = runtime.forward(batch, capture=listed).captured
        for name in listed:
            assert np.abs(found[name] - true[name]).max() <= 1e-4 * np.abs(true[name]).max()


def test_a_pass_that_stops_early_leaves_out_what_lies_behind(net):
    made = export(net, net.tensor(noise(2)), ["conv"], until="conv")
    assert made.outputs == ()
    assert len(made.onnx) < len(export(net, net.tensor(noise(2)), ["conv"]).onnx)


def test_where_values_differ_pytorch_keeps_the_work(tiny, always):
    runtime = tiny(Fixed())
    work = work_of(runtime)
    choice = decide(runtime, work, noise(3), images=3)
    assert not choice.onnx
    assert "other values" in choice.sentence
    assert choice.difference > AGREEMENT
    assert network_of(runtime, work) is None


def test_one_wrong_reduction_is_found_out(net):
    work = work_of(net, names=["act", "conv"])
    batch = noise(3)
    network = exported(net, work, batch)
    assert disagreement(net, network, work, batch) < 1e-5

    class Liar:
        def run(self, batch, *, reductions=(), **options):
            found = network.run(batch, reductions=reductions, **options)
            for name, told in found.extremes.items():
                if name == "conv":
                    found.extremes[name] = told._replace(low=told.low * 1.001)
            return found

    assert disagreement(net, Liar(), work, batch) > AGREEMENT


def test_what_does_not_export_says_so_and_stays(tiny, always, untouched):
    runtime = tiny(Strict())
    work = work_of(runtime)
    with untouched(runtime):
        choice = decide(runtime, work, noise(2), images=2)
    assert not choice.onnx
    assert choice.sentence.startswith("PyTorch: it does not export (")
    assert "\n" not in choice.sentence
    with pytest.raises(CannotExport):
        export(runtime, runtime.tensor(noise(2)), [])


@pytest.mark.parametrize(("times", "words"), [(0.9, "slower here (0.9 ×)"), (1.05, "hardly")])
def test_where_it_is_not_faster_pytorch_keeps_the_work(net, monkeypatch, times, words):
    monkeypatch.setattr(choosing, "_times", lambda *_: times)
    monkeypatch.setattr(choosing, "_torch_s", lambda *_, **__: 1.0)
    choice = decide(net, work_of(net), noise(2), images=1000)
    assert not choice.onnx
    assert choice.final
    assert words in choice.sentence
    assert choice_of(net, work_of(net)) == choice


def test_where_it_is_faster_it_is_told_by_how_much(net, monkeypatch):
    monkeypatch.setattr(choosing, "_times", lambda *_: 3.14)
    monkeypatch.setattr(choosing, "_torch_s", lambda *_, **__: 1.0)
    choice = decide(net, work_of(net), noise(2), images=1000)
    assert choice.onnx
    assert choice.sentence == "ONNX Runtime, 3.1 times faster here"


def test_little_work_is_not_worth_an_export(net, monkeypatch):
    monkeypatch.setattr(choosing, "export", lambda *_, **__: pytest.fail("exported"))
    monkeypatch.setattr(choosing, "_torch_s", lambda *_, **__: 0.01)
    choice = decide(net, work_of(net), noise(2), images=100)
    assert not choice.onnx
    assert not choice.final
    assert choice_of(net, work_of(net)) is None


def test_nothing_is_thought_of_where_it_is_switched_off(net, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "torch")
    monkeypatch.setattr(choosing, "export", lambda *_, **__: pytest.fail("exported"))
    choice = decide(net, work_of(net), noise(2), images=10**6)
    assert not choice.onnx
    assert "switched off" in choice.sentence


def test_other_precision_and_devices_without_a_provider_stay(net, tiny, monkeypatch, always):
    assert "single precision" in choice_of(tiny(Net().double()), Work()).sentence
    monkeypatch.setattr(net, "_device", "cuda:0")
    assert "without support" in choice_of(net, Work()).sentence


def test_a_choice_of_an_earlier_process_is_exported_and_compared_but_not_timed(net, monkeypatch):
    work = work_of(net)
    remember(
        net, work, Choice(onnx=True, times=2.5, sentence="ONNX Runtime, 2.5 times faster here")
    )
    monkeypatch.setattr(choosing, "_times", lambda *_: pytest.fail("timed"))
    choice = decide(net, work, noise(2), images=2)
    assert choice.onnx
    assert choice.times == 2.5
    assert network_of(net, work) is not None


def test_it_can_be_stopped_between_the_parts_of_an_attempt(net, monkeypatch):
    order = []

    def noted(name, call):
        def act(*given, **more):
            order.append(name)
            return call(*given, **more)

        return act

    for name in ("export", "ExportedNetwork", "disagreement"):
        monkeypatch.setattr(choosing, name, noted(name, getattr(choosing, name)))
    decide(net, work_of(net), noise(2), images=10**6, check=lambda: order.append("check"))
    for name in ("ExportedNetwork", "disagreement"):
        assert order[order.index(name) - 1] == "check"


@pytest.mark.parametrize("after", [1, 3, 6])
def test_it_can_be_stopped_while_it_exports(net, untouched, after):
    calls = []

    def check():
        calls.append(1)
        if len(calls) > after:
            raise Cancelled

    with untouched(net), pytest.raises(Cancelled), net.cancel_with(check):
        export(net, net.tensor(noise(2)), ["conv"], check=check)


def test_networks_that_are_too_large_are_not_copied(net, monkeypatch, always):
    monkeypatch.setattr(choosing, "_MOST_BYTES", 10)
    assert "too large" in decide(net, work_of(net), noise(2), images=2).sentence


def test_reductions_name_the_first_of_equal_values():
    reduction = Reduction(layer="l", axes=("token", "unit"), units=2, skip=1)
    value = np.array([[[9, 9], [1, 5], [3, 5], [3, 2]]], np.float32)
    found = extremes_of(flattened(value, reduction))
    assert isinstance(found, Extremes)
    assert found.position.tolist() == [[1, 0]]
    assert found.peak.tolist() == [[3, 5]]
    assert found.low.tolist() == [[1, 2]]
