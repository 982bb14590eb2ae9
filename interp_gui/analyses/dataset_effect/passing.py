"""The pass: answers of the network as it is, with the edits, and with each control."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import msgspec

from interp_gui.analyses.dataset_effect.answers import Compared
from interp_gui.analyses.dataset_effect.batches import Batches
from interp_gui.analyses.dataset_effect.keeping import edited_rows, route_of, unedited_rows
from interp_gui.analyses.dataset_pass import Known, changed
from interp_gui.analyses.kept_rows import unkept_notes
from interp_gui.analyses.passes import MEMORY_SHORT, batch_size, halved
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.edit import EditStack


def compare(
    context: Context, images: Sequence[Known], compared: Compared, *, batch: int
) -> Generator[Progress, None, None]:
    """Fill in `compared` for all images; from what is kept where that is known.

    Images are gone through by content, so that their order and names change nothing.
    """
    plain = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=EditStack()))
    edited = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=compared.stack))
    compared.route = yield from route_of(plain, images, compared.broken, batch=batch)
    by_hash: dict[str, list[Known]] = {}
    for image in sorted(images, key=lambda each: each.sha256):
        by_hash.setdefault(image.sha256, []).append(image)
    with ExitStack() as open_:
        rows = [open_.enter_context(edited_rows(edited, None))]
        rows += [open_.enter_context(edited_rows(edited, c.index)) for c in compared.drawn.controls]
        unedited = open_.enter_context(unedited_rows(plain, compared.route.runner))
        passing = Batches(plain, edited, compared, unedited, rows)
        unknown = []
        for sha256, alike in by_hash.items():
            if unedited.knows(sha256) and all(kept.knows(sha256) for kept in rows):
                passing.recall(alike)
            else:
                unknown.append(alike[0])
        total, at = len(by_hash), 0
        known = total - len(unknown)
        yield Progress(done=known, total=total, text="Asking the network")
        while at < len(unknown):
            step = batch_size(context, batch)
            part = unknown[at : at + step]
            try:
                for _ in passing.ask(part):
                    yield Progress(done=known + at, total=total, text="Asking the network")
            except MEMORY_SHORT as problem:
                halved(context, step, problem)
                continue
            at += len(part)
            for image in part:
                alike = [x for x in by_hash[image.sha256] if x.place not in compared.broken]
                if image.place not in compared.broken:
                    passing.recall(alike)
                elif alike and changed(image):  # its content is still to be had
                    unknown.append(alike[0])
                    total += 1
                else:
                    for other in alike:
                        compared.broken[other.place] = compared.broken[image.place]
            yield Progress(done=known + at, total=total, text="Asking the network")
    compared.unkept = unkept_notes(unedited, *rows)
