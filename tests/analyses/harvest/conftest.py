"""Driving a harvest, and many small images."""

import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses.harvest import HarvestSpec, harvest, recording
from interp_gui.core.analysis import Context, Inputs


@pytest.fixture
def harvested():
    """Run a harvest: `harvested(runtime, dataset, layer names, spec, batch=, cache=, stop=)`.

    `stop` ends it after so many steps, as closing a cancelled job does.
    """

    def run(runtime, dataset, names, spec=HarvestSpec(), *, batch=0, cache=None, stop=None):
        context = Context(model=runtime, inputs=Inputs(dataset=dataset), cache=cache)
        layers = [runtime.description.layer(name) for name in names]
        steps = harvest(context, layers, spec, batch=batch)
        done = 0
        try:
            while stop is None or done < stop:
                next(steps)
                done += 1
        except StopIteration as ended:
            return ended.value
        steps.close()
        return None

    return run


@pytest.fixture
def computed(monkeypatch):
    """Hashes of the images that are computed, in order."""
    seen = []
    take = recording.Recording._take

    def counted(self, *given):
        found = take(self, *given)
        seen.extend(found)
        return found

    monkeypatch.setattr(recording.Recording, "_take", counted)
    return seen


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """Ninety different small images."""
    folder = tmp_path_factory.mktemp("many")
    random = np.random.default_rng(3)
    for i in range(90):
        pixels = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((36, 36)).save(folder / f"{i:03d}.png")
    return tuple(sorted(folder.iterdir()))
