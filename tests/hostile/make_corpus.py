"""Writes a corpus of hostile model files: ``python make_corpus.py FOLDER``.

Every function named ``make_…`` in a ``hostile_*.py`` beside this file writes one of them: it is
given an empty folder and a `Plant`, and returns the path that is to be opened. What a module lists
in ``RUNS`` are names of functions whose payload runs as soon as the file is read by plain pickle:
tests hold that it does, so that the absence of its traces means something.

No hostile file is kept in the repository.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

Make = Callable[[Path, "Plant"], Path]


class Plant:
    """Makes payloads whose running leaves a trace: a file that is called `marker`."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    @property
    def code(self) -> str:
        """Python source that leaves the trace."""
        return f"open({str(self.marker)!r}, 'w').close()"

    def payload(self, function: Any = exec, *args: Any) -> Any:
        """An object that calls a function when it is unpickled; by default one with a trace."""
        return _Payload(function, args or (self.code,))


class _Payload:
    def __init__(self, function: Any, args: tuple[Any, ...]) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> Any:
        return self.function, self.args


@dataclass(frozen=True)
class Hostile:
    """One file of the corpus; `runs` says that plain pickle would run its payload."""

    name: str
    make: Make
    runs: bool


def corpus() -> Iterator[Hostile]:
    """All of them, in the order of files and functions."""
    here = Path(__file__).parent
    if str(here) not in sys.path:  # some are made with what another file makes
        sys.path.append(str(here))
    for file in sorted(here.glob("hostile_*.py")):
        module = _load(file)
        runs = getattr(module, "RUNS", ())
        for name, make in list(vars(module).items()):
            if name.startswith("make_") and callable(make):
                short = f"{file.stem.removeprefix('hostile_')}-{name.removeprefix('make_')}"
                yield Hostile(short, make, name in runs)


def write(each: Hostile, folder: Path, marker: Path) -> Path:
    """Write one of them into a folder of its own; the path to open."""
    own = folder / each.name
    own.mkdir(parents=True)
    return each.make(own, Plant(marker))


def _load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"interp_gui_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    for each in corpus():
        print(write(each, target, target / "marker"))
