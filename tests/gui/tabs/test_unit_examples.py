import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QMenu

from interp_gui.core.analysis import Progress
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Grid, GridItem
from interp_gui.gui.tabs.examples_box import ANALYSIS, columns_of, key_of, settings_of, wish_of
from interp_gui.gui.tabs.unit_page import UnitPage
from interp_gui.gui.tabs.wall import LayerWall
from interp_gui.gui.tabs.wall_menu import popup_card_menu

DIRECTION = Feature(layer="late", vectors=(tuple(float(i) for i in range(100)),), model="a" * 64)


def entries(count=12, **columns):
    """Images with some columns of two values, and a number of their own."""
    return tuple(
        ImageEntry(
            path=f"/{i}.png", label=("cat", "dog")[i % 2] if columns.get("label") else "",
            group=f"p{i // 3}" if columns.get("group") else "",
            metadata={"scanner": "ab"[i % 2], "number": str(i)} if columns.get("table") else {},
        )
        for i in range(count)
    )  # fmt: skip


@pytest.fixture
def page(state, bridge, actions, qtbot):
    widget = UnitPage(state, bridge, actions)
    qtbot.addWidget(widget)
    widget.resize(900, 560)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def labelled(state, dataset):
    images = entries(label=True, group=True, table=True)
    state.set_dataset(Dataset(name="labelled", images=images), "d2")


@pytest.fixture
def shown(page, state, engine, model, labelled, ready, unit, qtbot):
    state.set_feature(unit(7))
    qtbot.waitUntil(lambda: bool(engine.jobs("real-examples")))
    return page


def keys(box):
    return [box.itemData(i) for i in range(box.count())]


def grid(noise, feature=DIRECTION, count=2, **changed):
    items = tuple(
        GridItem(title="1.5", pixels=noise(i), image=f"/{i}.png", group="At 50 %: 1.5")
        for i in range(count)
    )
    return Grid(key=feature.text, title="Examples", items=items, **changed)


def test_kinds_that_the_images_allow_are_offered(page, state, model, labelled, qtbot):
    box = page.real.box
    every = ["strongest", "least", "random", "quantiles", "by:label", "by:group", "by:scanner"]
    assert keys(box) == every
    assert [box.itemText(i) for i in range(4, 7)] == ["By label", "By group", "By scanner"]
    assert all(box.itemData(i, Qt.ItemDataRole.ToolTipRole) for i in range(box.count()))
    assert box.accessibleName() == "Which real examples"
    state.set_dataset(Dataset(name="plain", images=entries()), "d3")
    assert keys(box) == every[:4]


def test_columns_are_looked_for_in_an_even_sample():
    late = (*entries(6_000), *entries(6_000, label=True))
    assert [name for name, _ in columns_of(Dataset(images=late))] == ["label"]
    assert list(columns_of(None)) == []


@pytest.mark.parametrize("kind", ["least", "random", "quantiles", "by:label", "by:scanner"])
def test_another_kind_is_asked_for_and_shown(shown, engine, unit, noise, kind, qtbot):
    shown.real.box.choose(kind)
    request = engine.request("top-examples")
    assert request.inputs.features == (unit(7),)
    assert request.dataset == "d2"
    assert request.parameters == settings_of(kind)
    assert request.parameters["kinds"] == ("" if kind.startswith("by:") else kind)
    assert request.parameters.get("by", "") == kind.partition(":")[2]
    job = engine.newest("top-examples")
    engine.result(job, grid(noise, final=False))
    qtbot.waitUntil(lambda: len(shown.examples.list.cards) == 2)
    assert not shown.real.caption.text(), "numbers are said when it is done"
    numbers = {"peak": 3.0, "images": 12}
    engine.result(job, grid(noise, count=4, numbers=numbers, notes=("Among only 12 images.",)))
    engine.end(job)
    qtbot.waitUntil(lambda: len(shown.examples.list.cards) == 4)
    assert "peak 3" in shown.real.caption.text()
    assert "Among only 12 images." in shown.real.caption.text()
    shown.real.box.choose("strongest")
    assert len(engine.jobs("real-examples")) == 2


def test_a_direction_has_real_examples_too(page, state, engine, model, labelled, ready, qtbot):
    state.set_feature(DIRECTION)
    qtbot.waitUntil(lambda: bool(engine.jobs("top-examples")))
    request = engine.request("top-examples")
    assert request.inputs.features == (DIRECTION,)
    assert request.parameters == {"kinds": "strongest"}
    assert not engine.jobs("real-examples")


def test_without_images_it_is_said_what_to_do(page, state, model, ready, unit):
    state.set_feature(DIRECTION)
    assert "this direction responds to" in page.examples.list.hint
    state.set_feature(unit(3))
    assert "this unit responds to" in page.examples.list.hint


def test_the_choice_stays_from_unit_to_unit(shown, state, engine, unit, qtbot):
    shown.real.box.choose("least")
    state.set_feature(unit(8))
    qtbot.waitUntil(lambda: engine.request("top-examples").inputs.features == (unit(8),))
    assert engine.request("top-examples").parameters["kinds"] == "least"


def test_a_column_that_is_gone_comes_back_with_its_images(shown, state, engine, qtbot):
    box = shown.real.box
    box.choose("by:scanner")
    table = state.dataset
    state.set_dataset(Dataset(name="plain", images=entries()), "d3")
    assert box.key == "strongest"
    assert engine.request("real-examples").dataset == "d3"
    state.set_dataset(table, "d2")
    assert box.key == "by:scanner"
    assert engine.request("top-examples").parameters["by"] == "scanner"


def test_a_pass_that_takes_long_shows_how_far_it_is(shown, engine, qtbot):
    real = shown.real
    real.box.choose("random")
    job = engine.newest("top-examples")
    assert real.bar.isHidden()
    qtbot.waitUntil(lambda: real.bar.isVisible())
    engine.progress(job, Progress(done=300, total=1000, text="Looking at all images"), 12.0)
    qtbot.waitUntil(lambda: real.bar.value() == 300)
    told = "Looking at all images: 300 of 1,000, 12 s left"
    assert real.bar.accessibleDescription() == shown.examples.list.hint == told
    engine.progress(job, Progress(text="Finding out what runs fastest"))
    qtbot.waitUntil(lambda: shown.examples.list.hint == "Finding out what runs fastest…")
    qtbot.mouseClick(real.stop, Qt.MouseButton.LeftButton)
    assert engine.cancelled[-1] == job
    engine.end(job, "cancelled")
    qtbot.waitUntil(lambda: real.again.isVisible())
    assert real.bar.isHidden()
    assert "Stopped" in shown.examples.list.hint
    qtbot.mouseClick(real.again, Qt.MouseButton.LeftButton)
    assert engine.newest("top-examples") > job
    assert real.again.isHidden()


def test_a_failure_is_told_where_the_examples_would_be(shown, engine, qtbot):
    shown.real.box.choose("least")
    engine.end(engine.newest("top-examples"), "failed", "Disk on fire.")
    qtbot.waitUntil(lambda: "Disk on fire." in shown.examples.list.hint)


def test_dead_ones_say_so(shown, engine, noise, qtbot):
    shown.real.box.choose("least")
    job = engine.newest("top-examples")
    engine.result(job, grid(noise, count=0, numbers={"dead": True}, notes=("Dead: it is.",)))
    engine.end(job)
    qtbot.waitUntil(lambda: "Dead: it is." in shown.real.caption.text())
    assert "nothing to show" in shown.examples.list.hint


def test_it_is_chosen_with_the_keyboard(shown, engine):
    box = shown.real.box
    box.setFocus()
    for _ in range(2):
        press = QKeyEvent(
            QKeyEvent.Type.KeyPress, Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier
        )  # fmt: skip
        QApplication.sendEvent(box, press)
    assert box.key == "random"
    assert engine.request("top-examples").parameters["kinds"] == "random"


def test_the_session_remembers_it(shown, state, bridge, actions, engine, qtbot):
    shown.real.box.choose("by:group")
    kept = shown.snapshot()
    other = UnitPage(state, bridge, actions)
    qtbot.addWidget(other)
    other.restore(kept)
    assert other.real.box.key == "by:group"
    for wrong in ({}, {"examples": 7}, {"examples": "by:nothing"}, {"examples": "x" * 9999}):
        other.restore(wrong)
        assert other.real.box.key == "by:group"


def made(kind, defaults, **changed):
    identity = ModelIdentity(name="n", weights_sha256="a" * 64, architecture="n", library="t")
    return Recipe(
        analysis="top-examples", model=identity, preprocessing=Preprocessing(),
        parameters={**defaults, **settings_of(kind), **changed}, features=(DIRECTION,),
    )  # fmt: skip


def test_a_recipe_chooses_what_it_shows(shown, bridge):
    (infos,) = [{ANALYSIS: bridge.analyses[ANALYSIS]}]
    defaults = {info.name: info.default for info in infos[ANALYSIS].parameters}
    assert defaults["k"] == 9
    for kind in ("strongest", "least", "quantiles", "by:label", "by:scanner"):
        assert key_of(made(kind, defaults), infos) == kind
        shown.adopt(made(kind, defaults), run=True)
        assert shown.real.box.key == kind
    shown.adopt(made("least", defaults, k=50), run=True)
    assert shown.real.box.key == "by:scanner", "no choice gives 50"
    assert key_of(made("least", defaults, kinds="least,random"), infos) == ""
    assert key_of(msgspec.structs.replace(made("least", defaults), features=()), infos) == ""


def test_the_walls_menu_opens_the_page_with_a_kind(
    shown, state, bridge, actions, engine, unit, qtbot
):
    wall = LayerWall(state, bridge, actions)
    qtbot.addWidget(wall)
    state.set_layer("late")
    wall.show()
    qtbot.waitUntil(lambda: "late:5" in wall.contents.cards)
    popup_card_menu(wall, state, "late:5", wall.mapToGlobal(wall.rect().center()))
    (menu,) = wall.findChildren(QMenu, options=Qt.FindChildOption.FindDirectChildrenOnly)
    kinds = next(a.menu() for a in menu.actions() if a.text() == "Show examples")
    assert [a.text() for a in kinds.actions()][:4] == [
        "Strongest",
        "Least",
        "Random",
        "By quantile",
    ]
    next(a for a in kinds.actions() if a.text() == "Least").trigger()
    menu.close()
    assert state.feature == unit(5)
    assert state.tab == "unit"
    assert shown.real.box.key == "least"
    qtbot.waitUntil(lambda: engine.request("top-examples").inputs.features == (unit(5),))
    fresh = UnitPage(state, bridge, actions)
    qtbot.addWidget(fresh)
    assert fresh.real.box.key == "least"


def test_a_page_behind_others_looks_when_it_comes_up(shown, state, engine, qtbot):
    shown.hide()
    asked = len(engine.jobs("top-examples"))
    wish_of(state).ask("random")
    assert shown.real.box.key == "random"
    assert len(engine.jobs("top-examples")) == asked
    shown.show()
    qtbot.waitUntil(lambda: len(engine.jobs("top-examples")) == asked + 1)
