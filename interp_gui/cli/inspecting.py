"""`inspect`: what a checkpoint is."""

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec

from interp_gui.cli.opening import choice_of, report_lines
from interp_gui.cli.output import Output, columns
from interp_gui.cli.session import check_file, images_at_hand, local_engine, open_model
from interp_gui.core.model import ModelDescription


def inspect_model(options: argparse.Namespace, output: Output) -> int:
    """Open a checkpoint and describe it."""
    check_file(options.model)
    choice = choice_of(options)
    labelled = images_at_hand(options.images, output)
    engine = local_engine(safe_mode=options.safe_mode, cached=False)
    if options.look:
        report = engine.look_at(options.model)
        output.answer(msgspec.to_builtins(report), report_lines(report))
        return 1 if report.problem else 0
    model = open_model(engine, options.model, output, choice=choice, labelled=labelled)
    output.answer(document(model), _lines(model))
    return 0


def document(model: ModelDescription) -> dict[str, Any]:
    """A model as JSON."""
    preprocessing = model.preprocessing
    return {
        "format": model.format,
        "architecture": model.architecture,
        "library": model.library,
        "parameters": model.parameters,
        "weights_sha256": model.weights_sha256,
        "input": {
            "size": list(preprocessing.size),
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
            "resize": preprocessing.resize,
            "resize_px": preprocessing.resize_px,
            "crop": preprocessing.crop,
            "interpolation": preprocessing.interpolation,
            "channels": preprocessing.channels,
        },
        "outputs": msgspec.to_builtins(model.outputs),
        "classes": {"count": model.class_count, "names": list(model.class_names)},
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "axes": list(layer.axes),
                "shape": list(layer.shape),
                "worthwhile": layer.worthwhile,
            }
            for layer in model.layers
        ],
        "notes": list(model.notes),
        "runtime": model.runtime,
        "runtime_reason": model.runtime_reason,
        "choice": msgspec.to_builtins(model.choice),
        "alternatives": [
            {
                "architecture": each.architecture,
                "library": each.library,
                "differs": list(each.differs),
                "why": each.why,
                "same": list(each.same),
                "score": each.score,
            }
            for each in model.alternatives
        ],
        "ignored": list(model.ignored),
    }


def _lines(model: ModelDescription) -> Iterator[str]:
    p = model.preprocessing
    size = " × ".join(str(side) for side in p.size)
    resized = {
        "shorter": f"shorter side to {p.resize_px}, {p.interpolation}",
        "exact": f"stretched, {p.interpolation}",
        "square": f"stretched to {p.resize_px} × {p.resize_px}, {p.interpolation}",
        "none": "not resized",
    }[p.resize]
    outputs = ", ".join(f"{out.name} ({out.kind}, {out.size})" for out in model.outputs)
    names = ", ".join(model.class_names[:3])
    more = ", …" if len(model.class_names) > 3 else ""
    facts = [
        ("model", model.name),
        ("architecture", f"{model.architecture} ({_source(model.library)})"),
        ("format", model.format),
        ("parameters", f"{model.parameters:,}"),
        ("weights sha256", model.weights_sha256),
        ("input", f"{size}, {p.seen_as}, {resized}{', centre cropped' if p.crop else ''}"),
        ("mean, deviation", f"{_values(p.mean)}; {_values(p.std)}"),
        ("outputs", outputs),
        ("classes", f"{model.class_count}{f' ({names}{more})' if names else ''}"),
    ]
    yield from columns(facts)
    yield from (f"note: {note}" for note in model.notes)
    for each in model.alternatives:
        differs = f" ({'; '.join(each.differs)})" if each.differs else ""
        yield f"takes the same tensors: {each.name}{differs}"
    yield ""
    rows = [("layer", "kind", "shape", "")]
    rows += [
        (
            layer.name,
            layer.kind,
            " × ".join(
                f"{extent} {axis}s" if axis in ("unit", "token", "head") else str(extent)
                for axis, extent in zip(layer.axes, layer.shape, strict=True)
            ),
            "worth a look" if layer.worthwhile else "",
        )
        for layer in model.layers
    ]
    yield from columns(rows)


def _source(library: str) -> str:
    """Where a network is defined, in words."""
    return "from a Python file" if library == "file" else library


def _values(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
