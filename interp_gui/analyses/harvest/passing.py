"""The pass that records: whatever of the images at hand is not on disk yet."""

import hashlib
from collections.abc import Generator, Sequence

import numpy as np

from interp_gui.analyses.asked import run_edited
from interp_gui.analyses.dataset_pass import Known, identified, images_at_hand
from interp_gui.analyses.harvest.block import Block, block_of_maps
from interp_gui.analyses.harvest.record import Harvest, HarvestedImage, LayerRecord
from interp_gui.analyses.harvest.spec import HarvestSpec
from interp_gui.analyses.harvest.statistics import summarised
from interp_gui.analyses.passes import batch_size
from interp_gui.analyses.unit_maps import map_size, require_units, unit_maps
from interp_gui.core.analysis import Context, Progress, Saved
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.layer import LayerInfo
from interp_gui.core.preprocessing import load_input


def harvest(
    context: Context, layers: Sequence[LayerInfo], spec: HarvestSpec, *, batch: int = 0
) -> Generator[Progress | Saved, None, Harvest]:
    """Record what every unit of `layers` does in every image at hand.

    Parameters
    ----------
    batch
        Images a step, 0 for a number that suits the device.

    Raises
    ------
    InvalidValue
        There are no images, or they have another size than the network's input.
    ImageProblem
        None of the images can be read.
    MissingAbility
        A layer has no units.
    """
    images_at_hand(context)
    if not layers:
        raise InvalidValue("A layer is needed.", hint="Choose a layer first.")
    for layer in layers:
        require_units(layer)
    broken: dict[int, str] = {}
    known = yield from identified(context, broken)
    step = batch_size(context, batch)
    size = context.model.preprocessing.size
    blocks: dict[str, list[Block]] = {layer.name: [] for layer in layers}
    last = max(layers, key=lambda layer: layer.depth).name
    recorded: list[Known] = []
    for start in range(0, len(known), step):
        context.check()
        yield Progress(done=start, total=len(known), text="Recording activations")
        inputs, here = [], []
        for image in known[start : start + step]:
            try:
                inputs.append(load_input(image.entry.path, context.model.preprocessing))
                here.append(image)
            except ImageProblem as problem:
                broken[image.place] = problem.message
        if not here:
            continue
        names = [layer.name for layer in layers]
        values = run_edited(context, np.stack(inputs), capture=names, until=last).captured
        hashes = [image.sha256 for image in here]
        for layer in layers:
            maps = unit_maps(values[layer.name], layer, size)
            blocks[layer.name].append(block_of_maps(maps, layer, size, spec, hashes))
        recorded += here
    if not recorded:
        raise ImageProblem(
            "None of the images at hand can be read.", hint=next(iter(broken.values()), "")
        )
    where = np.arange(len(recorded))
    records = {}
    for layer in layers:
        figures = yield from summarised(context, blocks[layer.name], where, spec=spec)
        records[layer.name] = LayerRecord(
            layer, map_size(layer, size), blocks=blocks[layer.name], where=where,
            statistics=figures,
        )  # fmt: skip
    digest = hashlib.sha256()
    for image in recorded:
        digest.update(image.sha256.encode())
    return Harvest(
        layers=records, images=tuple(_harvested(image) for image in recorded), broken=broken,
        sha256=digest.hexdigest(),
    )  # fmt: skip


def _harvested(image: Known) -> HarvestedImage:
    entry = image.entry
    return HarvestedImage(
        place=image.place, path=entry.path, sha256=image.sha256, label=entry.label,
        group=entry.group, metadata=entry.metadata,
    )  # fmt: skip
