import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from interp_gui.core.layer import Address
from interp_gui.runtimes.layers import make_out_of_place, probe, reaching

NEVER = ("Dropout", "Identity", "Flatten", "StochasticDepth")


def test_every_offered_layer_has_the_shape_it_says(network, batch):
    infos = network.description.layers
    names = [info.name for info in infos]
    got = network.forward(batch(network, 2), capture=names).captured
    for info in infos:
        assert got[info.name].shape == (2, *info.shape)
        assert len(info.axes) == len(info.shape)
        assert info.units > 0 or info.role == "pattern"
    assert [info.depth for info in infos] == list(range(len(infos)))
    assert len(set(names)) == len(names)


def test_a_few_layers_are_worthwhile(network):
    chosen = [info for info in network.description.layers if info.worthwhile]
    assert 10 <= len(chosen) <= 40
    assert not [info.name for info in chosen if info.kind in NEVER]
    assert all(info.writable for info in network.description.layers)


EXPECTED = {
    "mobilenet_v2": {
        "features.7": ("InvertedResidual", ("unit", "y", "x"), (64, 4, 4), True),
        "features.14": ("InvertedResidual", ("unit", "y", "x"), (160, 2, 2), True),
        "features.18": ("Conv2dNormActivation", ("unit", "y", "x"), (1280, 2, 2), True),
        "features.18.2": ("ReLU6", ("unit", "y", "x"), (1280, 2, 2), False),
        "classifier.1": ("Linear", ("unit",), (1000,), False),
    },
    "resnet18": {
        "relu": ("ReLU", ("unit", "y", "x"), (64, 32, 32), True),
        "layer1.0.relu#1": ("ReLU", ("unit", "y", "x"), (64, 16, 16), False),
        "layer3.1": ("BasicBlock", ("unit", "y", "x"), (256, 4, 4), True),
        "layer4": ("Sequential", ("unit", "y", "x"), (512, 2, 2), True),
        "avgpool": ("AdaptiveAvgPool2d", ("unit", "y", "x"), (512, 1, 1), True),
    },
    "convnext_tiny": {
        "features.0": ("Conv2dNormActivation", ("unit", "y", "x"), (96, 16, 16), False),
        "features.1.1.block.1": ("Permute", ("y", "x", "unit"), (16, 16, 96), False),
        "features.1.1.block.4": ("GELU", ("y", "x", "unit"), (16, 16, 384), True),
        "features.1.1.block.6": ("Permute", ("unit", "y", "x"), (96, 16, 16), False),
        "features.5.8": ("CNBlock", ("unit", "y", "x"), (384, 4, 4), True),
        "features.7": ("Sequential", ("unit", "y", "x"), (768, 2, 2), True),
    },
    "vit_b_16": {
        "conv_proj": ("Conv2d", ("unit", "y", "x"), (768, 4, 4), False),
        "encoder.layers.encoder_layer_3": ("EncoderBlock", ("token", "unit"), (17, 768), True),
        "encoder.layers.encoder_layer_3.mlp.1": ("GELU", ("token", "unit"), (17, 3072), True),
        "encoder.layers.encoder_layer_3.self_attention": (
            "MultiheadAttention", ("token", "unit"), (17, 768), False,
        ),
        "encoder.ln": ("LayerNorm", ("token", "unit"), (17, 768), True),
    },
    "swin_t": {
        "features.0": ("Sequential", ("y", "x", "unit"), (28, 28, 96), False),
        "features.1.1": ("SwinTransformerBlock", ("y", "x", "unit"), (28, 28, 96), True),
        "features.5.2.mlp.1": ("GELU", ("y", "x", "unit"), (7, 7, 1536), True),
        "features.6": ("PatchMerging", ("y", "x", "unit"), (4, 4, 768), True),
        "permute": ("Permute", ("unit", "y", "x"), (768, 4, 4), False),
    },
}  # fmt: skip


def test_known_layers_are_described(network):
    for name, (kind, axes, shape, worthwhile) in EXPECTED[network.description.name].items():
        info = network.layer(name)
        got = (info.kind, info.axes, info.shape, info.worthwhile)
        assert got == (kind, axes, shape, worthwhile), name


def test_units_of_a_layer_are_where_a_units_edit_lands(built, batch):
    """Along the unit axis a bias of the layer's own shifts one unit, everywhere."""
    for name, path in (
        ("swin_t", "features.5.2.mlp.0"), ("vit_b_16", "encoder.layers.encoder_layer_3.mlp.0"),
        ("convnext_tiny", "features.5.3.block.3"), ("mobilenet_v2", "features.7.conv.2"),
    ):  # fmt: skip
        network = built(name)
        module = network.module.get_submodule(path)
        x = batch(network, 1)
        before = network.forward(x, capture=[path]).captured[path]
        if module.bias is None:
            shifted = module.weight.data[11]
            kept, change = shifted.clone(), shifted * 0.5
        else:
            kept, change = module.bias.data[11].clone(), 1.0
            shifted = module.bias.data[11]
        shifted.add_(change)
        after = network.forward(x, capture=[path]).captured[path]
        shifted.copy_(kept)
        moved = np.moveaxis(before != after, network.layer(path).unit_axis, 0)
        assert [u for u in range(len(moved)) if moved[u].any()] == [11]


def test_modules_that_are_never_called_are_not_offered(built):
    swin = [info.name for info in built("swin_t").description.layers]
    assert not [n for n in swin if n.endswith(("attn.qkv", "attn.proj"))]
    assert sum(n.endswith(".attn") for n in swin) == 12
    vit = [info.name for info in built("vit_b_16").description.layers]
    assert not [n for n in vit if "out_proj" in n]
    resnet = [info.name for info in built("resnet18").description.layers]
    assert sum("#1" in n for n in resnet) == 8


class Branches(nn.Module):
    """A value that nothing reads, one that a head of zeros hides, one that is not per image."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.unread = nn.Conv2d(4, 4, 1)
        self.table = nn.Linear(2, 6)
        self.hidden = nn.Linear(4, 6)
        self.head = nn.Linear(6, 5)
        nn.init.zeros_(self.head.weight)

    def forward(self, x):
        y = self.stem(x)
        self.unread(y)
        table = self.table(torch.eye(2)[:1].repeat(7, 1)).mean(0)
        return self.head(self.hidden(y.mean((2, 3))) + table)


def test_what_is_offered_is_proved():
    made = probe(Branches().eval().requires_grad_(False), (3, 12, 12))
    offered = {info.name: info.writable for info in made.layers}
    assert offered == {"stem": False, "hidden": False, "head": True}


class Writing(nn.Module):
    """Writes into what its layers were given and gave, in a way that others see, or do not."""

    def __init__(self, way):
        super().__init__()
        self.way = way
        self.stem = nn.Conv2d(3, 4, 3)
        self.same = nn.Identity()
        self.body = nn.Conv2d(4, 4, 3)
        self.spare = nn.Conv2d(4, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        y = self.stem(x)
        if self.way == "own value":
            y.mul_(2.0)
            z = torch.relu_(self.body(y))
        elif self.way == "what another reads":
            kept = self.same(y)
            y.add_(1.5)
            z = self.body(kept)
        elif self.way == "all of a value":
            z = self.spare(y)
            z.copy_(self.body(y))
        else:
            z = self.body(y) + 0.0 * self.spare(y)
        return self.head(z.mean((2, 3)))


@pytest.mark.parametrize(
    ("way", "hidden"),
    [
        ("own value", {"same", "spare"}), ("what another reads", {"same", "spare"}),
        ("all of a value", {"same", "spare"}), ("nothing", {"same", "spare"}),
    ],
)  # fmt: skip
def test_reading_never_changes_the_answer_and_what_is_written_reaches_it(way, hidden):
    """The poke test, literally, on networks in which an address could lie."""
    module = Writing(way).eval().requires_grad_(False)
    x = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    plain = module(x.clone())
    made = probe(module, (3, 12, 12))
    assert {"stem", "same", "body", "spare", "head"} - {x.name for x in made.layers} == hidden
    assert any("Not offered" in p for p in made.problems) == (way == "what another reads")
    modules = dict(module.named_modules())
    for name, info in made.sites.items():
        answers = []
        for loud in (0.0, 1.0):

            def visit(_address, value, _shared, loud=loud):
                return value + loud * torch.randn(value.shape)

            with reaching(modules, made.virtual, [Address.parse(name)], visit):
                answers.append(module(x.clone()))
        assert torch.equal(answers[0], plain), name
        assert torch.equal(answers[1], plain) != info.writable, name


def test_a_dead_unit_is_found_by_writing_noise():
    class Dead(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)
            self.relu = nn.ReLU()
            self.head = nn.Linear(4, 5)
            nn.init.constant_(self.conv.bias, -4.0)
            nn.init.constant_(self.conv.weight, 1e-3)

        def forward(self, x):
            return self.head(self.relu(self.conv(x)).amax((2, 3)))

    made = probe(Dead().eval(), (3, 8, 8))
    assert {i.name: i.writable for i in made.layers} == {
        "conv": True, "relu": True, "head": True,
    }  # fmt: skip


def test_modules_that_return_dictionaries_are_offered_by_their_first_tensor():
    class Body(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x):
            return {"name": "body", "out": self.conv(x)}

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = Body()
            self.head = nn.Linear(4, 5)

        def forward(self, x):
            return self.head(self.body(x)["out"].mean((2, 3)))

    made = probe(Net().eval(), (3, 8, 8))
    assert [(i.name, i.axes, i.writable) for i in made.layers] == [
        ("body.conv", ("unit", "y", "x"), True),
        ("body", ("unit", "y", "x"), True),
        ("head", ("unit",), True),
    ]


def test_probing_leaves_the_network_alone(untouched, tiny):
    runtime = tiny(Branches())
    with untouched(runtime):
        probe(runtime.module, (3, 12, 12))


def test_in_place_modules_are_switched_over():
    net = torchvision.models.mobilenet_v3_small()
    assert any(getattr(m, "inplace", False) for m in net.modules())
    assert make_out_of_place(net) is net
    assert not any(getattr(m, "inplace", False) for m in net.modules())


@pytest.mark.parametrize(
    ("name", "size", "wanted"),
    [
        ("vgg11", 64, {"features.1", "features.19", "classifier.1"}),
        ("densenet121", 64, {"features.denseblock1", "features.denseblock4"}),
        ("squeezenet1_1", 64, {"features.1", "features.12"}),
        ("efficientnet_b0", 64, {"features.4", "features.8"}),
        ("regnet_y_400mf", 64, {"stem.2", "trunk_output.block4"}),
    ],
)
def test_other_architectures_offer_their_blocks(name, size, wanted):
    net = torchvision.models.get_model(name).eval().requires_grad_(False)
    made = probe(make_out_of_place(net), (3, size, size))
    chosen = {info.name for info in made.layers if info.worthwhile}
    assert wanted <= chosen
    assert 8 <= len(chosen) <= 40
    assert all(info.writable for info in made.layers)
