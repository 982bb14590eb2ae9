"""Folders with a config.json that asks for what no description of a network may ask for."""

import json
import pickle
from pathlib import Path
from typing import Any

_VIT = {
    "model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 16,
    "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip


def make_folder_that_brings_code(folder: Path, plant: Any) -> Path:
    """A network defined by a Python file beside the weights."""
    table = {"AutoConfig": "modeling_own.Own", "AutoModel": "modeling_own.Own"}
    own = {"model_type": "own", "architectures": ["Own"], "auto_map": table}
    (folder / "modeling_own.py").write_text(f"{plant.code}\nclass Own: pass\n")
    return _folder(folder, {**own, "trust_remote_code": True})


def make_folder_with_code_of_another_address(folder: Path, _plant: Any) -> Path:
    table = {"AutoModel": "someone/else--modeling_own.Own"}
    return _folder(folder, {"model_type": "own", "auto_map": table, "_name_or_path": "some/one"})


def make_folder_whose_weights_are_a_payload(folder: Path, plant: Any) -> Path:
    """What the library's own reader of `pytorch_model.bin` would unpickle."""
    (folder / "config.json").write_text(json.dumps(_VIT))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(plant.payload(), protocol=2))
    return folder


def make_folder_of_a_trillion_weights(folder: Path, _plant: Any) -> Path:
    return _folder(folder, {**_VIT, "hidden_size": 1_000_000, "intermediate_size": 1_000_000})


def make_folder_of_a_billion_layers(folder: Path, _plant: Any) -> Path:
    return _folder(folder, {**_VIT, "num_hidden_layers": 1_000_000_000})


def make_folder_of_a_billion_classes(folder: Path, _plant: Any) -> Path:
    return _folder(folder, {**_VIT, "num_labels": 1_000_000_000})


def make_folder_with_vast_images(folder: Path, _plant: Any) -> Path:
    said = {"image_processor_type": "ViTImageProcessor", "size": 1_000_000}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    return _folder(folder, _VIT)


def make_folder_whose_backbone_lies_elsewhere(folder: Path, _plant: Any) -> Path:
    return _folder(folder, {**_VIT, "model_type": "dpt", "backbone": "/etc", "use_backbone": True})


def make_folder_with_a_config_of_no_numbers(folder: Path, _plant: Any) -> Path:
    return _folder(folder, {**_VIT, "layer_norm_eps": float("nan")})


def make_folder_with_a_config_without_end(folder: Path, _plant: Any) -> Path:
    _folder(folder, _VIT)
    with open(folder / "config.json", "r+b") as stream:
        stream.truncate(1 << 32)
    return folder


def make_folder_whose_shards_lie_elsewhere(folder: Path, _plant: Any) -> Path:
    _folder(folder, _VIT)
    (folder / "model.safetensors").rename(folder.parent / f"{folder.name}-secret.safetensors")
    table = {"weight_map": {"vit.layernorm.weight": f"../{folder.name}-secret.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(table))
    return folder


def make_folder_whose_shard_is_a_link(folder: Path, _plant: Any) -> Path:
    _folder(folder, _VIT)
    secret = folder.parent / f"{folder.name}-linked.safetensors"
    (folder / "model.safetensors").rename(secret)
    (folder / "model-00001-of-00001.safetensors").symlink_to(secret)
    table = {"weight_map": {"vit.layernorm.weight": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(table))
    return folder


def _folder(folder: Path, config: dict[str, Any]) -> Path:
    import numpy as np
    from safetensors.numpy import save_file

    (folder / "config.json").write_text(json.dumps(config))
    held = {"vit.layernorm.weight": np.ones(16, np.float32)}
    save_file(held, folder / "model.safetensors")
    return folder


def make_folder_whose_network_lies_on_a_hub(folder: Path, _plant: Any) -> Path:
    return _folder(folder, {**_TIMM, "architecture": "hf-hub:someone/else"})


def make_folder_whose_network_lies_in_another_folder(folder: Path, _plant: Any) -> Path:
    return _folder(folder, {**_TIMM, "architecture": "local-dir:/etc"})


def make_folder_that_sets_where_weights_lie(folder: Path, _plant: Any) -> Path:
    settings = {"pretrained_strict": False, "cache_dir": "/tmp"}
    return _folder(folder, {**_TIMM, "architecture": "resnet18", "model_args": settings})


def make_folder_with_negative_images(folder: Path, _plant: Any) -> Path:
    return _folder(folder, {**_VIT, "image_size": -5})


_TIMM = {
    "model_type": "timm_wrapper", "architectures": ["TimmWrapperForImageClassification"],
    "num_classes": 5,
}  # fmt: skip
