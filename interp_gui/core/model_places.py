"""Which paths look like models, told by their names alone."""

import os
from pathlib import Path

MODEL_SUFFIXES = frozenset(
    (".pt", ".pth", ".pt2", ".safetensors", ".bin", ".ckpt", ".pkl", ".onnx", ".pth.tar")
)
_IN_FOLDER = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.safetensors",
)


def is_model_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a network and its config, as Hugging Face lays them out.

    A `config.json` alone is none: it may lie beside images. Weights under their usual names, or a
    `config.json` beside any file with the suffix of weights, are.
    """
    folder = Path(path)
    try:
        names = {entry.name for entry in os.scandir(folder)}
    except OSError:
        return False
    if any(name in names for name in _IN_FOLDER):
        return True
    return "config.json" in names and any(
        Path(name).suffix.lower() in (".safetensors", ".bin", ".pt", ".pth") for name in names
    )
