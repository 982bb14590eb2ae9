import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.model import Preprocessing
from interp_gui.core.preprocessing import as_seen, load_batch, preprocess, to_picture


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "size", [(300, 411), (500, 333), (224, 224), (97, 101), (256, 999), (225, 224), (257, 640)]
)
@pytest.mark.parametrize(
    ("resize_px", "crop_px", "kind"),
    [(256, 224, "bilinear"), (232, 224, "bilinear"), (255, 240, "bicubic"), (96, 75, "bicubic")],
)
def test_same_as_torchvision(size, resize_px, crop_px, kind):
    from torchvision.transforms._presets import ImageClassification
    from torchvision.transforms.functional import InterpolationMode

    pixels = noise(*size)
    theirs = ImageClassification(
        crop_size=crop_px, resize_size=resize_px, interpolation=InterpolationMode(kind)
    )(Image.fromarray(pixels))
    p = Preprocessing(size=(crop_px, crop_px), resize_px=resize_px, interpolation=kind)
    ours = preprocess(pixels, p)
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs.numpy()).max() <= 1e-6


def test_size_is_height_then_width():
    p = Preprocessing(size=(20, 50), resize_px=60)
    assert preprocess(noise(90, 100), p).shape == (3, 20, 50)
    exact = msgspec.structs.replace(p, resize="exact")
    assert as_seen(noise(90, 100), exact).shape == (20, 50, 3)


def test_small_pictures_are_padded_with_the_mean_colour():
    p = Preprocessing(size=(8, 8), resize="none", mean=(0.2, 0.4, 0.6), std=(1.0, 1.0, 1.0))
    pixels = noise(4, 5)
    seen = as_seen(pixels, p)
    assert np.array_equal(seen[2:6, 1:6], pixels)
    assert seen[0, 0].tolist() == [51, 102, 153]
    assert np.abs(preprocess(pixels, p)[:, 0, 0]).max() < 1e-6


def test_channel_order():
    pixels = noise(6, 6)
    p = Preprocessing(size=(6, 6), resize="none", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    rgb = preprocess(pixels, p)
    bgr = preprocess(pixels, msgspec.structs.replace(p, channels="BGR"))
    assert np.array_equal(rgb[::-1], bgr)
    assert np.array_equal(as_seen(pixels, msgspec.structs.replace(p, channels="BGR")), pixels)
    grey = preprocess(pixels, msgspec.structs.replace(p, channels="L", mean=(0.5,), std=(0.5,)))
    expected = np.asarray(Image.fromarray(pixels).convert("L"), np.float32) / 127.5 - 1
    assert grey.shape == (1, 6, 6)
    assert np.abs(grey[0] - expected).max() < 1e-6
    assert preprocess(pixels, msgspec.structs.replace(p, channels="L")).shape == (3, 6, 6)


@pytest.mark.parametrize("channels", ["RGB", "BGR", "L"])
def test_to_picture_undoes_normalisation(channels):
    p = Preprocessing(size=(6, 6), resize="none", channels=channels)
    pixels = noise(6, 6)
    if channels == "L":
        pixels = np.repeat(pixels[:, :, :1], 3, axis=2)
    assert np.array_equal(to_picture(preprocess(pixels, p), p), pixels)


def test_to_picture_clips_and_survives_nan():
    p = Preprocessing(size=(2, 2))
    x = np.array([9.0, -9.0, np.nan], np.float32)[:, None, None].repeat(2, 1).repeat(2, 2)
    assert to_picture(x, p)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"mean": (0.5,)},
        {"std": (1.0, 0.0, 1.0)},
        {"std": (1.0, float("nan"), 1.0)},
        {"mean": (0.5,), "std": (0.5,)},
        {"mean": (), "std": ()},
        {"size": (0, 5)},
    ],
)
def test_contradictory_preprocessing_is_refused(change):
    with pytest.raises(InvalidValue):
        preprocess(noise(5, 5), Preprocessing(**change))


def test_load_batch(tmp_path):
    for seed, size in enumerate([(40, 50), (60, 30)]):
        Image.fromarray(noise(*size, seed=seed)).save(tmp_path / f"{seed}.png")
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    p = Preprocessing(size=(24, 24), resize_px=28)
    batch = load_batch(paths, p)
    assert batch.shape == (2, 3, 24, 24)
    assert np.array_equal(batch[1], preprocess(noise(60, 30, seed=1), p))
    assert load_batch([], p).shape == (0, 3, 24, 24)
    with pytest.raises(InvalidValue, match="different sizes"):
        load_batch(paths, msgspec.structs.replace(p, crop=False))
    (tmp_path / "bad.png").write_bytes(b"no")
    with pytest.raises(ImageProblem, match=r"bad\.png"):
        load_batch([paths[0], tmp_path / "bad.png"], p)
