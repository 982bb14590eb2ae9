import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtTest import QTest

from interp_gui.core.analysis import Progress
from interp_gui.core.feature import Feature
from interp_gui.core.result import Table
from interp_gui.core.target import Target
from interp_gui.engine.messages import Started
from interp_gui.gui.atlas.picking import Hit
from interp_gui.gui.atlas.tab import AtlasTab
from interp_gui.gui.atlas.work import maps_of
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.shared import top_class_of


@pytest.fixture
def new_tab(atlas_state, bridge, actions, qtbot):
    def make():
        tab = AtlasTab(atlas_state, bridge, actions)
        qtbot.addWidget(tab)
        tab.resize(1000, 640)
        tab.show()
        qtbot.waitExposed(tab)
        return tab

    return make


@pytest.fixture
def tab(new_tab):
    return new_tab()


@pytest.fixture
def made(new_tab, described, images, met, engine, make_atlas, qtbot):
    """A tab that shows a map."""
    tab = new_tab()

    def give(tab=tab, **values):
        job = engine.newest("activation-atlas")
        atlas = make_atlas(600, sides=(10, 20), units=6, **values)
        paths = tuple(images[i % 4] for i in range(600))
        atlas = msgspec.structs.replace(atlas, paths=paths)
        engine.result(job, atlas)
        engine.end(job)
        qtbot.waitUntil(lambda: tab.work.outcome == "finished")
        return atlas

    tab.give = give
    tab.work.make(tab.request())
    give()
    return tab


def cell(tab, at=0, side=10):
    return Hit(at, side)


# --- empty states --------------------------------------------------------------------------------


def test_says_what_to_do_next(tab, atlas_state, described, bridge, client, infos, images, qtbot):
    from interp_gui.gui.shared import background_of
    from interp_gui.gui.state import AppState

    bare = AppState()
    lonely = AtlasTab(bare, bridge, tab._actions)
    qtbot.addWidget(lonely)
    assert lonely.empty.title.text() == "No model is open."
    background_of(bare).close()
    bare.deleteLater()
    assert tab.empty.title.text() == "The engine is starting."
    atlas_state.set_dataset(None)
    assert tab.empty.title.text() == "No images are open."
    assert tab.empty.button.text() == "Open folder…"
    assert not tab.make.isEnabled()


def test_a_layer_without_positions_is_made_where_the_analysis_takes_it(
    tab, atlas_state, described, images, met
):
    assert tab.empty.title.text() == "No map yet."
    assert "4 images are few" in tab.empty.text.text()
    assert tab.empty.button.text() == "Make atlas"
    atlas_state.set_layer("head")
    assert tab.make.isEnabled()


@pytest.fixture
def spatial(infos):
    infos[0] = msgspec.structs.replace(infos[0], needs=("dataset", "layer", "spatial"))


def test_a_layer_without_positions_is_refused_where_it_does_not(
    spatial, tab, atlas_state, described, images, met
):
    atlas_state.set_layer("head")
    assert tab.empty.title.text() == "This layer has no positions in the image."
    assert not tab.make.isEnabled()


def test_a_failure_and_a_cancelled_run_say_how_to_go_on(
    new_tab, described, images, met, engine, qtbot
):
    tab = new_tab()
    assert tab.make.isHidden()  # one button for one thing
    qtbot.mouseClick(tab.empty.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(engine.jobs("activation-atlas")), timeout=4000)
    assert tab.make.isVisible()
    assert tab.empty.button.isHidden()
    job = engine.newest("activation-atlas")
    engine.progress(job, Progress(done=1, total=4, text="Looking at images"), 30.0)
    qtbot.waitUntil(lambda: "30 s left" in tab.status.text())
    assert tab.bar.isVisible()
    engine.save(job, {"at": 2})
    qtbot.mouseClick(tab.cancel, Qt.MouseButton.LeftButton)
    engine.end(job, "cancelled")
    qtbot.waitUntil(lambda: tab.empty.button.text() == "Go on")
    assert tab.make.isHidden()
    qtbot.mouseClick(tab.empty.button, Qt.MouseButton.LeftButton)
    assert engine.request("activation-atlas").state == {"at": 2}
    engine.end(engine.newest("activation-atlas"), "failed", "Too few images.", "Open more.")
    qtbot.waitUntil(lambda: tab.empty.title.text() == "Too few images.")
    assert tab.empty.text.text() == "Open more."
    assert tab.empty.button.text() == "Try again"


# --- making --------------------------------------------------------------------------------------


def test_settings_of_the_row_and_below_go_into_the_run(
    new_tab, described, images, met, engine, qtbot, atlas_state
):
    tab = new_tab()
    form = tab.form
    assert {form.layout_box.itemText(i) for i in range(3)} == {"UMAP", "t-SNE", "PCA"}
    form.layout_box.setCurrentIndex(form.layout_box.findData("pca"))
    form.about.first.setText("name 3")
    form.about.against.setText("name 4")
    form.about.against.editingFinished.emit()
    form.labels_box.setCurrentIndex(form.labels_box.findData("label"))
    form.seed.setValue(9)
    qtbot.mouseClick(form.more, Qt.MouseButton.LeftButton)
    assert form.folded.isVisible()
    form.rest.set_values({"points": 500})
    tab.work.make(tab.request())
    request = engine.request("activation-atlas")
    wanted = {"layout": "pca", "about": "name 3 / name 4", "labels": "label", "points": 500}
    assert wanted.items() <= request.parameters.items()
    assert request.inputs.seed == 9
    atlas_state.undo.undo()
    assert form.rest.values()["points"] == 20_000
    atlas_state.undo.undo()
    assert form.seed.value() == 0


def test_settings_are_folded_once_a_map_is_there(made, new_tab, described, atlas_state, qtbot):
    assert made.form.isHidden()
    made.settings.click()
    assert made.form.isVisible()
    made.settings.click()
    assert made.form.isHidden()
    atlas_state.set_layer("other")  # which has no map yet
    assert made.form.isVisible()
    assert made.settings.isHidden()


def test_progress_moves_neither_tools_nor_map(made, engine, qtbot):
    def places():
        made.layout().activate()
        QTest.qWait(20)
        return [(w.mapTo(made, QPoint()), w.size()) for w in (made.tools, made.canvas)]

    before = places()
    made.work.make(made.request())
    engine.progress(
        engine.newest("activation-atlas"), Progress(done=1, total=4, text="Looking at images"), 30
    )
    qtbot.waitUntil(lambda: "30 s left" in made.status.text())
    assert made.bar.isVisible()
    assert places() == before
    made.looking._say("A long note " * 40)
    assert places() == before
    assert made.note.toolTip() == made.note.text()
    top = made.progress.mapTo(made, QPoint()).y()
    assert top >= made.canvas.mapTo(made, QPoint()).y() + made.canvas.height()


def test_a_first_look_keeps_its_view_when_the_map_comes(
    new_tab, described, images, met, engine, make_atlas, qtbot
):
    tab = new_tab()
    tab.work.make(tab.request())
    job = engine.newest("activation-atlas")
    engine.result(job, msgspec.structs.replace(make_atlas(), layout="pca", final=False))
    qtbot.waitUntil(lambda: tab.looking.kept is not None)
    assert tab.stack.currentWidget() is tab.canvas
    tab.canvas.camera.zoom(4, 200, 200)
    tab.canvas.camera.arrive()
    before = tab.canvas.snapshot()
    engine.result(job, make_atlas())
    engine.end(job)
    qtbot.waitUntil(lambda: not tab.work.is_preview)
    assert tab.canvas.atlas.layout == "umap"
    assert tab.canvas.snapshot() == pytest.approx(before)


def test_crops_are_asked_for_before_the_labels_come(
    new_tab, described, images, met, engine, make_atlas, qtbot
):
    tab = new_tab()
    tab.work.make(tab.request())
    job = engine.newest("activation-atlas")
    atlas = make_atlas(600, sides=(10, 20))
    engine.result(job, msgspec.structs.replace(atlas, layout="pca", final=False))
    qtbot.waitUntil(lambda: "Crops wait for the map" in tab.note.text())
    assert engine.jobs("atlas-pictures") == []
    engine.result(job, msgspec.structs.replace(atlas, final=False))
    qtbot.waitUntil(lambda: bool(engine.jobs("atlas-pictures")))
    asked = engine.newest("atlas-pictures")
    assert engine.client.options[asked]["priority"] == "visible"
    assert ("reprioritise", job, "background") in engine.client.calls
    engine.result(job, atlas)
    engine.end(job)
    qtbot.waitUntil(lambda: tab.work.outcome == "finished")
    assert asked not in engine.cancelled


def test_other_labels_keep_view_and_choice(made, engine, qtbot):
    qtbot.wait(20)  # the canvas has its size
    made.canvas.clicked.emit(cell(made, 7))
    made.canvas.camera.zoom(3, made.canvas.width() / 2, made.canvas.height() / 2)
    made.canvas.camera.arrive()
    before, atlas = made.canvas.snapshot(), made.looking.kept.atlas
    made.form.labels_box.setCurrentIndex(made.form.labels_box.findData("label"))
    made.work.make(made.request())
    made.give()
    assert made.looking.kept.atlas is not atlas
    assert made.looking.kept.request.parameters["labels"] == "label"
    assert made.canvas.snapshot() == pytest.approx(before)
    assert made.looking.chosen.cell == 7
    assert np.array_equal(made.canvas.selection, made.looking.chosen.points)


def test_a_line_says_what_the_map_is_of(new_tab, described, images, met, engine, make_atlas, qtbot):
    tab = new_tab()
    assert not tab.about.isVisible()
    tab.form.about.set_value("name 3")
    tab.form.seed.setValue(4)
    tab.work.make(tab.request())
    job = engine.newest("activation-atlas")
    atlas = msgspec.structs.replace(make_atlas(600), about="name 3")
    engine.result(job, msgspec.structs.replace(atlas, layout="pca", final=False))
    qtbot.waitUntil(tab.about.isVisible)
    rest = "seed 4 · 600 points of 600 images"
    assert tab.about.text() == f"name 3 · first look by PCA · {rest}"
    engine.result(job, atlas)
    engine.end(job)
    qtbot.waitUntil(lambda: tab.about.text() == f"name 3 · UMAP · {rest}")
    tab.form.about.set_value("")
    shows = "The settings have changed; the map shows: name 3 · UMAP"
    assert tab.about.text() == f"{shows} · {rest}"
    tab.form.about.set_value("name 3")
    assert tab.about.text() == f"name 3 · UMAP · {rest}"


def test_a_map_that_waits_says_for_what(
    new_tab, described, images, met, engine, bridge, client, qtbot
):
    tab = new_tab()
    busy = bridge.run(tab.request(), title="Optimising features.14:7")
    client.emit(Started(job=busy))
    qtbot.waitUntil(lambda: bridge.jobs[busy].state == "running")
    tab.work.make(tab.request())
    assert tab.status.text() == "Waiting for: Optimising features.14:7…"
    assert not tab.bar.isVisible()
    job = engine.newest("activation-atlas")
    engine.end(busy)
    client.emit(Started(job=job))
    qtbot.waitUntil(tab.bar.isVisible)
    assert "Waiting" not in tab.status.text()


def test_pictures_are_asked_for_where_one_looks(made, engine, sheet, qtbot):
    qtbot.waitUntil(lambda: bool(engine.jobs("atlas-pictures")))
    request = engine.request("atlas-pictures").parameters
    assert request["source"] == "crop"
    side = request["level"]
    job = engine.newest("atlas-pictures")
    cells = tuple(range(len(made.looking.kept.atlas.level(side).x)))
    engine.result(job, sheet(made.looking.kept.atlas, side, cells))
    qtbot.waitUntil(lambda: bool(made.canvas.atlas.pictures))
    assert made.exportables()[0].result.pictures
    made.tools.set_draw("icons")
    engine.end(job)
    qtbot.waitUntil(
        lambda: engine.request("atlas-pictures").parameters["source"] == "icon", timeout=2000
    )


# --- looking -------------------------------------------------------------------------------------


def test_hovering_tells_of_a_cell_and_clicking_makes_it_the_feature(made, atlas_state, qtbot):
    atlas = made.looking.kept.atlas
    level = atlas.level(10)
    made.canvas.hovered.emit(cell(made, 3))
    details = made.sidebar.details
    qtbot.waitUntil(lambda: details.title.text() == atlas.names[level.label[3]])
    assert f"{level.count[3]} point" in details.line.text()
    assert f"purity {100 * level.purity[3]:.0f} %" in details.line.text()
    assert details.bars.result.labels
    qtbot.waitUntil(lambda: details.examples.count() > 0)
    made.canvas.hovered.emit(None)
    qtbot.waitUntil(details.hint.isVisible)
    made.canvas.clicked.emit(cell(made, 3))
    feature = atlas_state.feature
    assert feature.layer == "features.14"
    assert feature.model == "a" * 64
    wanted = level.vectors[3] - atlas.mean
    assert np.allclose(feature.matrix()[0], wanted, atol=1e-4)
    assert "centred" in feature.name
    assert made.selected_features() == (feature,)
    assert np.array_equal(made.canvas.selection, np.flatnonzero(atlas.cell_of(10) == 3))
    details.kind.setCurrentIndex(details.kind.findData("raw"))
    assert np.allclose(atlas_state.feature.matrix()[0], level.vectors[3], atol=1e-4)
    assert "raw" in atlas_state.feature.name


def test_the_panel_tells_of_the_cell_that_the_keyboard_is_on(made):
    made.canvas.clicked.emit(cell(made, 3))
    made.canvas.setFocus()
    QTest.keyClick(made.canvas, Qt.Key.Key_Right)
    here = made.canvas.current()
    assert here is not None
    assert (here.side, here.cell) != (10, 3)
    assert (made.looking.hovered.side, made.looking.hovered.cell) == (here.side, here.cell)
    level = made.looking.kept.atlas.level(here.side)
    assert made.sidebar.details.line.text().startswith(f"{level.count[here.cell]} point")
    assert made.looking.chosen.cell == 3  # which stays until Space or a click


def test_a_double_click_opens_the_page(made, atlas_state):
    made.canvas.activated.emit(cell(made, 2))
    assert atlas_state.tab == "unit"
    assert "cell" in atlas_state.feature.name


def test_a_lasso_is_a_feature_too(made, atlas_state):
    points = np.arange(5, 25)
    made.canvas.selected.emit(points)
    assert made.sidebar.details.title.text() == "20 points chosen"
    atlas = made.looking.kept.atlas
    wanted = atlas.vectors[points].mean(axis=0) - atlas.mean
    assert np.allclose(atlas_state.feature.matrix()[0], wanted, atol=1e-4)
    made.canvas.selected.emit(np.zeros(0, np.int64))
    assert made.selected_features() == ()


def test_what_is_dragged_out_is_a_feature(made, monkeypatch):
    dragged = []
    monkeypatch.setattr(
        "interp_gui.gui.atlas.leaving.start_drag",
        lambda source, features, *, image: dragged.append((features[0], image)),
    )
    made.canvas.drag_wanted.emit(cell(made, 4))
    made.canvas.selected.emit(np.arange(30))
    made.canvas.drag_wanted.emit(np.arange(30))
    assert ["cell" in feature.name for feature, _ in dragged] == [True, False]
    assert "30 points" in dragged[1][0].name
    assert not any(image.isNull() for _, image in dragged)


def test_the_menu_is_that_of_features(made, qtbot):
    from PySide6.QtWidgets import QMenu

    made.canvas.menu_requested.emit(cell(made, 1), QPoint(10, 10))
    menu = made.findChild(QMenu)
    names = [action.objectName() for action in menu.actions()]
    assert {"feature.unit", "feature.keep", "feature.similar"} <= set(names)
    menu.close()


# --- colours -------------------------------------------------------------------------------------


def test_colours_follow_the_target_until_a_class_is_named(made, atlas_state):
    panel = made.sidebar.colours
    atlas_state.set_target(Target(index=2))
    panel.choose("class")
    assert made.canvas.look.legend == "Attribution to name 2"
    atlas_state.set_target(Target(index=1))
    assert made.canvas.look.legend == "Attribution to name 1"
    panel.class_name.setText("name 3")
    panel.class_name.editingFinished.emit()
    assert made.canvas.look.legend == "Attribution to name 3"
    atlas_state.set_target(Target(index=2))
    assert made.canvas.look.legend == "Attribution to name 3"
    assert made.sidebar.legend.isVisible()
    assert made.sidebar.legend.rows[0] == "Attribution to name 3"


def test_without_a_class_of_the_target_colours_are_of_what_the_model_answers(
    colours, new_tab, described, images, met, engine, make_atlas, atlas_state, qtbot
):
    tab = new_tab()
    tab.work.make(tab.request())
    job = engine.newest("activation-atlas")
    bare = msgspec.structs.replace(make_atlas(600, sides=(10,)), classes=(), class_names=())
    engine.result(job, bare)
    engine.end(job)
    qtbot.waitUntil(lambda: tab.work.outcome == "finished")
    panel = tab.sidebar.colours
    panel.choose("class")
    assert panel.status.text() == "Name a class."
    assert engine.jobs("atlas-colours") == []
    top_class_of(atlas_state).set("another model", 7)
    assert panel.class_name.text() == ""
    top_class_of(atlas_state).set("m1", 7)
    assert panel.class_name.text() == "name 7"
    job = engine.newest("atlas-colours")
    values = np.linspace(0, 1, 600, dtype=np.float32)
    engine.result(job, Table(key="c", title="C", columns=("q",), cells=(), values={"v": values}))
    engine.end(job)
    qtbot.waitUntil(lambda: tab.canvas.look.values is not None)
    assert tab.canvas.look.legend == "Attribution to name 7"
    atlas_state.set_target(Target(index=2))
    assert panel.class_name.text() == "name 2"


@pytest.fixture
def colours(infos):
    infos.append(msgspec.structs.replace(infos[2], id="atlas-colours"))


def test_a_unit_dropped_on_the_map_colours_it(colours, made, engine, qtbot):
    unit = Feature(layer="other", units=(3,), model="a" * 64)
    mime = mime_for([unit])
    assert made.drop._sentence(mime) == "Colour the map by other:3"
    made.drop.dropped.emit((unit,))
    request = engine.request("atlas-colours")
    assert request.inputs.features == (unit,)
    job = engine.newest("atlas-colours")
    values = np.linspace(0, 1, 600, dtype=np.float32)
    engine.result(job, Table(key="c", title="C", columns=("q",), cells=(), values={"v": values}))
    engine.end(job)
    qtbot.waitUntil(lambda: made.canvas.look.values is not None)
    assert np.array_equal(made.canvas.look.values, values)
    # and once more is not asked for
    made.sidebar.colours.choose("none")
    made.sidebar.colours.choose("feature")
    assert len(engine.jobs("atlas-colours")) == 1
    assert made.canvas.look.values is not None


def test_a_feature_of_the_maps_own_layer_colours_it_at_once(made, atlas_state):
    atlas = made.looking.kept.atlas
    made.colour_by(Feature(layer="features.14", units=(2,), model="a" * 64))
    assert np.allclose(made.canvas.look.values, atlas.vectors[:, 2])
    made.canvas.clicked.emit(cell(made, 3))
    made.colour_by(atlas_state.feature)
    chosen = made.canvas.look.values[atlas.cell_of(10) == 3]
    assert chosen.mean() > made.canvas.look.values.mean()


def test_filters_and_kinds_reach_the_canvas(made):
    made.sidebar.colours.choose("column:label")
    assert made.canvas.look.categories is not None
    legend = made.sidebar.legend
    assert legend.rows[1:] == tuple(f"name {i}" for i in range(5))
    assert made.sidebar.isAncestorOf(legend)  # it hides nothing of the map
    QTest.qWait(20)
    assert legend.height() == legend.sizeHint().height()  # all of it is there
    filters = made.sidebar.filters
    filters.column.setCurrentIndex(filters.column.findData("label"))
    filters.value.setCurrentIndex(filters.value.findData("name 2"))
    assert made.canvas.look.shown.sum() == 120
    filters.all.click()
    assert made.canvas.look.shown is None


def test_a_name_is_searched_and_gone_to(made, qtbot):
    at_home = made.canvas.snapshot()
    made.tools.search.setText("name 1")
    qtbot.waitUntil(lambda: made.canvas.look.fade)
    assert np.array_equal(np.flatnonzero(made.canvas.look.values), np.flatnonzero(
        made.looking.kept.atlas.image % 5 == 1))  # fmt: skip
    assert made.canvas.snapshot() != at_home
    assert "120 points belong to name 1" in made.note.text()
    made.tools.search.clear()
    assert not made.canvas.look.fade
    made.tools.search.setText("nobody")
    qtbot.waitUntil(lambda: "Nothing on this map" in made.note.text())


# --- paths, links, sessions ----------------------------------------------------------------------


def test_the_path_of_an_image_is_drawn_and_said(made, engine, images, atlas_state, qtbot):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(images[1])])
    assert made.drop._sentence(mime) == "Show where image 1.png lies on the map"
    made.drop.image_dropped.emit(images[1])
    request = engine.request("atlas-path")
    assert request.inputs.images == (images[1],)
    x = np.array([0.2, 0.5, 0.8], np.float32)
    own = np.array([1, 0, 0], np.uint8)
    job = engine.newest("atlas-path")
    table = Table(key="p", title="P", columns=("x",), cells=(), values={"x": x, "y": x, "own": own})
    engine.result(job, table)
    engine.end(job)
    qtbot.waitUntil(lambda: len(made.canvas._path) == 3)
    assert "1 are points of the map" in made.note.text()
    atlas_state.set_image(images[2])
    assert engine.request("atlas-path").inputs.images == (images[2],)
    made.tools.path.setChecked(False)
    assert len(made.canvas._path) == 0


def test_what_is_chosen_on_one_map_is_shown_on_the_other(made, new_tab, engine, qtbot):
    other = new_tab()
    other.work.make(other.request())
    made.give(other)
    made.canvas.clicked.emit(cell(made, 5))
    chosen = made.canvas.selection
    # both are of the same images: the points are the same
    assert np.array_equal(other.canvas._linked, chosen)
    assert len(made.canvas._linked) == 0
    other.sidebar.linked.setChecked(False)
    assert len(other.canvas._linked) == 0
    made.canvas.clicked.emit(cell(made, 6))
    assert len(other.canvas._linked) == 0


def test_a_session_brings_settings_look_view_and_choice_back(
    made, new_tab, engine, qtbot, atlas_state
):
    made.form.seed.setValue(4)
    made.work.make(made.request())
    made.give()
    made.sidebar.colours.choose("density")
    made.tools.set_draw("points")
    made.tools.labels.setChecked(False)
    made.canvas.clicked.emit(cell(made, 7))
    made.canvas.camera.zoom(3, 100, 100)
    made.canvas.camera.arrive()
    kept = msgspec.json.decode(msgspec.json.encode(made.snapshot()))
    maps_of(atlas_state).all.clear()  # as in another window
    other = new_tab()
    other.restore(kept)
    assert other.form.seed.value() == 4
    assert other.snapshot() == kept  # what is not shown yet is not lost
    qtbot.waitUntil(lambda: len(engine.jobs("activation-atlas")) == 3)
    made.give(other)
    assert other.canvas.look.draw == "points"
    assert not other.canvas.look.labels
    assert other.canvas.look.legend == "Points in a cell"
    assert other.looking.chosen.cell == 7
    qtbot.wait(20)
    assert other.canvas.snapshot() == pytest.approx(made.canvas.snapshot(), abs=0.02)


def test_a_session_brings_the_map_that_was_shown_whatever_the_form_says_by_now(
    made, new_tab, engine, qtbot, atlas_state
):
    form = made.form
    form.layout_box.setCurrentIndex(form.layout_box.findData("pca"))
    form.seed.setValue(5)  # and no map made of it
    kept = msgspec.json.decode(msgspec.json.encode(made.snapshot()))
    maps_of(atlas_state).all.clear()  # as in another window
    other = new_tab()
    other.restore(kept)
    request = engine.request("activation-atlas")
    assert (request.parameters["layout"], request.inputs.seed) == ("umap", 0)
    assert (other.form.layout_box.currentData(), other.form.seed.value()) == ("pca", 5)
    made.give(other)
    assert other.snapshot() == kept
    # and Make makes what the form says
    other.run()
    qtbot.waitUntil(lambda: engine.request("activation-atlas").inputs.seed == 5, timeout=4000)
    assert engine.request("activation-atlas").parameters["layout"] == "pca"


def test_a_copy_beside_shows_that_of_the_layers_maps_which_is_shown(made, new_tab, engine, qtbot):
    first = made.looking.kept
    made.form.seed.setValue(5)
    made.work.make(made.request())
    made.give()
    copy = new_tab()
    kept = made.snapshot()
    kept["shown"] = {**kept["shown"], "seed": 0}
    copy.restore(kept)
    assert copy.looking.kept.request == first.request
    assert copy.form.seed.value() == 5
    assert len(engine.jobs("activation-atlas")) == 2


def test_a_map_that_the_cache_does_not_have_waits_for_a_word(
    new_tab, described, images, met, engine, qtbot
):
    tab = new_tab()
    tab.patience.setInterval(60)
    tab.restore({"made": True, "settings": {"seed": 2}, "look": 3, "map": "x", "chosen": [1]})
    (job,) = engine.jobs("activation-atlas")
    assert engine.request("activation-atlas").inputs.seed == 2
    qtbot.waitUntil(lambda: job in engine.cancelled)
    engine.end(job, "cancelled")
    qtbot.waitUntil(lambda: tab.empty.button.text() == "Go on")
    assert tab.snapshot()["made"]


def test_a_copy_beside_shows_the_same_map_at_once(made, new_tab, engine, sheet, qtbot):
    atlas = made.looking.kept.atlas
    qtbot.waitUntil(lambda: bool(engine.jobs("atlas-pictures")))
    job = engine.newest("atlas-pictures")
    side = engine.request("atlas-pictures").parameters["level"]
    engine.result(job, sheet(atlas, side, [0, 1, 2]))
    qtbot.waitUntil(lambda: bool(made.canvas.atlas.pictures))
    copy = new_tab()
    copy.restore(made.snapshot())
    assert len(engine.jobs("activation-atlas")) == 1
    assert copy.canvas.atlas.xy is atlas.xy
    assert len(copy.canvas.atlas.pictures) == 1
    assert copy.looking.kept is not made.looking.kept


def test_another_layer_has_its_own_map_and_the_first_comes_back(made, atlas_state):
    atlas_state.set_layer("other")
    assert made.looking.kept is None
    assert made.empty.title.text() == "No map yet."
    atlas_state.set_layer("features.14")
    assert made.stack.currentWidget() is made.canvas
    assert made.make.text() == "Make again"
