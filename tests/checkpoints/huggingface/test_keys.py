"""A network opens only if every tensor it needs is there, under a name that is known."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from interp_gui.checkpoints.huggingface.library import offline_and_quiet
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import UnknownArchitecture
from interp_gui.core.opening import OpenChoice


@pytest.fixture
def saved(network, tmp_path):
    """Save a case's network, with changes to its config and its tensors by name."""

    def save(case, config=None, tensors=None, **options):
        module = network(case)
        with offline_and_quiet():
            module.save_pretrained(tmp_path)
        said = json.loads((tmp_path / "config.json").read_text())
        said.update(config or {})
        for key in options.get("without", ()):
            said.pop(key, None)
        (tmp_path / "config.json").write_text(json.dumps(said))
        if tensors is not None:
            held = tensors(load_file(tmp_path / "model.safetensors"))
            held = {key: value.clone() for key, value in held.items()}
            save_file(held, tmp_path / "model.safetensors")
        prepared = {"image_processor_type": "ViTImageProcessor", "size": case.side}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(prepared))
        return tmp_path, module

    return save


def without(*keys):
    return lambda held: {key: value for key, value in held.items() if key not in keys}


def needed(module, held):
    """Names in the file whose tensors the network that is opened has a use for."""
    names = [key for key in held if not re.search(r"text|logit_(scale|bias)$", key)]
    return [key for key in names if not key.endswith(("num_batches_tracked", "position_ids"))]


def check_never_random(folder, module, held, key, case):
    rest = {name: value for name, value in held.items() if name != key}
    save_file(rest, folder / "model.safetensors")
    opened = refused = None
    try:
        opened = open_checkpoint(folder)
    except UnknownArchitecture as problem:
        refused = problem
    if opened is None:
        assert refused.question.nearest[0].missing
        assert "missing" in refused.message
        return
    # a head alone was taken away, or what only pools: both are said, and nothing is made up
    assert opened.description.outputs[0].kind == "embedding"
    own = {value.untyped_storage().nbytes() for value in rest.values()}
    for name, value in opened.module.state_dict().items():
        if value.is_floating_point():
            assert value.untyped_storage().nbytes() in own, name
            same = [v for v in rest.values() if v.shape == value.shape and torch.equal(v, value)]
            assert same, f"{name} is in no file"


def test_a_missing_tensor_is_never_made_up(case, saved):
    folder, module = saved(case)
    held = load_file(folder / "model.safetensors")
    names = needed(module, held)
    check_never_random(folder, module, held, names[len(names) // 2], case)


@pytest.mark.thorough
def test_no_missing_tensor_at_all_is_made_up(case, saved):
    folder, module = saved(case)
    held = load_file(folder / "model.safetensors")
    for key in needed(module, held):
        check_never_random(folder, module, held, key, case)


def test_a_tensor_of_another_shape_is_shown(cases, saved):
    def widen(held):
        key = next(k for k in held if k.endswith("layernorm.weight"))
        return {**held, key: torch.ones(17)}

    folder, _ = saved(cases["vit"], tensors=widen)
    with pytest.raises(UnknownArchitecture, match="of another shape") as refused:
        open_checkpoint(folder)
    (reshaped,) = refused.value.question.nearest[0].reshaped
    assert reshaped.found == (17,)
    assert reshaped.expected == (16,)


def test_a_tensor_too_many_is_shown(cases, saved):
    folder, _ = saved(cases["vit"], tensors=lambda held: {**held, "vit.gate": torch.ones(3)})
    with pytest.raises(UnknownArchitecture, match=r"unexpected, for example 'vit\.gate'"):
        open_checkpoint(folder)


def test_weights_of_another_network_are_refused(cases, saved, network):
    folder, _ = saved(cases["vit"], tensors=lambda held: network(cases["resnet"]).state_dict())
    with pytest.raises(UnknownArchitecture) as refused:
        open_checkpoint(folder)
    assert refused.value.question.nearest[0].architecture == "ViTForImageClassification"


def test_two_names_for_one_place_are_refused(cases, saved):
    """Of two tensors that stand for the same place, one would be taken without a word."""

    def double(held):
        key = next(k for k in held if k.endswith("layernorm.weight"))
        old = key.replace("layernorm.weight", "layernorm.gamma")
        doubled = {"vit.embeddings.LayerNorm.gamma": torch.ones(16) * 2, **held}
        assert old != key
        return {**doubled, key.removeprefix("vit."): torch.ones(16) * 3}

    folder, _ = saved(cases["vit"], tensors=double)
    with pytest.raises(UnknownArchitecture, match="unexpected"):
        open_checkpoint(folder)


OLD_NAMES = (
    (
        r"^vit\.layers\.(\d+)\.attention\.(q|k|v)_proj\.",
        r"vit.encoder.layer.\1.attention.attention.\2.",
    ),
    (r"^vit\.layers\.(\d+)\.attention\.o_proj\.", r"vit.encoder.layer.\1.attention.output.dense."),
    (r"^vit\.layers\.(\d+)\.mlp\.fc1\.", r"vit.encoder.layer.\1.intermediate.dense."),
    (r"^vit\.layers\.(\d+)\.mlp\.fc2\.", r"vit.encoder.layer.\1.output.dense."),
    (r"^vit\.layers\.(\d+)\.", r"vit.encoder.layer.\1."),
    (r"attention\.attention\.q\.", "attention.attention.query."),
    (r"attention\.attention\.k\.", "attention.attention.key."),
    (r"attention\.attention\.v\.", "attention.attention.value."),
)  # fmt: skip


@pytest.mark.parametrize("prefix", [True, False])
def test_names_of_older_releases_are_known(cases, saved, reference, prefix):
    """As published files have them, with the name of the base model before them or without."""

    def renamed(held):
        found = {}
        for key, value in held.items():
            for pattern, replacement in OLD_NAMES:
                key = re.sub(pattern, replacement, key)
            found[key if prefix else key.removeprefix("vit.")] = value
        assert any("encoder.layer.1.attention.attention.query.weight" in key for key in found)
        return found

    folder, module = saved(cases["vit"], tensors=renamed)
    opened = open_checkpoint(folder)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(opened.module(x), reference(cases["vit"], module, x))


def test_a_head_that_is_not_there_leaves_an_embedding(cases, saved, network):
    folder, _module = saved(cases["vit"], tensors=without("classifier.weight", "classifier.bias"))
    opened = open_checkpoint(folder).description
    assert opened.architecture == "ViTModel"
    assert opened.outputs[0].kind == "embedding"
    assert opened.outputs[0].size == 16
    assert any("without a head" in note for note in opened.notes)


def test_a_network_for_pretraining_opens_as_what_it_pretrains(cases, saved):
    folder, _ = saved(
        cases["vit"], config={"architectures": ["ViTForMaskedImageModeling"]},
        tensors=lambda held: {
            **without("classifier.weight", "classifier.bias")(held),
            "decoder.0.weight": torch.ones(8, 16, 1, 1),
        },
    )  # fmt: skip
    opened = open_checkpoint(folder).description
    assert opened.architecture == "ViTModel"
    assert opened.ignored == ("decoder.0.weight",)


def test_a_masked_autoencoder_opens_as_the_plain_network_it_trains(cases, saved):
    """Its own class would hide three quarters of every image, others each time."""
    folder, module = saved(
        cases["vit"],
        config={"architectures": ["ViTMAEForPreTraining"], "model_type": "vit_mae",
                "mask_ratio": 0.75, "decoder_hidden_size": 8},
        tensors=lambda held: {
            **without("classifier.weight", "classifier.bias")(held),
            "decoder.mask_token": torch.ones(1, 1, 8),
        },
    )  # fmt: skip
    opened = open_checkpoint(folder)
    assert opened.description.architecture == "ViTModel"
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        wanted = module.vit(pixel_values=x).last_hidden_state[:, 0]
        torch.testing.assert_close(opened.module(x), wanted)


def test_a_class_can_be_chosen(cases, saved):
    folder, _ = saved(cases["vit"])
    chosen = open_checkpoint(folder, choice=OpenChoice(architecture="transformers:ViTModel"))
    assert chosen.description.outputs[0].kind == "embedding"
    assert chosen.description.ignored == ("classifier.bias", "classifier.weight")
    again = open_checkpoint(folder).description
    assert again.architecture == "ViTModel", "what was chosen is remembered by the weights"
    assert again.choice.architecture == "transformers:ViTModel"
    with pytest.raises(UnknownArchitecture, match="no class for images"):
        open_checkpoint(folder, choice=OpenChoice(architecture="transformers:BertModel"))


def test_the_weights_alone_find_the_config_beside_them(cases, saved, tmp_path_factory):
    folder, _ = saved(cases["vit"])
    opened = open_checkpoint(folder / "model.safetensors").description
    assert (opened.name, opened.architecture) == ("model.safetensors", "ViTForImageClassification")
    assert opened.weights_sha256 == open_checkpoint(folder).description.weights_sha256
    # of two checkpoints under names of their own, a config may mean either
    for name in ("first.safetensors", "second.safetensors"):
        (folder / name).write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(UnknownArchitecture):
        open_checkpoint(folder / "first.safetensors")


def test_a_snapshot_of_the_hub_s_cache_opens(cases, saved):
    """Its files are links to a store beside it."""
    folder, _ = saved(cases["vit"])
    names = [path.name for path in folder.iterdir()]
    snapshot = folder / "models--some--one" / "snapshots" / "0a1b"
    snapshot.mkdir(parents=True)
    (folder / "models--some--one" / "blobs").mkdir()
    for name in names:
        (folder / name).rename(folder / "models--some--one" / "blobs" / name)
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    assert open_checkpoint(snapshot).description.architecture == "ViTForImageClassification"


def test_the_text_tower_is_left_out_and_listed(cases, saved):
    folder, _ = saved(cases["clip"])
    opened = open_checkpoint(folder).description
    assert "logit_scale" in opened.ignored
    assert len(opened.ignored) > 5
    assert all("text" in key or "logit" in key for key in opened.ignored)


@pytest.mark.parametrize(
    ("config", "kind", "names"),
    [
        ({"id2label": {str(i): n for i, n in enumerate("abcde")}}, "softmax", tuple("abcde")),
        ({"problem_type": "multi_label_classification"}, "sigmoid", ()),
        ({"problem_type": "regression"}, "scalar", ()),
        ({"problem_type": "single_label_classification"}, "softmax", ()),
    ],
)  # fmt: skip
def test_the_config_tells_kind_and_names_of_the_outputs(cases, saved, config, kind, names):
    folder, _ = saved(cases["vit"], config=config)
    opened = open_checkpoint(folder).description
    assert opened.outputs[0].kind == kind
    assert opened.outputs[0].size == 5
    assert opened.class_names == names


def test_a_config_from_before_types_is_known_by_its_class(cases, saved):
    folder, _ = saved(cases["vit"], without=["model_type"])
    assert open_checkpoint(folder).description.architecture == "ViTForImageClassification"


def test_half_precision_becomes_single(cases, saved):
    folder, _ = saved(
        cases["convnext"], config={"dtype": "bfloat16", "torch_dtype": "float16"},
        tensors=lambda held: {key: value.half() for key, value in held.items()},
    )  # fmt: skip
    opened = open_checkpoint(folder)
    assert {value.dtype for value in opened.module.parameters()} == {torch.float32}
    assert any("float16" in note for note in opened.description.notes)
