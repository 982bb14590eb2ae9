"""The options of `run` and `harvest`, and which of them go together."""

import argparse
import os
import re

from interp_gui.cli.edit_options import add_edit_options, edit_options_given
from interp_gui.cli.examples import add_example_options
from interp_gui.cli.opening import add_choices

_MOST_THREADS, _MOST_DIGITS = 512, 9
_BARE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
"""How the ids of analyses are written."""


def run_options(run: argparse.ArgumentParser) -> None:
    """Declare what `run` takes."""
    run.usage = (
        "interp-gui run ANALYSIS --model MODEL [--images PATH...] [--image IMAGE]\n"
        "                      [--layer LAYER] [--feature LAYER:UNIT]... [--target CLASS]\n"
        "                      [--class LABEL=CLASS]... [--set KEY=VALUE]... [--seed N]\n"
        "                      [--edits FILE] [--ablate FEATURE...] [--scale FEATURE=FACTOR...]\n"
        "                      [--steer FEATURE=STRENGTH...] [--baseline mean|zero]\n"
        "                      [--with PATH... --without PATH...] [--layers all]\n"
        "                      [--arch LIBRARY:NAME] --out DIR [--estimate] [--json]\n"
        "       interp-gui run --recipe PICTURE_OR_JSON [--model MODEL] [--images PATH...]\n"
        "                      --out DIR [--json]\n"
        "       interp-gui run ANALYSIS --help"
    )
    run.add_argument("analysis", metavar="ANALYSIS", nargs="?", help="see 'interp-gui analyses'")
    run.add_argument("-h", "--help", action="store_true", help="show this and exit")
    run.add_argument(
        "--recipe", metavar="FILE", help="an exported picture, a JSON file, or the JSON itself"
    )
    run.add_argument("--model", metavar="MODEL", help="checkpoint file or folder")
    add_choices(run)
    run.add_argument(
        "--other", metavar="MODEL", default="", help="second model, for analyses that compare two"
    )
    run.add_argument(
        "--other-arch", metavar="LIBRARY:NAME", default="", help="architecture of the second model"
    )
    run.add_argument(
        "--images",
        metavar="PATH",
        nargs="+",
        action="extend",
        default=[],
        help="images, folders, class folders, CSV tables: the first image is the current one, "
        "all of them together are the images at hand; where an analysis takes values from another "
        "image, the base is the first and the source the second",
    )
    run.add_argument(
        "--image",
        metavar="IMAGE",
        action="append",
        default=[],
        help="the current image, where it is not the first of --images; repeat for several",
    )
    run.add_argument("--layer", metavar="LAYER", default="", help="layer address (features.14)")
    run.add_argument(
        "--feature",
        metavar="LAYER:UNIT",
        action="append",
        default=[],
        help="feature to work on; repeat for several (features.14:7, features.14:@direction.npy)",
    )
    add_example_options(run)
    add_edit_options(run)
    run.add_argument(
        "--target",
        metavar="CLASS",
        help="class to be explained, by index or name; 'probability:CLASS' for its probability, "
        "'CLASS - CLASS' for a difference, 'value:N' or 'similarity:IMAGE' where there are no "
        "classes (the top class's logit)",
    )
    run.add_argument(
        "--class",
        metavar="LABEL=CLASS",
        action="append",
        default=[],
        type=_label,
        dest="classes",
        help="class that a label of the images means, by index or name; repeat for several "
        "(labels named like classes)",
    )
    run.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=_setting,
        dest="settings",
        help="a setting of the analysis, also as --KEY VALUE; repeat for several",
    )
    run.add_argument("--seed", type=_seed, metavar="N", help="seed of everything random (0)")
    run.add_argument(
        "--preprocessing",
        metavar="JSON",
        help="how images become the input: what differs from 224 pixels with ImageNet's mean and "
        "deviation (that of the checkpoint)",
    )
    run.add_argument(
        "--threads",
        type=_threads,
        metavar="N",
        help="compute with so many threads; another number changes last digits",
    )
    run.add_argument("--out", metavar="DIR", help="folder for the results; made if missing")
    run.add_argument(
        "--estimate", action="store_true", help="say what it would take, and do not run it"
    )
    run.set_defaults(parser=run)


def harvest_options(harvest: argparse.ArgumentParser) -> None:
    """Declare what `harvest` takes."""
    harvest.add_argument(
        "--model", metavar="MODEL", required=True, help="checkpoint file or folder"
    )
    add_choices(harvest)
    harvest.add_argument(
        "--images",
        metavar="PATH",
        nargs="+",
        action="extend",
        required=True,
        help="images, folders, class folders, CSV tables",
    )
    which = harvest.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--layer",
        metavar="LAYER",
        action="append",
        default=[],
        help="layer address (features.14); repeat for several, which take one pass together",
    )
    which.add_argument(
        "--all-layers", action="store_true", help="all layers worth looking at, in one pass"
    )
    harvest.add_argument(
        "--positions",
        metavar="N",
        type=int,
        help="random positions an image whose vectors are kept (1)",
    )
    harvest.add_argument("--seed", type=_seed, metavar="N", help="seed of the random positions (0)")
    harvest.add_argument(
        "--preprocessing",
        metavar="JSON",
        help="how images become the input: what differs from 224 pixels with ImageNet's mean and "
        "deviation (that of the checkpoint)",
    )
    harvest.add_argument(
        "--threads",
        type=_threads,
        metavar="N",
        help="compute with so many threads; another number changes last digits, and records anew",
    )
    harvest.add_argument(
        "--estimate", action="store_true", help="say what it would take, and do not run it"
    )


def check_run(options: argparse.Namespace) -> None:
    """Raise Usage where options of `run` do not go together."""
    parser: argparse.ArgumentParser = options.parser
    if not options.recipe and not options.analysis:
        options.analysis = _swallowed(options)
    if options.recipe and options.analysis:
        parser.error("give an analysis or --recipe, not both")
    if not options.recipe and not options.analysis:
        parser.error("an analysis is missing; 'interp-gui analyses' lists them")
    fixed = {
        "--layer": options.layer, "--feature": options.feature, "--target": options.target,
        "--class": options.classes, "--set": options.settings, "--seed": options.seed is not None,
        "--image": options.image, "--preprocessing": options.preprocessing is not None,
        "--threads": options.threads, "--arch": options.arch, "--head": options.head,
        "--output": options.output, "--with": options.with_, "--without": options.without,
        "--layers": options.layers, **edit_options_given(options),
    }  # fmt: skip
    given = [name for name, value in fixed.items() if value]
    if options.recipe and given:
        parser.error(f"a recipe fixes {' and '.join(given)}")
    if not options.recipe and not options.model:
        parser.error("--model is missing")
    if options.recipe and options.estimate:
        parser.error("--estimate is for an analysis, not for a recipe")
    if not options.out and not options.estimate:
        parser.error("--out is missing")


def _swallowed(options: argparse.Namespace) -> str | None:
    """The analysis where it stands last behind an option that takes several words.

    Taken out of what the option was given: only a bare word that is no file and no feature of a
    place, a unit or a strength.
    """
    for words in (options.images, options.with_, options.without):
        for word in words:
            if _BARE.fullmatch(word) and not os.path.lexists(word):
                words.remove(word)
                return str(word)
    typed: list[tuple[str, str]] = options.typed_edits
    for i, (kind, word) in enumerate(typed):
        if i and typed[i - 1][0] == kind and _BARE.fullmatch(word):
            options.typed_edits = [*typed[:i], *typed[i + 1 :]]
            return word
    return None


def _threads(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0
    if not 1 <= number <= _MOST_THREADS:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a whole number from 1 to {_MOST_THREADS}"
        )
    return number


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 0 or more")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE")
    return key.strip(), value


def _label(text: str) -> tuple[str, str]:
    label, equals, name = text.rpartition("=")
    if not equals or not label or not name.strip():
        raise argparse.ArgumentTypeError(f"'{text}' is not LABEL=CLASS")
    return label, name.strip()
