"""Entry point of `interp-gui` and `python -m interp_gui`."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the engine, the command line or the window; return the exit code.

    `--engine` is told before anything else is imported: the engine must never load Qt, and in a
    frozen program the executable is the only interpreter that it can be started with.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--engine"]:
        from interp_gui.engine.server import main as engine_main

        return engine_main(arguments[1:])
    if getattr(sys, "frozen", False):
        import multiprocessing

        multiprocessing.freeze_support()
    from interp_gui.cli import main as cli_main

    return int(cli_main(arguments))


if __name__ == "__main__":
    sys.exit(main())
