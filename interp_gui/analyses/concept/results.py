"""Results of `concept`: how well each layer tells the sides apart, and the direction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import see
from interp_gui.analyses.concept.collecting import Item
from interp_gui.analyses.concept.fitting import Doubles
from interp_gui.analyses.concept.judging import p_value
from interp_gui.analyses.concept.settings import WITH, WITHOUT, Parameters
from interp_gui.core.analysis import Context
from interp_gui.core.examples import framed
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.images import Pixels, thumbnail
from interp_gui.core.layer import LayerInfo
from interp_gui.core.result import Bars, Curve, Grid, GridItem, Number, Table

COLUMNS = (
    "number", "layer", "held-out AUC", "random labels, mean", "random labels, 95th percentile",
    "p", "apart",
)  # fmt: skip
"""`apart`: how far the held-out means of the two sides lie apart, in the spread within them."""
LINES = ("held-out AUC", "random labels, mean", "random labels, 95th percentile")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One layer.

    Parameters
    ----------
    vector
        (C,) in the layer's units, from all examples.
    auc, places
        As of `judging.HeldOut`; None and NaN where nothing could be held out.
    controls
        The AUC of each random deal of the labels.
    """

    layer: LayerInfo
    vector: Doubles
    auc: float | None
    places: Doubles
    controls: Doubles
    apart: float | None

    @property
    def p(self) -> float | None:
        """Share of random deals that do as well; None without any."""
        if self.auc is None or not len(self.controls):
            return None
        return p_value(self.auc, self.controls)

    @property
    def band(self) -> tuple[float | None, float | None]:
        """Mean and 95th percentile of the controls."""
        if not len(self.controls):
            return None, None
        return float(self.controls.mean()), float(np.percentile(self.controls, 95))

    @property
    def rank(self) -> tuple[float, float]:
        """By which the best layer is chosen: the AUC, then how far the sides lie apart."""
        return (-1.0 if self.auc is None else self.auc, self.apart or 0.0)


def apart(places: Doubles, labels: NDArray[np.bool_]) -> float | None:
    """Distance of the two means in standard deviations within the sides; None where unknown."""
    one, other = (places[side & np.isfinite(places)] for side in (labels, ~labels))
    if len(one) < 2 or len(other) < 2:
        return None
    within = np.concatenate([one - one.mean(), other - other.mean()])
    spread = float(np.sqrt((within**2).sum() / (len(within) - 2)))
    return float(one.mean() - other.mean()) / spread if spread > 0 else None


def concept_name(parameters: Parameters) -> str:
    """What the direction is called."""
    name = parameters.name.strip()
    return f"concept: {name}" if name else "concept"


def feature_of(context: Context, judged: Judged, parameters: Parameters) -> Feature:
    """The direction as what can be looked at, dragged and edited."""
    return Feature(
        layer=judged.layer.name, vectors=as_vectors(judged.vector),
        model=context.model.description.weights_sha256, name=concept_name(parameters),
    )  # fmt: skip


def table(
    features: Sequence[Feature],
    layers: Sequence[Judged],
    *,
    title: str,
    numbers: dict[str, Number],
    notes: tuple[str, ...],
) -> Table:
    """One row a layer, in order of execution."""
    cells: list[tuple[Number, ...]] = [
        (i, one.layer.name, one.auc, *one.band, one.p, one.apart)
        for i, one in enumerate(layers, start=1)
    ]
    return Table(
        key="layers", title=title, columns=COLUMNS, cells=tuple(cells), features=tuple(features),
        numbers=numbers, notes=notes,
    )  # fmt: skip


def curve(layers: Sequence[Judged], *, title: str, notes: tuple[str, ...], final: bool) -> Curve:
    """AUC by layer, before the band of random labels."""
    means = [one.band[0] for one in layers]
    lines = [[one.auc for one in layers], means]
    drawn = [i for i, line in enumerate(lines) if all(value is not None for value in line)]
    ys = np.array([lines[i] for i in drawn], np.float32).reshape(len(drawn), len(layers))
    band = None
    if means[0] is not None:
        band = np.array([np.percentile(one.controls, [5, 95]) for one in layers], np.float32).T
    return Curve(
        key="auc", title=title, x=np.arange(1, len(layers) + 1, dtype=np.float32), ys=ys,
        names=tuple(LINES[i] for i in drawn), band=band,
        band_name="random labels, 5th to 95th percentile" if band is not None else "",
        x_label="layer, as numbered in the table", y_label="AUC", notes=notes, final=final,
    )  # fmt: skip


def bars(judged: Judged, *, title: str, notes: tuple[str, ...]) -> Bars:
    """AUC of one layer beside that of random labels."""
    pairs = zip(LINES, (judged.auc, *judged.band), strict=True)
    known = [(name, value) for name, value in pairs if value is not None]
    return Bars(
        key="auc", title=title, labels=tuple(name for name, _ in known),
        values=tuple(value for _, value in known), unit="AUC", maximum=1.0, notes=notes,
    )  # fmt: skip


def cards(
    context: Context,
    items: Sequence[Item],
    judged: Judged,
    parameters: Parameters,
    *,
    title: str,
    numbers: dict[str, Number],
    notes: tuple[str, ...],
) -> Grid:
    """The examples of both sides, the most typical ones of each first, with their places."""

    def order(i: int) -> tuple[bool, bool, float, int]:
        place = float(judged.places[i])
        typical = -place if items[i].positive else place
        known = bool(np.isfinite(place))
        return (not items[i].positive, not known, typical if known else 0.0, i)

    made = []
    for i in sorted(range(len(items)), key=order):
        context.check()
        place = float(judged.places[i])
        shown: dict[str, Number] = {"place": place} if np.isfinite(place) else {}
        made.append(
            GridItem(
                title=items[i].name,
                pixels=_drawn(context, items[i], parameters.size),
                numbers=shown,
                image=items[i].path,
                group=(WITH if items[i].positive else WITHOUT).capitalize(),
            )
        )
    feature = feature_of(context, judged, parameters)
    about = {
        "layer": judged.layer.name, "method": parameters.method,
        "length": float(np.linalg.norm(judged.vector)),
    }  # fmt: skip
    return Grid(
        key="direction", title=title, items=tuple(made), feature=feature, numbers=numbers,
        notes=notes, provenance={"direction": about},
    )  # fmt: skip


def _drawn(context: Context, item: Item, side: int) -> Pixels:
    """The example as the network sees it, with a frame around the part that is meant."""
    return framed(thumbnail(see(context, item.path).pixels, side), item.box)
