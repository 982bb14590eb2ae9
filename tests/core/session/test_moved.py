import os

import pytest

from interp_gui.core.session.moved import Finder, beside, native, portable


@pytest.mark.parametrize(
    ("path", "saved_in", "folder", "expected"),
    [
        ("/a/study/m.pth", "/a/study", "/b/new", "/b/new/m.pth"),
        ("/a/study/x/y.png", "/a/study", "/b", "/b/x/y.png"),
        ("/a/photos/y.png", "/a/study", "/b/new", "/b/photos/y.png"),
        (r"C:\study\x\y.png", r"C:\study", "/b", "/b/x/y.png"),
        (r"C:\photos\y.png", r"C:\study", "/b/new", "/b/photos/y.png"),
        (r"D:\photos\y.png", r"C:\study", "/b", ""),
        (r"\\server\share\study\y.png", r"\\server\share\study", "/b", "/b/y.png"),
        (r"C:\study\y.png", "/a/study", "/b", ""),
        ("/a/y.png", "", "/b", ""),
        ("", "/a", "/b", ""),
    ],
)
def test_where_a_file_is_that_moved_with_the_session(path, saved_in, folder, expected):
    assert beside(path, saved_in, folder) == expected


def test_files_are_found_one_by_one(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.png").write_bytes(b"")
    finder = Finder("/old", str(tmp_path))
    assert finder.find("/old/x/a.png") == (str(tmp_path / "x" / "a.png"), True)
    assert finder.find("/old/x/b.png") == ("/old/x/b.png", False)
    assert finder.find("/old/y/a.png") == ("/old/y/a.png", False)
    assert finder.find(str(tmp_path / "x" / "a.png")) == (str(tmp_path / "x" / "a.png"), True)
    for none in ("", "a\0b", "/old/", "name"):
        assert finder.find(none) == (none, False)


@pytest.mark.parametrize(
    "raw", [b"/photos/a b.png", b"/photos/caf\xe9.png", "/ö/#%41?.png".encode()]
)
def test_any_file_name_comes_back(raw):
    path = os.fsdecode(raw)
    text = portable(path)
    text.encode()
    assert native(text) == path
