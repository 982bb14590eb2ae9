import csv
from pathlib import Path

import pytest
from PIL import Image

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.folders import scan
from interp_gui.gui.report.image_list import MOST_PATHS, image_list


def draw(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 2)).save(path, "PNG")
    return str(path)


@pytest.fixture
def classes(tmp_path):
    for label in ("cat", "dog", "emu"):
        for i in range(6):
            draw(tmp_path / "classes" / label / f"{i}.png")
    return tmp_path / "classes"


@pytest.fixture
def tables(tmp_path):
    return tmp_path / "tables"


def of(images, name="list"):
    return Dataset(name=name, images=tuple(images))


def test_few_files_are_named_themselves_and_nothing_by_none(tmp_path, tables):
    paths = tuple(draw(tmp_path / f"{i}.png") for i in (2, 1))
    assert image_list(of(ImageEntry(path=p) for p in paths), tables).paths == paths
    assert image_list(Dataset(), tables).paths == ()
    assert not tables.exists()


def test_a_whole_folder_is_named_by_itself(classes, tables):
    found = image_list(scan([classes]), tables)
    assert found.paths == (str(classes),)
    draw(classes / "emu" / "6.png")
    two = scan([classes / "emu", classes / "cat"])
    assert len(two.images) > MOST_PATHS
    assert image_list(two, tables).paths == (str(classes / "emu"), str(classes / "cat"))
    assert not tables.exists()


@pytest.mark.parametrize("outer", ["", "all", "all/images"])
def test_folders_of_splits_keep_split_and_class(tmp_path, tables, outer):
    root = tmp_path / "data"
    for split in ("train", "val"):
        for i in range(10):
            draw(root / outer / split / f"c{i % 2}" / f"{i}.png")
    listed = scan([root])
    assert {entry.metadata["split"] for entry in listed.images} == {"train", "val"}
    found = image_list(listed, tables)
    assert len(found.paths) == 1
    assert found.table is None
    assert scan(found.paths).images == listed.images


def without_one(images):
    return images[:4] + images[5:]


@pytest.mark.parametrize(
    "change", [without_one, lambda images: images[::-1], lambda images: images[3:] + images[:3]]
)
def test_what_no_folder_holds_exactly_becomes_a_table(classes, tables, change):
    listed = change(scan([classes]).images)
    assert len(listed) > MOST_PATHS
    found = image_list(of(listed), tables)
    assert found.paths == (str(found.table),)
    assert found.table.parent == tables
    assert scan(found.paths).images == listed
    assert not found.note


def test_labels_groups_and_further_columns_come_back(tmp_path, tables):
    listed = tuple(
        ImageEntry(
            path=draw(tmp_path / 'a, "b"; c' / f"Bär {i}.png"), label=f"x, {i % 3}",
            group=f"patient {i % 2}", metadata={"age": str(i)} if i % 2 else {},
        )
        for i in range(MOST_PATHS + 3)
    )  # fmt: skip
    found = image_list(of(listed, "wörter.csv"), tables)
    assert scan(found.paths).images == listed
    few = listed[:2]
    assert scan(image_list(of(few), tables).paths).images == few, "labels, however few they are"


def test_what_was_found_out_later_does_not_matter(classes, tables):
    first, *rest = scan([classes]).images
    broken = ImageEntry(path=first.path, label=first.label, problem="It is empty.")
    assert image_list(of((broken, *rest)), tables).paths == (str(classes),)


def test_one_image_elsewhere_brings_in_no_other(classes, tmp_path, tables):
    draw(tmp_path / "etc" / "other.png")
    lone = ImageEntry(path=draw(tmp_path / "etc" / "lone.png"), label="cat")
    listed = (*scan([classes]).images, lone)
    found = image_list(of(listed), tables)
    assert scan(found.paths).images == listed


def test_names_that_a_table_cannot_hold_stand_themselves(tmp_path, tables):
    paths = tuple(draw(tmp_path / "odd" / f"{i}.png ") for i in range(MOST_PATHS + 1))
    found = image_list(of(ImageEntry(path=p, label="x") for p in paths), tables)
    assert found.paths == paths
    assert "labels are left out" in found.note
    assert found.table is None
    assert list(tables.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(classes, tmp_path):
    (tmp_path / "file").write_text("in the way")
    listed = scan([classes]).images[1:]
    found = image_list(of(listed), tmp_path / "file" / "tables")
    assert found.paths == tuple(entry.path for entry in listed)
    assert "No table could be written" in found.note


def test_the_same_list_is_the_same_file(classes, tables):
    listed = of(scan([classes]).images[1:])
    first = image_list(listed, tables).table
    assert image_list(listed, tables).table == first
    image_list(of(listed.images[1:]), tables)
    assert len(list(tables.iterdir())) == 2
    with first.open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.reader(file)) == ["path", "label", "group"]
