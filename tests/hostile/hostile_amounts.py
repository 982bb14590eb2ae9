"""Small files that refer to the same things again and again, or hold names of no good."""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

_FIRST = b"\x80\x02"
_CLASS = b"cm\nC\n"


def _text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def _whole(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def _tensor(key: str, count: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    storage = b"(" + _text("storage") + b"ctorch\nFloatStorage\n" + _text(key) + _text("cpu")
    storage += _whole(count) + b"tQ"
    shape = b"".join(b"(" + b"".join(map(_whole, each)) + b"t" for each in (size, stride))
    rest = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0" + shape + rest + b"tR"


def _table(entries: list[tuple[str, bytes]]) -> bytes:
    return b"}(" + b"".join(_text(key) + value for key, value in entries) + b"u"


def _archive(folder: Path, content: bytes, storages: dict[str, bytes]) -> Path:
    path = folder / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", _FIRST + content + b".")
        for key, raw in storages.items():
            archive.writestr(f"archive/data/{key}", raw)
    return path


def _pickle(folder: Path, content: bytes) -> Path:
    path = folder / "weights.pkl"
    path.write_bytes(_FIRST + content + b".")
    return path


def make_places_of_one_hash(folder: Path, _plant: Any) -> Path:
    """Places to remember things at that make every step search all those before."""
    prime = (1 << 61) - 1
    places = (b"p%d\n" % (prime * number) for number in range(1, 60_000))
    return _pickle(folder, b"N" + b"".join(places))


def make_table_of_many_owners(folder: Path, _plant: Any) -> Path:
    """A long table that fifteen thousand objects have as their content."""
    table = _table([(str(number), b"N") for number in range(100_000)])
    owners = _table([(f"k{number}", b"h\x02)\x81h\x01b") for number in range(15_000)])
    return _pickle(folder, table + b"q\x010" + _CLASS + b"q\x020" + owners)


def make_one_file_in_another_many_times(folder: Path, _plant: Any) -> Path:
    inner = _FIRST + b"N0" * 500_000 + b"N."
    raw = b"B" + struct.pack("<I", len(inner)) + inner
    load = b"ctorch.storage\n_load_from_bytes\nq\x00" + raw + b"q\x010"
    return _pickle(folder, load + b"h\x00h\x01\x85R0" * 2000 + b"}")


def make_names_that_grow(folder: Path, _plant: Any) -> Path:
    """Modules within modules under one long name, and tensors that all of them hold."""
    tensors = _table([(f"p{number}", _tensor("0", 1, (1,), (1,))) for number in range(500)])
    content = tensors + b"q\x010" + _text("n" * 200_000) + b"q\x020" + _CLASS + b"q\x030"
    module = b""
    for _ in range(30):
        inner = b"}" + (b"h\x02" + module + b"s" if module else b"")
        module = b"h\x03)\x81" + _table([("_parameters", b"h\x01"), ("_modules", inner)]) + b"b"
    return _archive(folder, content + module, {"0": bytes(4)})


def make_absurdly_many_tensors(folder: Path, _plant: Any) -> Path:
    tensors = [(f"layer{number}.weight", b"h\x01") for number in range(100_000)]
    content = _tensor("0", 1, (1,), (1,)) + b"q\x010" + _table(tensors)
    return _archive(folder, content, {"0": bytes(4)})


def make_absurdly_many_tensors_of_nothing(folder: Path, _plant: Any) -> Path:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    raw = json.dumps({f"layer{number}.weight": entry for number in range(100_000)}).encode()
    path = folder / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)
    return path


def make_one_storage_in_sixteen_networks(folder: Path, _plant: Any) -> Path:
    """Each set of weights takes as much memory as the file has bytes."""
    count = 2_000_000
    names = [[f"{letter}.weight", f"{letter}.bias"] for letter in "abcdefghijklmnop"]
    networks = [
        (f"net{place}", _table([(name, _tensor("0", count, (count,), (1,))) for name in pair]))
        for place, pair in enumerate(names)
    ]
    return _archive(folder, _table(networks), {"0": bytes(4 * count)})


def make_name_that_commands_the_terminal(folder: Path, _plant: Any) -> Path:
    names = ["\x1b]0;title\x07\x1b[31m\nred\u202e.weight", "b.weight"]
    content = _table([(name, _tensor("0", 4, (2, 2), (2, 1))) for name in names])
    return _archive(folder, content, {"0": bytes(16)})


def make_name_in_half_a_letter(folder: Path, _plant: Any) -> Path:
    content = _table([(name, _tensor("0", 4, (2, 2), (2, 1))) for name in ("\ud800.weight", "b")])
    return _archive(folder, content, {"0": bytes(16)})


def make_storage_that_commands_the_terminal(folder: Path, _plant: Any) -> Path:
    return _archive(folder, _table([("a", _tensor("x\x1b[31m\nred", 4, (2, 2), (2, 1)))]), {})


def make_part_that_commands_the_terminal(folder: Path, _plant: Any) -> Path:
    path = folder / "weights.pth"
    name = "archive/\x1b[31m\nred" + "x" * 3000
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"N.")
        archive.writestr(name, b"1")
    raw = path.read_bytes().replace(b"\x1b[31m", b"\x1b[32m", 1)  # of the record, not the table
    path.write_bytes(raw)
    return path


def make_class_that_commands_the_terminal(folder: Path, _plant: Any) -> Path:
    """The name of a pickled network's class."""
    tensors = _table([("weight", _tensor("0", 4, (2, 2), (2, 1)))])
    fields = _table([("_parameters", tensors), ("_modules", b"}")])
    name = _text("own\x1b[31m\nred") + _text("Network\u202e") + b"\x93"
    return _archive(folder, name + b")\x81" + fields + b"b", {"0": bytes(16)})
