"""How the index of a library is packed into one small file, and searched without unpacking it all.

Architectures share most of their names and shapes, so these are kept once, and every architecture
is two rows of numbers: which name, which shape. What else is known of an architecture stays
encoded until it is asked for. The whole of timm (1,371 architectures, 670,000 tensors) takes about
0.2 MB and loads in a tenth of a second.
"""

import lzma
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from interp_gui.checkpoints.index import LIBRARIES, Architecture, Shapes
from interp_gui.core.errors import unknown_name
from interp_gui.resources import resource_path

INDEX_FORMAT_VERSION = 2

Numbers = npt.NDArray[np.int32]


class _Packed(msgspec.Struct, kw_only=True):
    """What the file holds.

    Parameters
    ----------
    tensor_names
        All names, one a line; `shapes` all shapes.
    tables
        Which table each architecture has: those with equal names and shapes share one.
    lengths
        Number of tensors of each table (int32), `names` and `kinds` their numbers in order (int32,
        as differences, which compress to a quarter), one table after the other.
    slack
        For each architecture how many tensors a file may lack and how many may be of another shape
        in it at most (int32, all of the first, then all of the second).
    details
        Everything else of each architecture, encoded.
    """

    version: int
    library: str
    library_version: str
    architectures: list[str]
    tensor_names: str
    shapes: list[tuple[int, ...]]
    tables: list[int]
    lengths: bytes
    names: bytes
    kinds: bytes
    slack: bytes = b""
    details: list[msgspec.Raw]


def index_file(library: str) -> str:
    """Path of a library's index below the resources."""
    return f"architectures/{library}.msgpack.xz"


def pack(library: str, library_version: str, architectures: Sequence[Architecture]) -> bytes:
    """Encode an index; the same architectures give the same bytes."""
    names: dict[str, int] = {}
    shapes: dict[tuple[int, ...], int] = {}
    tables: dict[tuple[tuple[int, int], ...], int] = {}
    packed = _Packed(
        version=INDEX_FORMAT_VERSION, library=library, library_version=library_version,
        architectures=[], tensor_names="", shapes=[], tables=[], lengths=b"", names=b"", kinds=b"",
        details=[],
    )  # fmt: skip
    for each in architectures:
        table = tuple(
            (names.setdefault(key, len(names)), shapes.setdefault(shape, len(shapes)))
            for key, shape in each.tensors.items()
        )
        packed.architectures.append(each.name)
        packed.tables.append(tables.setdefault(table, len(tables)))
        rest = msgspec.structs.replace(each, tensors={})
        packed.details.append(msgspec.Raw(msgspec.msgpack.encode(rest)))
    rows = [row for table in tables for row in table]
    packed.tensor_names = "\n".join(names)
    packed.shapes = list(shapes)
    packed.lengths = np.array([len(table) for table in tables], "<i4").tobytes()
    packed.names = _differences([row[0] for row in rows])
    packed.kinds = _differences([row[1] for row in rows])
    slack = [_slack(each) for each in architectures]
    packed.slack = np.array(slack, "<i4").T.tobytes()
    # no checksum within and no threads: nothing but the content decides the bytes
    return lzma.compress(msgspec.msgpack.encode(packed), preset=9 | lzma.PRESET_EXTREME)


def _differences(numbers: list[int]) -> bytes:
    return np.diff(np.array(numbers), prepend=0).astype("<i4").tobytes()


def _slack(architecture: Architecture) -> tuple[int, int]:
    places = tuple(f"{place.at}." for place in architecture.places)
    replaced = {key for key in architecture.tensors if places and key.startswith(places)}
    replaced.update(architecture.head)
    left_out = {
        key
        for key in architecture.tensors
        if architecture.auxiliary and key.startswith(architecture.auxiliary)
    }
    grown = {axis.key for axis in architecture.grown}
    stems = {stem.key for stem in architecture.stems}
    optional = set(architecture.optional)
    return (
        len(replaced | left_out | optional | set(architecture.bare)),
        len(replaced | grown | stems | optional),
    )


class Index:
    """All architectures of a library, as arrays.

    Parameters
    ----------
    packed
        Content of an index file.
    """

    def __init__(self, packed: bytes) -> None:
        content = msgspec.msgpack.decode(lzma.decompress(packed), type=_Packed)
        self.library = content.library
        self.library_version = content.library_version
        self.names = tuple(content.architectures)
        self.tables = tuple(content.tables)
        """Number of the table of each architecture."""
        self.tensor_names = content.tensor_names.split("\n")
        self.shapes = content.shapes
        self.lengths: Numbers = np.frombuffer(content.lengths, "<i4")
        self.starts: Numbers = np.concatenate(([0], np.cumsum(self.lengths)[:-1])).astype(np.int32)
        self.rows: Numbers = np.cumsum(np.frombuffer(content.names, "<i4"), dtype=np.int32)
        """Name of every tensor of every table, one table after the other."""
        self.kinds: Numbers = np.cumsum(np.frombuffer(content.kinds, "<i4"), dtype=np.int32)
        """Shape of every tensor of every table."""
        self.slack: Numbers = np.frombuffer(content.slack, "<i4").reshape(2, -1)
        """How many tensors a file may lack and how many may differ, for each architecture."""
        self._details = content.details
        self._opened: dict[int, Architecture] = {}

    @cached_property
    def name_numbers(self) -> dict[str, int]:
        """Number of each tensor name."""
        return {name: number for number, name in enumerate(self.tensor_names)}

    @cached_property
    def shape_numbers(self) -> dict[tuple[int, ...], int]:
        """Number of each shape."""
        return {tuple(shape): number for number, shape in enumerate(self.shapes)}

    @cached_property
    def members(self) -> dict[int, tuple[int, ...]]:
        """Architectures (by place) of each table."""
        found: dict[int, list[int]] = {}
        for place, table in enumerate(self.tables):
            found.setdefault(table, []).append(place)
        return {table: tuple(places) for table, places in found.items()}

    def table(self, number: int) -> slice:
        """Where a table lies in `rows` and `kinds`."""
        start = int(self.starts[number])
        return slice(start, start + int(self.lengths[number]))

    def tensors(self, table: int) -> Shapes:
        """Names and shapes of a table."""
        part = self.table(table)
        return {
            self.tensor_names[name]: self.shapes[kind]
            for name, kind in zip(self.rows[part].tolist(), self.kinds[part].tolist(), strict=True)
        }

    def at(self, place: int) -> Architecture:
        """The architecture at a place of `names`."""
        if place not in self._opened:
            rest = msgspec.msgpack.decode(self._details[place], type=Architecture)
            whole = msgspec.structs.replace(rest, tensors=self.tensors(self.tables[place]))
            self._opened[place] = whole
        return self._opened[place]

    def architecture(self, name: str) -> Architecture:
        """An architecture by name.

        Raises
        ------
        UnknownName
            The library has none of this name.
        """
        if name not in self.names:
            raise unknown_name("architecture", name, self.names)
        return self.at(self.names.index(name))

    def numbered(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Numbers, Numbers]:
        """Numbers of those names that the index knows, and of their shapes (-1 for unknown)."""
        names, kinds = self.name_numbers, self.shape_numbers
        known = [(names[k], kinds.get(shape, -1)) for k, shape in shapes.items() if k in names]
        pairs: Any = np.array(known, np.int32).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]


@cache
def load_index(library: str) -> Index:
    """Read a shipped index (once)."""
    return Index(resource_path(index_file(library)).read_bytes())


def all_indexes() -> tuple[Index, ...]:
    """The shipped indexes, torchvision's first."""
    return tuple(load_index(library) for library in LIBRARIES)
