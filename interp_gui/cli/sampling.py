"""`samples`: what there is to begin with, and pictures whose every pixel is known."""

import argparse
from collections.abc import Iterator

from interp_gui.cli.output import Output, columns
from interp_gui.core.analysis import Progress
from interp_gui.samples.catalog import Sample
from interp_gui.samples.catalog import samples as all_samples


def samples(options: argparse.Namespace, output: Output) -> int:
    """List the samples, or write a data set of shapes."""
    if options.sample is None:
        if options.out:
            options.parser.error("say which sample: 'interp-gui samples shapes --out DIR'")
        return _list(output)
    if not options.out:
        options.parser.error("--out is missing")
    return _write_shapes(options, output)


def _list(output: Output) -> int:
    found = [(sample, sample.is_here()) for sample in all_samples()]
    document = [
        {
            "id": sample.id, "title": sample.title, "text": sample.text, "size": sample.size,
            "here": here, "model": str(sample.model(False)) if here else None,
        }
        for sample, here in found
    ]  # fmt: skip
    output.answer({"samples": document}, _lines(found))
    return 0


def _lines(found: list[tuple[Sample, bool]]) -> Iterator[str]:
    yield from columns([
        (sample.id, sample.size, "here" if here else "not on this machine", sample.title)
        for sample, here in found
    ])  # fmt: skip


def _write_shapes(options: argparse.Namespace, output: Output) -> int:
    from interp_gui.samples.shapes.dataset import write_dataset
    from interp_gui.samples.shapes.options import spec_of

    folder = write_dataset(
        options.out,
        options.count,
        options.seed,
        spec=spec_of(options),
        masks=not options.no_masks,
        on_progress=lambda done: output.progress(
            Progress(done=done, total=options.count, text="Drawing")
        ),
    )
    table = folder / "labels.csv"
    output.answer(
        {"folder": str(folder), "images": options.count, "table": str(table)},
        [f"{options.count} pictures in {folder}", f"their table: {table}"],
    )
    return 0
