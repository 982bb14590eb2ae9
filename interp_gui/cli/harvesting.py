"""`harvest`: what every unit does in every image, recorded for all that asks for it later."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from interp_gui.cli.opening import choice_of
from interp_gui.cli.output import Output
from interp_gui.cli.running import tell_estimate
from interp_gui.cli.session import check_file, images_at_hand, local_engine, open_model
from interp_gui.core.analysis import Inputs, Progress
from interp_gui.core.cost import size_text
from interp_gui.core.errors import OutputProblem
from interp_gui.core.export.code import read_preprocessing
from interp_gui.engine.messages import Run

if TYPE_CHECKING:
    from interp_gui.core.result import AnyResult

_HANDLE = "model"
_BY_LAYER = ("units", "images", "vectors", "outlying_tokens", "dead_units", "not_a_number_units",
             "store_bytes")  # fmt: skip


def harvest(options: argparse.Namespace, output: Output) -> int:
    """Record, and tell what is in the store."""
    from interp_gui.engine.replay import computing_with

    check_file(options.model)
    choice = choice_of(options)
    at_hand = images_at_hand(options.images, output)
    preprocessing = None
    if options.preprocessing is not None:
        preprocessing = read_preprocessing(options.preprocessing)
    engine = local_engine(safe_mode=options.safe_mode)
    cache = engine.workspace.cache
    if cache is None:
        raise OutputProblem(
            "The cache is off: nothing would be kept.",
            hint="Unset INTERP_GUI_CACHE, or set it to a folder.",
        )
    if not options.estimate:
        cache.require_kept()
    model = open_model(
        engine, options.model, output, preprocessing, choice=choice, labelled=at_hand
    )
    layers = [model.layer(name).name for name in options.layer]
    parameters: dict[str, Any] = {"layers": ",".join(layers), "all_layers": options.all_layers}
    if options.positions is not None:
        parameters["positions"] = options.positions
    inputs = Inputs(dataset=at_hand, seed=options.seed or 0)
    request = Run(analysis="harvest", model=_HANDLE, inputs=inputs, parameters=parameters)
    tables: list[AnyResult] = []
    with computing_with(options.threads):
        if options.estimate:
            return tell_estimate(engine, request, output)
        with redirect_stdout(sys.stderr):
            for step in engine.run(request):
                if isinstance(step, Progress):
                    output.progress(step)
                elif step[0].numbers.get("units") is not None:
                    tables.append(step[0])
    cache.require_kept()
    notes = _notes(tables)
    first = tables[0].numbers
    document = {
        "images": first["images"], "broken_images": first["broken_images"],
        "recorded_now": first["recorded_now"], "layers": [_layer(table) for table in tables],
        "notes": notes, "cache": str(cache.folder),
    }  # fmt: skip
    output.answer(document, _lines(document))
    return 0


def _layer(table: "AnyResult") -> dict[str, Any]:
    numbers = table.numbers
    return {
        "name": table.key, "grid": [numbers["rows"], numbers["columns"]],
        **{name: numbers[name] for name in _BY_LAYER},
        "runtime": table.provenance.get("runtime", ""),
    }  # fmt: skip


def _notes(tables: "Sequence[AnyResult]") -> list[str]:
    """What is said of all layers, and what of one, with its name."""
    found: list[str] = []
    for table in tables:
        for note in table.notes:
            of_all = all(note in other.notes for other in tables)
            found.append(note if of_all else f"{table.key}: {note}")
    return list(dict.fromkeys(found))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    count, new = document["images"], document["recorded_now"]
    yield f"{count} image{'' if count == 1 else 's'}, {new} recorded now"
    for layer in document["layers"]:
        facts = [f"{layer['units']} units", f"{layer['vectors']} vectors"]
        if layer["dead_units"]:
            facts.append(f"{layer['dead_units']} dead")
        facts.append(size_text(layer["store_bytes"]))
        yield f"  {layer['name']}  {', '.join(facts)}"
    yield from document["notes"]
