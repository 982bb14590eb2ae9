"""Nothing in a folder makes the program run code, read elsewhere, connect or fill the memory."""

import json
import os
import socket

import pytest
from safetensors.torch import load_file, save_file

from interp_gui.checkpoints.huggingface.config import read_config, read_json
from interp_gui.checkpoints.huggingface.library import offline_and_quiet
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import FileProblem, InterpError, UnknownArchitecture

MARKER = "it_ran"
CODE = f"""
import pathlib
pathlib.Path(__file__).with_name({MARKER!r}).write_text("ran")
from transformers import ViTConfig, ViTForImageClassification
class OwnConfig(ViTConfig): pass
class OwnModel(ViTForImageClassification): pass
"""


@pytest.fixture
def folder(cases, network, tmp_path):
    """A folder that opens; a small picture size keeps it quick."""
    module = network(cases["vit"])
    with offline_and_quiet():
        module.save_pretrained(tmp_path)
    prepared = {"image_processor_type": "ViTImageProcessor", "size": 32}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(prepared))
    return tmp_path


@pytest.fixture(autouse=True)
def no_connection(monkeypatch):
    """Whoever looks up a name or connects is found out."""
    tried = []

    def refuse(*args, **_options):
        tried.append(args)
        raise OSError("no connection in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    yield
    assert tried == []


def edit(folder, **changes):
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**said, **changes}))


def test_the_folder_opens_unchanged(folder):
    assert open_checkpoint(folder).description.outputs[0].size == 5


def test_code_of_the_folder_is_never_run(folder):
    (folder / "modeling_own.py").write_text(CODE)
    table = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    edit(folder, auto_map=table, trust_remote_code=True)
    opened = open_checkpoint(folder).description
    assert any("not run" in note for note in opened.notes)
    edit(folder, model_type="own", architectures=["OwnModel"])
    with pytest.raises(UnknownArchitecture, match=r"modeling_own\.\w+\); it was not run"):
        open_checkpoint(folder)
    assert not (folder / MARKER).exists()


def test_code_of_another_address_is_never_fetched(folder):
    table = {"AutoModelForImageClassification": "someone/else--modeling_own.OwnModel"}
    edit(folder, auto_map=table, model_type="own", _name_or_path="google/vit-base-patch16-224")
    with pytest.raises(UnknownArchitecture, match="it was not run"):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"_name_or_path": "google/vit-base-patch16-224", "name_or_path": "/etc"},
        {"_attn_implementation": "kernels-community/flash-attn"},
        {"attn_implementation": "someone/kernel", "experts_implementation": "someone/kernel"},
        {"transformers_weights": "../../secret.safetensors"},
        {"fusion_config": {"patch_embeddings": True}},
        {"custom_pipelines": {"x": {"impl": "own.Pipeline"}}},
        {"output_attentions": True, "output_hidden_states": True, "return_dict": False},
        {"torch_dtype": "no_such_type", "dtype": 7},
        {"base_model_tp_plan": {"layers.*": "colwise"}, "distributed_config": {"tp_size": 8}},
    ],
)  # fmt: skip
def test_what_does_not_describe_the_network_changes_nothing(changes, folder):
    before = open_checkpoint(folder)
    edit(folder, **changes)
    after = open_checkpoint(folder)
    assert after.description == before.description
    values = zip(before.module.state_dict().items(), after.module.state_dict().items(), strict=True)
    assert all(a[0] == b[0] and a[1].equal(b[1]) for a, b in values)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 1_000_000, "intermediate_size": 4_000_000},
        {"hidden_size": 10**12},
        {"intermediate_size": 16_000_000},
        {"num_hidden_layers": 4_000},
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": 1e300},
        {"image_size": 16_000_000, "patch_size": 1},
        {"num_labels": 10**9, "id2label": None, "label2id": None},
        {"id2label": {str(i): "x" for i in range(20_000)}},
        {"num_channels": 10_000_000},
        {"patch_size": 10_000_000},
        {"backbone": "/etc", "use_timm_backbone": True},
        {"backbone": "microsoft/resnet-50", "use_pretrained_backbone": True},
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
    ],
)  # fmt: skip
def test_what_would_fill_the_memory_or_reach_elsewhere_is_refused(changes, folder):
    edit(folder, **changes)
    with pytest.raises((FileProblem, UnknownArchitecture)):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_act": "os.system"}, {"hidden_act": 7}, {"hidden_size": "large"},
        {"hidden_size": -16}, {"hidden_size": None}, {"num_attention_heads": 0},
        {"num_attention_heads": 3}, {"patch_size": 0}, {"patch_size": 64},
        {"model_type": 7, "architectures": None}, {"model_type": "bert"},
        {"model_type": "../../x", "architectures": [7, None]}, {"model_type": "os.system"},
        {"model_type": "imagegpt"}, {"model_type": "siglip2"},
        {"layer_norm_eps": "small"}, {"model_type": "vit", "architectures": ["OsSystem"],
                                      "hidden_size": [1]},
        {"vision_config": 5, "model_type": "clip"}, {"id2label": [1, 2]},
        pytest.param({"model_type": "detr"}, marks=pytest.mark.thorough),
        {"model_type": "timm_backbone"}, {"model_type": "llama"},
    ],
)  # fmt: skip
def test_nonsense_is_one_sentence(changes, folder):
    edit(folder, **changes)
    with pytest.raises(InterpError) as refused:
        open_checkpoint(folder)
    assert refused.value.message.endswith(".")
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[1, 2]", "no object"),
        ("{", "not plain JSON"),
        ('{"model_type": "vit", "layer_norm_eps": NaN}', "NaN"),
        ('{"model_type": "vit", "layer_norm_eps": -Infinity}', "Infinity"),
        ("[" * 100_000, "not plain JSON"),
        ('{"model_type": ' + '{"a":' * 60 + "1" + "}" * 60 + "}", "nested"),
        ('{"model_type": "vit", "n": ' + "9" * 5_000 + "}", "not plain JSON"),
        ("\xff\xfe", "not plain JSON|no object"),
    ],
)  # fmt: skip
def test_a_config_that_is_none(text, match, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(FileProblem, match=match):
        read_config(tmp_path)


def test_a_config_without_end_is_not_read(tmp_path):
    with open(tmp_path / "config.json", "wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(FileProblem, match="not read"):
        read_config(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_in_place_of_a_config_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(FileProblem, match="regular"):
        read_json(tmp_path / "config.json")


def test_shards_elsewhere_are_refused(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    held = load_file(folder / "model.safetensors")
    save_file(held, elsewhere / "secret.safetensors")
    (folder / "model.safetensors").unlink()
    for name in (str(elsewhere / "secret.safetensors"), "../secret.safetensors"):
        table = {"weight_map": dict.fromkeys(held, name)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(table))
        with pytest.raises(FileProblem):
            open_checkpoint(folder)


def test_the_environment_of_the_engine_is_offline():
    from interp_gui.engine.environment import engine_environment

    variables = engine_environment({"HF_HUB_OFFLINE": "0"})
    assert variables["HF_HUB_OFFLINE"] == "1"
    assert variables["TRANSFORMERS_OFFLINE"] == "1"


def test_settings_of_the_library_are_as_before():
    import logging

    import huggingface_hub.constants as hub

    before = (logging.getLogger("transformers").level, hub.HF_HUB_OFFLINE)
    with pytest.raises(ZeroDivisionError), offline_and_quiet():
        _ = 1 / (not hub.HF_HUB_OFFLINE)
    assert (logging.getLogger("transformers").level, hub.HF_HUB_OFFLINE) == before
