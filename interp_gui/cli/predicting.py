"""`predict`: what a model answers for images."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from interp_gui.cli.opening import choice_of
from interp_gui.cli.output import Output, columns
from interp_gui.cli.session import check_file, local_engine, open_model
from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.csv_text import is_table
from interp_gui.core.folders import scan_all
from interp_gui.engine.messages import Run


def predict(options: argparse.Namespace, output: Output) -> int:
    """Ask a model about images; files named directly that are broken make it a failure."""
    check_file(options.model)
    asked = list(_asked(options.images, output))
    engine = local_engine(safe_mode=options.safe_mode, cached=False)
    open_model(engine, options.model, output, choice=choice_of(options))
    request = Run(
        analysis="predict",
        model="model",
        inputs=Inputs(images=tuple(path for path, _, _ in asked)),
        parameters={"top": options.top},
    )
    images: list[dict[str, Any]] = []
    failed = False
    with redirect_stdout(sys.stderr):
        for step in engine.run(request):
            if isinstance(step, Progress):
                output.progress(step)
                continue
            result, _ = step
            _, shown, named = asked[int(result.key)]
            entry: dict[str, Any] = {"path": shown, "top": result.provenance["top"]}
            problem = result.provenance.get("problem")
            if problem:
                entry["problem"] = problem
                failed = failed or named or bool(result.provenance.get("not_a_number"))
                output.note(f"interp-gui: {problem}")
            else:
                for note in result.notes:
                    output.note(f"interp-gui: {shown}: {note}")
            images.append(entry)
    output.answer({"images": images}, _lines(images))
    return 1 if failed else 0


def _asked(paths: Sequence[str], output: Output) -> Iterator[tuple[str, str, bool]]:
    """Path, the path as shown, and whether it was named itself."""
    for given in paths:
        found = scan_all([given])
        for note in found.notes:
            output.note(f"interp-gui: {note}")
        for entry in found.dataset.images:
            if os.path.isdir(given):
                yield entry.path, str(Path(given, os.path.relpath(entry.path, given))), False
            elif is_table(given):
                yield entry.path, os.path.relpath(entry.path), False
            else:
                yield entry.path, given, True


def _lines(images: list[dict[str, Any]]) -> Iterator[str]:
    for number, image in enumerate(images):
        if number:
            yield ""
        yield image["path"]
        if image.get("problem"):
            yield f"  {image['problem']}"
            continue
        rows = [
            (
                f"  {one['probability']:7.2%}" if "probability" in one else f"  {one['value']:g}",
                one["name"],
                f"({one['index']})",
            )
            for one in image["top"]
        ]
        yield from columns(rows, right=(0,))
