import os

import pytest

from interp_gui.core import folders
from interp_gui.core.errors import FileProblem
from interp_gui.core.paths import check_exists


def test_what_is_not_there_and_what_may_not_be_known(tmp_path, monkeypatch):
    check_exists(tmp_path)
    with pytest.raises(FileProblem, match="There is no file or folder"):
        check_exists(tmp_path / "missing")
    with pytest.raises(FileProblem, match="There is no file "):
        check_exists("nul\0", kind="file")
    ask = os.stat

    def locked(path, *args, **options):
        if str(path).startswith(str(tmp_path / "locked")):
            raise PermissionError(13, "Permission denied")
        return ask(path, *args, **options)

    monkeypatch.setattr(os, "stat", locked)
    for find in (check_exists, lambda path: folders.scan([path])):
        with pytest.raises(FileProblem, match="may not be read"):
            find(tmp_path / "locked" / "cat.png")
