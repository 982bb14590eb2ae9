"""Archives of torch that hold something to run, bombs, and such as two readers see differently."""

import io
import pickle
import struct
import warnings
import zipfile
import zlib
from collections import OrderedDict

import torch

RUNS = ()


def _weights():
    return OrderedDict({"a.weight": torch.arange(12.0).reshape(4, 3), "a.bias": torch.ones(4)})


def _saved(folder, content=None):
    path = folder / "weights.pth"
    torch.save(_weights() if content is None else content, path)
    return path


def _rewritten(folder, change, **options):
    """A good archive written again, each record as `change(name, bytes)` wants it."""
    path = _saved(folder)
    with zipfile.ZipFile(path) as archive:
        records = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", **options) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # names that occur twice
        for name, content in records:
            for new_name, new_content in change(name, content):
                archive.writestr(new_name, new_content)
    return path


def _patched(folder, place, new):
    path = _saved(folder)
    raw = bytearray(path.read_bytes())
    at = place(bytes(raw))
    raw[at : at + len(new)] = new
    path.write_bytes(raw)
    return path


def _tensor(folder, arguments):
    """A state dict whose only tensor is rebuilt with arguments of ours."""

    class Tensor:
        def __reduce_ex__(self, protocol):
            storage = torch.ones(12).storage()  # what torch.save knows how to write
            return torch._utils._rebuild_tensor_v2, (storage, *arguments, False, OrderedDict())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _saved(folder, {"a.weight": Tensor()})


def make_payload_beside_the_weights(folder, plant):
    return _saved(folder, {**_weights(), "extra": plant.payload()})


def make_payload_in_another_pickle(folder, plant):
    path = _saved(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/other.pkl", pickle.dumps(plant.payload()))
    return path


def make_content_twice(folder, plant):
    """Which of the two is read depends on the reader."""

    def change(name, content):
        yield name, content
        if name.endswith("data.pkl"):
            yield name, pickle.dumps(plant.payload(), 2)

    return _rewritten(folder, change)


def make_two_folders(folder, plant):
    def change(name, content):
        yield name, content
        if name.endswith("data.pkl"):
            yield "other/data.pkl", pickle.dumps(plant.payload(), 2)

    return _rewritten(folder, change)


def make_bomb(folder, plant):
    def change(name, content):
        yield name, bytes(30_000_000) if name.endswith("data/0") else content

    return _rewritten(folder, change, compression=zipfile.ZIP_DEFLATED)


def make_bomb_that_lies(folder, plant):
    """A packed record that unpacks to more than its table of contents says."""
    path = _rewritten(
        folder,
        lambda name, content: [(name, bytes(100_000) if name.endswith("data/0") else content)],
        compression=zipfile.ZIP_DEFLATED,
    )
    raw = path.read_bytes()
    path.write_bytes(raw.replace(struct.pack("<I", 100_000), struct.pack("<I", 48)))
    return path


def make_encrypted(folder, plant):
    def flags(raw):
        return raw.index(b"PK\x01\x02") + 8

    return _patched(folder, flags, b"\x01\x08")


def make_overlapping(folder, plant):
    """Two entries of the table of contents point to one record."""
    path = _saved(folder)
    raw = bytearray(path.read_bytes())
    first = raw.index(b"PK\x01\x02")
    second = raw.index(b"PK\x01\x02", first + 4)
    raw[second + 42 : second + 46] = raw[first + 42 : first + 46]
    path.write_bytes(raw)
    return path


def make_other_name_in_the_record(folder, plant):
    return _patched(folder, lambda raw: raw.index(b"weights/data.pkl"), b"weights/data.pkX")


def _with_plain_headers(folder):
    """A good archive whose records say their sizes in front."""
    return _rewritten(folder, lambda name, content: [(name, content)])


def make_other_size_in_the_record(folder, plant):
    path = _with_plain_headers(folder)
    raw = bytearray(path.read_bytes())
    raw[22:26] = struct.pack("<I", 7)
    path.write_bytes(raw)
    return path


def make_something_before(folder, plant):
    path = _saved(folder)
    path.write_bytes(b"PK\x03\x04 something" + path.read_bytes())
    return path


def make_something_behind(folder, plant):
    path = _saved(folder)
    path.write_bytes(path.read_bytes() + b"something")
    return path


def make_second_end(folder, plant):
    """A whole other archive in the comment of the first."""
    path = _with_plain_headers(folder)
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(plant.payload(), 2))
    raw = bytearray(path.read_bytes())
    raw[-2:] = struct.pack("<H", len(inner.getvalue()))
    path.write_bytes(bytes(raw) + inner.getvalue())
    return path


def make_flipped_bit(folder, plant):
    numbers = torch.arange(12.0).numpy().tobytes()
    return _patched(folder, lambda raw: raw.index(numbers) + 9, b"\xff")


def make_short_storage(folder, plant):
    return _rewritten(
        folder, lambda name, content: [(name, content[:8] if "data/0" in name else content)]
    )


def make_missing_storage(folder, plant):
    return _rewritten(folder, lambda name, content: [] if "data/0" in name else [(name, content)])


def make_strange_byte_order(folder, plant):
    return _rewritten(
        folder, lambda name, content: [(name, b"middle" if "byteorder" in name else content)]
    )


def make_climbing_name(folder, plant):
    def change(name, content):
        yield name, content
        if name.endswith("data.pkl"):
            yield "../../planted", b"x"
            yield "/tmp/planted", b"x"

    return _rewritten(folder, change)


def make_absurd_count(folder, plant):
    path = _with_plain_headers(folder)
    raw = bytearray(path.read_bytes())
    end = raw.rindex(b"PK\x05\x06")
    raw[end + 8 : end + 12] = b"\xfe\xff\xfe\xff"
    path.write_bytes(raw)
    return path


def make_wide_size(folder, plant):
    """A size that is told in zip64's extra field, which is not there."""
    path = _with_plain_headers(folder)
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 20 : entry + 28] = b"\xff" * 8
    path.write_bytes(raw)
    return path


def make_unusual_packing(folder, plant):
    return _rewritten(
        folder, lambda name, content: [(name, content)], compression=zipfile.ZIP_BZIP2
    )


def make_deflate_that_never_ends(folder, plant):
    path = _rewritten(
        folder, lambda name, content: [(name, content)], compression=zipfile.ZIP_DEFLATED
    )
    raw = bytearray(path.read_bytes())
    start = 30 + len("weights/data.pkl")
    raw[start : start + 12] = zlib.compress(bytes(9))[2:-4][:3] + b"\0" * 9
    path.write_bytes(raw)
    return path


def make_torchscript(folder, plant):
    path = folder / "script.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("script/data.pkl", b"\x80\x02c__torch__\nNet\n)\x81.")
        archive.writestr("script/constants.pkl", b"\x80\x02).")
        archive.writestr("script/code/__torch__.py", plant.code)
    return path


def make_out_of_bounds(folder, plant):
    return _tensor(folder, (0, (4, 30), (30, 1)))


def make_offset_out_of_bounds(folder, plant):
    return _tensor(folder, (1 << 40, (4,), (1,)))


def make_negative_stride(folder, plant):
    return _tensor(folder, (0, (4, 3), (-3, 1)))


def make_negative_size(folder, plant):
    return _tensor(folder, (0, (-4, 3), (3, 1)))


def make_out_of_one_number(folder, plant):
    return _tensor(folder, (0, (1 << 30, 1 << 10), (0, 0)))


def make_nothing_of_absurd_shape(folder, plant):
    return _tensor(folder, (0, (0, 1 << 50, 1 << 50), (1, 1, 1)))


def make_absurd_dimensions(folder, plant):
    return _tensor(folder, (0, (1,) * 100_000, (1,) * 100_000))


def make_size_that_is_no_number(folder, plant):
    return _tensor(folder, (0, ("4", None), (3, 1)))


def make_sparse(folder, plant):
    return _saved(folder, {"a.weight": torch.eye(3).to_sparse()})
