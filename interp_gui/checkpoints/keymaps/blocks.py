"""Blocks that one library counts through and another counts by stage."""

import math
import re
from collections.abc import Sequence

from interp_gui.checkpoints.match import Shapes

EFFICIENTNET_STAGES = (1, 2, 2, 3, 3, 4, 1)
_DEPTHS = (1.0, 1.1, 1.2, 1.4, 1.8, 2.2, 2.6, 3.1, 3.6, 5.3)
"""Factors on the depth of EfficientNet B0 to B8 and L2 (Tan and Le, 2019, table 1 and code)."""


def placed(stages: Sequence[int], name: str = "blocks.{}.{}") -> list[str]:
    """Names by stage of blocks counted through; `stages` are the numbers of blocks."""
    return [name.format(stage, each) for stage, count in enumerate(stages) for each in range(count)]


def stages_of(shapes: Shapes, prefix: str, base: Sequence[int]) -> tuple[int, ...] | None:
    """Blocks by stage of an EfficientNet, of which only their number is known; None if none."""
    number = re.compile(re.escape(prefix) + r"(\d+)\.")
    found = [number.match(key) for key in shapes]
    count = len({match.group(1) for match in found if match})
    for depth in _DEPTHS:
        stages = tuple(math.ceil(depth * each) for each in base)
        if sum(stages) == count:
            return stages
    return None
