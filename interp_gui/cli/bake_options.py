"""What can be typed behind `bake`."""

import argparse

from interp_gui.cli.edit_options import add_edit_options
from interp_gui.cli.opening import add_choices


def bake_options(bake: argparse.ArgumentParser) -> None:
    """Declare the options of `bake`."""
    bake.add_argument(
        "--model", metavar="MODEL", required=True, help="checkpoint file or folder"
    )  # fmt: skip
    add_choices(bake)
    add_edit_options(bake)
    bake.add_argument(
        "--out",
        metavar="FILE",
        default="",
        help="file to write: .safetensors, or .onnx; a folder for Hugging Face models; without it "
        "this only says how each edit would be baked",
    )
    bake.add_argument(
        "--overwrite",
        action="store_true",
        help="put the new file in the place of one that exists; the original is never written over",
    )
    bake.add_argument(
        "--format",
        choices=("auto", "checkpoint", "onnx"),
        default="auto",
        help="new weights, or edits as operations of an ONNX graph (by the file's name)",
    )
    bake.add_argument(
        "--partial",
        action="store_true",
        help="bake what can be baked where some edits cannot, instead of nothing",
    )
    bake.add_argument(
        "--widen",
        action="store_true",
        help="keep changed weights of half-precision files in single precision",
    )
    bake.add_argument(
        "--images",
        metavar="PATH",
        nargs="+",
        action="extend",
        default=[],
        help="images on which baked and edited network are compared (made-up ones)",
    )
    bake.set_defaults(parser=bake)
