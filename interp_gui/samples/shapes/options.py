"""What can be chosen about a data set of scenes, for command lines."""

import argparse

from interp_gui.samples.shapes.scenes import OBJECTS, Spec, Spurious

DEFAULT_COUNT = 400
MARKER_AT_TEST = ("train", "correlated", "uncorrelated", "absent", "swapped")


def add_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """What can be chosen about a data set of scenes."""
    usual = Spec()
    parser.add_argument("--out", metavar="DIR", required=required, help="folder to make")
    parser.add_argument(
        "--count", type=int, default=DEFAULT_COUNT, metavar="N", help=f"scenes ({DEFAULT_COUNT})"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="same seed, same bytes")
    parser.add_argument(
        "--size", type=int, default=usual.size_px, metavar="PX", help=f"side ({usual.size_px})"
    )
    parser.add_argument("--no-masks", action="store_true", help="write no masks")
    parser.add_argument(
        "--marker", choices=MARKER_AT_TEST, help="put a marker into scenes of one class: mostly "
        "(train), always (correlated), in half of all scenes (uncorrelated), nowhere (absent), "
        "or in all other classes (swapped)",
    )  # fmt: skip
    parser.add_argument(
        "--label", choices=OBJECTS, default=Spurious.label, help="class of the marker (star)"
    )
    parser.add_argument(
        "--rate", type=float, default=Spurious.rate, help="how often with --marker train (0.95)"
    )


def spec_of(options: argparse.Namespace) -> Spec:
    """The spec that such options say."""
    spurious = None
    if options.marker is not None:
        spurious = Spurious(label=options.label, rate=options.rate)
        if options.marker != "train":
            spurious = getattr(spurious, options.marker)()
    return Spec(size_px=options.size, spurious=spurious)
