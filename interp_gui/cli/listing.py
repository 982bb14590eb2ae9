"""`analyses`: what can be run, and with which settings."""

import argparse
from collections.abc import Iterator, Sequence

import msgspec

from interp_gui.cli.output import Output, columns
from interp_gui.cli.session import local_engine
from interp_gui.core.analysis import AnalysisInfo, ParameterInfo


def list_analyses(options: argparse.Namespace, output: Output) -> int:
    """List all analyses, those of plugins too."""
    engine = local_engine(safe_mode=options.safe_mode, cached=False)
    infos = engine.workspace.infos()
    for plugin in engine.workspace.plugins:
        if plugin.problem:
            output.note(f"The plugin {plugin.name} is disabled: {plugin.problem}")
    output.answer({"analyses": msgspec.to_builtins(infos)}, _lines(infos))
    return 0


def describe_analysis(info: AnalysisInfo) -> Iterator[str]:
    """What an analysis does, needs and can be told."""
    yield f"{info.id}: {info.title}{f' (plugin {info.plugin})' if info.plugin else ''}"
    yield f"  {info.summary}"
    yield f"  needs {', '.join(info.needs) or 'nothing'}; gives {', '.join(info.produces)}"
    rows = [(f"    {p.name}={_shown(p.default)}", _values(p), p.help) for p in info.parameters]
    yield from columns(rows)


def _lines(infos: Sequence[AnalysisInfo]) -> Iterator[str]:
    for number, info in enumerate(infos):
        if number:
            yield ""
        yield from describe_analysis(info)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(parameter: ParameterInfo) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    if parameter.choices:
        return "|".join(parameter.choices)
    if parameter.kind == "bool":
        return "true|false"
    if parameter.minimum is None and parameter.maximum is None:
        return parameter.kind + unit
    low = "" if parameter.minimum is None else f"{parameter.minimum:g}"
    high = "" if parameter.maximum is None else f"{parameter.maximum:g}"
    return f"{low}..{high}{unit}"
