"""Settings of an activation atlas: which points it holds, how they are laid out and binned."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from interp_gui.core.analysis import parameter


@dataclass(frozen=True, kw_only=True)
class AtlasSettings:
    """What can be chosen of an atlas; the layout's seed is that of the run (`Inputs.seed`).

    Settings of analyses that ask for an atlas on their way extend this one.
    """

    layout: Literal["umap", "pca", "tsne"] = parameter(
        "umap",
        help="How points are laid out: umap (like beside like), tsne (slower, clearer clumps), "
        "pca (at once, a coarse look).",
    )
    points: int = parameter(
        20_000, help="Points on the map at most.", minimum=1, maximum=1_000_000
    )  # fmt: skip
    positions: int = parameter(
        0, minimum=0, maximum=1024, title="positions an image",
        help="Random positions taken of each image; 0: one, and up to 16 of few images.",
    )  # fmt: skip
    neighbours: int = parameter(
        50, help="How many nearest points each point is laid out by: few show detail, many show "
        "the whole. t-SNE takes it as its perplexity.",
        minimum=2, maximum=1000,
    )  # fmt: skip
    min_dist: float = parameter(
        0.05, title="least distance", minimum=0.0, maximum=0.99,
        help="How closely UMAP may pack points.",
    )  # fmt: skip
    metric: Literal["cosine", "euclidean"] = parameter(
        "cosine", help="What nearness of two points means: by direction, or by amount too."
    )
    labels: str = parameter(
        "auto",
        help="What cells are named after: auto, attribution (the classes that their points argue "
        "for), none, or a column of the images (label, group, metadata).",
    )
    about: str = parameter(
        "",
        help="A class whose own atlas to make, or two as in cat / dog, by name or number; empty: "
        "the whole layer.",
        title="class",
    )  # fmt: skip
    keep: int = parameter(
        0, minimum=0, maximum=1_000_000, advanced=True, title="points of a class",
        help="Points that a class keeps: those that argue for it most, and those of images that "
        "are taken for it; 0: 3000 for one class, 2000 for each of two.",
    )  # fmt: skip
    least: float = parameter(
        0.0, minimum=0.0, advanced=True, title="least attribution",
        help="Keep the points that argue for a class by more than this instead of a number of "
        "them; 0: by number.",
    )  # fmt: skip
    label_points: int = parameter(
        16, minimum=1, maximum=10_000, advanced=True, title="points looked at a cell",
        help="Points of each cell, of every level, that are looked at for what it argues for.",
    )  # fmt: skip
    smooth_pooling: bool = parameter(
        False, advanced=True,
        help="Let attribution pass maximum pooling as if it were smooth; less noise, but it hides "
        "what the network really does.",
    )  # fmt: skip
    minimum: int = parameter(
        8, help="Points that a cell must hold for a picture.", minimum=1, maximum=10_000,
        title="least points a cell",
    )  # fmt: skip
    examples: int = parameter(
        16, help="Examples kept of each cell.", minimum=1, maximum=256, title="examples a cell",
        advanced=True,
    )  # fmt: skip
    skip_edges: bool = parameter(
        True, help="Leave out the outermost positions, which see the border of the image.",
        advanced=True,
    )  # fmt: skip
    percentile: float = parameter(
        1.0, unit="%", minimum=0.0, maximum=25.0, advanced=True,
        help="Points outside this percentile of the layout, at either end, do not stretch the map.",
    )  # fmt: skip
    margin: float = parameter(
        0.1, minimum=0.0, maximum=1.0, advanced=True,
        help="Room around those percentiles, as a part of their range.",
    )  # fmt: skip
    batch: int = parameter(
        0, help="Images a step of the pass; 0: what suits the device.", minimum=0, maximum=1024,
        advanced=True,
    )  # fmt: skip


def of_atlas(settings: AtlasSettings) -> dict[str, Any]:
    """The settings that make an atlas, without those that a subclass adds; part of cache keys."""
    return {f.name: getattr(settings, f.name) for f in dataclasses.fields(AtlasSettings)}
