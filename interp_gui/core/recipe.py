"""Recipes: the JSON that reproduces a result. Holds no path of the user's machine."""

from collections.abc import Sequence
from typing import Any

import msgspec

from interp_gui.core.edit import EditStack
from interp_gui.core.errors import RecipeMismatch
from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo, Preprocessing
from interp_gui.core.target import Target

RECIPE_FORMAT_VERSION = 1


class ModelIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Which network: weights alone do not say (architectures share keys and shapes)."""

    name: str
    weights_sha256: str
    architecture: str
    library: str
    config: dict[str, Any] = {}
    outputs: tuple[OutputInfo, ...] = ()
    """What its outputs were taken for: a probability is another number where they are not."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was computed."""

    device: str = "cpu"
    threads: int = 1
    versions: dict[str, str] = {}
    """Package name -> version (`interp-gui`, `torch`, `numpy`, `pillow`, …)."""
    runtime: str = ""
    """What computed it where that was not the model's own runtime (`onnxruntime 1.32.0`)."""


class RecipeExample(msgspec.Struct, frozen=True, omit_defaults=True):
    """An example by content: SHA-256 of its image, its box, and a number in place of its group."""

    image: str
    box: tuple[float, float, float, float] | None = None
    group: str = ""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run needs, by content.

    Parameters
    ----------
    images
        SHA-256 of each image asked about, in order.
    dataset
        SHA-256 of the dataset at hand (over its images' hashes, sorted), empty if none.
    features
        What was asked for, in order, with direction vectors in full.
    result
        Key of the one result that this recipe accompanies; empty for all of them.
    examples
        Images, or boxes in them, by heading; groups are numbered, for their names may say whose
        images they are.
    provenance
        What the result adds: batch group and slot, and the like.
    other
        The second model, for analyses that compare two.
    contents
        For a contact sheet: the recipe of each of its pictures, in order.
    """

    analysis: str
    analysis_version: int = 1
    parameters: dict[str, Any] = {}
    seed: int = 0
    model: ModelIdentity
    preprocessing: Preprocessing
    images: tuple[str, ...] = ()
    dataset: str = ""
    layer: str = ""
    features: tuple[Feature, ...] = ()
    region: tuple[tuple[float, ...], ...] = ()
    target: Target = Target()
    edits: EditStack = EditStack()
    examples: dict[str, tuple[RecipeExample, ...]] = {}
    environment: Environment = Environment()
    result: str = ""
    provenance: dict[str, Any] = {}
    other: ModelIdentity | None = None
    other_preprocessing: Preprocessing | None = None
    contents: tuple["Recipe", ...] = ()
    version: int = RECIPE_FORMAT_VERSION

    @classmethod
    def of_sheet(cls, contents: "Sequence[Recipe | None]") -> "Recipe | None":
        """The recipe of a contact sheet; None unless every picture on it has one."""
        known = tuple(recipe for recipe in contents if recipe is not None)
        if not known or len(known) != len(contents):
            return None
        return msgspec.structs.replace(
            known[0], result="", features=(), provenance={}, contents=known
        )

    @property
    def run_key(self) -> str:
        """The same for results that one run gives together."""
        batch = self.provenance.get("batch")
        group = batch.get("group") if isinstance(batch, dict) else None
        alone = msgspec.structs.replace(self, result="", provenance={"group": group})
        return msgspec.json.encode(alone, order="deterministic").decode()

    def to_json(self) -> str:
        """Indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Recipe":
        """Read JSON; malformed content and newer versions raise RecipeMismatch."""
        try:
            version = msgspec.json.decode(text, type=_Versioned).version
            if version > RECIPE_FORMAT_VERSION:
                raise RecipeMismatch(
                    f"This recipe was written by a newer version (format {version}).",
                    hint="Update interp-gui to replay it.",
                )
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as problem:
            raise RecipeMismatch(f"This is not a recipe: {problem}.") from None


class _Versioned(msgspec.Struct):
    version: int
