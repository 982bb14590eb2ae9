"""One command from its words to its exit code; every way of failing ends here in one line."""

import contextlib
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from interp_gui.cli.arguments import Usage, parse
from interp_gui.cli.log import Notes
from interp_gui.cli.opening import question_document, question_lines
from interp_gui.cli.output import Output
from interp_gui.core.errors import Cancelled, InterpError

FAILURE, USAGE, INTERRUPTED = 1, 2, 130


def run_program(argv: Sequence[str] | None = None) -> int:
    """Parse, run, and say what went wrong."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        options = parse(words)
    except Usage as usage:
        if usage.code and "--json" in words:
            return _refuse(usage, Output(json=True))
        (sys.stdout if usage.code == 0 else sys.stderr).write(usage.text + "\n")
        return usage.code
    output = Output(json=options.json)
    try:
        with _quiet(output):
            return _command(options.command)(options, output)
    except Usage as usage:
        return _refuse(usage, output)
    except InterpError as problem:
        if options.traceback:
            traceback.print_exc()
        question = getattr(problem, "question", None)
        if question is None:
            output.fail(problem.message, problem.hint)
        else:
            output.fail(
                problem.message, problem.hint, document=question_document(question),
                lines=question_lines(question, words),
            )  # fmt: skip
        return FAILURE
    except (KeyboardInterrupt, Cancelled):
        output.note("Cancelled.")
        return INTERRUPTED
    except BrokenPipeError:
        return FAILURE  # the reader of our output has gone
    except Exception as problem:  # noqa: BLE001 - the last net: the user gets a line, the log all
        if options.traceback:
            traceback.print_exc()
        output.fail(*_sentence(problem, shown=options.traceback))
        return FAILURE
    finally:
        output.close()


def _refuse(usage: Usage, output: Output) -> int:
    """Say that the words were wrong, as the last line of the usage; as JSON where asked for."""
    if output.json:
        *how, message = usage.text.splitlines()
        output.fail(message.removeprefix("interp-gui: "), " ".join(line.strip() for line in how))
    else:
        output.note(usage.text)
    return usage.code


def _command(name: str) -> Callable[[Any, Output], int]:
    """The function of a command, imported only when it is asked for."""
    if name == "inspect":
        from interp_gui.cli.inspecting import inspect_model

        return inspect_model
    if name == "predict":
        from interp_gui.cli.predicting import predict

        return predict
    if name == "analyses":
        from interp_gui.cli.listing import list_analyses

        return list_analyses
    if name == "run":
        from interp_gui.cli.running import run_analysis

        return run_analysis
    if name == "harvest":
        from interp_gui.cli.harvesting import harvest

        return harvest
    if name == "bake":
        from interp_gui.cli.baking import bake

        return bake
    if name == "samples":
        from interp_gui.cli.sampling import samples

        return samples
    if name == "report":
        from interp_gui.cli.reporting import make_report

        return make_report
    if name == "doctor":
        from interp_gui.cli.doctor import doctor

        return doctor
    from interp_gui.cli import window

    return window.demo if name == "demo" else window.open_window


def _sentence(problem: Exception, *, shown: bool) -> tuple[str, str]:
    from interp_gui.cli.log import log_traceback
    from interp_gui.engine.failures import describe

    info = describe(problem)
    if shown:
        return info.message, ""
    where = log_traceback(info.details)
    message = info.message if info.message.endswith((".", "!", "?")) else f"{info.message}."
    details = f"Details in {where}." if where else "Run it again with --traceback for the details."
    return message, info.hint if info.cause != "bug" else details


@contextlib.contextmanager
def _quiet(output: Output) -> Iterator[None]:
    """Warnings and log lines of libraries are no part of what a command says; its own are notes."""
    own, notes = logging.getLogger("interp_gui"), Notes(output)
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        before = logging.lastResort
        # not None, for which logging says on stderr that there is no handler
        logging.lastResort = logging.NullHandler()
        own.addHandler(notes)
        try:
            yield
        finally:
            own.removeHandler(notes)
            logging.lastResort = before
