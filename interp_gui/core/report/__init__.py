"""Reports: chosen results with their notes and recipes, as one HTML or PDF file."""

from pathlib import Path

from interp_gui.core.errors import unknown_name
from interp_gui.core.export.files import write_atomically
from interp_gui.core.report.content import Report, ReportOptions, build_report

FORMATS = ("html", "pdf")

__all__ = ["FORMATS", "Report", "ReportOptions", "build_report", "report_bytes", "write_report"]


def report_bytes(report: Report, format: str) -> bytes:
    """A report as the content of a file of one of `FORMATS`."""
    if format == "html":
        from interp_gui.core.report.html import html_bytes

        return html_bytes(report)
    if format == "pdf":
        from interp_gui.core.report.pdf import pdf_bytes

        return pdf_bytes(report)
    raise unknown_name("report format", format, FORMATS)


def write_report(report: Report, path: Path | str) -> Path:
    """Write a report whole or not at all; what the name ends in says which format.

    Raises
    ------
    UnknownName
        It ends in none of `FORMATS`.
    OutputProblem
        It cannot be written.
    """
    target = Path(path)
    suffix = target.suffix.lstrip(".").lower()
    data = report_bytes(report, {"htm": "html"}.get(suffix, suffix))
    write_atomically(target, data)
    return target
