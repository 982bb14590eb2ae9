"""Which pictures are made together, from what start, and under which name they are kept."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import torch

from interp_gui.analyses.feature_visualization.network import planes_of
from interp_gui.analyses.feature_visualization.objectives import (
    Compiled,
    Scope,
    compile_objective,
    needs_feature,
)
from interp_gui.analyses.feature_visualization.settings import Settings
from interp_gui.core.analysis import Context, Need
from interp_gui.core.errors import InvalidValue
from interp_gui.core.feature import Feature
from interp_gui.core.objective import parse_objective

ANALYSIS_ID = "feature-visualization"
VERSION = 2


@dataclass(frozen=True)
class Item:
    """One picture to be made.

    Parameters
    ----------
    key
        Text of the feature, or of the objective where no feature was asked for.
    """

    key: str
    title: str
    feature: Feature | None
    compiled: Compiled

    def seed(self, seed: int, purpose: str) -> int:
        """A seed of its own, whichever batch the picture is made in."""
        digest = hashlib.sha256(f"{seed}/{purpose}/{self.key}".encode()).digest()
        return int.from_bytes(digest[:7])

    def generator(self, seed: int) -> torch.Generator:
        """The one source of chance for this picture, on the CPU for every device."""
        return torch.Generator().manual_seed(self.seed(seed, "ascent"))


@dataclass(frozen=True)
class Plan:
    """Groups of pictures, in the order asked.

    Features are taken in groups of `batch`: the same start optimised in a batch of another size
    gives other pixels, so the group belongs to what a recipe must say.
    """

    groups: tuple[tuple[Item, ...], ...]
    identity: dict[str, Any]
    settings: Settings
    seed: int

    @classmethod
    def make(cls, context: Context, settings: Settings) -> "Plan":
        """Check everything that was asked for before any of it is computed."""
        objective = parse_objective(settings.objective)
        asked = list(dict.fromkeys(context.inputs.features))
        vectors = {f.vector_hash: f.vectors for f in asked if f.vectors}
        description = context.model.description
        if not asked and needs_feature(objective):
            raise InvalidValue(
                "Feature visualisation needs a feature.",
                hint="Choose a unit, or name one in the objective: channel(features.14:7).",
            )
        items: dict[str, Item] = {}
        wanted: list[Feature | None] = [*asked] or [None]
        for feature in wanted:
            compiled = compile_objective(objective, Scope(description, feature, vectors))
            key = feature.text if feature is not None else compiled.text
            title = feature.title if feature is not None else compiled.text
            items.setdefault(key, Item(key, title, feature, compiled))
        each = list(items.values())
        size = settings.batch
        identity = {
            "analysis": ANALYSIS_ID,
            "version": VERSION,
            "weights": description.weights_sha256,
            "architecture": description.architecture,
            "library": description.library,
            "config": description.config,
            "preprocessing": repr(context.model.preprocessing),
            "device": context.model.device,
            "torch": str(torch.__version__),
            "threads": torch.get_num_threads(),
        }
        planes = planes_of(context.model.preprocessing)
        if planes != 3:
            # what was kept of grey networks when their pictures still climbed in colours
            identity["planes"] = planes
        groups = tuple(tuple(each[i : i + size]) for i in range(0, len(each), size))
        return cls(groups, identity, settings, context.inputs.seed)

    def trajectory(self, group: tuple[Item, ...]) -> dict[str, Any]:
        """Content key of a group's ascent, whatever the number of its steps."""
        chosen = asdict(self.settings)
        for name in ("steps", "batch", "compare", "objective"):
            del chosen[name]
        return {
            **self.identity,
            "what": "ascent",
            "settings": chosen,
            "seed": self.seed,
            "group": [item.key for item in group],
            "objectives": [item.compiled.text for item in group],
        }

    def fingerprint(self, group: tuple[Item, ...]) -> str:
        """Short form of `trajectory`, by which a saved state is known to belong here."""
        text = json.dumps(self.trajectory(group), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def finished(self, group: tuple[Item, ...]) -> dict[str, Any]:
        """Content key of a group's finished pictures."""
        return {**self.trajectory(group), "what": "pictures", "steps": self.settings.steps}


def spared_needs(settings: Settings) -> tuple[Need, ...]:
    """No feature is needed where the objective names all that it speaks of."""
    return () if needs_feature(parse_objective(settings.objective)) else ("features",)
