"""How edits are typed; what they mean is in `cli.edits`, which loads numpy."""

import argparse
import math
from typing import Any


class _Typed(argparse.Action):
    """Keeps edits of all kinds in the order in which they are typed: it matters."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        kind = (option_string or "").lstrip("-")
        namespace.typed_edits = [*namespace.typed_edits, *((kind, str(each)) for each in values)]


def add_edit_options(parser: argparse.ArgumentParser) -> None:
    """Declare how edits are typed."""
    parser.add_argument(
        "--edits",
        metavar="FILE",
        default="",
        help="edits to run under: a JSON file of them, or an exported picture that was made "
        "under some",
    )
    kinds = {
        "ablate": ("FEATURE", "switch a feature off (features.14:7, features.14:7@3,4)"),
        "scale": ("FEATURE=FACTOR", "multiply a feature (features.14:7=0.5)"),
        "steer": (
            "FEATURE=STRENGTH",
            "add to a feature, in standard deviations over the images at hand (features.14:7=2)",
        ),
    }
    for kind, (metavar, text) in kinds.items():
        parser.add_argument(
            f"--{kind}", metavar=metavar, nargs="+", action=_Typed, dest="typed_edits",
            default=[], help=f"{text}; several may follow, in the order in which they act",
        )  # fmt: skip
    parser.add_argument(
        "--baseline",
        metavar="mean|zero",
        help="what --ablate puts in place of a feature: its mean over the images at hand, or zero "
        "(the mean)",
    )


def check_edit_options(options: argparse.Namespace) -> None:
    """Raise Usage for edits that say no number: told before anything is opened."""
    parser: argparse.ArgumentParser = options.parser
    for kind, text in options.typed_edits:
        if kind == "ablate":
            continue
        _, equals, number = text.rpartition("=")
        try:
            amount = float(number)
        except ValueError:
            equals = ""
        if not equals:
            parser.error(
                f"'--{kind} {text}' does not say how much: write --{kind} FEATURE=NUMBER, as in "
                f"--{kind} features.14:7=2"
            )
        if not math.isfinite(amount):
            parser.error(f"'--{kind} {text}' is not a finite number")


def refuse_baseline(options: argparse.Namespace) -> None:
    """Raise Usage where `--baseline` is neither mean nor zero."""
    if options.baseline not in (None, "mean", "zero"):
        parser: argparse.ArgumentParser = options.parser
        parser.error(f"'{options.baseline}' is no baseline: say mean or zero")


def edit_options_given(options: argparse.Namespace) -> dict[str, Any]:
    """What was typed, by the option's name."""
    typed = {kind for kind, _ in options.typed_edits}
    kinds = {f"--{kind}": kind in typed for kind in ("ablate", "scale", "steer")}
    return {"--edits": options.edits, **kinds, "--baseline": options.baseline is not None}
