"""By which number patching is judged, and how far apart the two images are in it."""

import msgspec

from interp_gui.analyses.asked import Seen, fixed_target
from interp_gui.core.analysis import Context
from interp_gui.core.errors import InvalidValue
from interp_gui.core.target import Target

_LEAST_SPAN = 1e-6


def metric_of(context: Context, base: Seen, source: Seen) -> tuple[Target, str]:
    """The Target for a pair of images, and a sentence about it where it was not chosen.

    Where nobody chose one, it is the difference of two logits: that of the source's answer minus
    that of the base's. A probability would hide what speaks against an answer.
    """
    target = context.inputs.target
    if target.chosen or target.kind == "scalar" or not context.model.description.class_count:
        return fixed_target(context, base.batch), ""
    own, other = (fixed_target(context, seen.batch).index for seen in (base, source))
    if own == other:
        name = context.model.description.class_name(own or 0)
        return (
            msgspec.structs.replace(target, index=own),
            f"Both images are answered with {name}, so its logit is compared.",
        )
    return (
        msgspec.structs.replace(target, kind="logit_difference", index=other, versus=own),
        "The Target is the source's answer against the base's.",
    )


def check_span(base: float, source: float) -> None:
    """Raise where two images have the same Target: no effect is a share of nothing."""
    if abs(source - base) <= _LEAST_SPAN * max(1.0, abs(base), abs(source)):
        raise InvalidValue(
            "Both images give the same value of the Target, so there is nothing to carry over.",
            hint="Choose another source image, or another Target.",
        )
