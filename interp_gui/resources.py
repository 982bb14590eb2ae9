"""Files that ship with the program: in the wheel below the package, in a checkout beside it."""

from pathlib import Path


def resource_path(name: str) -> Path:
    """Path of a shipped file or folder, e.g. ``resource_path("icons/open.svg")``.

    Raises
    ------
    FileNotFoundError
        The installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "_resources", package.parent / "resources"):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"interp-gui's own file '{name}' is missing; install it again.")
