import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSize, Qt

from interp_gui.core.feature import Feature
from interp_gui.core.result import Bars, Curve, Grid, GridItem, Heatmap, Picture, Table
from interp_gui.gui.widgets.bars import BarsView
from interp_gui.gui.widgets.heatmap import HeatmapView
from interp_gui.gui.widgets.picture import PictureView
from interp_gui.gui.widgets.pixels import fitted, to_array, to_image
from interp_gui.gui.widgets.table import TableView
from interp_gui.gui.widgets.view import number_label, numbers_text
from interp_gui.gui.widgets.views import view_for

RNG = np.random.default_rng(0)
UNIT = Feature(layer="a.b", units=(3,))


def noise(height, width, channels=3):
    return RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)


def results():
    image = noise(20, 30)
    return [
        Picture(key="p", title="A picture", pixels=image, feature=UNIT),
        Grid(key="g", title="A grid", items=(GridItem(title="one", pixels=image, feature=UNIT),)),
        Heatmap(key="h", title="A map", values=RNG.normal(size=(4, 6)).astype("f4"), image=image),
        Bars(key="b", title="Bars", labels=("x", "y"), values=(0.7, -0.2)),
        Table(key="t", title="Rows", columns=("unit", "peak"), cells=((3, 1.5), (4, None))),
        Curve(key="c", title="Lines", x=np.arange(3, dtype="f4"), ys=np.ones((2, 3), "f4")),
    ]


@pytest.mark.parametrize("result", results(), ids=lambda r: r.kind)
def test_every_kind_has_a_view_that_paints_and_takes_later_versions(result, qtbot):
    view = view_for(result)
    qtbot.addWidget(view)
    view.resize(300, 200)
    assert not view.grab().isNull()
    assert view.accessibleName() == result.title
    view.set_result(result)
    assert view.result is result
    assert not view.grab().isNull()


def test_atlases_and_sheets_have_views_too(make_atlas, qtbot):
    from interp_gui.core.atlas.kinds import Sheet

    atlas = make_atlas(300, sides=(10,), pictures=[(10, "crop")])
    view = view_for(atlas)
    qtbot.addWidget(view)
    view.resize(300, 240)
    shown = to_array(view.grab().toImage())
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 5
    assert "300 points" in view.accessibleDescription()
    view.set_result(make_atlas(40, sides=()))
    assert not view.grab().isNull()
    sheet = Sheet(key="s", title="Crops", layer="late", atlas="0" * 64, pictures=atlas.pictures[0])
    cells = view_for(sheet)
    qtbot.addWidget(cells)
    count = len(atlas.pictures[0].cells)
    columns = int(np.ceil(np.sqrt(count)))
    assert cells.image.width() == columns * 17 - 1
    assert cells.image.height() == -(-count // columns) * 17 - 1
    assert f"{count} real crops" in cells.accessibleDescription()


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7, 4), (1, 1, 3), (3, 129, 3)])
def test_pixels_arrive_unchanged(shape):
    pixels = noise(*shape)
    if shape[2] == 4:
        pixels[..., 3] = 255
    image = to_image(pixels)
    pixels_copy = pixels[..., :3].copy()
    pixels[:] = 0  # the image owns its memory
    assert np.array_equal(to_array(image), pixels_copy)


def test_a_strided_array_arrives_unchanged():
    pixels = noise(40, 40)[::2, ::-3]
    assert np.array_equal(to_array(to_image(pixels)), pixels)
    assert to_image(np.zeros((0, 4, 3), np.uint8)).isNull()


def test_picture_keeps_its_proportions(qtbot):
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(400, 100)
    view.set_result(Picture(key="p", title="p", pixels=noise(50, 100)))
    assert view.image_rect().size() == QSize(200, 100)
    assert view.to_fraction(QPoint(200, 50)) == (0.5, 0.5)
    assert view.to_fraction(QPoint(10, 50)) is None
    assert fitted(view.rect(), QSize(0, 5)).isEmpty()


def test_heat_map_says_the_value_under_the_cursor(qtbot):
    view = HeatmapView()
    qtbot.addWidget(view)
    view.resize(300, 200)
    values = np.array([[1.0, 2.0], [3.0, -4.0]], np.float32)
    image = noise(40, 40)
    view.set_result(Heatmap(key="h", title="h", values=values, image=image, symmetric=True))
    shown = view.image_rect()
    assert view.value_at(shown.topLeft() + QPoint(3, 3)) == 1.0
    assert view.value_at(shown.bottomRight() - QPoint(3, 3)) == -4.0
    assert view.value_at(QPoint(0, 0)) in (None, 1.0)
    assert shown.right() < view.width() - 20  # the legend has room
    before = view.grab().toImage()
    view.set_opacity(0.0)
    assert view.grab().toImage() != before


def test_bars_give_their_feature_and_speak_their_numbers(qtbot):
    view = BarsView()
    qtbot.addWidget(view)
    view.resize(300, 100)
    view.set_result(
        Bars(key="b", title="b", labels=("tabby", "cat"), values=(0.5, 0.1), features=(None, UNIT))
    )
    row = view._row_height()
    assert view.features_at(QPoint(5, row + 3)) == (UNIT,)
    assert view.features_at(QPoint(5, 3)) == ()
    assert view.features_at(QPoint(5, 5 * row)) == ()
    assert "tabby 0.5" in view.accessibleDescription()
    view.set_result(Bars(key="b", title="b", labels=("x",), values=(float("nan"),)))
    assert not view.grab().isNull()


def test_table_sorts_numbers_as_numbers(qtbot):
    view = TableView()
    qtbot.addWidget(view)
    cells = ((0, 9.0), (1, 10.0), (2, None), (3, 2.0))
    features = tuple(Feature(layer="l", units=(i,)) for i in range(4))
    view.set_result(
        Table(key="t", title="t", columns=("unit", "peak"), cells=cells, features=features)
    )
    view.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    proxy = view.table.model()
    assert [proxy.index(r, 0).data() for r in range(4)] == ["3", "0", "1", "2"]
    opened = []
    view.feature_activated.connect(opened.append)
    view.table.activated.emit(proxy.index(0, 0))
    assert opened == [features[3]]
    mime = view.model.mimeData([view.model.index(1, 0), view.model.index(1, 1)])
    assert mime.text() == "l:1"


def test_numbers_are_named_with_their_unit():
    assert number_label("rank_percent") == "rank (%)"
    assert number_label("peak") == "peak"
    assert numbers_text({"activation": 1.23456, "rank_percent": 0.5}) == (
        "activation 1.23 · rank 0.5 %"
    )


def test_bars_write_their_numbers(qtbot):
    view = BarsView()
    qtbot.addWidget(view)
    view.resize(300, 40)
    view.set_result(Bars(key="b", title="b", labels=("x",), values=(0.25,), maximum=1.0))
    shot = to_array(view.grab().toImage())
    number = shot[4:18, 280:298].reshape(-1, 3)
    assert len(np.unique(number, axis=0)) > 2  # ink, not only ground


def test_a_curve_names_its_band_once_and_draws_it_behind_its_lines(qtbot):
    x = np.linspace(-2, 2, 5, dtype="f4")
    curve = Curve(
        key="c", title="c", x=x, ys=np.array([x], "f4"), names=("a unit",), span=(-1.0, 1.0),
        band=np.array([x - 1, x + 1], "f4"), band_name="random features",
    )  # fmt: skip
    view = view_for(curve)
    qtbot.addWidget(view)
    view.resize(400, 240)
    for _ in range(3):
        view.set_result(curve)
    legend = view._plot.plotItem.legend
    assert [label.text for _, label in legend.items] == ["random features", "a unit"]
    import pyqtgraph

    strips = [i for i in view._plot.plotItem.items if isinstance(i, pyqtgraph.LinearRegionItem)]
    assert [tuple(strip.getRegion()) for strip in strips] == [(-2.0, -1.0), (1.0, 2.0)]
    assert not view.grab().isNull()


def test_bars_that_stand_out_are_painted_with_a_dot(qtbot):
    from msgspec.structs import replace

    def replaced(bars, marks):
        return replace(bars, marked=marks)

    marked = Bars(
        key="b", title="b", labels=("unit 3", "unit 4"), values=(0.5, -0.2), marked=(True, False)
    )
    view = BarsView()
    qtbot.addWidget(view)
    view.resize(300, 80)
    pictures = []
    for bars in (replaced(marked, (False, True)), marked):  # the same room beside the words
        view.set_result(bars)
        pictures.append(to_array(view.grab().toImage()).astype(int))
    row = view._row_height()
    changed = np.abs(pictures[0] - pictures[1]).sum(axis=2) > 0
    assert changed[:row].sum() == changed[row:].sum() > 8
    darker = pictures[1].sum(axis=2) < pictures[0].sum(axis=2)
    assert darker[:row].any() != darker[row:].any()
    assert "stands out" in view.accessibleDescription()


def test_a_summary_of_a_dataset_fits_six_hundred_pixels_and_is_told_in_words(qtbot):
    from interp_gui.analyses.dataset_effect.figures import SUMMARY_COLUMNS
    from interp_gui.core.export.numbers import caption
    from interp_gui.gui.widgets.table import TableView

    view = TableView()
    qtbot.addWidget(view)
    view.resize(600, 300)
    row = ("change of the output", 0.858, 0.938, 0.0801, -0.0123, -0.0456, 0.0123, "10 of 10")
    view.set_result(Table(key="t", title="T", columns=SUMMARY_COLUMNS, cells=(row,)))
    header = view.table.horizontalHeader()
    assert header.length() <= 600
    assert view.model.headerData(5, Qt.Orientation.Horizontal) == "random\nlowest"
    assert caption({"p_by_chance": 0.5}) == ["p of so uneven a change by chance 0.5"]
