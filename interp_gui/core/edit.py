"""Edits: changes of a layer's value, and the ordered stack of them.

One formula covers every kind: ``x' = x + M ⊙ B(g(B⁺x) − B⁺x)`` with B the feature's basis, M the
place and g the kind. `core.edit_reference` applies it in numpy; every runtime is tested against
that.
"""

import math
import re
from typing import Literal

import msgspec

from interp_gui.core.errors import EditProblem, InvalidValue
from interp_gui.core.feature import LARGEST, Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.place import Place

EDIT_FORMAT_VERSION = 2
"""1 had no groups, no solo, no muting and no changes of images."""
EDITS_MIME_TYPE = "application/x-interp-gui-edits"
"""What a drag of edits carries: the JSON of a stack."""

EditKind = Literal["ablate", "scale", "clamp", "add", "project_out", "patch"]
BaselineKind = Literal["mean", "zero", "image"]

LEGAL_KINDS: dict[str, tuple[EditKind, ...]] = {
    "units": ("ablate", "scale", "clamp", "add", "patch"),
    "vectors": ("ablate", "scale", "clamp", "add", "project_out", "patch"),
    "layer": ("ablate", "scale", "clamp", "patch"),
}
"""Which kind is legal for which basis. A unit has no span to project out (ablate it to zero);
a whole layer has no one direction to add."""


class Baseline(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an ablation puts in place of the feature's value.

    Parameters
    ----------
    kind
        The dataset's `mean`, `zero`, or the value that another `image` has at the same position.
    values
        One mean a basis vector, in the coordinates ``B⁺x``, for `mean`.
    source
        SHA-256 of the dataset (for `mean`) or of the image (for `image`).
    """

    kind: BaselineKind = "zero"
    values: tuple[float, ...] = ()
    source: str = ""


class Observed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Between which values a feature's coordinates lie in a dataset.

    Parameters
    ----------
    low, high
        Least and greatest value of each coordinate ``B⁺x``.
    images
        In how many images.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    images: int = 0


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change: Feature × Place × kind.

    Parameters
    ----------
    feature
        What is changed; it names the layer. Its model hash is advisory: another one is a
        warning, not a refusal.
    kind
        `ablate`: coordinates become the baseline. `scale`: they are multiplied by `amount`.
        `clamp`: they are limited to `low`..`high`. `add`: `amount` (in units of `deviation`,
        where given) is added. `project_out`: the span of the vectors is removed. `patch`: they
        become those of the image `source`.
    amount
        Factor of `scale`, strength of `add`.
    deviation
        Standard deviation of each coordinate over the dataset; empty: `amount` is absolute.
    low, high
        Limits of `clamp`; None for no limit.
    baseline
        For `ablate`.
    source
        SHA-256 of the image whose value is patched in.
    enabled
        A disabled edit stays in the stack and does nothing.
    group
        Edits that bear the same name are shown, switched and moved together; empty for none.
    observed
        Values that the dataset has, beyond which it is said; None where they are not known. What
        the edit does is the same.
    """

    feature: Feature
    kind: EditKind
    place: Place = Place()
    amount: float = 1.0
    deviation: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    baseline: Baseline = Baseline()
    source: str = ""
    enabled: bool = True
    group: str = ""
    observed: Observed | None = None

    def __post_init__(self) -> None:
        if self.kind not in LEGAL_KINDS[self.basis_kind]:
            legal = ", ".join(LEGAL_KINDS[self.basis_kind])
            raise EditProblem(
                f"'{self.kind}' is not legal for {self.feature.text}.",
                hint=f"Legal for this basis: {legal}.",
            )
        if self.kind == "patch" and not self.source:
            raise EditProblem("A patch needs the image that it comes from.")
        if self.baseline.kind == "image" and not self.baseline.source:
            raise EditProblem("An ablation to another image's value needs that image.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InvalidValue("The lower limit of a clamp is above the upper one.")
        if self.kind == "ablate" and self.baseline.kind == "mean":
            self._check_count(self.baseline.values, "means")
        if self.deviation:
            self._check_count(self.deviation, "deviations")
        if self.observed is not None:
            self._check_count(self.observed.low, "least values")
            self._check_count(self.observed.high, "greatest values")
        self._check_numbers()

    def _check_numbers(self) -> None:
        numbers = (self.amount, *self.deviation, *self.baseline.values)
        if not all(map(math.isfinite, numbers)):
            raise InvalidValue(
                f"The strength of the edit of {self.feature.text} is not a finite number.",
                hint="Type a number.",
            )
        limits = [v for v in (self.low, self.high) if v is not None and math.isfinite(v)]
        steps = [self.amount * size for size in self.deviation] if self.kind == "add" else []
        if any(abs(number) > LARGEST for number in (*numbers, *limits, *steps)):
            raise InvalidValue(
                f"A number of the edit of {self.feature.text} is too large: networks compute "
                f"with numbers up to {LARGEST:.2g}.",
                hint="Type a smaller number.",
            )
        if any(limit is not None and math.isnan(limit) for limit in (self.low, self.high)):
            raise InvalidValue("A limit of a clamp is not a number.", hint="Type a number.")

    def _check_count(self, values: tuple[float, ...], what: str) -> None:
        size = len(self.feature.units) or len(self.feature.vectors)
        if not values or (size and len(values) != size):
            raise InvalidValue(f"{len(values)} {what} do not fit {self.feature.text}.")

    @property
    def basis_kind(self) -> str:
        """`units`, `vectors` or `layer`."""
        if self.feature.units:
            return "units"
        return "vectors" if self.feature.vectors else "layer"

    @property
    def image_source(self) -> str:
        """SHA-256 of the other image whose value is needed; empty if none is."""
        if self.kind == "patch":
            return self.source
        if self.kind == "ablate" and self.baseline.kind == "image":
            return self.baseline.source
        return ""


class EditStack(msgspec.Struct, frozen=True, omit_defaults=False):
    """An ordered list of edits; the order matters (`scale` then `add` differs from the reverse).

    Parameters
    ----------
    edits
        Of the network.
    name
        What a person calls it.
    muted
        Whether nothing of it is in force, whatever is enabled.
    solo
        Index in `edits` of the only one in force; None for all that are enabled.
    image_edits
        Changes of images themselves, each of one image.
    """

    edits: tuple[Edit, ...] = ()
    version: int = EDIT_FORMAT_VERSION
    name: str = ""
    muted: bool = False
    solo: int | None = None
    image_edits: tuple[ImageEdit, ...] = ()

    def is_live(self, index: int) -> bool:
        """Whether an edit is in force: enabled, not muted, and no other one is solo."""
        if self.muted or not self.edits[index].enabled:
            return False
        return self.solo is None or self.solo == index

    @property
    def live(self) -> tuple[int, ...]:
        """Indices of the edits in force, in order."""
        return tuple(i for i in range(len(self.edits)) if self.is_live(i))

    @property
    def active(self) -> tuple[Edit, ...]:
        """The edits in force, in order."""
        return tuple(self.edits[i] for i in self.live)

    @property
    def active_image_edits(self) -> tuple[ImageEdit, ...]:
        """The changes of images in force, in order; a solo edit stands alone."""
        if self.muted or self.solo is not None:
            return ()
        return tuple(edit for edit in self.image_edits if edit.enabled)

    @property
    def image_sources(self) -> tuple[str, ...]:
        """SHA-256 of the other images that what is in force takes values or pixels from."""
        wanted = [edit.image_source for edit in self.active]
        wanted += [edit.source for edit in self.active_image_edits if edit.kind == "swap"]
        return tuple(dict.fromkeys(filter(None, wanted)))

    def in_force(self) -> "EditStack":
        """What of it changes anything: the same whatever is switched off, named or grouped."""
        edits = tuple(msgspec.structs.replace(edit, group="") for edit in self.active)
        return EditStack(edits=edits, image_edits=self.active_image_edits)

    @property
    def layers(self) -> tuple[str, ...]:
        """Addresses that active edits write, each once, in order of first use."""
        return tuple(dict.fromkeys(edit.feature.layer for edit in self.active))

    def at(self, layer: str) -> tuple[tuple[int, Edit], ...]:
        """Active edits of one layer, each with its index in `edits`."""
        return tuple((i, self.edits[i]) for i in self.live if self.edits[i].feature.layer == layer)

    def warnings(self, weights_sha256: str) -> list[str]:
        """Sentences about edits that were made on another model."""
        return [
            f"The edit of {e.feature.text} was made on a model with other weights."
            for e in self.active
            if e.feature.model and e.feature.model != weights_sha256
        ]

    def to_json(self) -> str:
        """Versioned JSON, keys in a fixed order."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "EditStack":
        """Read versioned JSON; another version or malformed content raises EditProblem."""
        try:
            version = msgspec.json.decode(text, type=_Versioned).version
        except msgspec.MsgspecError as problem:
            raise _not_edits(text, problem) from None
        if version > EDIT_FORMAT_VERSION:
            raise EditProblem(
                f"These edits were written by a newer version (format {version}).",
                hint="Update interp-gui to open them.",
            )
        try:
            found = msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as problem:
            raise _unreadable(problem) from None
        return msgspec.structs.replace(found, version=EDIT_FORMAT_VERSION)


class _Versioned(msgspec.Struct):
    version: int


_NO_NUMBER = re.compile(r"[:\[,]\s*-?(NaN|Infinity)\b")
"""What some programs write in JSON, which has no words for it."""


def _not_edits(text: str | bytes, problem: msgspec.MsgspecError) -> EditProblem:
    """Why some text is no stack of edits, in words."""
    if isinstance(problem, msgspec.ValidationError):
        return EditProblem(
            "This is not a file of edits: another program wrote it, or it holds something else.",
            hint="The menu of the intervention panel saves edits, and exported pictures hold them.",
        )
    words = text if isinstance(text, str) else text.decode("utf-8", "replace")
    found = _NO_NUMBER.search(words)
    if found:
        return EditProblem(
            f"One of the edits holds '{found[1]}' where a number belongs.",
            hint="Put a number in its place in the file.",
        )
    return EditProblem(
        "This is not a file of edits, or it is damaged: it cannot be read as JSON.",
        hint="Save the edits again from the menu of the intervention panel.",
    )


def _unreadable(problem: msgspec.MsgspecError) -> EditProblem:
    """Which edit of a stack is not well formed."""
    said, _, where = str(problem).partition(" - at `$")
    at = re.search(r"edits\[(\d+)\]", where)
    which = f"Edit {int(at[1]) + 1} of the file" if at else "This file of edits"
    field = where.rpartition("]")[2].strip(".`")
    return EditProblem(
        f"{which} cannot be read.",
        hint=f"{said}{f' in {field!r}' if field else ''}. Save it again from the panel, or mend "
        "the file.",
    )
