import pytest
from PIL import Image

from interp_gui.core.errors import FileProblem
from interp_gui.core.folders import check_entry, scan


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2), "red").save(path)
    return path


def test_plain_folder_in_natural_order(tmp_path):
    for name in ("img10.png", "img2.PNG", "Img1.jpg"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no")
    picture(tmp_path / ".hidden.png")
    picture(tmp_path / "sub" / "deeper.png")
    found = scan([tmp_path])
    assert [e.name for e in found.images] == ["Img1.jpg", "img2.PNG", "img10.png", "deeper.png"]
    assert found.labels == ()
    assert found.name == tmp_path.name


def test_class_folder(tmp_path):
    for name in ("dog/1.png", "cat/1.png", "cat/more/2.png", "__MACOSX/cat/1.png"):
        picture(tmp_path / name)
    found = scan([tmp_path])
    assert [(e.label, e.name) for e in found.images] == [
        ("cat", "1.png"), ("cat", "2.png"), ("dog", "1.png"),
    ]  # fmt: skip


def test_splits_above_classes(tmp_path):
    for name in ("train/cat/1.png", "val/dog/2.png"):
        picture(tmp_path / name)
    found = scan([tmp_path])
    assert [(e.label, e.metadata) for e in found.images] == [
        ("cat", {"split": "train"}), ("dog", {"split": "val"}),
    ]  # fmt: skip


def test_files_and_folders_each_once(tmp_path):
    one = picture(tmp_path / "a" / "1.png")
    picture(tmp_path / "a" / "2.png")
    odd = picture(tmp_path / "b.png").rename(tmp_path / "noending")
    found = scan([one, tmp_path / "a", odd])
    assert [e.name for e in found.images] == ["1.png", "2.png", "noending"]
    assert found.name == "3 images"


def test_nothing_to_find(tmp_path):
    with pytest.raises(FileProblem, match="no file or folder"):
        scan([tmp_path / "missing"])
    with pytest.raises(FileProblem, match="no images in"):
        scan([tmp_path])
    with pytest.raises(FileProblem, match="No images were given"):
        scan([])


def test_broken_file_is_listed_as_broken(tmp_path):
    picture(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"text")
    checked = [check_entry(entry) for entry in scan([tmp_path]).images]
    assert [(e.name, bool(e.problem)) for e in checked] == [("bad.png", True), ("good.png", False)]
    assert "bad.png" in checked[0].problem
