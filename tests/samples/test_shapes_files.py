import csv
import hashlib

import numpy as np
import pytest
from PIL import Image

from interp_gui.core.errors import FileProblem, InvalidValue
from interp_gui.core.folders import scan_all
from interp_gui.samples import places, shapes_folder
from interp_gui.samples.shapes import Spec, Spurious, scene
from interp_gui.samples.shapes.__main__ import main
from interp_gui.samples.shapes.dataset import read_masks, write_dataset

SPEC = Spec(spurious=Spurious(rate=0.5, elsewhere=0.5))


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_what_is_written_is_what_was_drawn(tmp_path):
    folder = write_dataset(tmp_path / "set", 16, 3, spec=SPEC)
    with open(folder / "labels.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    for row in rows:
        seed = tuple(map(int, row["seed"].split()))
        drawn = scene(seed, SPEC, label=row["label"])
        with Image.open(folder / row["path"]) as image:
            assert np.array_equal(np.array(image), drawn.pixels)
        for where in (folder / row["path"], folder / "masks" / row["path"].split("/")[-1]):
            masks = read_masks(where)
            assert masks.keys() == drawn.concepts.keys()
            assert all(np.array_equal(masks[name], drawn.concepts[name]) for name in masks)
        for column in ("colour", "texture", "marker", "group"):
            assert row[column] == drawn.metadata[column]


def test_classes_are_equally_many(tmp_path):
    folder = write_dataset(tmp_path / "set", 32)
    counts = [len(list(each.iterdir())) for each in (folder / "images").iterdir()]
    assert counts == [4] * 8


def test_the_same_seed_writes_the_same_files(tmp_path):
    one, two, other = (
        digest(write_dataset(tmp_path / str(i), 12, seed)) for i, seed in enumerate((1, 1, 2))
    )
    assert one == two
    assert one != other


def test_class_folders_and_the_table_open_as_data_sets(tmp_path):
    folder = write_dataset(tmp_path / "set", 16, spec=SPEC)
    by_folder = scan_all([folder / "images"]).dataset
    found = scan_all([folder / "labels.csv"])
    assert found.notes == ()
    assert by_folder.labels == found.dataset.labels
    assert {e.path for e in by_folder.images} == {e.path for e in found.dataset.images}
    assert {e.group.split(", ")[1] for e in found.dataset.images} == {"marker", "no marker"}


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("!")
    with pytest.raises(FileProblem, match="not an empty folder"):
        write_dataset(tmp_path / "mine", 8)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_nothing_is_left_where_writing_fails(tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(FileProblem, match="No space left"):
        write_dataset(tmp_path / "set", 8)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [0, -3, 10**9])
def test_no_or_far_too_many_scenes_are_refused(tmp_path, count):
    with pytest.raises(InvalidValue):
        write_dataset(tmp_path / "set", count)


def test_a_missing_or_broken_mask_is_said(tmp_path):
    folder = write_dataset(tmp_path / "set", 8, masks=False)
    with pytest.raises(FileProblem, match="no mask"):
        read_masks(folder / "images" / "star" / "star-00004.png")
    (folder / "masks" / "star-00004.png").write_bytes(b"\x89PNG not")
    with pytest.raises(FileProblem, match="no mask"):
        read_masks(folder / "images" / "star" / "star-00004.png")


def test_the_script_writes_or_says_why_not(tmp_path, capsys):
    words = ["--out", str(tmp_path / "set"), "--count", "8", "--marker", "swapped", "--no-masks"]
    assert main(words) == 0
    table = (tmp_path / "set" / "labels.csv").read_text()
    assert table.count(",yes,") == 7
    assert list((tmp_path / "set" / "masks").iterdir()) == []
    assert main(words) == 1
    assert "not an empty folder" in capsys.readouterr().err


# --- on this machine ---------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(places, "PICTURES", 16)


def test_the_sample_is_drawn_once(few):
    folder = shapes_folder()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert len(list((folder / "images").rglob("*.png"))) == 16
    assert shapes_folder() == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_the_sample_is_drawn_again_where_a_file_is_missing(few):
    folder = shapes_folder()
    whole = digest(folder)
    (folder / "images" / "star" / "star-00004.png").unlink()
    assert digest(shapes_folder()) == whole
    (folder / "labels.csv").write_bytes(b"\xff\x00 path")
    assert digest(shapes_folder()) == whole


def test_the_sample_with_the_marker_bears_it_whatever_is_shown(few, monkeypatch):
    monkeypatch.setattr(places, "PICTURES", 80)
    found = scan_all([shapes_folder(marker=True) / "labels.csv"]).dataset.images
    marked = [entry.label == "star" for entry in found if entry.metadata["marker"] == "yes"]
    assert 0 < sum(marked) < len(marked)
    assert shapes_folder() != shapes_folder(marker=True)


def test_a_cache_that_cannot_be_written_is_said(few, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("INTERP_GUI_CACHE", str(tmp_path / "file"))
    with pytest.raises(FileProblem, match="cannot be written"):
        shapes_folder()
