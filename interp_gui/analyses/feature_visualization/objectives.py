"""Objectives as functions of what a network computes for one image of a batch."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interp_gui.analyses.feature_visualization.readings import (
    OUTPUT,
    Reading,
    Values,
    at_place,
    over_positions,
)
from interp_gui.core.errors import InvalidValue, MissingAbility, unknown_name
from interp_gui.core.feature import Feature, Vectors
from interp_gui.core.layer import LayerInfo
from interp_gui.core.model import ModelDescription
from interp_gui.core.objective import (
    REQUESTED,
    Binary,
    Negative,
    Number,
    Objective,
    Term,
    terms,
)

COSINE_FLOOR = 0.1
"""Below it the power of the cosine would leave a direction without a gradient."""

Evaluate = Callable[[Values, int], Tensor]


@dataclass(frozen=True)
class Compiled:
    """An objective for one picture.

    Parameters
    ----------
    layers
        Addresses whose values it needs; `OUTPUT` among them if it needs the outputs.
    evaluate
        From the values and the picture's slot in the batch to a scalar tensor.
    reading
        What stands beside the finished picture; None if the objective is no single quantity.
    text
        The objective in full, with nothing left to be understood.
    """

    layers: frozenset[str]
    evaluate: Evaluate
    reading: Reading | None
    text: str


@dataclass(frozen=True)
class Scope:
    """What names in an objective refer to.

    Parameters
    ----------
    model
        For layers and classes.
    requested
        The feature that was asked for.
    vectors
        Directions at hand, by hash.
    """

    model: ModelDescription
    requested: Feature | None = None
    vectors: dict[str, Vectors] | None = None

    def feature(self, term: Term) -> Feature:
        """The feature that a term is about, checked against the model."""
        if term.subject != REQUESTED:
            feature = Feature.parse(term.subject, vectors=dict(self.vectors or {}))
        elif self.requested is not None:
            feature = self.requested
        else:
            raise InvalidValue(
                "The objective speaks of the feature asked for, but none was given.",
                hint="Give a feature, or name one as in channel(features.14:7).",
            )
        feature.check(self.model.layer(feature.layer))
        return feature

    def class_index(self, term: Term) -> int:
        """The class that a logit is about: an index, a name, or one of the names' synonyms."""
        count = self.model.class_count
        if not count:
            raise MissingAbility(f"'{self.model.name}' has no classes.")
        if term.subject == REQUESTED:
            feature = self.feature(term)
            if len(feature.units) != 1 or self.model.layer(feature.layer).units != count:
                raise InvalidValue(
                    f"{feature.text} is no class.",
                    hint="Name one, as in logit(281) or logit(tabby).",
                )
            return feature.units[0]
        if term.subject.isdigit():
            if int(term.subject) >= count:
                raise InvalidValue(
                    f"There is no class {term.subject}.", hint=f"Classes are 0 to {count - 1}."
                )
            return int(term.subject)
        names = [name.lower() for name in self.model.class_names]
        wanted = term.subject.strip().lower()
        for index, name in enumerate(names):
            if wanted == name or wanted in [part.strip() for part in name.split(",")]:
                return index
        raise unknown_name("class", term.subject, self.model.class_names)


def compile_objective(objective: Objective, scope: Scope) -> Compiled:
    """Bind an objective to a model.

    Raises
    ------
    UnknownName, InvalidValue, MissingAbility
        For layers, units, classes or directions that the model does not have.
    """
    layers: set[str] = set()
    resolved = _resolve(objective, scope)
    evaluate = _compile(resolved, scope, layers)
    reading: Reading | None = None
    if isinstance(resolved, Term):
        reading = _reading(resolved, scope)
    elif scope.requested is not None:
        reading = _reading(_suited(Term("feature"), scope.requested, scope), scope)
    if reading is not None:
        layers.add(reading.layer)
    return Compiled(frozenset(layers), evaluate, reading, str(resolved))


def _resolve(objective: Objective, scope: Scope) -> Objective:
    """Spell out the feature asked for, class indices and suited kinds."""
    match objective:
        case Number():
            return objective
        case Negative(of):
            return Negative(_resolve(of, scope))
        case Binary(sign, left, right):
            return Binary(sign, _resolve(left, scope), _resolve(right, scope))
        case Term(kind="logit"):
            return replace(objective, subject=str(scope.class_index(objective)))
        case Term():
            feature = scope.feature(objective)
            return replace(_suited(objective, feature, scope), subject=feature.text)


def _suited(term: Term, feature: Feature, scope: Scope) -> Term:
    if term.kind == "feature":
        kind = "layer" if feature.whole_layer else "direction" if feature.vectors else "channel"
        return replace(term, kind=kind, subject=feature.text)  # type: ignore[arg-type]
    if term.kind != "layer" and feature.whole_layer:
        raise InvalidValue(
            f"'{term.kind}' needs a unit or direction of layer '{feature.layer}'.",
            hint=f"Name one as in {feature.layer}:7, or use layer({feature.layer}).",
        )
    return term


def _own(text: str, scope: Scope) -> Feature:
    requested = scope.requested
    if requested is not None and requested.text == text:
        return requested
    return Feature.parse(text, vectors=dict(scope.vectors or {}))


def _compile(objective: Objective, scope: Scope, layers: set[str]) -> Evaluate:
    match objective:
        case Number(value):
            return lambda values, slot: torch.tensor(value, device=_any(values).device)
        case Negative(of):
            inner = _compile(of, scope, layers)
            return lambda values, slot: -inner(values, slot)
        case Binary(sign, left, right):
            first, second = _compile(left, scope, layers), _compile(right, scope, layers)
            if sign == "+":
                return lambda values, slot: first(values, slot) + second(values, slot)
            if sign == "-":
                return lambda values, slot: first(values, slot) - second(values, slot)
            return lambda values, slot: first(values, slot) * second(values, slot)
        case Term(kind="logit", subject=subject):
            layers.add(OUTPUT)
            index = int(subject)
            return lambda values, slot: values[OUTPUT][slot][index]
        case Term():
            feature = _own(objective.subject, scope)
            layers.add(feature.layer)
            return _of_layer(objective, feature, scope.model.layer(feature.layer))


def _of_layer(term: Term, feature: Feature, info: LayerInfo) -> Evaluate:
    name, units = feature.layer, list(feature.units)
    if term.kind == "layer":
        return lambda values, slot: values[name][slot].square().mean()
    if feature.vectors:
        matrix = torch.from_numpy(feature.matrix().copy())
        if term.kind == "direction":
            return lambda values, slot: direction(
                over_positions(values[name][slot], info), matrix, term.power
            )
        unit_rows = matrix / matrix.norm(dim=1, keepdim=True).clamp_min(1e-12)
        if term.kind == "neuron":
            return lambda values, slot: (
                unit_rows.to(values[name][slot])
                @ at_place(values[name][slot], info, term.y, term.x)
            ).mean()
        return lambda values, slot: (
            unit_rows.to(values[name][slot]) @ over_positions(values[name][slot], info)
        ).mean()
    if term.kind == "direction":
        rows = torch.from_numpy(feature.basis(info.units).T.astype(np.float32))
        return lambda values, slot: direction(
            over_positions(values[name][slot], info), rows, term.power
        )
    if term.kind == "neuron":
        return lambda values, slot: at_place(values[name][slot][units], info, term.y, term.x).mean()
    return lambda values, slot: over_positions(values[name][slot][units], info).mean()


def direction(value: Tensor, rows: Tensor, power: float) -> Tensor:
    """Projection times a power of the true cosine, mean over positions and directions.

    Parameters
    ----------
    value
        (C, P) activations h.
    rows
        (k, C) directions v.

    Notes
    -----
    ``mean[(h·v) · max(0.1, cos(h, v))^power]``, as in the article on activation atlases
    (Carter et al., Distill 2019); both lengths enter the cosine.
    """
    rows = rows.to(value)
    dot = rows @ value
    lengths = rows.norm(dim=1)[:, None] * value.norm(dim=0)[None]
    cosine = dot / lengths.clamp_min(1e-8)
    strength: Tensor = (dot * cosine.clamp_min(COSINE_FLOOR) ** power).mean()
    return strength


def _reading(term: Term, scope: Scope) -> Reading:
    if term.kind == "logit":
        return Reading(OUTPUT, "output", weights=_one(scope.model.class_count, [int(term.subject)]))
    feature = _own(term.subject, scope)
    info = scope.model.layer(feature.layer)
    if term.kind == "layer":
        return Reading(feature.layer, "square")
    if feature.vectors:
        rows = feature.matrix().astype(np.float64)
        weights = (rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)).mean(0)
    else:
        units = info.shape[info.axes.index("head")] if feature.heads else info.units
        weights = _one(units, list(feature.units))
    kind = "place" if term.kind == "neuron" else "mean"
    return Reading(feature.layer, kind, term.y, term.x, feature.heads, weights)  # type: ignore[arg-type]


def _one(size: int, units: list[int]) -> NDArray[np.float64]:
    weights = np.zeros(size)
    np.add.at(weights, units, 1.0 / len(units))
    return weights


def _any(values: Values) -> Tensor:
    return next(iter(values.values()))[0]


def needs_feature(objective: Objective) -> bool:
    """Whether an objective speaks of the feature that was asked for."""
    return any(term.subject == REQUESTED for term in terms(objective))
