"""Exceptions as the window is told of them."""

import errno
import signal
import traceback

from interp_gui.core.errors import InterpError, UnsafeCheckpoint
from interp_gui.engine.messages import ErrorInfo

EXIT_DEVICE_LOST = 70

_OUT_OF_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory")
_DEVICE_LOST_WORDS = (
    "device-side assert", "an illegal memory access", "an illegal instruction",
    "misaligned address", "unspecified launch", "uncorrectable ecc",
)  # fmt: skip


def describe(problem: BaseException) -> ErrorInfo:
    """Say in a sentence what went wrong; anything unforeseen is a bug and keeps its traceback."""
    if isinstance(problem, InterpError):
        names = problem.names if isinstance(problem, UnsafeCheckpoint) else ()
        return ErrorInfo(
            cause=type(problem).__name__,
            message=problem.message,
            hint=problem.hint,
            details="\n".join(names) or _chain(problem),
            question=getattr(problem, "question", None),
        )
    details = "".join(traceback.format_exception(problem))
    if is_out_of_memory(problem):
        return ErrorInfo(
            cause="OutOfMemory",
            message="There was not enough memory for this.",
            hint="Close other models or programs, or ask for smaller pictures or batches.",
            details=details,
        )
    if is_device_lost(problem):
        return ErrorInfo(
            cause="DeviceLost",
            message="The GPU reported an error from which it cannot go on.",
            hint="The engine starts anew; try again, or choose the CPU in the preferences.",
            details=details,
        )
    if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
        return ErrorInfo(
            cause="OutputProblem",
            message="The disk is full.",
            hint="Make room and try again.",
            details=details,
        )
    return ErrorInfo(
        cause="bug",
        message=f"This failed unexpectedly: {_first_line(problem)}",
        hint="This is a fault of the program or of a plugin; the details help to report it.",
        details=details,
    )


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether memory ran out, on the machine or on its accelerator.

    torch's own types are told by name and words: this module is used without torch too.
    """
    if isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":
        return True
    text = str(problem).lower()
    return isinstance(problem, RuntimeError) and any(w in text for w in _OUT_OF_MEMORY_WORDS)


def is_device_lost(problem: BaseException) -> bool:
    """Whether the accelerator's context is unusable until the process ends."""
    text = str(problem).lower()
    return isinstance(problem, RuntimeError) and any(w in text for w in _DEVICE_LOST_WORDS)


def ending(code: int) -> str:
    """Say why an engine process that ended with this code is gone (negative: by a signal)."""
    if code == EXIT_DEVICE_LOST:
        return "The GPU reported an error after which the engine had to end."
    if code == -getattr(signal, "SIGKILL", 9):
        return "The engine was killed: by somebody, or by the system because memory ran out."
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"The engine crashed ({name})."
    return f"The engine ended unexpectedly (exit code {code})."


def lost(reason: str, details: str, *, opening: str = "", down: bool = False) -> ErrorInfo:
    """Failure of a job whose engine process ended; `details` holds its last words.

    Parameters
    ----------
    opening
        Name of the file that the job was to open, if that is what it was.
    down
        Whether no other engine is started.
    """
    hint = "The engine starts anew; try again, and what was computed before is used again."
    if down:
        hint = "Restart the engine (menu Help), then try again: it goes on from what was kept."
    elif "memory" in reason:
        hint = (
            "The engine starts anew: run this again, and it goes on from what was kept. Close "
            "other models or programs first if memory is short, or ask for less at once."
        )
    if opening:
        hint = f"'{opening}' is not opened again by itself; what else was open is."
    return ErrorInfo(
        cause="EngineLost",
        message=reason,
        hint=hint,
        details=details,
    )


def _chain(problem: InterpError) -> str:
    cause = problem.__cause__
    return "" if cause is None else "".join(traceback.format_exception_only(cause)).strip()


def _first_line(problem: BaseException) -> str:
    text = str(problem).strip().partition("\n")[0]
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__
