"""Labelled pictures, features of every kind, and activations found the plain way."""

import numpy as np
import pytest

from interp_gui.analyses.unit_maps import feature_maps, unit_maps
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.preprocessing import load_batch

LABELS = ("cat", "dog", "", "cow")


@pytest.fixture
def labelled(pictures):
    """Labels, one image in four without; groups by threes; a metadata column `scanner`."""
    return Dataset(
        name="d",
        images=tuple(
            ImageEntry(
                path=path, label=LABELS[i % 4], group=f"p{i // 3}",
                metadata={"scanner": "ab"[i % 2]},
            )
            for i, path in enumerate(pictures)
        ),
    )  # fmt: skip


@pytest.fixture
def features_of():
    """One feature of each kind of a layer with so many units."""

    def make(layer, units):
        random = np.random.default_rng(11)
        direction = random.normal(size=units)
        pair = random.normal(size=(2, units))
        return {
            "unit": Feature(layer=layer, units=(3,)),
            "units": Feature(layer=layer, units=(0, 2, 7)),
            "direction": Feature(layer=layer, vectors=as_vectors(direction)),
            "directions": Feature(layer=layer, vectors=as_vectors(pair)),
            "layer": Feature(layer=layer),
        }

    return make


@pytest.fixture
def values_of(pictures):
    """Maps (images, h, w) of a feature, by one batch through the network."""

    def find(runtime, feature, paths=pictures):
        batch = load_batch(paths, runtime.preprocessing)
        value = runtime.forward(batch, capture=[feature.layer]).captured[feature.layer]
        layer = runtime.description.layer(feature.layer)
        return feature_maps(unit_maps(value, layer, runtime.preprocessing.size), feature)

    return find


class Counting:
    """A runtime that counts the images it is given."""

    def __init__(self, runtime):
        self.runtime, self.images = runtime, 0
        self.module = runtime.module

    def __getattr__(self, name):
        return getattr(self.runtime, name)

    def forward(self, batch, **kwargs):
        self.images += len(batch)
        return self.runtime.forward(batch, **kwargs)


@pytest.fixture
def counting():
    return Counting
