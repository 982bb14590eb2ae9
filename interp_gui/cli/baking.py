"""`bake`: edits written into a new checkpoint."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from interp_gui.cli.edit_options import check_edit_options, refuse_baseline
from interp_gui.cli.edits import asked_edits, edits_of_file, require_edits
from interp_gui.cli.opening import choice_of
from interp_gui.cli.output import Output
from interp_gui.cli.session import check_file, images_at_hand, local_engine, open_model
from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.errors import InterpError, OutputProblem
from interp_gui.engine.messages import Run

if TYPE_CHECKING:
    from interp_gui.core.result import AnyResult

_HANDLE = "model"


def bake(options: argparse.Namespace, output: Output) -> int:
    """Open, bake, compare, write and tell."""
    check_edit_options(options)
    refuse_baseline(options)
    check_file(options.model)
    _refuse_to_write_over(options)
    stack = edits_of_file(options)
    at_hand = images_at_hand(options.images, output)
    engine = local_engine(safe_mode=options.safe_mode)
    model = open_model(
        engine, options.model, output, choice=choice_of(options), labelled=at_hand
    )  # fmt: skip
    stack = asked_edits(options, stack, engine, model, at_hand, output)
    require_edits(stack)
    settings = {
        "path": os.path.abspath(options.out) if options.out else "", "format": options.format,
        "partial": options.partial, "widen": options.widen,
    }  # fmt: skip
    request = Run(
        analysis="bake", model=_HANDLE, inputs=Inputs(dataset=at_hand, edits=stack),
        parameters=settings,
    )  # fmt: skip
    found: list[AnyResult] = []
    try:
        with redirect_stdout(sys.stderr):
            for step in engine.run(request):
                if isinstance(step, Progress):
                    output.progress(step)
                else:
                    found.append(step[0])
    except InterpError as problem:
        if not found:
            raise
        output.fail(
            problem.message, problem.hint, document=_document(found[-1], ""),
            lines=_edit_lines(found[-1]),
        )  # fmt: skip
        return 1
    output.answer(_document(found[-1], options.out), _lines(found[-1], options.out))
    return 0


def _refuse_to_write_over(options: argparse.Namespace) -> None:
    """Raise OutputProblem where the file exists; that it is the original is said by `bake`."""
    if options.overwrite or not os.path.isfile(options.out):
        return
    if not os.path.samefile(options.out, options.model):
        raise OutputProblem(
            f"'{options.out}' exists already.",
            hint="Choose another name, or say --overwrite to put the new file in its place.",
        )


def _document(table: "AnyResult", out: str) -> dict[str, Any]:
    bake: dict[str, Any] = table.provenance["bake"]
    return {
        "file": out,
        "format": bake["format"],
        "weights_sha256": bake["weights_sha256"],
        "difference": table.numbers.get("difference"),
        "images": table.numbers["images"],
        "edits": bake["outcomes"],
        "notes": list(table.notes),
    }


def _edit_lines(table: "AnyResult") -> Iterator[str]:
    for one in table.provenance["bake"]["outcomes"]:
        word = "baked" if one["baked"] else "not baked"
        yield f"  {one['edit']}: {word}, {one['how'] or one['why']}"


def _lines(table: "AnyResult", out: str) -> Iterator[str]:
    yield f"Written: {out}" if out else "Nothing was written; this is how edits would be baked:"
    yield from _edit_lines(table)
    yield from table.notes
