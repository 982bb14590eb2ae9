import io
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from interp_gui.core.errors import ImageProblem
from interp_gui.core.images import (
    dataset_sha256,
    image_sha256,
    probe_image,
    read_image,
    read_image_bytes,
    thumbnail,
)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(image, kind="PNG", **options):
    return read_image_bytes(encoded(image, kind, **options), "x")


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_rgb_is_kept(pixels, kind):
    found = decoded(Image.fromarray(pixels), kind)
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels)
    found[0, 0] = 0  # writable


def test_transparency_is_flattened_on_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 0] = 200
    rgba[0, :, 3] = (0, 255, 51)
    assert decoded(Image.fromarray(rgba))[0].tolist() == [
        [255, 255, 255], [200, 0, 0], [244, 204, 204],
    ]  # fmt: skip


def test_grey_with_alpha_is_flattened_on_white():
    grey, alpha = (Image.fromarray(np.array([row], np.uint8)) for row in ([10, 10], [255, 0]))
    assert decoded(Image.merge("LA", [grey, alpha]))[0, :, 1].tolist() == [10, 255]


def test_palette_with_and_without_transparency():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    assert decoded(image)[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert decoded(image, transparency=1)[0].tolist() == [[10, 20, 30], [255, 255, 255]]
    assert decoded(image, "GIF")[0].tolist() == [[10, 20, 30], [40, 50, 60]]


def test_rgb_with_transparent_colour(pixels):
    found = decoded(Image.fromarray(pixels), transparency=tuple(int(v) for v in pixels[2, 3]))
    assert found[2, 3].tolist() == [255, 255, 255]
    assert np.array_equal(found[0], pixels[0])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_by_full_range(kind):
    grey = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert decoded(Image.fromarray(grey), kind)[0, :, 2].tolist() == [0, 1, 128, 255]


def test_big_endian_sixteen_bit_tiff():
    grey = np.array([[0, 257 * 77, 65535]], ">u2")
    image = Image.frombytes("I;16B", (3, 1), grey.tobytes())
    assert decoded(image, "TIFF")[0, :, 0].tolist() == [0, 77, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-10.0, 0.0, 10.0], [0, 128, 255]),
        ([0.0, np.nan, 1.0], [0, 0, 255]),
    ],
)
def test_float_tiff(values, expected):
    image = Image.fromarray(np.array([values], np.float32))
    assert decoded(image, "TIFF")[0, :, 0].tolist() == expected


def test_one_bit_and_grey():
    assert decoded(Image.fromarray(np.array([[True, False]])))[0].tolist() == [[255] * 3, [0] * 3]
    assert decoded(Image.fromarray(np.array([[7, 99]], np.uint8)))[0].tolist() == [
        [7] * 3,
        [99] * 3,
    ]


def test_cmyk_jpeg_keeps_its_colours():
    image = Image.new("RGB", (16, 16), (200, 30, 60)).convert("CMYK")
    found = decoded(image, "JPEG", quality=95).astype(int)
    assert np.abs(found - (200, 30, 60)).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_exif_orientation_is_applied_once(pixels, orientation, kind):
    back = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decoded(Image.fromarray(pixels), kind, exif=exif)
    assert np.array_equal(found, back(pixels))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    found = decoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert found[0, 0].tolist() == [255, 0, 0]


def test_broken_files_are_problems_of_one_line(tmp_path, pixels):
    big = np.random.default_rng(1).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    png, jpeg = encoded(Image.fromarray(big)), encoded(Image.fromarray(big), "JPEG")
    contents = {
        "empty.png": b"",
        "text.png": b"this is no picture\n",
        "cut.png": png[: len(png) // 2],
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "header.png": png[:20],
        "flipped.png": png[:60] + bytes(b ^ 0xFF for b in png[60:120]) + png[120:],
        "zeros.jpg": jpeg[:4] + bytes(100),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageProblem) as caught:
            read_image(tmp_path / name)
        assert name in caught.value.message
        assert "\n" not in caught.value.message + caught.value.hint
        assert caught.value.hint


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ImageProblem, match=r"There is no file 'no\.png'"):
        read_image(tmp_path / "no.png")
    with pytest.raises(ImageProblem, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(ImageProblem, match="There is no file"):
        image_sha256(tmp_path / "no.png")
    with pytest.raises(ImageProblem, match="There is no file"):
        probe_image(tmp_path / "no.png")


def test_decompression_bomb_is_refused():
    with pytest.raises(ImageProblem, match="too many pixels"):
        read_image_bytes(b"P6 60000 60000 255\n", "bomb.ppm")


def test_damaged_exif_does_not_cost_the_picture(pixels):
    data = encoded(Image.fromarray(pixels), exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(read_image_bytes(data, "x"), pixels)


def test_thumbnail(pixels):
    wide = np.random.default_rng(0).integers(0, 256, (100, 300, 3), dtype=np.uint8)
    assert thumbnail(wide, 30).shape == (10, 30, 3)
    assert thumbnail(pixels, 30) is pixels
    assert thumbnail(np.full((4000, 2, 3), 9, np.uint8), 16).shape == (16, 1, 3)


def test_hash_follows_content(tmp_path):
    import hashlib

    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    assert image_sha256(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"two, longer")
    assert image_sha256(path) == hashlib.sha256(b"two, longer").hexdigest()
    path.write_bytes(b"six, longer")  # same size
    os.utime(path, ns=(1, 1))
    assert image_sha256(path) == hashlib.sha256(b"six, longer").hexdigest()


def test_dataset_hash_ignores_order_and_place(tmp_path):
    for name, content in (("a", b"1"), ("b", b"2"), ("c", b"3")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "moved").write_bytes(b"2")
    paths = [tmp_path / name for name in "abc"]
    assert dataset_sha256(paths) == dataset_sha256([paths[2], tmp_path / "moved", paths[0]])
    assert dataset_sha256(paths) != dataset_sha256(paths[:2])


def test_probe_reads_the_header(tmp_path, pixels):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(pixels)))
    assert probe_image(path) == (7, 9)
    path.write_bytes(b"")
    with pytest.raises(ImageProblem, match="is empty"):
        probe_image(path)
