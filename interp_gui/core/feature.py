"""Features: what can be looked at, named, dragged and changed."""

import hashlib
from operator import index
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.core.errors import InvalidValue, UnknownName
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.core.model import ModelDescription

MIME_TYPE = "application/vnd.interp-gui.feature+json"
Vectors = tuple[tuple[float, ...], ...]
LARGEST = float(np.finfo(np.float32).max)
"""The largest number that networks compute with."""


class Feature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model, a layer and a basis in it.

    Exactly one of `units` and `vectors` is given, or neither: then the basis is the whole layer.

    Parameters
    ----------
    layer
        Layer address as text.
    units
        Indices into the unit axis, or into the head axis where `heads` is set.
    vectors
        k vectors of C numbers each: directions in the layer's unit space.
    model
        Weights hash of the model it was found in; empty if not known.
    name
        What a person called it.
    """

    layer: str
    units: tuple[int, ...] = ()
    vectors: Vectors = ()
    heads: bool = False
    model: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        Address.parse(self.layer)
        # numpy's scalars do as numbers until they are written, long after
        if not all(type(u) is int for u in self.units):
            msgspec.structs.force_setattr(self, "units", _whole(self.units))
        if not all(type(row) is tuple and all(type(v) is float for v in row)
                   for row in self.vectors):  # fmt: skip
            msgspec.structs.force_setattr(self, "vectors", _rows(self.vectors))
        if self.units and self.vectors:
            raise InvalidValue("A feature has units or vectors, not both.")
        if any(u < 0 for u in self.units):
            raise InvalidValue("A unit's index is 0 or more.")
        if len({len(v) for v in self.vectors}) > 1:
            raise InvalidValue("All vectors of a feature have the same length.")
        # told from NaN by asking what is within, and in Python: few vectors are long
        if not all(-LARGEST <= v <= LARGEST for row in self.vectors for v in row):
            raise InvalidValue(
                f"A vector of the feature in '{self.layer}' holds what is no number, or one beyond "
                f"{LARGEST:.2g}.",
                hint="Networks compute with numbers of 32 bits.",
            )

    @property
    def whole_layer(self) -> bool:
        """Whether the basis is the whole layer."""
        return not self.units and not self.vectors

    @property
    def text(self) -> str:
        """Short text form: `features.14:7`, `features.14:3,9`, `…/z:h3`, `features.14:v/HASH`."""
        if self.units:
            mark = "h" if self.heads else ""
            return f"{self.layer}:{','.join(f'{mark}{u}' for u in self.units)}"
        if self.vectors:
            return f"{self.layer}:v/{self.vector_hash}"
        return self.layer

    @property
    def vector_hash(self) -> str:
        """First 12 digits of the SHA-256 of the float32 vectors."""
        return hashlib.sha256(self.matrix().tobytes()).hexdigest()[:12]

    @property
    def title(self) -> str:
        """The name a person gave, or the text form."""
        return self.name or self.text

    def matrix(self) -> NDArray[np.float32]:
        """The direction vectors as a (k, C) array; empty for unit features."""
        return np.asarray(self.vectors, dtype=np.float32).reshape(len(self.vectors), -1)

    def basis(self, units: int) -> NDArray[np.float64]:
        """Basis B as columns, (C, k), for a layer of C = `units` units."""
        if self.vectors:
            return self.matrix().T.astype(np.float64)
        eye = np.eye(units)
        return eye if not self.units else eye[:, list(self.units)]

    def check(self, layer: LayerInfo) -> None:
        """Raise if the feature does not fit the layer."""
        if self.heads and self.units:
            self._check_heads(layer)
        elif self.units and max(self.units) >= layer.units:
            raise UnknownName(
                f"Layer '{self.layer}' has no unit {max(self.units)}.",
                hint=f"Its units are 0 to {layer.units - 1}."
                if layer.units
                else "It has heads: write :h0 and so on."
                if "head" in layer.axes
                else "It has no units.",
            )
        if self.vectors and len(self.vectors[0]) != layer.units:
            raise InvalidValue(
                f"A direction of {len(self.vectors[0])} numbers does not fit layer "
                f"'{self.layer}' of {layer.units} units."
            )

    def _check_heads(self, layer: LayerInfo) -> None:
        if "head" not in layer.axes:
            raise InvalidValue(
                f"{self.text} names heads, which this layer does not have.",
                hint="Name a unit (LAYER:7), or a layer that has heads.",
            )
        count = layer.shape[layer.axes.index("head")]
        if self.units and max(self.units) >= count:
            raise UnknownName(
                f"Layer '{self.layer}' has no head {max(self.units)}.",
                hint=f"Its heads are 0 to {count - 1}.",
            )

    @classmethod
    def parse(cls, text: str, *, vectors: dict[str, Any] | None = None) -> "Feature":
        """Read the text form.

        Parameters
        ----------
        text
            `features.14:7`, `features.14:3,9`, `features.14:3-6`, `features.14` (whole layer),
            `…/z:h3`, `features.14:v/HASH` or `features.14:@file.npy`.
        vectors
            Directions by hash or file name, for the last two forms; files that are not in it
            are read with `numpy.load` (never pickled).
        """
        layer, _, basis = text.partition(":")
        Address.parse(layer)
        layer = str(Address.parse(layer))
        if not basis:
            return cls(layer=layer)
        if basis.startswith("@") or basis.startswith("v/"):
            key = basis[1:] if basis.startswith("@") else basis[2:]
            found = (vectors or {}).get(key)
            if found is None and basis.startswith("@"):
                found = _load_vectors(key)
            if found is None:
                raise UnknownName(
                    f"The direction '{key}' is not at hand.",
                    hint="Give it as LAYER:@file.npy, or open the recipe that holds it.",
                )
            return cls(layer=layer, vectors=as_vectors(found))
        heads = basis.startswith("h")
        try:
            units = tuple(u for part in basis.split(",") for u in _indices(part.lstrip("h")))
        except ValueError:
            raise InvalidValue(
                f"'{text}' is not a feature.",
                hint="Write LAYER:UNIT, as in features.14:7; several as features.14:7,9.",
            ) from None
        return cls(layer=layer, units=units, heads=heads)

    @classmethod
    def resolve(cls, text: str, model: ModelDescription) -> "Feature":
        """Parse and check against a model; unknown layers and units raise with near names."""
        feature = cls.parse(text)
        feature.check(model.layer(feature.layer))
        return msgspec.structs.replace(feature, model=model.weights_sha256)


def as_vectors(array: Any) -> Vectors:
    """Turn an array of shape (C,) or (k, C) into the vectors of a feature."""
    values = np.asarray(array, dtype=np.float32)
    if values.ndim not in (1, 2) or values.size == 0 or not np.isfinite(values).all():
        raise InvalidValue("A direction is one row, or k rows, of finite numbers.")
    return tuple(tuple(float(v) for v in row) for row in np.atleast_2d(values))


def _whole(units: Any) -> tuple[int, ...]:
    try:
        return tuple(index(u) for u in units)
    except TypeError:
        raise InvalidValue("A feature's units are whole numbers.") from None


def _rows(vectors: Any) -> Vectors:
    try:
        return tuple(tuple(float(v) for v in row) for row in vectors)
    except (TypeError, ValueError):
        raise InvalidValue(
            "A feature's vectors are rows of numbers.",
            hint="core.feature.as_vectors makes them of an array.",
        ) from None


def _indices(part: str) -> range:
    first, dash, last = part.partition("-")
    return range(int(first), int(last if dash else first) + 1)


def _load_vectors(path: str) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as problem:
        raise InvalidValue(
            f"'{path}' does not hold a direction: {problem}.",
            hint="Save an array of shape (C,) or (k, C) with numpy.save.",
        ) from None
