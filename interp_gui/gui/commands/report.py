"""The report of kept results, and what makes a result again as code."""

from typing import TYPE_CHECKING, Any

from interp_gui.gui.actions import ActionSpec

if TYPE_CHECKING:
    from interp_gui.gui.export_ui import Exportable
    from interp_gui.gui.main_window import MainWindow
    from interp_gui.gui.report.keeping import Language
    from interp_gui.gui.widgets.view import ResultView


def report_commands(window: "MainWindow") -> tuple[ActionSpec, ...]:
    """Keeping results, the report that they make, and copying what makes one again."""

    def no_model() -> str:
        return "" if window.state.model is not None else "Open a model first."

    return (
        ActionSpec(
            id="report.keep", title="Keep for the re&port", shortcut="Ctrl+Shift+D", menu="Edit",
            group="6", tooltip="Keep the result that is in front for the report",
            enabled_when=lambda: window.state.model is not None,
            handler=lambda: _keep_focused(window),
        ),
        ActionSpec(
            id="report.copy_command", title="Copy as command &line", menu="Edit", group="6",
            tooltip="Copy the command that makes the result in front again", icon="copy",
            keywords="terminal shell cli reproduce recipe", why_not=no_model,
            handler=lambda: _copy_focused(window, "command"),
        ),
        ActionSpec(
            id="report.copy_python", title="Copy as P&ython", menu="Edit", group="6", icon="copy",
            tooltip="Copy the lines of Python that make the result in front again",
            keywords="code script reproduce recipe", why_not=no_model,
            handler=lambda: _copy_focused(window, "python"),
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
    from interp_gui.gui.report.keeping import keep_all, keep_view

    view, found = _in_front(window)
    if found:
        keep_all(window.state, found)
    elif view is not None:
        keep_view(view, window.state)


def _copy_focused(window: "MainWindow", language: "Language") -> None:
    from interp_gui.gui.report.keeping import copy_code, telling

    view, found = _in_front(window)
    if view is None and not found:
        return
    recipe = view.recipe if view is not None else telling(found).recipe
    copy_code(window.state, recipe, language, window.bridge)


def _in_front(window: "MainWindow") -> "tuple[ResultView[Any] | None, list[Exportable]]":
    """The result with the focus or of the view in front, or all that a view without one offers."""
    from interp_gui.gui.report.keeping import focused_view

    page = window.centre.active
    itself = getattr(page, "keeps_itself", False)  # what stands beside it is a part of it
    view = focused_view(page) if not itself else None
    found: list[Exportable] = getattr(page, "keepables", list)() if view is None else []
    if view is None and not found:
        reason: str = getattr(page, "why_no_keepables", str)()
        if reason:
            window.state.notify("info", reason)
            return view, found
        window.state.notify(
            "info", "There is no result in front.", "Run an analysis, or open a unit's page."
        )
    return view, found
