"""Networks that look at more, or fewer, than colours: opened, asked, and shown plane by plane."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from interp_gui.analyses.activation_maps import ANALYSIS as MAPS
from interp_gui.analyses.feature_visualization import ANALYSIS
from interp_gui.analyses.predict import ANALYSIS as PREDICT
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.export import export_bytes
from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.planes import composite, mosaic
from interp_gui.core.preprocessing import preprocess
from interp_gui.runtimes.opening import open_runtime

COUNTS = (1, 2, 4, 6)


def stem_replaced(channels):
    """Torchvision's, its first convolution exchanged as people do it."""
    import torchvision

    module = torchvision.models.squeezenet1_1(weights=None, num_classes=5)
    module.features[0] = torch.nn.Conv2d(channels, 64, 3, stride=2)
    return module


def by_timm(channels):
    import timm

    return timm.create_model("test_resnet", pretrained=False, in_chans=channels, num_classes=5)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """By number of channels: the network as it was built, and its checkpoint, opened."""
    folder = tmp_path_factory.mktemp("planes")
    found = {}
    for channels in COUNTS:
        module = (stem_replaced if channels == 6 else by_timm)(channels).eval()
        generator = torch.Generator().manual_seed(channels)
        for name, tensor in module.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0, generator=generator)
            elif tensor.dim() > 1:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
            elif tensor.is_floating_point():
                tensor.normal_(float(name.endswith("weight")), 0.2, generator=generator)
        path = folder / f"net{channels}.pth"
        torch.save(module.state_dict(), path)
        found[channels] = module, open_runtime(open_checkpoint(path))
    return found


def written(folder, channels, count=1):
    """Files that such a network can be shown, and their values."""
    random = np.random.default_rng(channels)
    files = []
    for i in range(count):
        coarse = random.integers(0, 256, (9, 8, channels), dtype=np.uint8)
        values = np.stack(
            [
                np.asarray(Image.fromarray(coarse[:, :, c]).resize((200, 180)))
                for c in range(channels)
            ],
            axis=2,
        )
        if channels == 1 or (channels == 4 and i % 2):
            path = folder / f"{i}.png"
            Image.fromarray(values.squeeze()).save(path)
        else:
            path = folder / f"{i}.npy"
            np.save(path, values.transpose(2, 0, 1) if i % 2 else values)
        files.append((str(path), values))
    return files


@pytest.mark.parametrize("channels", COUNTS)
def test_answers_are_those_of_torch(opened, run_analysis, tmp_path, channels):
    module, runtime = opened[channels]
    p = runtime.description.preprocessing
    assert len(p.mean) == channels
    assert p.seen_as == ("grey" if channels == 1 else f"{channels} planes")
    said = [n for n in runtime.description.notes if f"It looks at {channels} planes" in n]
    assert len(said) == (channels != 1)
    (path, values), (other, _) = written(tmp_path, channels, count=2)
    for file, shown in ((path, values), (other, written(tmp_path, channels, count=2)[1][1])):
        # by hand: each plane resized by Pillow, cut, 0..1, normalised
        way = Image.Resampling[p.interpolation.upper()]
        height, width = shown.shape[:2]
        assert height < width
        wide = int(p.resize_px * width / height)
        left, top = round((wide - p.size[1]) / 2), round((p.resize_px - p.size[0]) / 2)
        box = (left, top, left + p.size[1], top + p.size[0])
        planes = [
            np.asarray(Image.fromarray(shown[:, :, c]).resize((wide, p.resize_px), way).crop(box))
            for c in range(channels)
        ]
        x = torch.from_numpy(np.stack(planes)[None].astype(np.float32) / 255)
        x = (x - torch.tensor(p.mean)[:, None, None]) / torch.tensor(p.std)[:, None, None]
        with torch.no_grad():
            expected = module(x).softmax(1)[0].numpy()
        bars = run_analysis(PREDICT, runtime, images=(file,)).results[-1]
        top_of = {bar["index"]: bar["probability"] for bar in bars.provenance["top"]}
        for index, probability in top_of.items():
            assert probability == pytest.approx(float(expected[index]), abs=1e-5)


@pytest.mark.parametrize("channels", [2, 6])
def test_heat_maps_lie_over_what_can_be_shown(opened, run_analysis, tmp_path, channels):
    _, runtime = opened[channels]
    layer = next(info for info in runtime.description.layers if info.axes == ("unit", "y", "x"))
    ((path, values),) = written(tmp_path, channels)
    feature = Feature(layer=layer.name, units=(0,))
    shown = run_analysis(MAPS, runtime, images=(path,), features=(feature,)).results[-1]
    assert shown.image.shape == (*runtime.preprocessing.size, 3)
    grey = (shown.image == shown.image[:, :, :1]).all()
    assert bool(grey) == (channels == 2)
    assert composite(values).shape == (180, 200, 3)


def deep_layer(runtime):
    maps = [i for i in runtime.description.layers if i.axes == ("unit", "y", "x") and i.units > 8]
    return maps[len(maps) // 3]


@pytest.mark.parametrize("channels", COUNTS)
def test_pictures_of_as_many_planes(opened, run_analysis, tmp_path, channels):
    _, runtime = opened[channels]
    layer = deep_layer(runtime)
    features = (Feature(layer=layer.name, units=(3,)), Feature(layer=layer.name, units=(5,)))
    files = written(tmp_path, channels, count=3)
    dataset = Dataset(name="d", images=tuple(ImageEntry(path=path) for path, _ in files))
    settings = {"size": 96, "steps": 32} if channels == 6 else {"size": 160, "steps": 64}
    asked = {"features": features, "dataset": dataset}
    pictures = [r for r in run_analysis(ANALYSIS, runtime, settings, **asked).results if r.final]
    again = [r for r in run_analysis(ANALYSIS, runtime, settings, **asked).results if r.final]
    for picture, same in zip(pictures, again, strict=True):
        assert np.array_equal(picture.pixels, same.pixels)
        assert np.array_equal(picture.planes, same.planes)
        assert picture.numbers == same.numbers
        assert picture.planes.shape == (channels, settings["size"], settings["size"])
        assert picture.provenance["planes"] == channels
        assert np.array_equal(picture.pixels, mosaic(picture.planes.transpose(1, 2, 0)))
        assert any(f"looks at {channels} planes" in n for n in picture.notes) == (channels > 1)
        with np.load(io.BytesIO(export_bytes(picture, "npz")), allow_pickle=False) as saved:
            assert np.array_equal(saved["planes"], picture.planes)
        assert picture.numbers["images"] == 3
        assert picture.numbers["activation"] > picture.numbers["best_image_activation"]
    random = np.random.default_rng(0)
    noise = [
        random.integers(0, 256, (*runtime.preprocessing.size, channels), dtype=np.uint8)
        for _ in range(50)
    ]
    p = runtime.preprocessing
    inputs = [preprocess(np.repeat(n, 3, 2) if channels == 1 else n, p) for n in noise]
    captured = []
    for part in np.array_split(np.stack(inputs), 5):
        captured.append(runtime.forward(part, capture=[layer.name]).captured[layer.name])
    means = np.concatenate(captured).mean(axis=(2, 3))
    for picture, unit in zip(pictures, (3, 5), strict=True):
        assert picture.numbers["activation"] >= means[:, unit].max()


def test_grey_that_is_repeated_climbs_as_grey(small_cnn, run_analysis):
    p = Preprocessing(size=(32, 32), resize="exact", resize_px=32, channels="L")
    runtime = small_cnn(preprocessing=p)
    feature = Feature(layer="last", units=(3,))
    picture = run_analysis(
        ANALYSIS, runtime, {"size": 32, "steps": 6}, features=(feature,)
    ).results[-1]
    assert picture.planes.shape == (1, 32, 32)
    assert (picture.pixels == picture.planes[0][:, :, None]).all()
