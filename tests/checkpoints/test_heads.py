from collections import OrderedDict

import pytest
import torch
from torch import nn

from interp_gui.checkpoints.building import build_match
from interp_gui.checkpoints.heads import answered, describe_head, head_note, read_head
from interp_gui.checkpoints.index import HeadPlace
from interp_gui.checkpoints.match import HeadLayer, OwnHead
from interp_gui.checkpoints.recognition import recognise
from interp_gui.core.errors import InvalidValue

FC = HeadPlace("fc", 512)


def shapes_of(module, prefix="fc"):
    return {
        f"{prefix}.{key}": tuple(value.shape)
        for key, value in module.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


def words(module):
    read = read_head(FC, shapes_of(module))
    return None if read is None else (describe_head(read[0]), read[1])


def test_a_head_of_two_linear_layers_asks_what_stands_between():
    head, classes = read_head(
        FC, shapes_of(nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 3)))
    )
    assert classes == 3
    assert describe_head(head) == ("Linear 512 → 64", "?", "Linear 64 → 3")
    assert head.question is not None
    assert (head.question.gaps, head.question.layers) == ((1,), describe_head(head))
    assert head.question.options[0] == "relu"
    assert "none" in head.question.options
    with pytest.raises(InvalidValue):
        answered(head, ())
    with pytest.raises(InvalidValue):
        answered(head, ("relu", "relu"))
    with pytest.raises(InvalidValue):
        answered(head, ("Softmax",))
    filled = answered(head, ("gelu",))
    assert [layer.kind for layer in filled.layers] == ["Linear", "GELU", "Linear"]
    assert filled.gaps == ()
    assert filled.question is None


def test_numbers_that_follow_each_other_leave_nothing_to_ask():
    head, _ = read_head(FC, shapes_of(nn.Sequential(nn.BatchNorm1d(512), nn.Linear(512, 3))))
    assert describe_head(head) == ("BatchNorm1d 512", "Linear 512 → 3")
    assert (head.gaps, head.question) == ((), None)


def test_what_stands_before_a_single_linear_layer_is_taken_for_dropout():
    head, _ = read_head(FC, shapes_of(nn.Sequential(nn.Dropout(), nn.Linear(512, 3))))
    assert (describe_head(head), head.question) == (("?", "Linear 512 → 3"), None)
    assert "dropout" in head_note(head)
    assert answered(head, ()).layers[0].kind == "Identity"
    assert answered(head, ("relu",)).layers[0].kind == "ReLU"
    assert "relu, then Linear 512 → 3" in head_note(head, ("relu",))
    assert head_note(head, ("none",)).endswith("'fc': Linear 512 → 3.")


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(511, 3)),  # takes other features
        nn.Sequential(nn.Linear(512, 9), nn.ReLU(), nn.Linear(8, 3)),  # does not chain
        nn.Sequential(nn.Conv1d(512, 3, 1)),
        nn.Sequential(nn.Linear(512, 3), nn.BatchNorm1d(3)),  # no outputs of a classifier
        nn.Sequential(nn.Linear(512, 3, bias=False)),  # or its bias was lost
        nn.Sequential(nn.Linear(512, 8), nn.PReLU(), nn.Linear(8, 3)),
    ],
)
def test_heads_that_cannot_be_told(module):
    assert words(module) is None


def test_partial_norms_cannot_be_told():
    shapes = shapes_of(nn.Sequential(nn.BatchNorm1d(512), nn.Linear(512, 3)))
    for lost in ("fc.0.running_mean", "fc.0.bias", "fc.1.bias", "fc.1.weight"):
        assert read_head(FC, {key: s for key, s in shapes.items() if key != lost}) is None


def test_names_are_put_in_the_order_that_their_widths_allow():
    module = nn.Sequential(
        OrderedDict(
            fc1=nn.Linear(512, 64), norm=nn.BatchNorm1d(64), act=nn.ReLU(), out=nn.Linear(64, 3)
        )
    )
    # `norm` fits behind `fc1` only
    assert words(module) == (
        ("Linear 512 → 64", "?", "BatchNorm1d 64", "?", "Linear 64 → 3"),
        3,
    )
    shapes = dict(sorted(shapes_of(module).items(), reverse=True))
    assert describe_head(read_head(FC, shapes)[0])[0] == "Linear 512 → 64"


def test_names_in_alphabetical_order_that_allow_two_orders_are_not_guessed():
    square = {"b": nn.Linear(512, 512), "a": nn.Linear(512, 512), "c": nn.Linear(512, 3)}
    assert words(nn.Sequential(OrderedDict(square))) is not None  # as the file has them
    assert words(nn.Sequential(OrderedDict(sorted(square.items())))) is None
    counted = {"fc1": nn.Linear(512, 512), "fc2": nn.Linear(512, 512), "fc3": nn.Linear(512, 3)}
    assert words(nn.Sequential(OrderedDict(counted))) is not None


def test_a_removed_head():
    head, classes = read_head(FC, {"conv1.weight": (64, 3, 7, 7)})
    assert (head, classes) == (OwnHead(at="fc", layers=()), 0)
    assert "features" in head_note(head)


HEADS = {
    "dropout, linear": (lambda n: nn.Sequential(nn.Dropout(), nn.Linear(n, 3)), ()),
    "linear, relu, linear": (
        lambda n: nn.Sequential(nn.Linear(n, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3)),
        ("relu",),
    ),
    "linear, tanh, linear, gelu, linear": (
        lambda n: nn.Sequential(
            nn.Linear(n, 16), nn.Tanh(), nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 3)
        ),
        ("tanh", "gelu"),
    ),
    "norm, linear": (lambda n: nn.Sequential(nn.LayerNorm(n), nn.Linear(n, 3)), ()),
    "linear without bias, norm, relu, linear": (
        lambda n: nn.Sequential(
            nn.Linear(n, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)
        ),
        ("relu",),
    ),
    "names": (
        lambda n: nn.Sequential(
            OrderedDict(fc1=nn.Linear(n, 16), act=nn.SiLU(), out=nn.Linear(16, 3))
        ),
        ("silu",),
    ),
    "nested": (
        lambda n: nn.Sequential(
            OrderedDict(net=nn.Sequential(nn.Linear(n, 16), nn.ELU(), nn.Linear(16, 3)))
        ),
        ("elu",),
    ),
    "nothing": (lambda n: nn.Identity(), ()),
}


@pytest.mark.parametrize("made", HEADS, ids=str)
@pytest.mark.parametrize(
    ("library", "name", "at", "features"),
    [
        ("torchvision", "resnet18", "fc", 512),
        ("torchvision", "mobilenet_v3_small", "classifier", 576),
        ("torchvision", "shufflenet_v2_x0_5", "fc", 1024),
        ("timm", "mobilenetv3_small_050", "classifier", 1024),
        ("timm", "vit_tiny_patch16_224", "head", 192),
        ("timm", "convnext_atto", "head.fc", 320),
    ],
)
def test_networks_with_heads_of_their_own_answer_as_before(library, name, at, features, made):
    make, answers = HEADS[made]
    module = original(library, name)
    module.set_submodule(at, make(features))
    state = randomised_all(module)
    module.eval()
    found = {m.name: m for m in recognise({k: tuple(v.shape) for k, v in state.items()}).matches}
    match = found[f"{library}:{name}"]
    assert match.classes == (0 if made == "nothing" else 3)
    rebuilt = build_match(match, dict(state), head=answers)
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = module(x)
        assert torch.equal(rebuilt(x), expected)
        assert float(expected.std()) > 1e-4
        if answers:
            other = build_match(match, dict(state), head=("none",) * len(answers))
            assert not torch.allclose(other(x), expected)


def original(library, name):
    if library == "timm":
        import timm

        return timm.create_model(name, pretrained=False)
    import torchvision

    return torchvision.models.get_model(name, weights=None)


def randomised_all(module):
    generator = torch.Generator().manual_seed(0)
    state = module.state_dict()
    for key, value in state.items():
        if not value.is_floating_point():
            continue
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif value.dim() > 1:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        else:
            value.normal_(float(key.endswith("weight")), 0.2, generator=generator)
    return state


def test_layers_have_the_options_of_their_tensors():
    head, _ = read_head(FC, shapes_of(nn.Sequential(nn.Linear(512, 3))))
    options = {"in_features": 512, "out_features": 3, "bias": True}
    assert head.layers == (HeadLayer(kind="Linear", options=options, prefix="fc.0"),)
