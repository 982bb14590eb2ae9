"""A first look at a part of many images, long before all of them are recorded."""

from collections.abc import Generator
from dataclasses import replace

import msgspec
import numpy as np

from interp_gui.analyses.dataset_pass import identified, images_at_hand, sampled
from interp_gui.analyses.harvest import Harvest, HarvestSpec, harvest
from interp_gui.analyses.harvest.passing import opened, runners
from interp_gui.analyses.harvest.recording import TEXT
from interp_gui.analyses.harvest.wanted import Wanted
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import ImageProblem
from interp_gui.core.layer import LayerInfo

FIRST_IMAGES = 300
"""Images of a first look: seconds of a pass that takes minutes for thousands."""
MOST_KNOWN = 2000
"""Recorded images that a first look shows at most."""


def first_harvest(
    context: Context, layer: LayerInfo, spec: HarvestSpec, *, batch: int
) -> Generator[Progress | Saved, None, Harvest | None]:
    """What is recorded of some images, where recording all of them will take long.

    These are images that are recorded already, or, where they are fewer than `FIRST_IMAGES`, so
    many drawn by their content, which are recorded now: as part of the pass over all of them,
    which does not compute them again.

    Returns
    -------
    None where little is left to record, where nothing would be kept, and where none of the images
    drawn can be read.
    """
    dataset = images_at_hand(context)
    if context.cache is None or len(dataset.images) <= 2 * FIRST_IMAGES:
        return None
    wanted = Wanted((yield from identified(context, {})))
    left, recorded = len(wanted), np.zeros(len(wanted), np.bool_)
    for runner in runners(context):
        context.check()
        folder = opened(context, layer, spec, runner=runner)
        lacking = int(wanted.lacking([folder]).sum())
        if lacking < left:
            left, recorded = lacking, (folder.where(wanted.keys) >= 0) & wanted.first
    if left <= 2 * FIRST_IMAGES:
        return None
    known = [wanted.images[i] for i in np.flatnonzero(recorded).tolist()]
    if len(known) >= FIRST_IMAGES:
        chosen = sampled(known, MOST_KNOWN, seed=0, stratified=False)
    else:
        every = [wanted.images[i] for i in np.flatnonzero(wanted.first).tolist()]
        chosen = sampled(every, FIRST_IMAGES, seed=0, stratified=False)
    chosen.sort(key=lambda image: image.place)
    some = msgspec.structs.replace(dataset, images=tuple(image.entry for image in chosen))
    part = replace(context, inputs=msgspec.structs.replace(context.inputs, dataset=some))
    steps = harvest(part, [layer], spec, batch=batch, part_of=len(wanted))
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            found: Harvest = stop.value
            return found
        except ImageProblem:
            return None
        if isinstance(step, Progress) and step.text == TEXT:
            # it is the beginning of the pass over all of them
            step = msgspec.structs.replace(step, total=len(wanted))
        yield step
