"""Whether a path leads anywhere."""

import os

from interp_gui.core.errors import FileProblem


def check_exists(path: str | os.PathLike[str], *, kind: str = "file or folder") -> None:
    """Raise FileProblem where nothing is there, or where it may not be known."""
    try:
        os.stat(path)
    except PermissionError:
        raise FileProblem(
            f"'{path}' may not be read.", hint="Change the permissions of the folders above it."
        ) from None
    except (OSError, ValueError):
        raise FileProblem(
            f"There is no {kind} '{path}'.", hint="Check the spelling of its path."
        ) from None
