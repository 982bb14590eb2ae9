"""Commands that open the window, and what they do where there is no display."""

import argparse
import importlib
import os
from pathlib import Path

from interp_gui.cli.display import display_problem
from interp_gui.cli.output import Output
from interp_gui.core.errors import InterpError
from interp_gui.core.paths import check_exists

DEMO_FOLDER = "interp-gui-demo"


class DisplayMissing(InterpError):
    """There is nowhere to show a window."""


def open_window(options: argparse.Namespace, output: Output) -> int:
    """`interp-gui [PATH...]`."""
    for path in options.paths:
        check_exists(path)
    problem = display_problem()
    if problem is not None:
        raise DisplayMissing(
            f"The window cannot open: {problem.message}",
            hint=f"{problem.hint} Without a display: 'interp-gui demo --headless', and the "
            "commands inspect, predict, analyses, run and doctor.",
        )
    # by name, because the command line and the window know nothing of each other
    app = importlib.import_module("interp_gui.gui.app")
    return int(app.run([os.path.abspath(p) for p in options.paths], safe_mode=options.safe_mode))


def demo(options: argparse.Namespace, output: Output) -> int:
    """The window on the sample model and photographs, or the same tour as pictures."""
    problem = display_problem()
    if problem is None and not options.headless and options.out is None:
        app = importlib.import_module("interp_gui.gui.app")
        return int(app.run([], safe_mode=options.safe_mode, demo=True))
    folder = Path(options.out or DEMO_FOLDER)
    if problem is not None and not options.headless:
        output.note(f"There is no window: {problem.message}")
    from interp_gui.core.export.files import make_folder

    make_folder(folder)
    output.note(f"The tour is drawn without a display; its pictures go to {folder}{os.sep}")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    tour = importlib.import_module("interp_gui.gui.tour")
    return int(tour.run_tour(folder))
