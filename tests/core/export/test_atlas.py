"""An exported atlas: what the map shows, what `atlas.json` says, and nothing of this machine."""

import hashlib
import io
import json

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.cli.results import ResultFolder
from interp_gui.core.atlas.look import Look
from interp_gui.core.export import FORMATS, export_bytes, read_recipe, result_image
from interp_gui.core.export.atlas import level_picture
from interp_gui.core.export.atlas_json import atlas_json
from interp_gui.core.result import Sheet


@pytest.fixture
def atlas(make_atlas):
    return make_atlas(points=900, sides=(10, 20), pictures=((10, "crop"), (20, "icon")))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_holds_the_recipe_and_no_path(atlas, format, recipe, tmp_path):
    data = export_bytes(atlas, format, recipe=recipe)
    assert data == export_bytes(atlas, format, recipe=recipe)
    assert b"image 5.png" not in data
    if format != "csv":
        path = tmp_path / f"map.{format}"
        path.write_bytes(data)
        assert read_recipe(path) == recipe


@pytest.mark.parametrize("side", [10, 20])
def test_pictures_stand_where_atlas_json_says(atlas, side):
    shown = msgspec.structs.replace(atlas, side=side, look=Look(sized=False, labels=False))
    pixels = result_image(shown)
    picture = level_picture(shown, "map.png")
    level = atlas.level(side)
    made = next(each for each in atlas.pictures if each.level == side)
    assert set(picture.boxes) == set(range(len(level.x)))
    assert set(picture.source.values()) == {made.source}
    for cell, (x, y, width, height) in picture.boxes.items():
        inside = pixels[y + 1 : y + height - 1, x + 1 : x + width - 1]
        np.testing.assert_array_equal(inside[inside.shape[0] // 2, 3], made.pixels[cell, 0, 0])
    left = [picture.boxes[c][0] for c in np.argsort(level.x, kind="stable")]
    assert sorted(left) == left


def test_pictures_keep_their_own_pixels(make_atlas):
    atlas = make_atlas(points=400, sides=(10,), pictures=((10, "crop"),), size_px=150)
    made = atlas.pictures[0]
    noisy = np.random.default_rng(3).integers(0, 256, made.pixels.shape, dtype=np.uint8)
    atlas = msgspec.structs.replace(
        atlas, pictures=(msgspec.structs.replace(made, pixels=noisy),), side=10,
        look=Look(sized=False, labels=False),
    )  # fmt: skip
    pixels = result_image(atlas)
    picture = level_picture(atlas, "map.png")
    x, y, width, height = picture.boxes[4]
    assert (width, height) == (150, 150)
    np.testing.assert_array_equal(pixels[y : y + height, x : x + width], noisy[4])


def test_a_part_of_the_map_is_that_part(atlas):
    # scale of the whole and of a quarter differ, so only the cells are compared
    part = msgspec.structs.replace(atlas, seen=(0.5, 0.0, 1.0, 0.5), side=20)
    cells = level_picture(part, "map.png").boxes
    level = atlas.level(20)
    expected = np.flatnonzero((level.x >= 10) & (level.y < 10))
    assert set(cells) == set(expected.tolist())
    assert result_image(part).shape[0] > 600


def test_colours_are_seen_and_explained(atlas):
    values = np.linspace(-1, 1, 900, dtype=np.float32)
    look = Look(values=values, symmetric=True, legend="features.14:7", sized=False)
    svg = export_bytes(msgspec.structs.replace(atlas, look=look), "svg").decode()
    assert "features.14:7" in svg
    kinds = np.array([i % 5 for i in range(900)], np.int32)
    named = Look(categories=kinds, names=atlas.names, legend="label", draw="points")
    svg = export_bytes(msgspec.structs.replace(atlas, look=named), "svg").decode()
    assert all(name in svg for name in atlas.names)
    assert svg.count("<circle") > 300


def test_atlas_json(atlas):
    document = json.loads(atlas_json(atlas))
    assert [level["side"] for level in document["levels"]] == [10, 20]
    inside = 900 - document["numbers"]["outside"]
    for side in (10, 20):
        cells = [cell for cell in document["cells"] if cell["level"] == side]
        assert sum(cell["count"] for cell in cells) == inside
    first = document["cells"][0]
    vector = atlas.level(10).vectors[0].astype(np.float32)
    assert first["vector_sha256"] == hashlib.sha256(vector.tobytes()).hexdigest()
    assert sum(one["share"] for one in first["labels"]) == pytest.approx(1)
    assert first["purity"] == pytest.approx(first["labels"][0]["share"], abs=1e-6)
    example = first["examples"][0]
    image = document["images"]["sha256"][example["image"]]
    assert image == example["image_sha256"] == bytes(atlas.sha256[example["image"]]).hex()
    assert (example["row"], example["column"]) == divmod(int(atlas.place[example["point"]]), 4)
    assert len(document["points"]["x"]) == 900
    assert "image 5.png" not in json.dumps(document)


def test_labels_by_attribution_are_the_strongest_classes(atlas):
    by = msgspec.structs.replace(atlas, labelled_by="attribution")
    cell = json.loads(atlas_json(by))["cells"][3]
    values = atlas.level(10).attribution[3]
    assert cell["labels"][0]["name"] == atlas.class_names[int(values.argmax())]
    found = [one["attribution"] for one in cell["labels"]]
    assert found == sorted(found, reverse=True)
    assert all(value > 0 for value in found)


def test_a_folder_gathers_sheets_and_writes_each_level(atlas, recipe, tmp_path):
    bare = msgspec.structs.replace(atlas, pictures=())
    folder = ResultFolder(str(tmp_path), "activation-atlas")
    folder.add(bare, recipe)
    for pictures in atlas.pictures:
        sheet = Sheet(key="s", title="s", layer="l", atlas="0" * 64, pictures=pictures)
        assert folder.completes(sheet)
    assert not folder.completes(
        Sheet(key="s", title="s", layer="l", atlas="1" * 64, pictures=atlas.pictures[0])
    )
    document = folder.document(())
    folder.finish(document)
    entry = document["results"][0]
    cells = json.loads((tmp_path / "atlas.json").read_text())["cells"]
    assert all(cell["picture"] for cell in cells)
    for side, name in entry["levels"].items():
        with Image.open(tmp_path / name) as image:
            size = image.size
        boxes = [c["picture"]["box"] for c in cells if c["level"] == int(side)]
        assert all(x + w <= size[0] and y + h <= size[1] for x, y, w, h in boxes)
        assert read_recipe(tmp_path / name) == recipe
    with np.load(tmp_path / entry["arrays"]) as arrays:
        np.testing.assert_array_equal(arrays["level_20_vectors"], atlas.level(20).vectors)
        np.testing.assert_array_equal(arrays["xy"], atlas.xy)


def test_a_sheet_alone_is_a_page_of_its_pictures(atlas):
    sheet = Sheet(key="s", title="Crops", layer="l", atlas="0", pictures=atlas.pictures[0])
    with Image.open(io.BytesIO(export_bytes(sheet, "png"))) as image:
        assert image.height > 100


def test_shares_and_purity_count_points_without_a_label_alike(atlas):
    column = list(atlas.columns["label"])
    column[::3] = [""] * len(column[::3])
    cells = atlas.cell_of(10)
    level = atlas.level(10)
    texts = [column[image] for image in atlas.image]
    purity = np.zeros(len(level.count), np.float32)
    for cell in range(len(level.count)):
        own = [text for text, at in zip(texts, cells, strict=True) if at == cell]
        purity[cell] = max(own.count(name) for name in atlas.names) / len(own)
    levels = (msgspec.structs.replace(level, purity=purity),)
    bare = msgspec.structs.replace(atlas, columns={"label": tuple(column)}, levels=levels)
    for cell in json.loads(atlas_json(bare))["cells"]:
        if cell["labels"]:
            assert cell["labels"][0]["share"] == pytest.approx(cell["purity"], abs=1e-6)
