"""Images of any number of planes: from arrays, TIFFs of many bands and PNG with transparency."""

import io
import struct
import zipfile
import zlib
from contextlib import suppress
from functools import cache

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.images import image_depth, probe_image, read_image, read_planes
from interp_gui.core.model import Preprocessing, channel_order
from interp_gui.core.planes import UnsuitableImage, composite, mosaic
from interp_gui.core.preprocessing import (
    as_seen,
    check_preprocessing,
    load_input,
    preprocess,
    to_picture,
)  # fmt: skip


def planes(count, *, side=(37, 52), dtype=np.uint8, seed=0):
    top = np.iinfo(dtype).max + 1
    return np.random.default_rng(seed).integers(0, top, (*side, count), dtype=dtype)


def for_planes(count, **changes):
    p = Preprocessing(
        size=(24, 24), resize_px=28, mean=tuple(0.1 * i for i in range(count)),
        std=tuple(0.5 + 0.1 * i for i in range(count)), channels="planes",
    )  # fmt: skip
    return msgspec.structs.replace(p, **changes)


def tiff(values, *, order="<", deflate=False, apart=False, tile=0, predictor=1, **fields):
    """A TIFF of any bands, written field by field."""
    height, width, bands = values.shape
    values = values.astype(values.dtype.newbyteorder(order))
    rows, columns = (tile, tile) if tile else (16, width)
    chunks = []
    for part in np.split(values, bands, axis=2) if apart else [values]:
        for y in range(0, height, rows):
            for x in range(0, width, columns):
                block = part[y : y + rows, x : x + columns]
                if tile:
                    missing = (tile - block.shape[0], tile - block.shape[1])
                    block = np.pad(block, ((0, missing[0]), (0, missing[1]), (0, 0)), "edge")
                if predictor == 2:
                    zero = np.zeros_like(block[:, :1])
                    block = np.diff(block, axis=1, prepend=zero).astype(values.dtype)
                raw = block.tobytes()
                chunks.append(zlib.compress(raw) if deflate else raw)
    places = np.cumsum([8, *(len(c) for c in chunks)])[:-1].tolist()
    lengths = [len(c) for c in chunks]
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries = {
        256: width, 257: height, 258: [8 * values.dtype.itemsize] * bands,
        259: 8 if deflate else 1, 262: 1, 277: bands, 284: 2 if apart else 1,
        317: predictor, 339: [kind] * bands,
    }  # fmt: skip
    entries |= (
        {322: tile, 323: tile, 324: places, 325: lengths} if tile
        else {273: places, 278: rows, 279: lengths}
    )  # fmt: skip
    entries |= {int(tag[1:]): value for tag, value in fields.items()}
    body = b"".join(chunks)
    start = 8 + len(body)
    beyond = start + 2 + 12 * len(entries) + 4
    table, extra = b"", b""
    for tag, value in sorted(entries.items()):
        many = value if isinstance(value, list) else [value]
        packed = struct.pack(f"{order}{len(many)}I", *many)
        held = packed if len(packed) == 4 else struct.pack(order + "I", beyond + len(extra))
        extra += b"" if len(packed) == 4 else packed
        table += struct.pack(order + "HHI", tag, 4, len(many)) + held
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    count = struct.pack(order + "H", len(entries))
    return head + body + count + table + struct.pack(order + "I", 0) + extra


def test_the_order_follows_from_the_number_of_channels():
    assert [channel_order(n) for n in (1, 2, 3, 4, 12)] == [
        "L",
        "planes",
        "RGB",
        "planes",
        "planes",
    ]
    assert for_planes(6).seen_as == "6 planes"
    check_preprocessing(for_planes(6))
    with pytest.raises(InvalidValue, match="3 channels"):
        check_preprocessing(for_planes(4, channels="RGB"))


@pytest.mark.parametrize("count", [2, 4, 6, 12])
@pytest.mark.parametrize("way", ["last", "first", "columns", "npz"])
def test_arrays_in_either_arrangement(tmp_path, count, way):
    wanted = planes(count)
    path = tmp_path / ("x.npz" if way == "npz" else "x.npy")
    if way == "npz":
        np.savez_compressed(path, picture=wanted, note=np.array("words"))
    else:
        given = {"last": wanted, "first": wanted.transpose(2, 0, 1)}.get(way, wanted)
        np.save(path, np.asfortranarray(given) if way == "columns" else given)
    assert np.array_equal(read_planes(path, count), wanted)
    assert probe_image(path) == (52, 37)
    assert np.array_equal(read_image(path), composite(wanted))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("deep", [False, True])
def test_each_plane_is_resized_as_pillow_does(interpolation, deep):
    p = for_planes(5, interpolation=interpolation)
    values = planes(5)
    values = (values / np.float32(255)).astype(np.float32) if deep else values
    found = preprocess(values, p)
    way = getattr(Image.Resampling, interpolation.upper())
    for i in range(5):
        small = Image.fromarray(values[:, :, i]).resize((39, 28), way)
        cut = np.asarray(small.crop((8, 2, 32, 26)), np.float32) / (1 if deep else 255)
        np.testing.assert_allclose(found[i], (cut - 0.1 * i) / (0.5 + 0.1 * i), atol=1e-6)
    assert np.array_equal(
        as_seen(values, p), as_seen(values[:, :, :3], for_planes(3, interpolation=interpolation))
    )


def test_small_images_are_padded_with_each_mean():
    p = for_planes(4, resize="none", size=(60, 60))
    for values in (planes(4), planes(4) / np.float32(255)):
        assert np.abs(preprocess(values, p)[:, 0, 0]).max() < 5e-3
    with pytest.raises(InvalidValue, match="5 planes"):
        preprocess(planes(5), p)


def test_what_numbers_count(tmp_path):
    sixteen = planes(4, dtype=np.uint16)
    np.save(tmp_path / "u16.npy", sixteen)
    np.testing.assert_allclose(read_planes(tmp_path / "u16.npy", 4), sixteen / 65535, rtol=1e-6)
    seen = read_planes(tmp_path / "u16.npy", 4, window=(1000, 3000))
    np.testing.assert_allclose(seen, np.clip((sixteen - 1000.0) / 2000, 0, 1), rtol=1e-5)
    assert image_depth(tmp_path / "u16.npy").title == "16-bit colour"
    fractions = np.random.default_rng(0).normal(0, 3, (9, 8, 4)).astype(np.float16)
    np.save(tmp_path / "f.npy", fractions)
    assert np.array_equal(read_planes(tmp_path / "f.npy", 4), fractions.astype(np.float32))
    assert as_seen(read_planes(tmp_path / "f.npy", 4), for_planes(4)).std() > 10
    np.save(tmp_path / "i.npy", sixteen.astype(np.int16))
    with pytest.raises(UnsuitableImage, match="int16, and nothing says which value is white"):
        read_planes(tmp_path / "i.npy", 4)
    assert read_planes(tmp_path / "i.npy", 4, window=(0, 100)).max() == 1


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"deflate": True},
        {"apart": True},
        {"tile": 16},
        {"tile": 32, "deflate": True, "apart": True},
    ],
)
def test_tiffs_of_many_bands(tmp_path, order, dtype, how):
    values = planes(6).astype(dtype) if dtype != "f4" else (planes(6) / 255).astype("f4")
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(values, order=order, **how))
    full = {"u1": 1, "u2": 65535, "f4": 1}[dtype]
    np.testing.assert_allclose(read_planes(path, 6), values / full, rtol=1e-6)
    assert probe_image(path) == (52, 37)
    assert read_image(path).shape == (37, 52, 3)
    with pytest.raises(
        UnsuitableImage, match="6 planes, but this network looks at grey or colours"
    ):
        load_input(path, Preprocessing())


def test_tiffs_with_differences_and_with_pages(tmp_path):
    values = planes(6)
    (tmp_path / "x.tif").write_bytes(tiff(values, deflate=True, predictor=2))
    assert np.array_equal(read_planes(tmp_path / "x.tif", 6), values)
    pages = [Image.fromarray(values[:, :, i]) for i in range(6)]
    for how in (None, "tiff_adobe_deflate", "tiff_lzw"):
        pages[0].save(tmp_path / "p.tif", save_all=True, append_images=pages[1:], compression=how)
        assert np.array_equal(read_planes(tmp_path / "p.tif", 6), values)


@pytest.mark.parametrize(("count", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_pictures_with_as_many_channels(tmp_path, count, mode, suffix):
    values = planes(count)
    Image.fromarray(values.squeeze(), mode).save(tmp_path / f"x.{suffix}")
    assert np.array_equal(read_planes(tmp_path / f"x.{suffix}", count), values)


@pytest.mark.parametrize("count", [2, 4, 6])
def test_nothing_is_made_up_for_a_plane_that_is_not_there(tmp_path, count):
    Image.fromarray(planes(3)).save(tmp_path / "x.jpg")
    with pytest.raises(UnsuitableImage) as caught:
        load_input(tmp_path / "x.jpg", for_planes(count))
    assert caught.value.message == (
        f"'x.jpg' has three planes (RGB), but this network looks at {count} planes."
    )
    assert f".npz) or a TIFF with {count} planes" in caught.value.hint


def test_axes_that_could_both_be_planes(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 9, 4), np.uint8))
    with pytest.raises(ImageProblem, match="first and its last axis"):
        read_planes(tmp_path / "x.npy", 4)


class Trap:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@cache
def hostile():
    good = io.BytesIO()
    np.save(good, planes(4))
    data = good.getvalue()
    trap = io.BytesIO()
    np.save(trap, np.array([[Trap(), 1]], dtype=object), allow_pickle=True)
    huge = data.replace(b"(37, 52, 4), }         ", b"(370000, 520000, 4), } ")
    assert huge != data
    nan = io.BytesIO()
    np.save(nan, np.full((5, 6, 4), np.nan, np.float32))
    record = io.BytesIO()
    np.save(record, np.zeros((3, 4), [("a", "u1"), ("b", "u1")]))
    deep = io.BytesIO()
    np.save(deep, np.zeros((1, 4, 5, 6), np.uint8))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        head = data[:128].replace(b"(37, 52, 4), }         ", b"(37000, 52000, 4), }   ")
        archive.writestr("x.npy", head + bytes(3_000_000))
    two = io.BytesIO()
    np.savez(two, a=planes(4), b=planes(4))
    words = io.BytesIO()
    np.savez(words, a=np.array("text"))
    pickled = io.BytesIO()
    np.savez(pickled, a=np.array([Trap()], dtype=object))
    return {
        "cut.npy": (data[:-7], "broken"), "long.npy": (data + b"x", "broken"),
        "trap.npy": (trap.getvalue(), "never loaded"),
        "huge.npy": (huge, "too much"),
        "nan.npy": (nan.getvalue(), "no numbers"),
        "record.npy": (record.getvalue(), "never loaded"),
        "deep.npy": (deep.getvalue(), "which is no image"),
        "head.npy": (data[:40], "plain numbers"),
        "bomb.npz": (bomb.getvalue(), "too much"), "two.npz": (two.getvalue(), "several arrays"),
        "words.npz": (words.getvalue(), "no array"),
        "pickled.npz": (pickled.getvalue(), "no array"),
        "cut.npz": (two.getvalue()[:-30], "broken"), "empty.npy": (b"", "empty"),
        "text.npy": (b"hello", "not an image"),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(hostile()))
def test_hostile_arrays(tmp_path, name):
    data, said = hostile()[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageProblem, match=said) as caught:
        read_planes(tmp_path / name, 4)
    assert "\n" not in str(caught.value)
    if name not in ("nan.npy",):
        for read in (read_image, image_depth):
            with pytest.raises(ImageProblem):
                read(tmp_path / name)


def test_hostile_tiffs(tmp_path):
    """Any byte of a TIFF changed or cut off is refused or read: nothing else happens."""
    data = tiff(planes(6, side=(9, 8)))
    random = np.random.default_rng(1)
    path = tmp_path / "x.tif"
    for trial in range(300):
        changed = bytearray(data)
        if trial % 3:
            for place in random.integers(432, len(data), 2):
                changed[place] = random.integers(256)
        else:
            del changed[int(random.integers(4, len(data))) :]
        path.write_bytes(changed)
        for read in (lambda: read_planes(path, 6), lambda: read_image(path)):
            with suppress(ImageProblem):
                read()
    for fields in ({"t257": 2**31}, {"t277": 60000}, {"t259": 5}, {"t273": [8]}):
        path.write_bytes(tiff(planes(6), **fields))
        with pytest.raises(ImageProblem):
            read_planes(path, 6)


def test_pictures_for_people():
    two, five = planes(2, side=(4, 5)), planes(5, side=(4, 5))
    assert composite(planes(1)).shape == (37, 52, 3)
    assert np.abs(composite(two)[:, :, 0].astype(float) - two.mean(axis=2)).max() <= 0.5
    assert mosaic(two).shape == (4, 12, 3)
    shown = mosaic(five)
    assert shown.shape == (10, 19, 3)
    assert np.array_equal(shown[:4, :5], five[:, :, :3])
    assert np.array_equal(shown[6:, 14:, 1], five[:, :, 4])
    assert np.array_equal(mosaic(five[:, :, :3]), five[:, :, :3])
    p = for_planes(5)
    x = preprocess(five, msgspec.structs.replace(p, resize="none", crop=False))
    assert np.array_equal(to_picture(x, p), five[:, :, :3])
