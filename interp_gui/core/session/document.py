"""What a session holds, as plain data; `core.session.files` writes and reads it."""

from typing import Any

import msgspec

from interp_gui.core.dataset import ImageEntry
from interp_gui.core.edit import EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo, Preprocessing
from interp_gui.core.opening import OpenChoice
from interp_gui.core.recipe import Recipe
from interp_gui.core.result import AnyResult, Pixels
from interp_gui.core.target import Target

SESSION_FORMAT_VERSION = 1


class ModelRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model by path and weights.

    Parameters
    ----------
    preprocessing
        What the user changed it to; None for that of the checkpoint.
    choice
        What was decided about the file. Never code that may be run, nor stand-ins for foreign
        classes: a session comes from others as easily as a model, so these are asked again.
    outputs
        What kinds its outputs were taken for; empty for what is guessed.
    """

    path: str
    weights_sha256: str
    name: str = ""
    architecture: str = ""
    library: str = ""
    preprocessing: Preprocessing | None = None
    choice: OpenChoice = OpenChoice()
    outputs: tuple[OutputInfo, ...] = ()


class DatasetRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The images at hand, with what is known of them.

    Parameters
    ----------
    classes
        Confirmed class index of each label, as in `core.dataset.Dataset`.
    """

    name: str = ""
    images: tuple[ImageEntry, ...] = ()
    classes: dict[str, int] = {}


class ShelfItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """A feature that was collected.

    Parameters
    ----------
    id
        Random hex, unique in a session.
    collected
        When, as ISO 8601 in UTC.
    model_name
        File name of the model, to show; `feature.model` tells which one it is.
    picture
        uint8 (h, w, 3), at most 256 pixels a side: what the card showed when it was collected.
    """

    id: str
    feature: Feature
    name: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    collected: str = ""
    model_name: str = ""
    picture: Pixels | None = None


class KeptResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """A result that was kept for the report.

    Parameters
    ----------
    result, recipe
        What was kept, and what reproduces it.
    companions
        Results of the same run that belong to it (its controls, its numbers).
    note
        What the user wrote about it.
    included
        Whether it is ticked for the report.
    """

    id: str
    result: AnyResult
    recipe: Recipe | None = None
    companions: tuple[AnyResult, ...] = ()
    note: str = ""
    included: bool = True
    kept: str = ""
    """When, as ISO 8601 in UTC."""
    model_name: str = ""


class ReportHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands over the report of the kept results."""

    title: str = ""
    author: str = ""
    intro: str = ""


class SessionDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """Everything in a session file.

    Parameters
    ----------
    names
        Names given to features: weights hash -> text of the feature -> name.
    views
        Which views are open, split, pinned: what `Centre.snapshot` gives.
    """

    models: tuple[ModelRef, ...] = ()
    current_model: int = 0
    dataset: DatasetRef | None = None
    image: str = ""
    watched: tuple[str, ...] = ()
    """Paths of the images whose answers are watched under edits."""
    stacks: tuple[EditStack, ...] = ()
    """Stacks of edits that were kept beside the one in force, to compare it with."""
    layer: str = ""
    feature: Feature | None = None
    tab: str = ""
    target: Target = Target()
    edits: EditStack = EditStack()
    names: dict[str, dict[str, str]] = {}
    shelf: tuple[ShelfItem, ...] = ()
    kept: tuple[KeptResult, ...] = ()
    report: ReportHead = ReportHead()
    views: dict[str, Any] = {}
    saved: str = ""
    """When, as ISO 8601 in UTC."""
    program: str = ""
    """Version of interp-gui that wrote it."""
