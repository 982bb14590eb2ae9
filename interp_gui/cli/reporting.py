"""`report`: the kept results of a session as one HTML or PDF file."""

import argparse
from pathlib import Path

from interp_gui.cli.output import Output
from interp_gui.core.errors import InvalidValue
from interp_gui.core.report import ReportOptions, build_report, write_report
from interp_gui.core.session.files import read_session


def make_report(options: argparse.Namespace, output: Output) -> int:
    """Read the session, write the report, tell what is in it."""
    document = read_session(options.session, look_for_files=False)
    ticked = [item for item in document.kept if item.included]
    if not ticked:
        raise InvalidValue(
            "No result of this session is ticked for the report."
            if document.kept
            else "This session holds no kept results.",
            hint="In the window, choose “Keep for the report” in the menu of a result.",
        )
    images = document.dataset.images if document.dataset is not None else ()
    paths = [
        *(model.path for model in document.models),
        *(entry.path for entry in images),
        str(Path(options.session).absolute()),
    ]
    head = document.report
    chosen = ReportOptions(
        title=options.title or head.title or "Report",
        author=head.author,
        intro=head.intro,
        include_paths=options.paths,
        recipes=not options.no_recipes,
    )
    written = write_report(build_report(ticked, chosen, paths=paths), options.out)
    output.answer(
        {"report": {"file": str(written), "results": [item.result.title for item in ticked]}},
        [f"{len(ticked)} result{'s' if len(ticked) != 1 else ''} in {written}"],
    )
    return 0
