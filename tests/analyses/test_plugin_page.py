"""The plugin that docs/plugins.md shows works as it stands there."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from interp_gui.analyses.unit_maps import unit_maps
from interp_gui.core.overlays import upsample
from interp_gui.core.preprocessing import load_batch

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.fixture
def shown():
    source, *_ = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)  # the rest are excerpts

    module = types.ModuleType("interp_gui_energy")
    sys.modules["interp_gui_energy"] = module  # type hints are looked up there
    exec(compile(source, "docs/plugins.md", "exec"), module.__dict__)
    yield module
    del sys.modules["interp_gui_energy"]


@pytest.mark.parametrize("name", ["cnn", "vit", "swin"])
def test_the_shown_plugin_does_what_it_says(
    shown, runtimes, maps_layer, pictures, run_analysis, name
):
    plugin = shown.plugin()
    (analysis,) = plugin.analyses
    assert analysis.info(plugin=plugin.name).parameters[0].minimum == 0.5
    runtime, layer = runtimes[name], maps_layer[name]
    settings = {"power": "3"}
    (result,) = run_analysis(analysis, runtime, settings, images=pictures[:1], layer=layer).results
    batch = load_batch(pictures[:1], runtime.preprocessing)
    value = runtime.forward(batch, capture=[layer]).captured[layer]
    maps = unit_maps(value, runtime.description.layer(layer), (32, 32))[0]
    expected = upsample((np.abs(maps) ** 3).mean(axis=0), (32, 32))
    np.testing.assert_allclose(result.values, expected, rtol=1e-5)


def test_every_name_on_the_page_is_offered_to_plugins():
    from interp_gui import plugins

    imported = re.search(r"from interp_gui\.plugins import \((.*?)\)", PAGE, flags=re.S)
    names = re.findall(r"\w+", imported.group(1))
    assert set(names) <= set(plugins.__all__)
