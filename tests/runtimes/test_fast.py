import pytest
import torch
from torch import nn

from interp_gui.core.errors import InvalidValue
from interp_gui.runtimes.fast import FastNetwork, fast_network, output_key


def exact(runtime, x, layers):
    return runtime.trace(x, capture=layers)


def close(got, true):
    got, true = got.detach(), true.detach()
    return float((got - true).abs().max() / true.abs().max()) < 1e-4


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "convnext_tiny"])
def test_values_and_gradients_are_those_of_the_unfolded_network(name, built, batch, untouched):
    runtime = built(name)
    every = [info.name for info in runtime.description.layers if info.worthwhile]
    layers = [every[1], every[len(every) // 2], every[-1]]
    x = runtime.tensor(batch(runtime, 2)).requires_grad_()
    with untouched(runtime):
        fast = FastNetwork(runtime, layers, outputs=True)
        got = fast.trace(x)
    true = exact(runtime, x, layers)
    assert all(close(got[layer], true.captured[layer]) for layer in layers)
    assert close(got[output_key("output")], true.outputs["output"])
    (mine,) = torch.autograd.grad(got[layers[1]].square().mean(), x)
    (theirs,) = torch.autograd.grad(true.captured[layers[1]].square().mean(), x)
    assert float((mine - theirs).norm() / theirs.norm()) < 1e-3
    norms = {"mobilenet_v2": 52, "resnet18": 20, "convnext_tiny": 0}
    assert len(fast.folded) == norms[name]


def test_a_convolution_that_is_looked_at_keeps_its_norm(built, batch):
    runtime = built("resnet18")
    x = runtime.tensor(batch(runtime, 1))
    asked = ["layer1.0.conv1", "layer1.0.bn2/in", "layer1.1.bn1", "layer2.0.downsample.1"]
    fast = fast_network(runtime, asked)
    assert {"layer1.0.bn1", "layer1.0.bn2"}.isdisjoint(fast.folded)
    assert {"layer1.1.bn1", "layer2.0.downsample.1", "bn1"} <= set(fast.folded)
    got, true = fast.trace(x), exact(runtime, x, asked).captured
    assert all(close(got[name], true[name]) for name in asked)


def test_a_convolution_that_something_else_reads_is_not_folded(tiny):
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.norm = nn.BatchNorm2d(4)
            self.tail = nn.Conv2d(4, 4, 1)
            self.tail_norm = nn.BatchNorm2d(4)
            self.head = nn.Linear(4, 5)

        def forward(self, x):
            y = self.conv(x)
            y = self.norm(y) + y.abs()
            return self.head(self.tail_norm(self.tail(y)).mean((2, 3)))

    net = Skip()
    for norm in (net.norm, net.tail_norm):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.2, 3)
    runtime = tiny(net)
    fast = fast_network(runtime, ["tail_norm"])
    x = torch.randn(2, 3, 16, 16)
    assert close(fast.trace(x)["tail_norm"], exact(runtime, x, ["tail_norm"]).captured["tail_norm"])


def test_it_stops_at_the_last_layer_asked_for(built, batch):
    runtime = built("mobilenet_v2")
    fast = fast_network(runtime, ["features.7", "features.3"])
    ran = []
    modules = dict(fast._module.named_modules())
    handles = [
        modules[name].register_forward_hook(lambda *_, n=name: ran.append(n))
        for name in ("features.8", "features.6")
    ]
    x = runtime.tensor(batch(runtime, 1))
    assert set(fast.trace(x)) == {"features.7", "features.3"}
    assert ran == ["features.6"]
    assert set(fast.trace(x, ["features.3#0"])) == {"features.3#0"}
    assert ran == ["features.6"]
    for handle in handles:
        handle.remove()


def test_only_what_it_was_made_for_can_be_asked(built, batch):
    runtime = built("mobilenet_v2")
    fast = fast_network(runtime, ["features.7"])
    with pytest.raises(InvalidValue, match="not made"):
        fast.trace(runtime.tensor(batch(runtime, 1)), ["features.8"])


def test_the_copy_is_private_frozen_and_clean(built, batch):
    runtime = built("resnet18")
    fast = fast_network(runtime, ["layer2"])
    own = {p.data_ptr() for p in fast._module.parameters()}
    assert own.isdisjoint(p.data_ptr() for p in runtime.module.parameters())
    assert not any(p.requires_grad for p in fast._module.parameters())
    fast.trace(runtime.tensor(batch(runtime, 1)))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in fast._module.modules())


def test_gradient_comes_back_through_a_dead_layer(tiny):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.Conv2d(4, 2, 1), nn.Flatten())
    net[0].bias.data.fill_(-50.0)
    runtime = tiny(net)
    fast = fast_network(runtime, ["2"])
    x = torch.randn(1, 3, 16, 16, requires_grad=True)
    (blocked,) = torch.autograd.grad(fast.trace(x)["2"].sum(), x)
    (passed,) = torch.autograd.grad(fast.trace(x, relu_gradient=True)["2"].sum(), x)
    assert not blocked.any()
    assert passed.any()


def test_an_uncapped_layer_rises_beyond_its_relu6_and_only_there(built, batch):
    runtime = built("mobilenet_v2")
    x = (40 * runtime.tensor(batch(runtime, 1))).requires_grad_()
    early, late = "features.0", "features.18"
    plain = FastNetwork(runtime, [early, late]).trace(x)
    fast = FastNetwork(runtime, [early, late], uncapped=True).trace(x)
    held = plain[late] == 6
    assert bool(held.any()), "the case must be reached"
    assert bool((fast[late][held] > 6 - 1e-4).all())
    assert float(fast[late].detach().max()) > 6.5
    assert close(fast[late].clamp(max=6.0), plain[late])
    assert close(fast[early], plain[early]), "what lies before keeps its ceiling"
    (none,) = torch.autograd.grad(plain[late][held].sum(), x)
    (some,) = torch.autograd.grad(fast[late][held].sum(), x)
    assert float(none.abs().max()) == 0.0
    assert float(some.abs().max()) > 0.0
    # with the outputs asked for, the whole network stays what it is
    whole = FastNetwork(runtime, [late], outputs=True, uncapped=True).trace(x)
    assert close(whole[late], plain[late])
