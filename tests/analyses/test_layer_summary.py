import numpy as np
import pytest

from interp_gui.analyses.layer_summary import ANALYSIS, COLUMNS
from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.core.errors import InvalidValue
from interp_gui.core.preprocessing import load_batch


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_every_column_is_what_numpy_says(
    runtimes, maps_layer, pictures, dataset, run_analysis, name
):
    runtime, layer = runtimes[name], maps_layer[name]
    ran = run_analysis(ANALYSIS, runtime, images=pictures[4:5], dataset=dataset, layer=layer)
    first, table = ran.results
    assert not first.final
    assert first.cells[0][3:] == (None,) * 5
    value = runtime.forward(load_batch(pictures, runtime.preprocessing), capture=[layer]).captured[
        layer
    ]
    maps = unit_maps(value, runtime.description.layer(layer), runtime.preprocessing.size)
    flat = maps.reshape(*maps.shape[:2], -1)
    columns = dict(zip(COLUMNS, zip(*table.cells, strict=True), strict=True))
    assert list(columns["unit"]) == list(range(maps.shape[1]))
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(columns["here_max"], flat[4].max(axis=1), **close)
    np.testing.assert_allclose(columns["here_mean"], flat[4].mean(axis=1), **close)
    np.testing.assert_allclose(columns["peak"], flat.max(axis=(0, 2)), **close)
    np.testing.assert_allclose(columns["mean"], flat.mean(axis=(0, 2)), **close)
    assert list(columns["active_images"]) == (flat.max(axis=2) > 0).sum(axis=0).tolist()
    assert [feature.units for feature in table.features] == [(u,) for u in columns["unit"]]
    if name == "cnn":
        assert [u for u in columns["unit"] if columns["dead"][u]] == [5]
        assert table.numbers["dead_units"] == 1
        assert columns["best_image"][5] is None
    best = flat.max(axis=2).argmax(axis=0)
    for u, shown in enumerate(columns["best_image"]):
        if shown is not None:
            assert pictures[best[u]].endswith(shown)
    assert len(table.rows()) == maps.shape[1] + 1


def test_either_images_or_an_image_suffices(runtimes, pictures, dataset, run_analysis):
    only_image = run_analysis(ANALYSIS, runtimes["cnn"], images=pictures[:1], layer="head")
    assert len(only_image.results) == 1
    assert only_image.results[0].final
    only_images = run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset, layer="last")
    assert only_images.results[0].cells[0][1] is None
    assert only_images.results[0].numbers["images"] == 12
    with pytest.raises(InvalidValue):
        run_analysis(ANALYSIS, runtimes["cnn"], layer="last")
