"""Small files that are either the old or the new one, whatever happens while they are written."""

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write aside, then rename; OSError leaves what was there, and nothing half-written."""
    path = Path(os.path.realpath(path))  # settings may be a link into a folder that is shared
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def put_aside(path: Path) -> Path:
    """Rename a file that cannot be read, so that it is kept: `x.json` to `x.json.damaged`.

    An older one that was put aside is not lost either: `x.json.damaged-2`.
    """
    for number in range(1, 1000):
        ending = ".damaged" if number == 1 else f".damaged-{number}"
        aside = path.with_name(path.name + ending)
        if not aside.exists():
            break
    os.replace(path, aside)
    return aside
