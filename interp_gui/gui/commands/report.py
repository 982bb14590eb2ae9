"""The report of kept results."""

from typing import TYPE_CHECKING

from interp_gui.gui.actions import ActionSpec

if TYPE_CHECKING:
    from interp_gui.gui.export_ui import Exportable
    from interp_gui.gui.main_window import MainWindow


def report_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Keeping results, and the report that they make."""
    return (
        ActionSpec(
            id="report.keep", title="Keep for the re&port", shortcut="Ctrl+Shift+D", menu="Edit",
            group="6", tooltip="Keep the result that is in front for the report",
            enabled_when=lambda: window.state.model is not None,
            handler=lambda: _keep_focused(window),
        ),
        ActionSpec(
            id="report.show", title="Re&port…", shortcut="Ctrl+Alt+P", menu="View", group="5",
            icon="details", tooltip="Kept results with notes, to be written as HTML or PDF",
            handler=lambda: show_report(window),
        ),
    )  # fmt: skip


def show_report(window: "MainWindow") -> None:
    """Bring up the report, beside the window."""
    from interp_gui.gui.report.dialog import ReportDialog

    for dialog in window.findChildren(ReportDialog):
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        return
    ReportDialog(window.state, window.bridge, window.background, window).show()


def _keep_focused(window: "MainWindow") -> None:
    from interp_gui.gui.report.keeping import focused_view, keep_all, keep_view

    page = window.centre.active
    view = focused_view(page)
    found: list[Exportable] = getattr(page, "keepables", list)() if view is None else []
    if found:
        keep_all(window.state, found)
    elif view is None:
        window.state.notify(
            "info", "There is no result in front.", "Run an analysis, or open a unit's page."
        )
    else:
        keep_view(view, window.state)
