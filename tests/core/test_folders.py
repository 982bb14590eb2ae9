import os
import shutil

import msgspec
import pytest
from PIL import Image

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import FileProblem
from interp_gui.core.folders import check_entry, probe_entries, scan, scan_all


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


def test_a_folder_that_holds_everything_is_no_label(tmp_path):
    for name in ("data/images/cat/1.png", "data/images/dog/more/2.png"):
        picture(tmp_path / name)
    assert [entry.label for entry in scan([tmp_path]).images] == ["cat", "dog"]
    picture(tmp_path / "alone" / "images" / "3.png")
    assert [entry.label for entry in scan([tmp_path / "alone"]).images] == ["images"]


def test_splits_below_a_folder_that_holds_everything(tmp_path):
    for name in ("all/train/cat/1.png", "all/train/2.png"):
        picture(tmp_path / name)
    assert [(e.label, e.metadata) for e in scan([tmp_path]).images] == [
        ("", {"split": "train"}), ("cat", {"split": "train"}),
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


def test_links_that_lead_in_circles_end(tmp_path):
    root = tmp_path / "root"
    picture(root / "a" / "1.png")
    (root / "a" / "self").symlink_to(root / "a", target_is_directory=True)
    (root / "b").symlink_to(root, target_is_directory=True)
    (root / "above").symlink_to(tmp_path, target_is_directory=True)
    (root / "nowhere").symlink_to(tmp_path / "none", target_is_directory=True)
    (root / "a" / "loop.png").symlink_to(root / "a" / "loop.png")
    found = scan([root])
    assert [(e.label, e.name) for e in found.images] == [("a", "1.png"), ("a", "loop.png")]
    assert check_entry(found.images[1]).problem


def test_links_to_folders_elsewhere_are_followed_once(tmp_path):
    picture(tmp_path / "store" / "cats" / "1.png")
    picture(tmp_path / "root" / "dog" / "1.png")
    for name in ("cat", "cat again"):
        link = tmp_path / "root" / name
        link.symlink_to(tmp_path / "store" / "cats", target_is_directory=True)
    found = scan([tmp_path / "root"])
    assert [(e.label, e.name) for e in found.images] == [("cat", "1.png"), ("dog", "1.png")]


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    for name in ("a", "b", "c", "d", "e", "f"):
        picture(tmp_path / name / "1.png")
    scandir = os.scandir

    def refusing(path):
        if os.path.basename(os.fspath(path)) in "bcdef":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = scan_all([tmp_path])
    assert [entry.label for entry in found.dataset.images] == ["a"]
    assert found.notes == (
        f"5 folders of '{tmp_path.name}' could not be read: 'b', 'c', 'd' and 2 more.",
    )


def test_a_folder_that_vanishes_while_it_is_read(tmp_path, monkeypatch):
    for name in ("a", "b"):
        picture(tmp_path / "root" / name / "1.png")
    scandir = os.scandir

    def vanishing(path):
        if not isinstance(path, int) and os.path.basename(path) == "b":
            shutil.rmtree(tmp_path / "root")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    found = scan_all([tmp_path / "root"])
    assert [entry.label for entry in found.dataset.images] == ["a"]
    assert found.notes == ("1 folder of 'root' could not be read: 'b'.",)
    assert check_entry(found.dataset.images[0]).problem == "There is no file '1.png'."
    with pytest.raises(FileProblem, match="no file or folder"):
        scan([tmp_path / "root"])


def test_headers_of_many_files_are_checked_some_at_a_time(tmp_path):
    entries = []
    for i in range(1000):
        path = tmp_path / f"{i}.png"
        path.write_bytes(b"no image" if i % 3 else b"")
        entries.append(ImageEntry(path=str(path), label="x"))
    entries[500] = ImageEntry(path=str(picture(tmp_path / "good.png")), label="x")
    chunks = list(probe_entries(entries, chunk=300))
    assert [start for start, _ in chunks] == [0, 300, 600, 900]
    checked = [entry for _, chunk in chunks for entry in chunk]
    assert [entry.path for entry in checked] == [entry.path for entry in entries]
    assert [i for i, entry in enumerate(checked) if not entry.problem] == [500]
    assert checked[3].problem == "'3.png' is empty."
    assert checked[4].problem == "'4.png' is not an image."
    assert checked[4].label == "x"


def test_tables_are_scanned_with_the_rest(tmp_path):
    one, two = picture(tmp_path / "a" / "1.png"), picture(tmp_path / "a" / "2.png")
    table = tmp_path / "list.CSV"
    table.write_text("path,label\na/2.png,cat\na/none.png,cat\n")
    found = scan_all([table])
    assert found.dataset.name == "list.CSV"
    assert [(e.path, e.label) for e in found.dataset.images] == [(str(two), "cat")]
    assert found.notes == ("'list.CSV': 1 row names a file that is not there: row 3.",)
    both = scan([tmp_path / "a", table])
    assert [e.path for e in both.images] == [str(one), str(two)]


def test_true_classes_and_columns():
    images = (
        ImageEntry(path="a", label="cat", metadata={"age": "3"}),
        ImageEntry(path="b", label="dog", metadata={"site": "x", "age": "4"}),
        ImageEntry(path="c"),
    )
    dataset = Dataset(images=images, classes={"cat": 5, "": 1})
    assert [dataset.true_class(entry) for entry in images] == [5, None, None]
    assert dataset.columns == ("age", "site")
    assert msgspec.json.decode(msgspec.json.encode(dataset), type=Dataset) == dataset
