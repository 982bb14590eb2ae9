"""A network that looks for planted patterns, and an atlas over what it makes of some images."""

import hashlib

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.runtimes.torch_runtime import TorchRuntime

SIDE, PATCH = 40, 24


def templates():
    """Two edges and two colours, at right angles to one another; a small move changes little."""
    rows, columns = np.mgrid[0:PATCH, 0:PATCH] / PATCH - 0.5
    flat = np.ones_like(rows)
    patterns = [
        [np.sign(columns)] * 3,
        [np.sign(rows)] * 3,
        [flat, -flat, 0 * flat],
        [0.5 * flat, 0.5 * flat, -flat],
    ]
    found = np.array(patterns, np.float32)
    return found / np.linalg.norm(found.reshape(4, -1), axis=1)[:, None, None, None]


class OneLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 4, PATCH, stride=4, bias=False)
        self.layer.weight.data = torch.from_numpy(templates())

    def forward(self, x):
        return self.layer(x).mean(dim=(2, 3))


@pytest.fixture(scope="session")
def planted():
    """Looks for the four patterns; its layer is `layer`, of 5 × 5 positions."""
    description = ModelDescription(
        name="planted", format="torch-zip", architecture="planted", library="tests", parameters=1,
        weights_sha256="cd" * 32,
        preprocessing=Preprocessing(
            size=(SIDE, SIDE), resize="exact", resize_px=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3
        ),
        outputs=(OutputInfo(kind="scalar", size=4),),
    )  # fmt: skip
    return TorchRuntime(OneLayer(), description)


@pytest.fixture
def shown():
    """Cosine of what is shown at the middle of a picture to each of the patterns, (4,)."""

    def compare(pixels):
        middle = (pixels.shape[0] - PATCH) // 2
        patch = pixels[middle : middle + PATCH, middle : middle + PATCH].transpose(2, 0, 1)
        levels = patch / 255 - 0.5
        return (templates() * levels).sum(axis=(1, 2, 3)) / np.linalg.norm(levels)

    return compare


@pytest.fixture
def planted_atlas(make_atlas, tmp_path):
    """An atlas of the planted network's layer; every cloud points along one unit."""
    atlas = make_atlas(points=600, units=4, sides=(20, 40), clouds=4)
    labels = np.arange(600) % 4
    paths, hashes = [], []
    for i in range(600):
        path = tmp_path / f"{i % 24}.png"
        if i < 24:
            colour = tuple(int(v) for v in (np.array([i * 10, 255 - i * 10, 128])))
            Image.new("RGB", (SIDE, SIDE), colour).save(path)
        paths.append(str(path))
        hashes.append(np.frombuffer(hashlib.sha256(path.read_bytes()).digest(), np.uint8))
    random = np.random.default_rng(3)
    vectors = 3 * np.eye(4)[labels] + 1.0 + random.normal(0, 0.02, (600, 4))
    vectors = vectors.astype(np.float32)

    def relevelled(level):
        cell = atlas.cell_of(level.side)
        means = np.stack([vectors[cell == i].mean(axis=0) for i in range(len(level.count))])
        return msgspec.structs.replace(level, vectors=means.astype(np.float32))

    field = [[y * 4, x * 4, y * 4 + PATCH, x * 4 + PATCH] for y in range(5) for x in range(5)]
    return msgspec.structs.replace(
        atlas, layer="layer", paths=tuple(paths), sha256=np.stack(hashes), vectors=vectors,
        mean=vectors.mean(axis=0, dtype=np.float64), size=(SIDE, SIDE), grid=(5, 5), minimum=2,
        covariance=np.cov(vectors.T.astype(np.float64)),
        field=np.array(field, np.int32),
        levels=tuple(relevelled(level) for level in atlas.levels),
    )  # fmt: skip


@pytest.fixture
def atlas_at_hand(monkeypatch, planted_atlas):
    """Whatever atlas is asked for, the analysis is given this one, after an early one."""

    def make(context, settings, *, preview=True, labels=True):
        from interp_gui.core.analysis import Progress

        yield Progress(done=0, total=1, text="Making the map")
        yield msgspec.structs.replace(planted_atlas, final=False)
        return planted_atlas

    monkeypatch.setattr("interp_gui.analyses.atlas_pictures.drawing.make_atlas", make)
    return planted_atlas
