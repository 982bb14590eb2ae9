"""The words of the command line: what can be typed, and what is said to who types wrong."""

import argparse
import contextlib
import difflib
import io
import os
from collections.abc import Sequence
from typing import NoReturn

from interp_gui import __version__
from interp_gui.cli.opening import add_choices
from interp_gui.cli.own_settings import parse_with_settings

COMMANDS = {
    "demo": "open the window on the sample model and photographs",
    "inspect": "say what a checkpoint is: architecture, input, classes, layers",
    "predict": "say what a model answers for images",
    "analyses": "list the analyses with their settings",
    "run": "run an analysis, or a recipe again, and write its results",
    "harvest": "record what every unit does in every image, for atlases and examples",
    "samples": "list the samples, or write pictures of shapes with masks of every concept",
    "report": "bind the kept results of a session into one HTML or PDF file",
    "doctor": "say what is here and what is missing, why it matters and what to do",
}
_MOST_TOP, _TOP_DIGITS = 20_000, 9  # as the analysis says, without loading it
_MOST_THREADS = 512
_EPILOG = "Type 'interp-gui COMMAND --help' for the options of a command."


class Usage(Exception):
    """Nothing to run: help was asked for (code 0), or the words were wrong (code 2)."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.text, self.code = text, code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        usage = self.format_usage().strip()
        raise Usage(f"{usage}\ninterp-gui: {message} (see '{self.prog} --help')", 2)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Options of one command line, with `command` (`window` where none is named).

    Raises
    ------
    Usage
        Help or the version was asked for, or the words are wrong.
    """
    first = next((word for word in words if not word.startswith("-")), "")
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            if first in COMMANDS:
                return parse_with_settings(_commands(first), words)
            _refuse_unknown_command(first)
            options = _window().parse_args(list(words))
            options.command = "window"
            options.json = False
            return options
    except SystemExit as ended:
        raise Usage(printed.getvalue().rstrip(), int(ended.code or 0)) from None


def _refuse_unknown_command(word: str) -> None:
    """A bare word that is no file and looks like a command was meant as one."""
    if not word or os.path.exists(word) or not word.replace("-", "").isalpha():
        return
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Commands: {', '.join(COMMANDS)}."
    raise Usage(f"interp-gui: there is no command and no file '{word}'. {hint}", 2)


def _shared() -> _Parser:
    shared = _Parser(add_help=False)
    shared.add_argument(
        "--safe-mode", action="store_true", default=argparse.SUPPRESS, help="load no plugins"
    )
    shared.add_argument(
        "--traceback",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the full details of a failure",
    )
    return shared


def _window() -> _Parser:
    lines = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    parser = _Parser(
        prog="interp-gui",
        usage="interp-gui [PATH...]\n       interp-gui COMMAND ...",
        description="Look inside vision networks and change them by hand.\n"
        "Without a command the window opens, with these checkpoints, images and folders.\n\n"
        f"commands:\n{lines}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_shared()],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"interp-gui {__version__}")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="checkpoint, image or folder")
    parser.set_defaults(safe_mode=False, traceback=False)
    return parser


def _commands(asked: str) -> _Parser:
    parser = _Parser(prog="interp-gui", parents=[_shared()], allow_abbrev=False)
    parser.set_defaults(safe_mode=False, traceback=False, json=False)
    commands = parser.add_subparsers(dest="command", parser_class=_Parser)

    def command(name: str, *, json: bool = True, help: bool = True) -> _Parser:
        sub = commands.add_parser(
            name,
            description=COMMANDS[name][0].upper() + COMMANDS[name][1:] + ".",
            parents=[_shared()],
            add_help=help,
            allow_abbrev=False,
        )
        if json:
            sub.add_argument(
                "--json",
                action="store_true",
                default=argparse.SUPPRESS,
                help="print one JSON document",
            )
        return sub

    demo = command("demo", json=False)
    demo.add_argument(
        "--headless", action="store_true", help="draw the tour without a window, as pictures"
    )
    demo.add_argument(
        "--out",
        metavar="DIR",
        help="folder for the pictures (./interp-gui-demo); given, no window is opened",
    )

    inspect = command("inspect")
    inspect.add_argument("model", metavar="MODEL", help="checkpoint file or folder")
    inspect.add_argument(
        "--look", action="store_true", help="say what the file is without opening it"
    )
    inspect.add_argument(
        "--images",
        metavar="PATH",
        nargs="+",
        action="extend",
        default=[],
        help="labelled images (class folders, CSV tables) that tell architectures apart which "
        "take the same tensors",
    )
    add_choices(inspect)

    predict = command("predict")
    predict.add_argument("model", metavar="MODEL", help="checkpoint file or folder")
    add_choices(predict)
    predict.add_argument(
        "images", metavar="IMAGE", nargs="+", help="image file, folder or CSV table"
    )
    predict.add_argument(
        "--top", type=_top, default=5, metavar="N", help="answers an image, 1 to 20000 (5)"
    )

    command("analyses")
    _run_options(command("run", help=False))
    _harvest_options(command("harvest"))
    samples = command("samples")
    if asked == "samples":  # its options load numpy
        _samples_options(samples)
    report = command("report")
    report.add_argument("session", metavar="SESSION", help="session file (.interp)")
    report.add_argument(
        "--out", metavar="FILE", required=True, help="file to write, ending in .html or .pdf"
    )
    report.add_argument("--title", metavar="TEXT", help="title (that of the session's report)")
    report.add_argument(
        "--paths", action="store_true", help="leave the folders of this machine in it"
    )
    report.add_argument(
        "--no-recipes", action="store_true", help="leave out how each result is made again"
    )
    command("doctor")
    return parser


def _run_options(run: argparse.ArgumentParser) -> None:
    run.usage = (
        "interp-gui run ANALYSIS --model MODEL [--images PATH...] [--image IMAGE]\n"
        "                      [--layer LAYER] [--feature LAYER:UNIT]... [--target CLASS]\n"
        "                      [--class LABEL=CLASS]... [--set KEY=VALUE]... [--seed N]\n"
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
        "all of them together are the images at hand",
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


def _harvest_options(harvest: argparse.ArgumentParser) -> None:
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


def _samples_options(samples: argparse.ArgumentParser) -> None:
    from interp_gui.samples.shapes.options import add_options

    samples.add_argument(
        "sample", nargs="?", choices=("shapes",), help="write pictures of it; without, list them"
    )
    add_options(samples, required=False)
    samples.set_defaults(parser=samples)


def check_run(options: argparse.Namespace) -> None:
    """Raise Usage where options of `run` do not go together."""
    parser: argparse.ArgumentParser = options.parser
    if options.recipe and options.analysis:
        parser.error("give an analysis or --recipe, not both")
    if not options.recipe and not options.analysis:
        parser.error("an analysis is missing; 'interp-gui analyses' lists them")
    fixed = {
        "--layer": options.layer, "--feature": options.feature, "--target": options.target,
        "--class": options.classes, "--set": options.settings, "--seed": options.seed is not None,
        "--image": options.image, "--preprocessing": options.preprocessing is not None,
        "--threads": options.threads, "--arch": options.arch, "--head": options.head,
        "--output": options.output,
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


def _top(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) <= _TOP_DIGITS else 0
    if not 1 <= number <= _MOST_TOP:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to {_MOST_TOP}")
    return number


def _threads(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) <= _TOP_DIGITS else 0
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
