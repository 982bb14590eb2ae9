"""The command line: everything the window does, without a display."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0, 1 for a failure, 2 for wrong usage."""
    from interp_gui.cli.program import run_program

    return run_program(argv)


__all__ = ["main"]
