"""Results as files: one each, under names that are safe everywhere and stay the same."""

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from interp_gui.cli.atlas_files import AtlasFiles
from interp_gui.core.edit import EditStack
from interp_gui.core.export import export_bytes, make_folder, write_atomically
from interp_gui.core.feature import Feature
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Atlas, Sheet

_LONGEST_STEM = 100
_BESIDE = {
    "picture": "csv", "grid": "csv", "bars": "csv", "curve": "csv", "matrix": "csv",
    "heatmap": "npz", "intervention": "csv",
}  # fmt: skip
"""Where the numbers of a picture go; a heat map has too many for a table."""


EDITS_FILE = "edits.json"
_OF_ALL = ("classes", "truth_sha256")


class ResultFolder:
    """Writes results as they come; a later one of the same key replaces the earlier.

    Parameters
    ----------
    folder
        Made if missing. Files of the same names are replaced, each whole.
    analysis
        First part of every name.
    """

    def __init__(self, folder: str, analysis: str) -> None:
        self.folder = make_folder(folder)
        self._analysis = analysis
        self._names: dict[str, str] = {}
        self._entries: dict[str, dict[str, Any]] = {}
        self._features: dict[str, str] = {}
        self._atlases: dict[str, AtlasFiles] = {}
        self._images: dict[str, None] = {}
        self._edits = ""
        self.recipe: Recipe | None = None

    def add(self, result: AnyResult, recipe: Recipe) -> None:
        """Write one final result with its recipe, and its numbers beside it.

        An atlas is written with `document`, when the pictures of its cells have come.
        """
        if self.completes(result):
            return
        stem = self._stem(result)
        self._features[result.key] = result.feature.text if result.feature else ""
        self.recipe = recipe
        self._images |= dict.fromkeys(recipe.images)
        if isinstance(result, Atlas):
            self._atlases[result.key] = AtlasFiles(result, recipe)
            self._entries[result.key] = {}
            return
        table = result.kind == "table"
        name = f"{stem}.{'csv' if table else 'png'}"
        self._write(name, export_bytes(result, name.rpartition(".")[2], recipe=recipe))
        beside = _BESIDE.get(result.kind, "npz")
        if table and result.arrays():
            self._write(f"{stem}.npz", export_bytes(result, "npz", recipe=recipe))
        elif not table and (beside == "npz" or len(result.rows()) > 1):
            self._write(f"{stem}.{beside}", export_bytes(result, beside, recipe=recipe))
        self._entries[result.key] = {
            "kind": result.kind,
            "file": name,
            "title": result.title,
            "numbers": result.numbers,
            "notes": list(result.notes),
        }
        if "direction" in result.provenance and result.feature is not None:
            self._entries[result.key]["direction"] = self._direction(stem, result.feature)

    def _direction(self, stem: str, feature: Feature) -> dict[str, str]:
        """Write a direction that was found, so that `LAYER:@FILE` names it."""
        held = io.BytesIO()
        np.save(held, feature.matrix(), allow_pickle=False)
        self._write(f"{stem}.npy", held.getvalue())
        return {"file": f"{stem}.npy", "feature": f"{feature.layer}:@{stem}.npy"}

    def keep_edits(self, stack: EditStack) -> None:
        """Write the edits that the run is made under, as `--edits` and `bake` take them."""
        if not stack.edits and not stack.image_edits:
            return
        encoded = msgspec.json.format(stack.to_json().encode(), indent=2)
        self._write(EDITS_FILE, encoded + b"\n")
        self._edits = EDITS_FILE

    def completes(self, result: AnyResult) -> bool:
        """Whether a result is pictures of an atlas that came before; then they are taken."""
        return isinstance(result, Sheet) and any(a.takes(result) for a in self._atlases.values())

    def document(self, asked: tuple[Feature, ...]) -> dict[str, Any]:
        """What was written, in the order asked; the recipe is that of all of it."""
        for key, files in self._atlases.items():
            self._entries[key] = files.write(self._names[key], self._write)
        texts = list(dict.fromkeys(feature.text for feature in asked))
        place = {text: i for i, text in enumerate(texts)}
        keys = list(self._entries)
        if place and all(self._features[key] in place for key in keys):
            keys.sort(key=lambda key: place[self._features[key]])
        recipe = self.recipe
        if recipe is not None and len(keys) != 1:
            # what labels mean holds for all results of a run
            truth = {k: v for k, v in recipe.provenance.items() if k in _OF_ALL}
            recipe = msgspec.structs.replace(
                recipe, result="", provenance=truth, features=asked, images=tuple(self._images)
            )
        return {
            "analysis": self._analysis,
            "results": [self._entries[key] for key in keys],
            "recipe": msgspec.to_builtins(recipe),
            **({"edits_file": self._edits} if self._edits else {}),
        }

    def finish(self, document: dict[str, Any]) -> Path:
        """Write `result.json`."""
        encoded = msgspec.json.format(msgspec.json.encode(document), indent=2)
        self._write("result.json", encoded + b"\n")
        return self.folder / "result.json"

    def _write(self, name: str, data: bytes) -> None:
        write_atomically(self.folder / name, data)

    def _stem(self, result: AnyResult) -> str:
        if result.key in self._names:
            return self._names[result.key]
        wished = safe_name(f"{self._analysis}_{_about(result)}")
        taken = {name.casefold() for name in self._names.values()}
        stem, number = wished, 2
        while stem.casefold() in taken:
            stem, number = f"{wished}-{number}", number + 1
        self._names[result.key] = stem
        return stem


def safe_name(text: str) -> str:
    """A file name without suffix that every system takes: letters, digits, `.`, `_`, `-`."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")
    if len(name) <= _LONGEST_STEM:
        return name or "result"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_STEM - 9]}-{digest}"


def _about(result: AnyResult) -> str:
    """The feature's text, unless the key says more (several results about one feature)."""
    text = result.feature.text if result.feature is not None else ""
    return text if text and (text == result.key or text not in result.key) else result.key
