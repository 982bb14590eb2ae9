"""Write docs/analyses.md from the declarations of the analyses, built in and from plugins.

python docs/make_analyses.py
"""

from pathlib import Path

from interp_gui.core.analysis import AnalysisInfo, ParameterInfo
from interp_gui.engine.workspace import Workspace

TARGET = Path(__file__).parent / "analyses.md"
HEAD = """# Analyses

Made by `docs/make_analyses.py` from the declarations; the window's forms and the command line's
settings come from the same place. Run one with `interp-gui run ID --set NAME=VALUE`.
"""


def page(infos: list[AnalysisInfo]) -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section(info) for info in sorted(infos, key=lambda i: i.id))])


def section(info: AnalysisInfo) -> str:
    """One analysis."""
    origin = f" (plugin {info.plugin})" if info.plugin else ""
    lines = [f"## {info.title}{origin}", "", f"`{info.id}` · {info.summary}", ""]
    lines += [
        f"Needs: {', '.join(info.needs) or 'nothing'}. Gives: {', '.join(info.produces)}.",
        "",
    ]
    if info.parameters:
        lines += ["| setting | default | values | meaning |", "|---|---|---|---|"]
        lines += [row(parameter) for parameter in info.parameters]
        lines.append("")
    return "\n".join(lines)


def row(parameter: ParameterInfo) -> str:
    """One setting."""
    values = ", ".join(parameter.choices) or parameter.kind
    if parameter.minimum is not None or parameter.maximum is not None:
        low = "" if parameter.minimum is None else f"{parameter.minimum:g}"
        high = "" if parameter.maximum is None else f"{parameter.maximum:g}"
        values += f" {low}…{high}"
    values += f" {parameter.unit}" if parameter.unit else ""
    cells = (f"`{parameter.name}`", f"`{parameter.default}`", values, parameter.help)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def current() -> str:
    """The page as it should be."""
    return page(list(Workspace(cache=None).infos()))


if __name__ == "__main__":
    TARGET.write_text(current(), encoding="utf-8")
