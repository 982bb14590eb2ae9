"""A harvest against the same computed in memory at once."""

import numpy as np
import pytest

from interp_gui.analyses.harvest import HarvestSpec, harvest
from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.core.analysis import Context, Inputs
from interp_gui.core.preprocessing import load_batch


def drive(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def run(runtime, dataset, names, spec=HarvestSpec(), *, batch=0, cache=None):
    context = Context(model=runtime, inputs=Inputs(dataset=dataset), cache=cache)
    layers = [runtime.description.layer(name) for name in names]
    return drive(harvest(context, layers, spec, batch=batch))


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_a_record_is_that_of_all_maps_at_once(runtimes, maps_layer, dataset, name):
    runtime, layer = runtimes[name], runtimes[name].description.layer(maps_layer[name])
    found = run(runtime, dataset, [layer.name], HarvestSpec(positions=2, k=5), batch=5)
    record = found.layers[layer.name]
    batch = load_batch(dataset.paths, runtime.preprocessing)
    values = runtime.forward(batch, capture=[layer.name]).captured[layer.name]
    flat = unit_maps(values, layer, runtime.preprocessing.size)
    n, units = flat.shape[:2]
    assert record.grid == flat.shape[2:]
    flat = flat.reshape(n, units, -1).astype(np.float64)
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(record.peaks(), flat.max(axis=2), **close)
    np.testing.assert_allclose(record.means(), flat.mean(axis=2), **close)
    everything = flat.transpose(1, 0, 2).reshape(units, -1)
    np.testing.assert_allclose(record.unit_mean, everything.mean(axis=1), **close)
    np.testing.assert_allclose(record.unit_variance, everything.var(axis=1), **close)
    np.testing.assert_allclose(record.minimum, everything.min(axis=1), **close)
    np.testing.assert_allclose(record.maximum, everything.max(axis=1), **close)
    there = flat[record.vector_image, :, record.vector_place]
    np.testing.assert_allclose(record.vectors(), there, **close)
    np.testing.assert_allclose(record.vector_mean, there.mean(axis=0), **close)
    np.testing.assert_allclose(record.covariance, np.cov(there.T, bias=True), **close)
    assert record.count == n
    assert len(record.vector_image) == 2 * n
    rows = [3, 0, 7]
    np.testing.assert_array_equal(record.peaks(rows), record.peaks()[rows])
    np.testing.assert_array_equal(record.unit_peaks(4), record.peaks()[:, 4])
    np.testing.assert_array_equal(record.vectors(rows), record.vectors()[rows])
