"""``python -m interp_gui.samples.shapes --out DIR``: write a data set of scenes."""

import argparse
import sys
from collections.abc import Sequence

from interp_gui.core.errors import InterpError
from interp_gui.samples.shapes.dataset import write_dataset
from interp_gui.samples.shapes.options import add_options, spec_of


def main(argv: Sequence[str] | None = None) -> int:
    """Write a data set, or say why not."""
    parser = argparse.ArgumentParser(
        prog="python -m interp_gui.samples.shapes", description="Write small labelled scenes."
    )
    add_options(parser)
    options = parser.parse_args(argv)
    try:
        folder = write_dataset(
            options.out, options.count, options.seed, spec=spec_of(options),
            masks=not options.no_masks,
        )  # fmt: skip
    except InterpError as problem:
        sys.stderr.write(f"{problem.message} {problem.hint}".rstrip() + "\n")
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
