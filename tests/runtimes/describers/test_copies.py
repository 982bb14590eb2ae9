"""Virtual sites in private copies of a network and in cached passes."""

import numpy as np
import pytest
import torch

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.layer import layers_of
from interp_gui.runtimes.fast import FastNetwork
from interp_gui.runtimes.prefix import CachedPrefix

NAMES = ["torchvision vit", "timm swin", "hugging face vit"]


@pytest.mark.parametrize("name", NAMES)
def test_cached_passes_with_sites_are_bit_equal(network, batch, name):
    runtime = network(name)
    layers = runtime.description.layers
    for role in ("z", "pattern", "query", "residual"):
        sites = [layer.name for layer in layers_of(layers, role)]
        cached = CachedPrefix(runtime, batch)
        for address in (sites or [layers_of(layers, "z")[0].name])[-2:]:
            for amount in (0.5, 0.25, 0.0):
                edit = Edit(feature=Feature(layer=address), kind="scale", amount=amount)
                options = {
                    "capture": [address, layers_of(layers, "value")[0].name],
                    "edits": EditStack(edits=(edit,)),
                }
                got = cached.forward(**options)
                expected = runtime.forward(batch, **options)
                assert got.hits == expected.hits
                for key, value in expected.outputs.items():
                    np.testing.assert_array_equal(got.outputs[key], value)
                for key, value in expected.captured.items():
                    np.testing.assert_array_equal(got.captured[key], value)
        assert sites == [] or cached.kept_bytes > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_fast_copy_reads_the_same_sites(network, batch, name):
    runtime = network(name)
    layers = [x.name for x in layers_of(runtime.description.layers, "z", "pattern", "residual")]
    copy = FastNetwork(runtime, layers)
    with torch.no_grad():
        got = copy.trace(torch.from_numpy(batch))
    expected = runtime.forward(batch, capture=layers).captured
    for layer in layers:
        scale = np.abs(expected[layer]).max()
        np.testing.assert_allclose(got[layer].numpy(), expected[layer], atol=1e-5 * scale)
