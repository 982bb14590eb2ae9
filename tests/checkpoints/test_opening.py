import pytest
import torch
from safetensors.torch import save_file

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import (
    FileProblem,
    InvalidValue,
    UnknownArchitecture,
)
from interp_gui.core.model import Preprocessing
from interp_gui.core.opening import OpenChoice
from interp_gui.samples import mobilenet_path


def contiguous(state):
    return {key: value.contiguous() for key, value in state.items()}


def saved(tmp_path, content, name="weights.pth"):
    torch.save(content, tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("squeezenet1_1", {"num_classes": 3}),
        ("shufflenet_v2_x0_5", {}),
        ("mnasnet0_5", {"num_classes": 9}),  # refuses names of unknown version
        ("mobilenet_v3_small", {"num_classes": 2}),
        ("regnet_y_400mf", {"num_classes": 4}),  # computes its widths while it is built
        ("swin_t", {"num_classes": 4}),
        ("maxvit_t", {"num_classes": 4}),
        ("densenet121", {"num_classes": 4}),
        ("vit_b_32", {"num_classes": 4, "image_size": 64}),
        ("googlenet", {"init_weights": False, "aux_logits": False, "transform_input": True}),
        ("inception_v3", {"init_weights": False, "transform_input": True, "num_classes": 4}),
    ],
)
def test_recognised_and_computes_the_same(tmp_path, reference, name, options):
    theirs = reference(name, **options)
    # timm's takes the same tensors and normalises otherwise
    choice = OpenChoice(architecture=f"torchvision:{name}" if name == "inception_v3" else "")
    opened = open_checkpoint(saved(tmp_path, theirs.state_dict()), choice=choice)
    found = opened.description
    assert (found.architecture, found.library) == (name, "torchvision")
    assert found.class_count == options.get("num_classes", 1000)
    assert len(found.class_names) == (1000 if found.class_count == 1000 else 0)
    assert found.parameters == sum(p.numel() for p in theirs.parameters())
    assert not opened.module.training
    assert not any(p.requires_grad for p in opened.module.parameters())
    x = torch.randn(1, 3, *found.preprocessing.size)
    with torch.no_grad():
        ours, expected = opened.module(x), theirs(x)
    assert expected.std() > 0
    assert torch.equal(ours, expected)


def test_every_format_gives_the_same_model(tmp_path, state):
    torch.save(state, tmp_path / "zip.pth")
    torch.save(state, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file(contiguous(state), tmp_path / "safe.safetensors")
    opened = [
        open_checkpoint(tmp_path / n).description
        for n in ("zip.pth", "legacy.pth", "safe.safetensors")
    ]
    assert [d.format for d in opened] == ["torch-zip", "torch-legacy", "safetensors"]
    assert len({d.weights_sha256 for d in opened}) == 1
    assert {d.architecture for d in opened} == {"squeezenet1_1"}


def test_order_does_not_change_the_hash_and_exchanged_tensors_do(tmp_path, state):
    one = open_checkpoint(saved(tmp_path, state)).description.weights_sha256
    back = dict(reversed(state.items()))
    assert open_checkpoint(saved(tmp_path, back)).description.weights_sha256 == one
    a, b = "features.6.expand3x3.bias", "features.7.expand3x3.bias"  # of one shape
    state[a], state[b] = state[b], state[a]
    assert open_checkpoint(saved(tmp_path, state)).description.weights_sha256 != one


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"epoch": 1, "model": {"module." + k: v for k, v in s.items()}},
        lambda s: {"checkpoint": {"weights": s}, "optimizer": {"state": {0: {"m": s}}}},
        lambda s: {"_orig_mod.module." + k: v for k, v in s.items()},
        lambda s: {"n_averaged": torch.tensor(4), **{"module." + k: v for k, v in s.items()}},
        lambda s: {"model_ema": {k: v + 1 for k, v in s.items()}, "model": s},
    ],
)
def test_wrapped_state_dicts(tmp_path, state, wrap):
    plain = open_checkpoint(saved(tmp_path, state)).description
    found = open_checkpoint(saved(tmp_path, wrap(state))).description
    assert found.architecture == "squeezenet1_1"
    assert found.weights_sha256 == plain.weights_sha256
    assert any("found under" in note or "prefix" in note for note in found.notes)


@pytest.mark.parametrize(
    "content", [[1, 2], torch.ones(3), {}, {"epoch": 3}, {"a": {"b": {"c": 1}}}, "text"]
)
def test_no_weights_inside(tmp_path, content):
    with pytest.raises(FileProblem, match="holds no named weights"):
        open_checkpoint(saved(tmp_path, content))


def test_counters_of_old_files_are_filled_in(tmp_path, reference):
    theirs = reference("mobilenet_v3_small", num_classes=2)
    state = {k: v for k, v in theirs.state_dict().items() if not k.endswith("num_batches_tracked")}
    opened = open_checkpoint(saved(tmp_path, state))
    assert not any(t.is_meta for t in opened.module.state_dict().values())
    x = torch.randn(1, 3, 224, 224)
    assert torch.equal(opened.module(x), theirs(x).detach())


def test_position_indices_are_made_where_they_are_missing(tmp_path, reference):
    theirs = reference("swin_t", num_classes=2)
    state = {k: v for k, v in theirs.state_dict().items() if "relative_position_index" not in k}
    x = torch.randn(1, 3, 224, 224)
    assert torch.equal(open_checkpoint(saved(tmp_path, state)).module(x), theirs(x).detach())


def test_names_of_older_releases(tmp_path, reference):
    theirs = reference("densenet121", num_classes=3)
    old = {
        k.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): v
        for k, v in theirs.state_dict().items()
    }
    assert open_checkpoint(saved(tmp_path, old)).description.architecture == "densenet121"
    vit = reference("vit_b_32", num_classes=3, image_size=32).state_dict()
    old = {
        k.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): v
        for k, v in vit.items()
    }
    found = open_checkpoint(saved(tmp_path, old)).description
    assert found.architecture == "vit_b_32"
    assert found.config == {"num_classes": 3, "image_size": 32}
    assert found.preprocessing.size == (32, 32)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_kinds_of_numbers_become_float32(tmp_path, state, kind):
    converted = {k: v.to(kind) for k, v in state.items()}
    opened = open_checkpoint(saved(tmp_path, converted))
    own = opened.module.state_dict()
    assert all(torch.equal(own[k], v.float()) for k, v in converted.items())
    assert any("converted to float32" in note for note in opened.description.notes)


def test_values_that_are_no_numbers_are_noted(tmp_path, state):
    state["features.0.bias"][3] = float("nan")
    notes = open_checkpoint(saved(tmp_path, state)).description.notes
    assert any("not finite" in note and "features.0.bias" in note for note in notes)


def test_variances_below_zero_are_noted(tmp_path, reference):
    state = reference("shufflenet_v2_x0_5").state_dict()
    key = next(key for key in state if key.endswith("running_var"))
    state[key] = -state[key]
    notes = open_checkpoint(saved(tmp_path, state)).description.notes
    assert any("below zero" in note and key in note for note in notes)


def test_the_file_can_go_once_it_is_open(tmp_path, state):
    save_file(contiguous(state), tmp_path / "a.safetensors")
    opened = open_checkpoint(tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").write_bytes(bytes(100))
    own = opened.module.state_dict()
    assert all(torch.equal(own[k], v) for k, v in state.items())


def test_one_output_is_no_choice_of_classes(tmp_path, reference):
    state = reference("squeezenet1_1", num_classes=1).state_dict()
    found = open_checkpoint(saved(tmp_path, state)).description
    assert (found.outputs[0].kind, found.outputs[0].size, found.class_count) == ("scalar", 1, 0)


def test_nearest_architecture_is_named_with_what_differs(tmp_path, state):
    del state["features.3.squeeze.bias"]
    state["features.3.squeeze.extra"] = torch.ones(2)
    state["features.4.squeeze.bias"] = torch.ones(3)
    with pytest.raises(UnknownArchitecture) as caught:
        open_checkpoint(saved(tmp_path, state))
    message = caught.value.message
    assert "nearest is squeezenet1_1" in message
    assert "1 tensor missing (features.3.squeeze.bias)" in message
    assert "1 tensor unexpected (features.3.squeeze.extra)" in message
    assert "1 tensor of another shape (features.4.squeeze.bias: 3 instead of 16)" in message
    assert "\n" not in message
    assert caught.value.candidates == ("squeezenet1_1",)


def test_strange_weights(tmp_path):
    with pytest.raises(UnknownArchitecture, match=r"no known architecture.*strange"):
        open_checkpoint(saved(tmp_path, {"strange": torch.ones(3), "thing": torch.ones(2)}))


def test_asking_for_an_architecture(tmp_path, state):
    choice = OpenChoice(architecture="squeezenet1_1")
    found = open_checkpoint(saved(tmp_path, state), choice=choice).description
    assert found.class_count == 5
    assert found.choice == OpenChoice(architecture="torchvision:squeezenet1_1")


def test_preprocessing_can_be_given(tmp_path, state):
    path = saved(tmp_path, state)
    own = Preprocessing(size=(96, 64), resize="exact", mean=(0.5,) * 3, std=(0.5,) * 3)
    assert open_checkpoint(path, preprocessing=own).description.preprocessing == own
    with pytest.raises(InvalidValue):
        open_checkpoint(path, preprocessing=Preprocessing(mean=(0.5,)))


def test_input_transform_is_recorded(tmp_path, reference):
    state = reference("googlenet", init_weights=False, aux_logits=True, num_classes=2).state_dict()
    found = open_checkpoint(saved(tmp_path, state)).description
    assert found.config == {"num_classes": 2, "aux_logits": True, "transform_input": True}
    assert any("transform_input" in note for note in found.notes)


def test_published_weights_are_known_by_their_hash(tmp_path):
    try:
        path = mobilenet_path()
    except FileProblem:
        pytest.skip("the sample weights are not on this machine")
    found = open_checkpoint(path).description
    assert found.architecture == "mobilenet_v2"
    assert found.preprocessing.resize_px == 256  # that of V1; the default weights have 232
    assert any("IMAGENET1K_V1" in note for note in found.notes)
    assert found.class_names[282] == "tiger cat"
    state = torch.load(path, weights_only=True)
    other = open_checkpoint(saved(tmp_path, state, "mine.pth")).description
    assert other.weights_sha256 == found.weights_sha256
    assert other.preprocessing.resize_px == 232
    assert any("IMAGENET1K_V1 (resized to 256" in note for note in other.notes)
    named = open_checkpoint(saved(tmp_path, state, path.name)).description
    assert named.preprocessing == found.preprocessing
    assert any("as the file's name says" in note for note in named.notes)


def test_what_stands_in_a_heads_gaps_tells_networks_apart(tmp_path, reference):
    path = saved(tmp_path, two_layer_head(reference("resnet18")).state_dict())
    choices = [
        OpenChoice(architecture="torchvision:resnet18", head=(each,)) for each in ("relu", "gelu")
    ]
    one, other = (open_checkpoint(path, choice=choice).description for choice in choices)
    assert one.weights_sha256 == other.weights_sha256
    assert one.config["head"] == ["relu"]
    assert other.config == one.config | {"head": ["gelu"]}


def two_layer_head(module):
    from torch import nn

    module.fc = nn.Sequential(nn.Linear(512, 8), nn.ReLU(), nn.Linear(8, 3))
    return module


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.complex64, torch.bool])
def test_weights_that_are_no_floating_numbers(tmp_path, state, kind):
    path = tmp_path / "a.pth"
    torch.save({key: value.to(kind) for key, value in state.items()}, path)
    name = str(kind).removeprefix("torch.")
    words = "complex weights" if kind is torch.complex64 else "no floating numbers"
    with pytest.raises(FileProblem, match=f"{words}.*of kind {name}") as caught:
        open_checkpoint(path)
    assert ("quantised" in caught.value.message) == (kind is not torch.complex64)
