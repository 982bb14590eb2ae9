"""The atlas of a layer: recorded vectors, laid out, binned and labelled."""

from collections.abc import Generator

from interp_gui.analyses.atlas.settings import AtlasSettings
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.atlas.kinds import Atlas
from interp_gui.core.errors import MissingAbility


def make_atlas(
    context: Context, settings: AtlasSettings, *, preview: bool = True
) -> Generator[Progress | Saved | Atlas, None, Atlas]:
    """The atlas of the layer asked about (`Inputs.layer`) over the images at hand.

    What was made before of the same content is not made again. With `preview`, an atlas laid out
    by PCA is yielded first (`final` False) where another layout takes longer; then the atlas
    itself, which is also returned.
    """
    yield Progress(text="Making the map")
    raise MissingAbility("Atlases cannot be made yet.")
