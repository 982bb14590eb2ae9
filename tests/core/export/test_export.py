import csv
import errno
import io
import os
import stat

import numpy as np
import pypdf
import pytest
from PIL import Image

from interp_gui.core.errors import InvalidValue, OutputProblem, UnknownName
from interp_gui.core.export import (
    FORMATS,
    contact_sheet,
    export_bytes,
    export_result,
    read_recipe,
    result_image,
)
from interp_gui.core.export.files import write_atomically
from interp_gui.core.result import Bars, Grid, Picture

PIXELS = np.random.default_rng(5).integers(0, 256, (33, 47, 3), dtype=np.uint8)
PICTURE = Picture(key="p", title="features.14:7", pixels=PIXELS)


@pytest.mark.parametrize("format", FORMATS)
def test_every_kind_in_every_format(result, format, recipe, tmp_path):
    path = export_result(result, tmp_path / f"x.{format}", recipe=recipe)
    data = path.read_bytes()
    assert data == export_bytes(result, format, recipe=recipe), "the same bytes every time"
    assert b"someone" not in data
    assert b"secret" not in data
    if format != "csv":
        assert read_recipe(path) == recipe
    if format == "pdf":
        page = pypdf.PdfReader(path)
        assert len(page.pages) == 1
        for word in result.title.split() if result.kind != "picture" else ():
            assert word in page.pages[0].extract_text()
        assert "CreationDate" not in str(page.metadata) or "2000" in str(page.metadata)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_picture_keeps_its_exact_pixels_at_scale_one(tmp_path):
    with Image.open(export_result(PICTURE, tmp_path / "x.png")) as image:
        np.testing.assert_array_equal(np.asarray(image), PIXELS)
    svg = export_bytes(PICTURE, "svg").decode()
    assert 'width="47" height="33"' in svg
    assert "<text" not in svg
    image = pypdf.PdfReader(io.BytesIO(export_bytes(PICTURE, "pdf"))).pages[0].images[0]
    np.testing.assert_array_equal(np.asarray(image.image.convert("RGB")), PIXELS)


def test_transparent_pixels_stay(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (9, 8, 4), dtype=np.uint8)
    path = export_result(Picture(key="p", title="t", pixels=pixels), tmp_path / "x.png")
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 3.3])
def test_scale_sets_the_size(result, scale):
    base, scaled = result_image(result), result_image(result, scale)
    assert abs(scaled.shape[0] - base.shape[0] * scale) <= 1
    assert abs(scaled.shape[1] - base.shape[1] * scale) <= 1
    assert scaled.dtype == np.uint8


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e6])
def test_a_senseless_scale_is_refused(scale):
    with pytest.raises(InvalidValue) as caught:
        export_bytes(PICTURE, "png", scale=scale)
    assert caught.value.hint


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(UnknownName):
        export_result(PICTURE, tmp_path / "x.jpg")
    assert not list(tmp_path.iterdir())


def test_pictures_of_a_grid_are_drawn_with_their_own_pixels():
    from interp_gui.core.result import GridItem

    sheet = result_image(Grid(key="g", title="t", items=(GridItem(title="a", pixels=PIXELS),)))
    windows = np.lib.stride_tricks.sliding_window_view(sheet, PIXELS.shape).reshape(-1, PIXELS.size)
    assert (windows == PIXELS.reshape(-1)).all(axis=1).any()


def test_bars_are_as_long_as_their_values():
    bars = Bars(key="b", title="t", labels=("a", "b"), values=(1.0, 0.25), maximum=1.0)
    from interp_gui.core.export.charts import bars_drawing
    from interp_gui.core.export.drawing import Rectangle

    widths = [item.width for item in bars_drawing(bars).items if isinstance(item, Rectangle)]
    assert widths[1] / widths[0] == pytest.approx(0.25)


def test_text_stays_within_the_page(result):
    from interp_gui.core.export.drawing import Text
    from interp_gui.core.export.layout import drawing_of

    drawing = drawing_of(result)
    for item in drawing.items:
        if isinstance(item, Text):
            left = item.x - {"start": 0, "middle": item.width / 2, "end": item.width}[item.anchor]
            assert left >= 0
            assert left + item.width <= drawing.width + 0.5
            assert item.size <= item.y <= drawing.height - 2


def test_heatmap_legend_names_the_true_extremes():
    from interp_gui.core.export.drawing import Text
    from interp_gui.core.export.maps import heatmap_drawing
    from interp_gui.core.result import Heatmap

    values = np.array([[0.5, 7.25], [1.0, 2.0]], np.float32)
    drawing = heatmap_drawing(
        Heatmap(key="h", title="t", values=values, image=np.zeros((80, 80, 3), np.uint8))
    )
    texts = [item.text for item in drawing.items if isinstance(item, Text)]
    assert "7.25" in texts
    assert "0" in texts


def test_csv_guards_against_formulas():
    from interp_gui.core.result import Table

    table = Table(key="t", title="t", columns=("name", "v"), cells=(("=1+1", -2.5), ("ok", 1e-9)))
    rows = list(csv.reader(io.StringIO(export_bytes(table, "csv").decode())))
    assert rows == [["name", "v"], ["'=1+1", "-2.5"], ["ok", "1e-09"]]


def test_npz_holds_arrays_and_no_pickle(result):
    with np.load(io.BytesIO(export_bytes(result, "npz")), allow_pickle=False) as arrays:
        for name, array in result.arrays().items():
            np.testing.assert_array_equal(arrays[name], array)
        assert arrays["title"].item() == result.title
        assert all(not arrays[name].dtype.hasobject for name in arrays.files)


def test_contact_sheet_takes_pictures_and_grids():
    from interp_gui.core.result import GridItem

    grid = Grid(key="g", title="G", items=(GridItem(title="i", pixels=PIXELS, group="x"),))
    sheet = contact_sheet([PICTURE, grid], title="All")
    assert [(i.title, i.group) for i in sheet.items] == [("features.14:7", ""), ("i", "G · x")]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "x.png"
    target.write_bytes(b"old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputProblem) as caught:
        export_result(PICTURE, target)
    assert "full" in caught.value.message
    assert caught.value.hint
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


def test_missing_folder_and_folder_as_target(tmp_path):
    with pytest.raises(OutputProblem, match="folder does not exist"):
        export_result(PICTURE, tmp_path / "no" / "x.png")
    (tmp_path / "d.png").mkdir()
    with pytest.raises(OutputProblem, match="is a folder"):
        export_result(PICTURE, tmp_path / "d.png")
    (tmp_path / "f").write_text("")
    with pytest.raises(OutputProblem, match="folder is a file"):
        export_result(PICTURE, tmp_path / "f" / "x.png")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX file modes")
def test_files_have_the_mode_that_the_user_asks_for(tmp_path):
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "x", b"1")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640
