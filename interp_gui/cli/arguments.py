"""The words of the command line: what can be typed, and what is said to who types wrong."""

import argparse
import contextlib
import difflib
import io
import os
from collections.abc import Sequence
from typing import NoReturn

from interp_gui import __version__
from interp_gui.cli.bake_options import bake_options
from interp_gui.cli.opening import add_choices
from interp_gui.cli.own_settings import parse_with_settings
from interp_gui.cli.run_options import harvest_options, run_options

COMMANDS = {
    "demo": "open the window on the sample model and photographs",
    "inspect": "say what a checkpoint is: architecture, input, classes, layers",
    "predict": "say what a model answers for images",
    "analyses": "list the analyses with their settings",
    "run": "run an analysis, or a recipe again, and write its results",
    "harvest": "record what every unit does in every image, for atlases and examples",
    "bake": "write edits into a new checkpoint, and compare it with the edited network",
    "samples": "list the samples, or write pictures of shapes with masks of every concept",
    "report": "bind the kept results of a session into one HTML or PDF file",
    "doctor": "say what is here and what is missing, why it matters and what to do",
}
_MOST_TOP, _TOP_DIGITS = 20_000, 9  # as the analysis says, without loading it
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
    run_options(command("run", help=False))
    harvest_options(command("harvest"))
    bake_options(command("bake"))
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


def _samples_options(samples: argparse.ArgumentParser) -> None:
    from interp_gui.samples.shapes.options import add_options

    samples.add_argument(
        "sample", nargs="?", choices=("shapes",), help="write pictures of it; without, list them"
    )
    add_options(samples, required=False)
    samples.set_defaults(parser=samples)


def _top(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) <= _TOP_DIGITS else 0
    if not 1 <= number <= _MOST_TOP:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to {_MOST_TOP}")
    return number
