"""An image becomes the same input here as by transformers' own processors."""

import json

import numpy as np
import pytest

from interp_gui.checkpoints.huggingface.library import offline_and_quiet
from interp_gui.checkpoints.huggingface.processor import read_preprocessing
from interp_gui.core.errors import FileProblem
from interp_gui.core.images import read_image
from interp_gui.core.preprocessing import preprocess
from interp_gui.samples.photographs import photographs

_NORMAL = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_HALVES = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_CENTRE = {"do_center_crop": True, "crop_size": {"height": 224, "width": 224}}
_SQUARE = {"height": 224, "width": 224}

PROCESSORS = {
    "ViT": {"size": _SQUARE, "resample": 2, **_HALVES},
    "ViT, size as one number": {"size": 192, "resample": 2, **_HALVES},
    "ViT, nothing rescaled": {"size": _SQUARE, "do_rescale": False, "do_normalize": False},
    "ViT, rescaled by another factor": {"size": _SQUARE, "rescale_factor": 1 / 127.5, **_HALVES},
    "DeiT": {"size": 256, "crop_size": 224, "do_center_crop": True, "resample": 3, **_NORMAL},
    "Bit, as DINOv2": {"size": {"shortest_edge": 256}, "resample": 3, **_CENTRE, **_NORMAL},
    "Beit": {"size": _SQUARE, "do_center_crop": False, "resample": 2, **_HALVES},
    "ConvNext": {"size": {"shortest_edge": 224}, "crop_pct": 0.875, "resample": 3, **_NORMAL},
    "ConvNext, older, size as one number": {"size": 224, "crop_pct": 0.9, **_NORMAL},
    "ConvNext, large": {"size": {"shortest_edge": 384}, "resample": 3, **_NORMAL},
    "MobileNetV2": {"size": {"shortest_edge": 256}, "resample": 2, **_CENTRE, **_HALVES},
    "EfficientNet": {"size": _SQUARE, "include_top": True, "resample": 0, **_NORMAL},
    "EfficientNet, offset": {
        "size": _SQUARE, "rescale_offset": True, "rescale_factor": 1 / 127.5, "resample": 2,
        "do_normalize": False, "include_top": False,
    },
    "CLIP": {"size": {"shortest_edge": 224}, "resample": 3, **_CENTRE, **_NORMAL},
    "Siglip": {"size": _SQUARE, "resample": 3, **_HALVES},
    "Segformer": {"size": {"height": 512, "width": 512}, "resample": 2, **_NORMAL},
    "MobileViT": {
        "size": {"shortest_edge": 288}, "crop_size": {"height": 256, "width": 256},
        "do_center_crop": True, "do_flip_channel_order": True, "resample": 2,
    },
    "Levit": {"size": {"shortest_edge": 224}, "resample": 3, **_CENTRE, **_NORMAL},
    "PoolFormer": {"size": {"shortest_edge": 224}, "crop_pct": 0.9, **_CENTRE, **_NORMAL},
}  # fmt: skip

_MOST_APART = 4.02  # of 255, at sharp edges


@pytest.fixture(scope="module")
def pictures():
    """Photographs whose sides leave an even number of pixels, or none, beside the centre."""
    wanted = {"coffee.png", "astronaut.png", "flower.jpg"}
    found = [read_image(path) for path in photographs() if path.name in wanted]
    # square, upright and lying
    return [found[0][:, :500], found[1], found[0][:320, 100:356]]


def written(folder, name, values):
    kind = f"{name.partition(',')[0]}ImageProcessor"
    text = json.dumps({"image_processor_type": kind, **values})
    (folder / "preprocessor_config.json").write_text(text)
    return kind


def levels_apart(ours, theirs, std):
    """Largest and mean difference in 8-bit levels of the picture."""
    assert ours.shape == theirs.shape
    apart = np.abs(ours - theirs) * np.asarray(std)[:, None, None] * 255
    return apart.max(), apart.mean()


@pytest.mark.parametrize("name", PROCESSORS)
def test_pixels_are_those_of_the_library(name, pictures, tmp_path):
    import transformers

    kind = written(tmp_path, name, PROCESSORS[name])
    with offline_and_quiet():
        found, notes = read_preprocessing(tmp_path, {}, "vit")
        on_pictures = getattr(transformers, f"{kind}Pil").from_pretrained(str(tmp_path))
        on_tensors = getattr(transformers, kind).from_pretrained(str(tmp_path))
    assert notes == ()
    for picture in pictures:
        ours = preprocess(picture, found)
        theirs = np.asarray(on_pictures(images=picture, return_tensors="np")["pixel_values"][0])
        assert levels_apart(ours, theirs, found.std)[0] < 0.01
        if found.interpolation == "nearest":
            continue  # tensors and pictures round the nearest pixel differently there
        theirs = np.asarray(on_tensors(images=picture, return_tensors="np")["pixel_values"][0])
        most, mean = levels_apart(ours, theirs, found.std)
        assert most < _MOST_APART
        assert mean < 0.2


def test_an_odd_rest_moves_the_centre_by_one_pixel_at_most(pictures, tmp_path):
    """Stated in the docs: here half a pixel is rounded as torchvision does, there cut off."""
    import transformers

    written(tmp_path, "CLIP", PROCESSORS["CLIP"])
    with offline_and_quiet():
        found, _ = read_preprocessing(tmp_path, {}, "clip")
        theirs_of = transformers.CLIPImageProcessorPil.from_pretrained(str(tmp_path))
    moved = 0
    for width in range(231, 251):
        picture = np.ascontiguousarray(pictures[1][:224, :width])
        ours = preprocess(picture, found)
        theirs = np.asarray(theirs_of(images=picture, return_tensors="np")["pixel_values"][0])
        if np.allclose(ours, theirs, atol=1e-5):
            continue
        np.testing.assert_allclose(ours[:, :, :-1], theirs[:, :, 1:], atol=1e-5)
        moved += 1
    assert 0 < moved <= 5


def test_sizes_follow_the_config_where_no_file_says_more(tmp_path):
    with offline_and_quiet():
        found, notes = read_preprocessing(tmp_path, {"image_size": 96}, "vit")
        wide, _ = read_preprocessing(tmp_path, {"image_size": [64, 96]}, "vit")
        unknown, said = read_preprocessing(tmp_path, {}, "resnet")
    assert (found.size, found.resize) == ((96, 96), "exact")
    assert "no preprocessor_config.json" in notes[0]
    assert wide.size == (64, 96)
    assert unknown.size == (224, 224)
    assert "usual for 'resnet'" in said[0]


def test_a_processor_within_another_file(tmp_path):
    inner = {"image_processor_type": "CLIPImageProcessorFast", **PROCESSORS["CLIP"]}
    text = json.dumps({"processor_class": "CLIPProcessor", "image_processor": inner})
    (tmp_path / "processor_config.json").write_text(text)
    with offline_and_quiet():
        found, notes = read_preprocessing(tmp_path, {}, "clip")
    assert (found.resize, found.resize_px, found.interpolation) == ("shorter", 224, "bicubic")
    assert notes == ()


def test_channels_of_the_network_count(tmp_path):
    written(tmp_path, "ViT", PROCESSORS["ViT"])
    with offline_and_quiet():
        found, notes = read_preprocessing(tmp_path, {"num_channels": 1}, "vit")
    assert found.channels == "L"
    assert len(found.mean) == 1
    assert "1 channels" in notes[0] or "1 channel" in notes[0]


@pytest.mark.parametrize(
    "values",
    [
        {"size": {"height": 10**6, "width": 10**6}},
        {"size": -3},
        {"size": "large"},
        {"image_std": [0, 0, 0]},
        {"image_mean": ["a", "b", "c"]},
        {"rescale_factor": 0},
        {"image_mean": [0.5, 0.5]},
        {"resample": [1]},
        {"crop_size": {"height": [1], "width": 2}, "do_center_crop": True},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_or_assumed_with_a_note(values, tmp_path):
    written(tmp_path, "ViT", values)
    said = ""
    with offline_and_quiet():
        try:
            found, notes = read_preprocessing(tmp_path, {}, "vit")
        except FileProblem as problem:
            said = problem.message
    if said:
        assert "'preprocessor_config.json' makes no sense" in said
        return
    assert notes
    assert found.size == (224, 224)
