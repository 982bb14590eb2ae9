"""Settings of pictures of an atlas: those of the atlas, and which pictures of which cells."""

from dataclasses import dataclass
from typing import Literal

from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.analyses.atlas_pictures.icons import Recipe
from interp_gui.core.analysis import parameter

Direction = Literal["raw", "centred", "whitened"]


@dataclass(frozen=True, kw_only=True)
class PictureSettings(AtlasSettings):
    """Which cells of which atlas, and how they are drawn."""

    level: int = parameter(
        0, help="Cells a side of the zoom level; 0: the coarsest.", minimum=0, maximum=10_000
    )
    cells: str = parameter(
        "", help="Cells of the level in the order wanted, as in 0-63,70; empty: all."
    )
    source: Literal["crop", "icon"] = parameter(
        "crop",
        help="crop: a real image, cut to what the position is about; icon: a picture optimised "
        "for the cell's direction.",
    )
    size: int = parameter(
        96, help="Height and width of a picture.", unit="px", minimum=32, maximum=512
    )
    steps: int = parameter(128, help="Steps of an icon.", minimum=1, maximum=10_000)
    first: int = parameter(
        24, help="Steps of the first look at all icons; 0: none.", minimum=0, maximum=10_000,
        title="steps of a first look", advanced=True,
    )  # fmt: skip
    direction: Literal["raw", "centred", "whitened"] = parameter(
        "centred",
        help="What an icon climbs towards: the cell's mean (raw), that minus the layer's mean "
        "(centred), or that in a space where the layer varies alike in all directions (whitened).",
    )
    tries: int = parameter(
        1, help="Starts of each icon; the best, judged without transforms, is kept.",
        minimum=1, maximum=16, advanced=True,
    )  # fmt: skip
    place: Literal["centre", "mean"] = parameter(
        "centre", help="Where an icon is looked at: the layer's central position, or all.",
        advanced=True,
    )  # fmt: skip
    power: float = parameter(
        4.0, help="Power of the cosine in what an icon makes large.", minimum=0.0, maximum=32.0,
        advanced=True,
    )  # fmt: skip
    frame: float = parameter(
        1.0, help="How strongly an icon's border is kept plain.", minimum=0.0, maximum=100.0,
        advanced=True,
    )  # fmt: skip
    group: int = parameter(
        8, help="Icons that are optimised together; the same groups give the same pixels again.",
        minimum=1, maximum=64, title="icons at once", advanced=True,
    )  # fmt: skip

    @property
    def recipe(self) -> Recipe:
        """How icons are made."""
        return Recipe(size=self.size, place=self.place, power=self.power, frame=self.frame)
