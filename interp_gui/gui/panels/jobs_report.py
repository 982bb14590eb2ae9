"""What went wrong in a job, as text that can be copied into a report without giving paths away."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from interp_gui.engine.messages import Hello, LogLine, OpenModel, Request, Run
from interp_gui.gui.dialogs import system_text
from interp_gui.gui.jobs.row import JobRow

LOG_LINES = 30


def failure_report(
    row: JobRow,
    hello: Hello | None,
    log: Iterable[LogLine] = (),
    *,
    paths: Iterable[str] = (),
) -> str:
    """Versions, device, what was asked for, the details of the failure and the end of the log.

    Parameters
    ----------
    paths
        Files that are open: their folders are taken out, beside all that looks like a path.
    """
    # The package of reports loads fonts and image formats: not before the first paint.
    from interp_gui.core.report.paths import PathFilter

    known = [*paths, *_paths_of(row.request)]
    filter_ = PathFilter(known)
    error = row.error
    parts = [f"Job: {row.title} ({row.state})"]
    if error is not None:
        parts.append(
            "\n".join(
                text
                for text in (
                    f"Error: {error.message}",
                    error.hint and f"Hint: {error.hint}",
                    f"Cause: {error.cause}",
                )
                if text
            )
        )
    if row.progress.total or row.progress.text:
        progress = row.progress
        parts.append(f"Got to: {progress.done} of {progress.total} {progress.text}".rstrip())
    if row.request is not None:
        asked = json.dumps(plain_request(row.request), indent=1, ensure_ascii=False)
        parts.append(f"Asked for: {type(row.request).__name__} {asked}")
    if error is not None and error.details:
        parts.append(error.details.strip())
    tail = list(log)[-LOG_LINES:]
    if tail:
        lines = "\n".join(f"{line.level}  {line.logger}: {line.text}" for line in tail)
        parts.append(f"The last {len(tail)} lines of the log:\n{lines}")
    parts.append(system_text(hello))
    return filter_.clean("\n\n".join(parts)) + "\n"


def plain_request(request: Request) -> Any:
    """A request as JSON-like data, with what is long told by its size."""
    plain = msgspec.to_builtins(request, enc_hook=lambda value: f"<{type(value).__name__}>")
    plain.pop("state", None)
    plain.pop("type", None)
    if isinstance(request, Run):
        inputs = plain["inputs"]
        for feature in inputs.get("features", ()):
            vectors = feature.get("vectors", ())
            if vectors:
                feature["vectors"] = f"<{len(vectors)} of {len(vectors[0])} numbers>"
        region = inputs.get("region", ())
        if region:
            inputs["region"] = f"<{len(region)} × {len(region[0])} weights>"
        images = inputs.get("images", ())
        if len(images) > 3:
            inputs["images"] = [*images[:3], f"and {len(images) - 3} more"]
    return plain


def _paths_of(request: Request | None) -> tuple[str, ...]:
    if isinstance(request, Run):
        return request.inputs.images[:100]
    return (request.path,) if isinstance(request, OpenModel) else ()
