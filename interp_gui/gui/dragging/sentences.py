"""Sentences for `DropHint`: what dropping files or features will do."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData

from interp_gui.core.analysis import spoken
from interp_gui.core.csv_text import is_table
from interp_gui.core.dataset import IMAGE_SUFFIXES
from interp_gui.core.errors import InterpError
from interp_gui.core.feature import Feature
from interp_gui.core.model_places import is_model_folder
from interp_gui.core.recipe import Recipe
from interp_gui.gui.dragging.drag import features_from_mime
from interp_gui.gui.dragging.drop_hint import Refusal
from interp_gui.gui.features.commands import FeatureCommands

MODEL_SUFFIXES = frozenset(
    (".pt", ".pth", ".safetensors", ".bin", ".ckpt", ".pkl", ".onnx", ".pt2")
)
SESSION_SUFFIX = ".interp"
_PLURAL = {"folder of images": "folders of images"}


def local_paths(mime: QMimeData) -> list[str]:
    """Files and folders of this machine that a drag carries."""
    return [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]


def of_files(paths: Sequence[str]) -> str:
    """What dropping files on the window does; told by their names, so that no file is read."""
    if not paths:
        return ""
    if len(paths) > 1:
        return _of_many(paths)
    path = paths[0]
    name, suffix = Path(path).name, Path(path).suffix.lower()
    if suffix == SESSION_SUFFIX:
        return f"Open the session {name}"
    if suffix in MODEL_SUFFIXES:
        return f"Open {name} as a model"
    if suffix in IMAGE_SUFFIXES:
        return f"Open {name} as an image"
    if is_model_folder(path):
        return f"Open {name} as a model"
    if os.path.isdir(path):
        return f"Open the images in {name}"
    if is_table(path):
        return f"Import the images that {name} lists"
    return f"See whether {name} is a model"


def _of_many(paths: Sequence[str]) -> str:
    suffixes = [Path(path).suffix.lower() for path in paths]
    models = sum(suffix in MODEL_SUFFIXES for suffix in suffixes)
    images = sum(suffix in IMAGE_SUFFIXES for suffix in suffixes)
    below = [path for path in paths if os.path.isdir(path)]
    folders = sum(not is_model_folder(path) for path in below)
    models += len(below) - folders
    others = len(paths) - models - images - folders
    kinds = (
        (models, "model"), (images, "image"), (folders, "folder of images"), (others, "other file"),
    )  # fmt: skip
    parts = [
        f"{count:,} {word if count == 1 else _PLURAL.get(word, f'{word}s')}"
        for count, word in kinds
        if count
    ]
    return f"Open {', '.join(parts[:-1])}{' and ' if len(parts) > 1 else ''}{parts[-1]}"


def of_recipe(recipe: Recipe) -> str:
    """What dropping an exported picture offers."""
    what = recipe.features[0].title if recipe.features else recipe.layer
    analysis = spoken(recipe.analysis)
    return f"Offer to reopen what it shows: {analysis}{f' of {what}' if what else ''}"


def of_features(
    mime: QMimeData,
    sentence: Callable[[str], str],
    *,
    why_not: Callable[[tuple[Feature, ...]], str] | None = None,
) -> str:
    """What dropping features does; empty for anything else.

    Parameters
    ----------
    sentence
        Makes the sentence from what the features are called: "features.14:7" or "3 features".
    why_not
        Says why these cannot be dropped here; empty if they can.
    """
    try:
        features = features_from_mime(mime)
    except InterpError as problem:
        return Refusal(problem.message)
    if not features:
        return ""
    problem_text = why_not(features) if why_not is not None else ""
    if problem_text:
        return Refusal(problem_text)
    return sentence(features[0].title if len(features) == 1 else f"{len(features)} features")


def of_target(
    mime: QMimeData, commands: FeatureCommands, target_id: str, sentence: Callable[[str], str]
) -> str:
    """What dropping features on the view of a registered target does."""
    return of_features(mime, sentence, why_not=lambda fs: commands.refusal(target_id, fs))
