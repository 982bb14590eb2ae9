"""Reading the recipe out of what was exported."""

import base64
import binascii
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np

from interp_gui.core.errors import FileProblem, RecipeMismatch
from interp_gui.core.export.png import RECIPE_KEYWORD
from interp_gui.core.paths import read_regular
from interp_gui.core.recipe import Recipe

LARGEST_RECIPE_BYTES = 256 << 20
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_recipe(path: Path | str) -> Recipe:
    """The recipe in a PNG, SVG, PDF or NPZ that was exported, in a JSON file or `result.json`.

    Raises
    ------
    FileProblem
        There is no such file, or it cannot be read.
    RecipeMismatch
        It holds no recipe, or one of a newer version.
    """
    file = Path(path)
    try:
        data = read_regular(file)
    except FileNotFoundError:
        raise FileProblem(f"There is no file '{file}'.", hint="Check the path.") from None
    except IsADirectoryError:
        raise FileProblem(
            f"'{file}' is a folder.", hint="Give an exported picture or a JSON file."
        ) from None
    except OSError as problem:
        raise FileProblem(f"'{file}' cannot be read: {problem.strerror}.") from None
    return recipe_from_bytes(data, file.name)


def recipe_from_bytes(data: bytes, name: str) -> Recipe:
    """The same from a file's content; `name` is for messages."""
    try:
        text = _find(data)
    except (
        ValueError, LookupError, struct.error, zlib.error, zipfile.BadZipFile, OSError,
        EOFError, ElementTree.ParseError, binascii.Error, msgspec.MsgspecError,
    ):  # fmt: skip
        raise RecipeMismatch(
            f"'{name}' is damaged: the recipe in it cannot be read.", hint="Export it again."
        ) from None
    if not text:
        raise RecipeMismatch(
            f"'{name}' holds no recipe.",
            hint="Pictures that interp-gui exported hold one, unless another program saved them.",
        )
    return Recipe.from_json(text)


def _find(data: bytes) -> str | bytes:
    if data.startswith(_PNG_SIGNATURE):
        return _from_png(data)
    if data.startswith(b"%PDF"):
        return _from_pdf(data)
    if data.startswith(b"PK"):
        return _from_npz(data)
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<") and b"<svg" in data[:4096]:
        return _from_svg(data)
    if start.startswith(b"{"):
        return _from_json(data)
    return b""


def _from_png(data: bytes) -> bytes:
    for kind, body in _chunks(data):
        keyword, _, rest = body.partition(b"\0")
        if kind == b"iTXt" and keyword == RECIPE_KEYWORD.encode():
            compressed = rest[0] == 1
            _language, _, rest = rest[2:].partition(b"\0")
            _translated, _, text = rest.partition(b"\0")
            return _inflated(text) if compressed else text
    return b""


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    # not by Pillow, which stops at 1 MiB of text: directions can make a recipe longer
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if len(body) < length:
            raise ValueError("truncated")
        yield kind, body
        at += 12 + length


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, LARGEST_RECIPE_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError("too long")
    return text


def _from_pdf(data: bytes) -> bytes:
    found = re.search(RECIPE_KEYWORD.encode() + rb":([A-Za-z0-9+/=\s\\]+);", data)
    if found is None:
        return b""
    return base64.b64decode(re.sub(rb"[\s\\]", b"", found[1]), validate=True)


def _from_npz(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "recipe.npy" not in archive.namelist():
            return ""
        if archive.getinfo("recipe.npy").file_size > LARGEST_RECIPE_BYTES:
            raise ValueError("too long")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return str(arrays["recipe"].item())


def _from_svg(data: bytes) -> str:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        # we never write entities, and they can be made to explode
        return ""
    for element in ElementTree.fromstring(data).iter():
        if element.get("id") == RECIPE_KEYWORD:
            return element.text or ""
    return ""


def _from_json(data: bytes) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf")
    document = msgspec.json.decode(data, type=_Document)
    if document.recipe != msgspec.Raw():
        return bytes(document.recipe)
    return data if document.analysis else b""


class _Document(msgspec.Struct):
    """A `result.json` or a bare recipe."""

    recipe: msgspec.Raw = msgspec.Raw()
    analysis: str = ""
