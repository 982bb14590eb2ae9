"""Session files: a zip of JSON and arrays. docs/session-format.md describes it in full."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from interp_gui.core.dataset import ImageEntry
from interp_gui.core.errors import InterpError, InvalidValue, OutputProblem, SessionProblem
from interp_gui.core.export.files import open_atomically
from interp_gui.core.session.arrays import npy_bytes, parse_npy
from interp_gui.core.session.checks import check_document
from interp_gui.core.session.container import Damaged, NoSession, Reader, Writer, opened, too_large
from interp_gui.core.session.document import SESSION_FORMAT_VERSION, DatasetRef, SessionDocument
from interp_gui.core.session.encoding import Arrays, from_plain, to_plain
from interp_gui.core.session.migrations import MIGRATIONS, Migrations
from interp_gui.core.session.moved import Finder, native, portable

SUFFIX = ".interp"
FORMAT = "interp-gui session"
MAIN, IMAGES = "session.json", "images.jsonl"
MOST_IMAGES = 2_000_000
MOST_VALUES = 8_000_000
"""Of the main part: an empty list is two bytes of JSON and a hundred in memory."""
MISSING = "It is no longer where the session says."
"""`ImageEntry.problem` of an image that vanished."""
_CHUNK = 1000
"""Images encoded at once: the window must not wait for a long list."""


class _Head(msgspec.Struct):
    format: str
    version: int
    saved_in: str = ""


# --- writing ------------------------------------------------------------------------------------


def write_session(
    path: Path | str, document: SessionDocument, *, compress: bool = True, durable: bool = True
) -> Path:
    """Write a session, whole or not at all: a failure leaves the file that was there.

    Parameters
    ----------
    compress
        False is faster and larger.
    durable
        Whether to wait until the disk has it.

    Raises
    ------
    OutputProblem
        The disk is full, the folder is missing or may not be written.
    """
    target = Path(path)
    arrays = Arrays()
    try:
        main = _main(document, arrays, saved_in=os.path.abspath(target.parent))
        with (
            open_atomically(target, durable=durable) as file,
            Writer(file, compress=compress) as writer,
        ):
            writer.add(MAIN, main)
            if document.dataset is not None and document.dataset.images:
                writer.add(IMAGES, b"".join(_lines(document.dataset.images)))
            for name, array in arrays.members.items():
                writer.add(name, npy_bytes(array))
    except InvalidValue as problem:
        raise OutputProblem(problem.message, hint=problem.hint) from None
    return target


def _main(document: SessionDocument, arrays: Arrays, *, saved_in: str) -> bytes:
    dataset = document.dataset
    slim = msgspec.structs.replace(
        document,
        models=tuple(
            msgspec.structs.replace(model, path=portable(model.path)) for model in document.models
        ),
        image=portable(document.image),
        watched=tuple(map(portable, document.watched)),
        dataset=msgspec.structs.replace(dataset, images=()) if dataset is not None else None,
    )
    content = {
        "format": FORMAT,
        "version": SESSION_FORMAT_VERSION,
        "saved_in": portable(saved_in),
        "document": to_plain(slim, arrays),
    }
    data = msgspec.json.format(msgspec.json.encode(content), indent=1)
    if _values(data) > MOST_VALUES:
        raise too_large()
    return data


def _values(data: bytes) -> int:
    """How many values a JSON text holds at most, told without reading it."""
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _lines(images: Iterable[ImageEntry]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    chunk: list[ImageEntry] = []
    for entry in images:
        chunk.append(entry)
        if len(chunk) == _CHUNK:
            yield _encoded(encoder, chunk)
            chunk = []
    if chunk:
        yield _encoded(encoder, chunk)


def _encoded(encoder: msgspec.json.Encoder, chunk: list[ImageEntry]) -> bytes:
    try:
        return encoder.encode_lines(chunk)
    except UnicodeEncodeError:
        return encoder.encode_lines(
            [
                to_plain(msgspec.structs.replace(entry, path=portable(entry.path)), Arrays())
                for entry in chunk
            ]
        )


# --- reading ------------------------------------------------------------------------------------


def read_session(
    path: Path | str, *, migrations: Migrations = MIGRATIONS, look_for_files: bool = True
) -> SessionDocument:
    """Read a session; whatever is wrong with the file, nothing is run, and nothing else raised.

    Parameters
    ----------
    look_for_files
        Whether to look where models and images are now: those that moved along with the session
        get their new paths, images that are gone are marked as broken.

    Raises
    ------
    SessionProblem
        The file is missing, damaged, hostile, of a newer version, or no session.
    """
    source = Path(path)
    try:
        with opened(source) as reader:
            document, saved_in = _read(reader, source, migrations)
    except SessionProblem:
        raise
    except NoSession as problem:
        raise SessionProblem(
            f"'{source.name}' is not a session: {problem.message}.",
            hint=f"Sessions are files that interp-gui saved, ending in {SUFFIX}.",
        ) from None
    except InterpError as problem:
        raise SessionProblem(
            f"The session '{source.name}' cannot be opened: {problem.message.rstrip('.')}.",
            hint="The file is damaged, or was not made by interp-gui. It is left as it is.",
        ) from None
    except FileNotFoundError:
        raise SessionProblem(
            f"There is no session '{source}'.", hint="Was it moved or renamed?"
        ) from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "its path is none"
        raise SessionProblem(
            f"The session '{source.name}' cannot be read: {reason}.",
            hint="Check its permissions and its disk.",
        ) from None
    except (RecursionError, MemoryError):
        raise SessionProblem(
            f"The session '{source.name}' cannot be opened: it is too large or too deep.",
            hint="The file is damaged, or was not made by interp-gui. It is left as it is.",
        ) from None
    return _found(document, saved_in, source) if look_for_files else document


def _read(reader: Reader, source: Path, migrations: Migrations) -> tuple[SessionDocument, str]:
    data = reader.read(MAIN)
    if _values(data) > MOST_VALUES:
        raise Damaged(f"'{MAIN}' holds more than {MOST_VALUES:,} values")
    try:
        content = msgspec.json.decode(data)
        head = msgspec.convert(content, _Head)
    except msgspec.MsgspecError:
        raise Damaged(f"'{MAIN}' is none that interp-gui writes") from None
    if head.format != FORMAT:
        raise NoSession("it is a file of another program")
    if head.version > SESSION_FORMAT_VERSION:
        program = content.get("document", {})
        by = program.get("program") if isinstance(program, dict) else ""
        raise SessionProblem(
            f"'{source.name}' was written by a newer version of interp-gui (format "
            f"{head.version}{f', interp-gui {by[:20]}' if isinstance(by, str) and by else ''}).",
            hint="Update interp-gui to open it. The file is left as it is.",
        )
    content = migrations.apply(content, version=head.version, to=SESSION_FORMAT_VERSION)
    known: dict[str, NDArray[Any]] = {}

    def array(name: str) -> NDArray[Any]:
        if name not in known:
            known[name] = parse_npy(reader.read(name))
        return known[name]

    document = from_plain(content.get("document"), SessionDocument, array)
    dataset = document.dataset
    if dataset is not None and IMAGES in reader:
        images = (*dataset.images, *_images(reader.read(IMAGES)))
        document = msgspec.structs.replace(
            document, dataset=msgspec.structs.replace(dataset, images=images)
        )
    check_document(document)
    return document, native(head.saved_in)


def _images(data: bytes) -> Iterator[ImageEntry]:
    if data.count(b"\n") > MOST_IMAGES:
        raise Damaged(f"it lists more than {MOST_IMAGES:,} images")
    decoder = msgspec.json.Decoder(ImageEntry)
    lines = data.splitlines()
    try:
        for line in lines:
            yield decoder.decode(line)
    except (msgspec.MsgspecError, ValueError):
        raise Damaged(f"'{IMAGES}' is none that interp-gui writes") from None


def _found(document: SessionDocument, saved_in: str, source: Path) -> SessionDocument:
    """The document with everything where it is now."""
    finder = Finder(saved_in, os.path.abspath(source.parent))

    def now(path: str) -> str:
        return finder.find(native(path))[0] if path else ""

    dataset: DatasetRef | None = document.dataset
    if dataset is not None:
        images = tuple(_where(entry, *finder.find(native(entry.path))) for entry in dataset.images)
        dataset = msgspec.structs.replace(dataset, images=images)
    return msgspec.structs.replace(
        document,
        models=tuple(
            msgspec.structs.replace(model, path=now(model.path)) for model in document.models
        ),
        image=now(document.image),
        watched=tuple(map(now, document.watched)),
        dataset=dataset,
    )


def _where(entry: ImageEntry, path: str, is_there: bool) -> ImageEntry:
    problem = entry.problem
    if not is_there:
        problem = problem or MISSING
    elif problem == MISSING:
        problem = ""
    if path == entry.path and problem == entry.problem:
        return entry
    return msgspec.structs.replace(entry, path=path, problem=problem)
