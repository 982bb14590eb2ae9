"""What a command says: its answer on standard output, everything else on standard error."""

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from interp_gui.core.errors import FileProblem

if TYPE_CHECKING:
    from interp_gui.core.analysis import Progress

_TTY_INTERVAL_S = 0.1
_PLAIN_INTERVAL_S = 5.0
_UNSHOWN = re.compile(r"[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Output:
    """The two streams of a command.

    Parameters
    ----------
    json
        Whether the answer is one JSON document.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._told_s = time.monotonic()
        self._stage: tuple[int, int, float] | None = None
        """Total, first count and time of what is being done now."""
        self._drawn = False
        self._lost = False
        """Whether standard output has failed."""

    def answer(self, document: Any, lines: Iterable[str]) -> None:
        """Print the document, or the lines for people.

        Raises
        ------
        FileProblem
            Standard output takes no more, as on a full disk.
        """
        self._wipe()
        try:
            self._print(document, lines)
        except OSError as problem:
            self._lost = True
            _silence_stdout()
            if isinstance(problem, BrokenPipeError):
                raise
            raise FileProblem(
                f"The answer cannot be written to standard output: {problem.strerror}.",
                hint="Free space or send it elsewhere.",
            ) from problem

    def _print(self, document: Any, lines: Iterable[str]) -> None:
        if self.json:
            import msgspec

            encoded = msgspec.json.format(msgspec.json.encode(document), indent=2)
            sys.stdout.write(_UNSHOWN.sub(_escaped, encoded.decode()) + "\n")
        else:
            for line in lines:
                sys.stdout.write(shown(line) + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say something on the side."""
        self._wipe()
        _say(shown(text) + "\n")

    def fail(
        self,
        message: str,
        hint: str,
        *,
        document: Mapping[str, Any] = MappingProxyType({}),
        lines: Iterable[str] = (),
    ) -> None:
        """Say what went wrong, on one line; as a document too where JSON was asked for.

        Parameters
        ----------
        document
            What the document says beside the error.
        lines
            The same for people, before the line.
        """
        message, hint = (" ".join(text.split()) for text in (message, hint))
        if self.json and not self._lost:
            with contextlib.suppress(FileProblem, BrokenPipeError):
                self.answer({"error": {"message": message, "hint": hint}, **document}, ())
                return
        for line in lines:
            self.note(line)
        self.note(f"interp-gui: {message}{' ' + hint if hint else ''}")

    def progress(self, progress: "Progress") -> None:
        """Show how far a run is: one line that changes, or now and then a line."""
        now_s = time.monotonic()
        stage = self._stage
        if stage is None or stage[0] != progress.total or progress.done < stage[1]:
            self._stage = stage = (progress.total, progress.done, now_s)
        interval_s = _TTY_INTERVAL_S if self._live else _PLAIN_INTERVAL_S
        if now_s - self._told_s < interval_s:
            return
        self._told_s = now_s
        text = shown(progress.text) or "Working"
        if progress.total:
            text += f" {min(progress.done / progress.total, 1.0):.0%}"
            _, first, begun_s = stage
            if first < progress.done < progress.total and now_s - begun_s > 3:
                pace_s = (now_s - begun_s) / (progress.done - first)
                text += f", about {_duration(pace_s * (progress.total - progress.done))} left"
        if self._live:
            _say(f"\r\x1b[K{text}")
            self._drawn = True
        else:
            _say(text + "\n")

    def close(self) -> None:
        """Leave no half line behind."""
        self._wipe()

    def _wipe(self) -> None:
        if self._drawn:
            _say("\r\x1b[K")
            self._drawn = False


def shown(text: str) -> str:
    """A line as it is safe to print: names out of files may hold what commands a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in "\n\t\u00a0\u202f\u3000" else "�"
        for letter in text
    )


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def columns(rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()) -> list[str]:
    """Rows of text as aligned columns, two spaces apart."""
    if not rows:
        return []
    to_right = set(right)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in to_right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _silence_stdout() -> None:
    """What is left in the buffer goes nowhere, so that Python does not complain at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
