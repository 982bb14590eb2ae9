import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from interp_gui.core.deep_images import within
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.images import image_depth, read_image, read_image_bytes
from interp_gui.core.model import Preprocessing
from interp_gui.core.preprocessing import check_preprocessing, load_batch, load_input
from interp_gui.core.recipe import ModelIdentity, Recipe

GREY = np.array([[0, 100, 200, 300, 400, 65535]], np.uint16)
WINDOW = (100.0, 400.0)
SEEN = [0, 0, 85, 170, 255, 255]


def png16(values):
    """A PNG of 16 bits a channel, filtered as encoders do: (H, W, C) with 1 to 4 channels."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = values.astype(">u2").tobytes()
    step = width * channels * 2
    raw = b"".join(b"\0" + rows[y * step : (y + 1) * step] for y in range(height))

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def tiff16(values, *, order="<", compressed=False, separate=False):
    """An RGB TIFF of 16 bits a channel, written by hand: Pillow cannot."""
    height, width, channels = values.shape
    planes = values.transpose(2, 0, 1) if separate else values
    data = planes.astype(f"{order}u2").tobytes()
    if compressed:
        data = zlib.compress(data)
    strips = channels if separate else 1
    size = len(data) // strips
    extra = 8 + len(data) + len(data) % 2
    offsets = [8 + i * size for i in range(strips)]
    blobs = [
        struct.pack(f"{order}{channels}H", *[16] * channels),
        struct.pack(f"{order}{strips}I", *offsets),
        struct.pack(f"{order}{strips}I", *[size] * strips),
    ]
    places, at = [], extra
    for blob in blobs:
        places.append(at)
        at += len(blob)
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, places[0]),
        (259, 4, 1, 8 if compressed else 1), (262, 4, 1, 2),
        (273, 4, strips, places[1] if strips > 1 else 8), (277, 4, 1, channels),
        (278, 4, 1, height), (279, 4, strips, places[2] if strips > 1 else len(data)),
        (284, 4, 1, 2 if separate else 1),
    ]  # fmt: skip
    directory = struct.pack(f"{order}H", len(tags))
    directory += b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags)
    head = b"II*\0" if order == "<" else b"MM\0*"
    body = data + b"\0" * (len(data) % 2) + b"".join(blobs)
    return head + struct.pack(f"{order}I", at) + body + directory + b"\0\0\0\0"


def encoded(image, kind):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def colours():
    random = np.random.default_rng(1)
    return random.integers(0, 65536, (6, 5, 3)).astype(np.uint16)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_values_within_the_window(kind):
    found = read_image_bytes(encoded(Image.fromarray(GREY), kind), "x", window=WINDOW)
    assert found[0].tolist() == [[v] * 3 for v in SEEN]


def test_other_deep_kinds():
    big = Image.frombytes("I;16B", (6, 1), GREY.astype(">u2").tobytes())
    assert read_image_bytes(encoded(big, "TIFF"), "x", window=WINDOW)[0, :, 0].tolist() == SEEN
    whole = Image.fromarray(GREY.astype(np.int32) - 200)
    found = read_image_bytes(encoded(whole, "TIFF"), "x", window=(-100.0, 200.0))
    assert found[0, :, 1].tolist() == SEEN
    floats = np.array([[np.nan, 100, 200, 300, 400, np.inf]], np.float32)
    found = read_image_bytes(encoded(Image.fromarray(floats), "TIFF"), "x", window=WINDOW)
    assert found[0, :, 2].tolist() == SEEN


@pytest.mark.parametrize("make", [
    png16, tiff16, lambda v: tiff16(v, order=">"), lambda v: tiff16(v, compressed=True),
    lambda v: tiff16(v, order=">", compressed=True),
])  # fmt: skip
def test_colour_keeps_all_16_bits(make, colours):
    window = (30_000.0, 30_500.0)
    colours[0, 0] = (30_000, 30_250, 30_500)
    colours[0, 1] = (30_010, 30_020, 30_030)
    data = make(colours)
    found = read_image_bytes(data, "x", window=window)
    np.testing.assert_array_equal(found, within(colours, window))
    assert found[0, 0].tolist() == [0, 128, 255]
    assert len(set(found[0, 1])) == 3, "values that share their high byte differ"
    np.testing.assert_array_equal(read_image_bytes(data, "x"), colours >> 8)


def test_colour_with_alpha_is_flattened_on_white(colours):
    alpha = np.full((6, 5, 1), 65535, np.uint16)
    alpha[0, 0] = 0
    data = png16(np.concatenate([colours, alpha], axis=2))
    found = read_image_bytes(data, "x", window=(0.0, 30_000.0))
    assert found[0, 0].tolist() == [255] * 3
    np.testing.assert_array_equal(found[1:], within(colours[1:], (0.0, 30_000.0)))


def test_grey_with_alpha(tmp_path):
    values = np.stack([GREY, np.array([[65535, 65535, 0, 65535, 65535, 65535]], np.uint16)], axis=2)
    found = read_image_bytes(png16(values), "x", window=WINDOW)
    assert found[0, :, 1].tolist() == [*SEEN[:2], 255, *SEEN[3:]]
    (tmp_path / "x.png").write_bytes(png16(values))
    assert image_depth(tmp_path / "x.png").title == "16-bit grey"


def test_the_window_turns_with_the_picture(colours):
    image = Image.fromarray(GREY)
    exif = image.getexif()
    exif[0x0112] = 3
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    found = read_image_bytes(buffer.getvalue(), "x", window=WINDOW)
    assert found[0, :, 0].tolist() == SEEN[::-1]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "CMYK"])
def test_images_of_8_bits_stay_as_they_are(mode, colours):
    image = Image.fromarray((colours >> 8).astype(np.uint8)).convert(mode)
    data = encoded(image, "TIFF")
    plain = read_image_bytes(data, "x")
    np.testing.assert_array_equal(read_image_bytes(data, "x", window=(0.0, 1.0)), plain)


def test_channels_kept_apart_are_refused_rather_than_garbled(colours):
    data = tiff16(colours, separate=True)
    for window in (None, WINDOW):
        with pytest.raises(ImageProblem, match="keeps its channels"):
            read_image_bytes(data, "x", window=window)


@pytest.mark.parametrize("make", [png16, tiff16])
def test_damaged_deep_files_are_image_problems(make, colours):
    data = make(colours)
    with pytest.raises(ImageProblem):
        read_image_bytes(data[: len(data) // 2], "x", window=WINDOW)


def test_depth(tmp_path, colours):
    path = tmp_path / "x.tif"
    path.write_bytes(encoded(Image.fromarray(GREY), "TIFF"))
    depth = image_depth(path)
    assert (depth.bits, depth.colour, depth.floating, depth.windowed) == (16, False, False, True)
    assert (depth.lowest, depth.highest, depth.title) == (0, 65535, "16-bit grey")
    assert 0 <= depth.proposed[0] < depth.proposed[1] <= 65535
    path.write_bytes(png16(colours))
    depth = image_depth(path)
    assert depth.title == "16-bit colour"
    assert (depth.lowest, depth.highest) == (colours.min(), colours.max())
    floats = np.linspace(-1, 3, 1000, dtype=np.float32).reshape(10, 100)
    path.write_bytes(encoded(Image.fromarray(floats), "TIFF"))
    depth = image_depth(path)
    assert (depth.title, depth.windowed) == ("floating-point grey", True)
    assert depth.proposed == pytest.approx((-0.96, 2.96), abs=1e-3)
    path.write_bytes(encoded(Image.new("RGB", (4, 4), "red"), "PNG"))
    depth = image_depth(path)
    assert (depth.title, depth.windowed) == ("8-bit colour", False)
    path.write_bytes(encoded(Image.fromarray(np.full((4, 4), 7, np.uint16)), "PNG"))
    depth = image_depth(path)
    assert depth.proposed == (7, 8), "one value still makes a window"
    path.write_bytes(b"no")
    with pytest.raises(ImageProblem):
        image_depth(path)


def test_networks_see_the_window(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(encoded(Image.fromarray(np.repeat(GREY, 6, axis=0)), "PNG"))
    plain = Preprocessing(size=(6, 6), resize="none", mean=(0.0,) * 3, std=(1 / 255,) * 3)
    windowed = Preprocessing(
        size=(6, 6), resize="none", mean=(0.0,) * 3, std=(1 / 255,) * 3, window=WINDOW
    )
    np.testing.assert_allclose(load_input(path, windowed)[0, 0], SEEN, rtol=1e-6)
    np.testing.assert_array_equal(load_batch([path], windowed)[0], load_input(path, windowed))
    assert not np.array_equal(load_input(path, plain), load_input(path, windowed))
    np.testing.assert_array_equal(read_image(path, window=WINDOW)[0, :, 0], SEEN)


@pytest.mark.parametrize("window", [(5.0, 5.0), (6.0, 5.0), (0.0, float("nan"))])
def test_a_window_needs_room(window):
    with pytest.raises(InvalidValue, match="lowest value must be below"):
        check_preprocessing(Preprocessing(window=window))


def test_recipes_hold_the_window_and_old_ones_do_without():
    identity = ModelIdentity(name="m", weights_sha256="00", architecture="a", library="l")
    recipe = Recipe(analysis="x", model=identity, preprocessing=Preprocessing(window=WINDOW))
    assert Recipe.from_json(recipe.to_json()).preprocessing.window == WINDOW
    plain = Recipe(analysis="x", model=identity, preprocessing=Preprocessing())
    old = plain.to_json().replace(',\n    "window": null', "")
    assert "window" not in old
    assert Recipe.from_json(old) == plain
