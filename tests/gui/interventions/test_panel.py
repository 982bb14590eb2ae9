"""The Interventions panel by hand: dropping, choosing, changing, keeping, what is told."""

from itertools import pairwise

import msgspec
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QMouseEvent,
    QPalette,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QMenu

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.image_edit import ImageEdit
from interp_gui.core.interventions.kinds import EditEffect
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.dragging.edits import edits_on_clipboard, mime_for_edits
from interp_gui.gui.features.commands import feature_commands_of
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.state import OpenModelState

LEFT = Qt.MouseButton.LeftButton
NONE, ALT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.AltModifier
COPY = Qt.DropAction.CopyAction


def unit(index, layer="features.14", **values):
    return Feature(layer=layer, units=(index,), **values)


@pytest.fixture
def panel(window, model, qapp):
    window.resize(1400, 900)
    window.state.set_models((model,))
    window.state.set_model(model)
    qapp.processEvents()
    return window.interventions


@pytest.fixture
def filled(panel, qapp):
    panel.edits.add_features([unit(i) for i in range(4)])
    qapp.processEvents()
    return panel


def drag_over(panel, mime, position):
    """Enter and move, as Qt sends them; the sentence that is shown."""
    enter = QDragEnterEvent(position, COPY, mime, LEFT, NONE)
    QApplication.sendEvent(panel, enter)
    move = QDragMoveEvent(position, COPY, mime, LEFT, NONE)
    QApplication.sendEvent(panel, move)
    return panel.drops.text


def drop(panel, mime, position=None):
    where = position or panel.rect().center()
    text = drag_over(panel, mime, where)
    QApplication.sendEvent(panel, QDropEvent(QPointF(where), COPY, mime, LEFT, NONE))
    return text


def zone(panel, kind, features):
    from interp_gui.gui.interventions.drops import zones

    found = dict(zones(panel.rect(), panel.drops.kinds_for(features)))
    return found[kind].center()


def kinds(panel):
    return [edit.kind for edit in panel.edits.stack.edits]


def units(panel):
    return [edit.feature.units[0] for edit in panel.edits.stack.edits]


def tell(panel, **effects):
    """Let the engine have found these effects."""
    known = {int(name[1:]): effect for name, effect in effects.items()}
    live = live_of(panel._state)
    live.effects = lambda index, path="": known.get(index)
    live.changed.emit()
    QTest.qWait(1)


# --- dropping --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ablate", "scale", "add", "clamp"])
def test_where_a_unit_is_dropped_says_what_becomes_of_it(panel, kind):
    features = (unit(7), unit(3))
    words = {"ablate": "Switch off", "scale": "Scale", "add": "Steer", "clamp": "Limit"}[kind]
    said = drop(panel, mime_for(features), zone(panel, kind, features))
    assert said.startswith(f"{words} 2 features")
    assert kinds(panel) == [kind, kind]
    assert panel.list.chosen == (0, 1)
    assert panel.drops.text == ""


def test_a_direction_can_be_removed_and_a_unit_cannot(panel):
    direction = Feature(layer="features.14", vectors=((1.0,) + (0.0,) * 159,), name="stripes")
    assert "project_out" in panel.drops.kinds_for((direction,))
    assert "project_out" not in panel.drops.kinds_for((direction, unit(7)))
    said = drop(panel, mime_for((direction,)), zone(panel, "project_out", (direction,)))
    assert said == "Take stripes out of the layer"
    assert kinds(panel) == ["project_out"]


@pytest.mark.parametrize(
    ("feature", "why"),
    [
        (unit(7, model="ff" * 32), "not open"),
        (unit(999), "no unit 999"),
        (unit(1, "features.99"), "features.99"),
        (unit(1, "features.0"), "not changed"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_the_reason(panel, describe, feature, why, qapp):
    layers = tuple(
        msgspec.structs.replace(layer, writable=layer.name != "features.0")
        for layer in describe().layers
    )
    old = panel._state.model
    panel._state.set_model(OpenModelState(old.handle, describe(layers=layers), old.path))
    assert why in drop(panel, mime_for((feature,)))
    assert panel.edits.stack == EditStack()


def test_a_unit_of_another_open_model_makes_that_model_current(panel, describe):
    other = OpenModelState("model-2", describe(weights_sha256="ff" * 32), "/models/two.pth")
    panel._state.set_models((*panel._state.models, other))
    said = drop(panel, mime_for((unit(7, model="ff" * 32),)), QPoint(60, 60))
    assert said.endswith("and make its model the current one")
    assert panel._state.model.handle == "model-2"
    assert len(panel._state.edits_in_force.edits) == 1


def test_edits_are_dropped_between_rows(filled):
    stack = EditStack(edits=(Edit(feature=unit(9), kind="scale"),))
    row = filled.list.rows[2]
    above = row.mapTo(filled, QPoint(20, 2))
    assert drop(filled, mime_for_edits(stack), above) == "Put features.14:9 on the panel"
    assert units(filled) == [0, 1, 9, 2, 3]


def test_rows_are_dragged_into_another_order(filled):
    filled.list.choose((0,))
    filled.dragging = (0,)
    below = filled.list.rows[2].mapTo(filled, QPoint(20, filled.list.rows[2].height() - 2))
    mime = mime_for_edits([filled.edits.stack.edits[0]])
    assert drop(filled, mime, below) == "Move here"
    assert units(filled) == [1, 2, 0, 3]
    assert filled.list.chosen == (2,)
    filled.dragging = (2,)
    assert drag_over(filled, mime, filled.list.rows[2].mapTo(filled, QPoint(20, 2))) == (
        "It stays where it is"
    )


def test_a_file_of_edits_is_read_and_a_bad_one_told(panel, tmp_path, messages, window, qtbot):
    good, bad = tmp_path / "a.edits.json", tmp_path / "b.json"
    good.write_text(EditStack(edits=(Edit(feature=unit(5), kind="scale"),)).to_json())
    bad.write_text('{"weights": 3}')
    for path in (good, bad):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        assert drop(panel, mime) == f"Put the edits in {path.name} on the panel"
    qtbot.waitUntil(lambda: units(panel) == [5])
    qtbot.waitUntil(lambda: any("b.json" in text for text in messages(window)))


def test_what_was_exported_under_edits_puts_them_on_the_panel(panel, tmp_path, qtbot):
    import numpy as np

    from interp_gui.core.export import export_result
    from interp_gui.core.model import Preprocessing
    from interp_gui.core.recipe import ModelIdentity, Recipe
    from interp_gui.core.result import Picture

    identity = ModelIdentity(name="m", weights_sha256="ab" * 32, architecture="n", library="t")
    picture = Picture(key="p", title="A unit", pixels=np.zeros((8, 8, 3), np.uint8))
    plain, edited = tmp_path / "plain.png", tmp_path / "edited.png"
    for path, edits in ((plain, ()), (edited, (Edit(feature=unit(5), kind="scale"),))):
        recipe = Recipe(
            analysis="activation-maps", model=identity, preprocessing=Preprocessing(),
            edits=EditStack(edits=edits),
        )  # fmt: skip
        export_result(picture, path, recipe=recipe)

    def said(path):
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        return drag_over(panel, mime, panel.rect().center())

    qtbot.waitUntil(lambda: said(plain) == "plain.png was made without any edits.")
    assert panel.drops.refused
    wanted = "Put the edits that edited.png was made with on the panel"
    qtbot.waitUntil(lambda: said(edited) == wanted)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(edited))])
    drop(panel, mime)
    qtbot.waitUntil(lambda: units(panel) == [5])


def test_kept_stacks_are_searched_renamed_and_removed_by_keys(filled, window, qapp):
    stack = EditStack(edits=filled.edits.stack.edits[:2], name="edges")
    other = EditStack(edits=filled.edits.stack.edits[2:], name="fur")
    filled._state.set_stacks((stack, other))
    qapp.processEvents()
    shelf = window.shelf
    shelf.search.setText("fur")
    assert [chip.isHidden() for chip in shelf.kept.chips] == [True, False]
    shelf.search.setText("features.14:0")
    assert [chip.isHidden() for chip in shelf.kept.chips] == [False, True]
    shelf.search.setText("nothing of it")
    assert shelf.kept.isHidden()
    assert not shelf.search.isHidden()
    chip = filled.kept.chips[1]
    QTest.keyClick(chip, Qt.Key.Key_F2)
    dialog = window.findChild(QInputDialog)
    dialog.setTextValue("paws")
    dialog.accept()
    assert filled._state.stacks[1].name == "paws"
    QTest.keyClick(chip, Qt.Key.Key_Delete)
    assert [kept.name for kept in filled._state.stacks] == ["edges"]
    filled._state.undo.undo()
    assert [kept.name for kept in filled._state.stacks] == ["edges", "paws"]


def test_an_image_dropped_on_a_row_gives_its_value(filled, pictures, qtbot):
    path = str(pictures / "cat" / "cat0.png")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path)])
    where = filled.list.rows[1].mapTo(filled, QPoint(30, 12))
    assert drop(filled, mime, where) == "Take the value of features.14:1 from cat0.png"
    qtbot.waitUntil(lambda: filled.edits.stack.edits[1].baseline.kind == "image")
    assert "from cat0.png" in filled.list.rows[1].summary.text


def test_an_image_beside_the_rows_is_the_windows_affair(panel):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/a/b.jpg")])
    assert drag_over(panel, mime, panel.rect().center()) == ""


# --- rows ------------------------------------------------------------------------------------


def test_one_chosen_row_is_open_and_several_are_not(filled):
    rows = filled.list.rows
    QTest.mouseClick(rows[1], LEFT, NONE, QPoint(60, 8))
    assert [row.is_expanded for row in rows] == [False, True, False, False]
    QTest.mouseClick(rows[3], LEFT, Qt.KeyboardModifier.ControlModifier, QPoint(60, 8))
    assert filled.list.chosen == (1, 3)
    assert not any(row.is_expanded for row in rows)
    QTest.mouseClick(rows[0], LEFT, NONE, QPoint(60, 8))
    QTest.mouseClick(rows[2], LEFT, Qt.KeyboardModifier.ShiftModifier, QPoint(60, 8))
    assert filled.list.chosen == (0, 1, 2)


def test_the_switch_stands_for_all_that_is_chosen(filled):
    filled.list.choose((0, 2))
    filled.list.rows[0].switch.click()
    assert [edit.enabled for edit in filled.edits.stack.edits] == [False, True, False, True]


def test_keys_do_what_the_mouse_does(filled, qapp):
    rows = filled.list.rows
    filled.list.choose((1,), focus=True)
    QTest.keyClick(rows[1], Qt.Key.Key_Down)
    assert filled.list.chosen == (2,)
    QTest.keyClick(rows[2], Qt.Key.Key_Up, ALT)
    assert units(filled) == [0, 2, 1, 3]
    assert filled.list.chosen == (1,)
    QTest.keyClick(rows[1], Qt.Key.Key_Down, ALT)
    QTest.keyClick(rows[2], Qt.Key.Key_Space)
    assert [edit.enabled for edit in filled.edits.stack.edits] == [True, True, False, True]
    QTest.keyClick(rows[2], Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert edits_on_clipboard().edits[0].feature.units == (2,)
    QTest.keyClick(rows[2], Qt.Key.Key_Delete)
    assert units(filled) == [0, 1, 3]
    assert filled.list.chosen == (2,)
    QTest.keyClick(rows[2], Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert units(filled) == [0, 1, 3, 2]
    QTest.keyClick(filled.list.rows[0], Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert filled.list.chosen == (0, 1, 2, 3)


def test_controls_change_the_edit_and_can_be_undone(filled):
    state = filled._state
    filled.list.choose((0,))
    details = filled.list.rows[0].details
    details.kind.setCurrentIndex(details.kind.findData("scale"))
    details.kind.activated.emit(details.kind.currentIndex())
    assert kinds(filled)[0] == "scale"
    details.strength.box.setValue(0.25)
    assert filled.edits.stack.edits[0].amount == 0.25
    details.place.line.setText("@3,4")
    details.place.line.editingFinished.emit()
    assert filled.edits.stack.edits[0].place.text == "@3,4"
    assert filled.list.rows[0].summary.text == "Scale × 0.25 · @3,4"
    for _ in range(3):
        state.undo.undo()
    assert filled.edits.stack.edits[0] == filled.edits.stack.edits[0]
    assert (kinds(filled)[0], filled.edits.stack.edits[0].place.text) == ("ablate", "")


def typed(box, text):
    """Type over what stands in a box, and press Enter."""
    box.setFocus()
    box.selectAll()
    QTest.keyClick(box, Qt.Key.Key_Delete)
    if text.isascii():
        QTest.keyClicks(box, text)
    else:
        box.lineEdit().insert(text)
    QTest.keyClick(box, Qt.Key.Key_Return)


def is_framed(box):
    """Whether a box is framed in red, all around."""
    picture = box.grab().toImage()
    wide, high = picture.width(), picture.height()
    edge = [(wide // 2, 0), (wide // 2, high - 1), (0, high // 2), (wide - 1, high // 2)]
    colours = [picture.pixelColor(x, y) for x, y in edge]
    return all(colour.red() > 80 + max(colour.green(), colour.blue()) for colour in colours)


def test_a_typed_number_is_taken_as_it_is_or_refused(filled, qapp):
    filled.edits.change_kind(0, "scale")
    filled.list.choose((0,))
    strength = filled.list.rows[0].details.strength

    def amount():
        return filled.edits.stack.edits[0].amount

    for text, value in (
        ("0,5", 0.5), ("1e3", 1000.0), ("−0.25", -0.25), ("× 3", 3.0), (".5", 0.5),
        ("1.5E-3", 0.0015), ("123456.789", 123456.789), ("2", 2.0),
    ):  # fmt: skip
        typed(strength.box, text)
        assert amount() == value, text
        assert strength.refusal.isHidden()
        assert not is_framed(strength.box)
    for text, word in (
        ("1e999", "too large"), ("abc", "not a number"), ("1,000", "two ways"), ("nan", "not a"),
        ("3 4", "not a number"), ("", "not a number"), ("--3", "not a number"),
    ):  # fmt: skip
        before = filled._state.undo.count()
        typed(strength.box, text)
        assert amount() == 2.0, text
        assert strength.box.text() == "× 2"
        assert word in strength.refusal.text()
        assert not strength.refusal.isHidden()
        assert is_framed(strength.box)
        assert filled._state.undo.count() == before
    qapp.processEvents()
    row = filled.list.rows[0]
    assert row.details.strength.refusal.geometry().bottom() <= row.height()
    typed(strength.box, "3")
    assert (amount(), strength.refusal.isHidden()) == (3.0, True)


def test_a_limit_is_taken_away_by_emptying_its_box(filled):
    filled.edits.change_kind(0, "clamp")
    filled.list.choose((0,))
    strength = filled.list.rows[0].details.strength
    typed(strength.low, "-1,5")
    typed(strength.high, "2.25")
    assert (filled.edits.stack.edits[0].low, filled.edits.stack.edits[0].high) == (-1.5, 2.25)
    typed(strength.low, "")
    assert filled.edits.stack.edits[0].low is None
    assert strength.low.text() == "no limit"
    assert strength.refusal.isHidden()


def test_a_drag_of_the_slider_is_one_step(filled):
    filled.edits.change_kind(0, "scale")
    filled.list.choose((0,))
    slider = filled.list.rows[0].details.strength.slider
    steps = filled._state.undo.count()
    slider.setSliderDown(True)
    for value in (120, 180, 240):
        slider.setValue(value)
    slider.setSliderDown(False)
    assert filled._state.undo.count() == steps + 1
    assert filled.edits.stack.edits[0].amount == pytest.approx(-2 + 6 * 240 / 400)
    filled._state.undo.undo()
    assert filled.edits.stack.edits[0].amount == 0.5


def test_a_place_that_is_none_is_told_and_taken_back(filled, window, messages):
    filled.list.choose((0,))
    place = filled.list.rows[0].details.place
    place.line.setText("left of the cat")
    place.line.editingFinished.emit()
    assert place.line.text() == "everywhere"
    assert any("is not a place" in text for text in messages(window))
    place._take("brushed region")
    assert any("Nothing is brushed" in text for text in messages(window))


def test_strengths_beyond_what_images_have_are_marked(filled):
    own = filled._state.model.description.weights_sha256
    known = FeatureStatistics(
        feature=unit(0), mean=(0.5,), deviation=(0.25,), low=(0.0,), high=(2.0,), images=3000
    )
    filled.edits.book._known[("", unit(0, model=own))] = known
    filled.edits.change_kind(0, "add")
    filled.edits.change(0, deviation=(0.25,), amount=6.0)
    filled.list.choose((0,))
    strength = filled.list.rows[0].details.strength
    assert strength.words.text() == "Keeps an average value within what 3,000 images have."
    assert not strength.slider.is_beyond
    filled.edits.change(0, amount=6.1)
    assert strength.words.text() == "⚠ Brings an average value beyond any observed in 3,000 images."
    assert strength.slider.is_beyond
    filled.edits.change(0, amount=-2.5)
    assert "beyond" in strength.words.text()
    assert strength.box.suffix().strip() == "σ"
    effect = EditEffect(index=0, state="effective", hits=1, change=3.2, effect=1.0)
    tell(filled, e0=effect)
    filled.list.show_effects()
    assert not strength.words.isHidden()
    seen = "Values beyond any observed in 64 images (0 to 2), at 8 % of positions."
    tell(filled, e0=msgspec.structs.replace(effect, warning=seen))
    filled.list.show_effects()
    assert strength.words.isHidden(), "what the image's values became is said, and only that"


# --- what is told ----------------------------------------------------------------------------


def test_four_states_have_four_signs_and_words(filled):
    controls = tuple(i / 100 for i in range(-10, 10))
    tell(
        filled,
        e0=EditEffect(index=0, state="effective", hits=1, change=3.2, share=0.12, effect=-1.24,
                      controls=controls),
        e1=EditEffect(index=1, state="inactive", hits=1, change=0.0),
        e2=EditEffect(index=2, state="ineffective", hits=2, change=1.0, effect=0.0),
        e3=EditEffect(index=3, state="failed", reason="The layer was not reached."),
    )  # fmt: skip
    rows = filled.list.rows
    assert [row.state_icon for row in rows] == ["effective", "inactive", "no-effect", "error"]
    before = rows[2].icon.pixmap().toImage()
    colours = QPalette(rows[2].palette())
    colours.setColor(QPalette.ColorRole.WindowText, QColor("#ff00ff"))
    rows[2].setPalette(colours)
    assert rows[2].icon.pixmap().toImage() != before, "signs follow the theme"
    assert rows[0].effect.text() == "−1.24"
    assert rows[0].beside.text() == "> 20 of 20 random"
    assert "The layer was not reached." in rows[3].accessibleDescription()
    filled.list.choose((0,))
    details = rows[0].details
    assert "more than any of 20 random features" in details.state.text()
    assert "Ran once; changed its layer by 3.2" in details.state.text()
    assert not details.strip.isHidden()
    assert details.strip.place_of(-1.24) < min(map(details.strip.place_of, controls))


def test_an_edit_before_a_norm_offers_the_place_behind_it(filled):
    warning = "It stands before a norm."
    tell(filled, e0=EditEffect(index=0, state="effective", hits=1, change=1.0, effect=0.2,
                               warning=warning, behind="features.1"))  # fmt: skip
    filled.list.choose((0,))
    details = filled.list.rows[0].details
    assert details.warning.text() == f"⚠ {warning}"
    details.fix.click()
    assert filled.edits.stack.edits[0].feature.text == "features.1:0"


def test_an_edit_of_another_model_says_so_and_can_be_taken_over(panel):
    panel.edits.add_edits([Edit(feature=unit(7, model="ff" * 32), kind="ablate")])
    panel.list.choose((0,))
    row = panel.list.rows[0]
    assert row.state_icon == "error"
    assert "made on another model" in row.details.state.text()
    assert row.details.fix.text() == "Use in this model"
    row.details.fix.click()
    assert len(panel._state.edits_in_force.edits) == 1


def test_baselines_that_are_not_the_mean_say_why(filled):
    filled.list.choose((0,))
    assert filled.list.rows[0].details.note.text().startswith("Zero, because no images are open")


# --- the panel -------------------------------------------------------------------------------


def test_an_empty_panel_says_what_to_do(panel):
    assert panel.pages.currentIndex() == 0
    assert "Shift+X" in panel.empty.text()
    assert not panel.mute.isEnabled()


def test_muting_and_standing_alone_are_shown(filled, qapp):
    filled.mute.click()
    qapp.processEvents()
    assert (filled.status.text(), filled._state.edits_in_force.edits) == ("All muted", ())
    filled.mute.click()
    filled.edits.solo(2)
    qapp.processEvents()
    assert filled.status.text() == "One alone in force"


def test_groups_have_a_head_that_switches_them(filled, qapp):
    filled.edits.group("edges", 1, 3)
    assert units(filled) == [0, 1, 3, 2]
    head = next(head for head in filled.list._heads if not head.isHidden())
    assert head.name.text() == "edges (2)"
    head.switch.click()
    assert [edit.enabled for edit in filled.edits.stack.edits] == [True, False, False, True]
    filled.edits.group("", 1, 2)
    assert head.isHidden()


def test_a_kept_stack_is_exchanged_by_a_click_and_compared_by_its_menu(filled, qapp):
    filled.keep.click()
    qapp.processEvents()
    chip = filled.kept.chips[0]
    filled.edits.remove(0)
    chip.click()
    assert (units(filled), len(filled._state.stacks[0].edits)) == ([0, 1, 2, 3], 3)
    menu = chip.menu()
    menu.aboutToShow.emit()
    compare = next(a for a in menu.actions() if "ompare" in a.text())
    compare.trigger()
    assert filled.edits.compared == 0
    qapp.processEvents()
    assert "stand beside" in chip.toolTip()


def test_kept_stacks_are_found_on_the_shelf_and_dropped_there(filled, window, qapp):
    stack = EditStack(edits=filled.edits.stack.edits[:2], name="first two")
    cards = window.shelf.list
    mime = mime_for_edits(stack)  # Qt does not own it
    event = QDropEvent(QPointF(5, 5), COPY, mime, LEFT, NONE)
    cards.dropEvent(event)
    qapp.processEvents()
    assert filled._state.stacks == (stack,)
    assert not window.shelf.kept.isHidden()
    assert window.shelf.kept.chips[0].text() == "first two (2)"
    assert window.shelf.shelf.items == ()


def test_changes_of_images_stand_below_the_edits(filled, qapp):
    change = ImageEdit(kind="blur", image="a" * 64, region=((1.0,),))
    filled.edits.add_image_edits((change,))
    row = filled.list.image_rows[0]
    assert row.words.text() == "Blur a region of image aaaaaaaa"
    assert row.radius.text() == "8 px"
    row.radius.setValue(20)
    assert filled.edits.stack.image_edits[0].radius_px == 20
    row.switch.click()
    assert not filled.edits.stack.image_edits[0].enabled
    row.remove.click()
    assert filled.edits.stack.image_edits == ()


def test_every_features_menu_can_put_it_here(panel, qapp):
    commands = feature_commands_of(panel._state)
    assert commands.act("ablate", (unit(7), unit(3)))
    assert kinds(panel) == ["ablate", "ablate"]
    assert commands.refusal("ablate", (unit(999),)) != ""
    commands.act("intervene", (unit(5),))
    menu = next(m for m in panel.findChildren(QMenu) if m.isVisible())
    assert [a.text() for a in menu.actions()][:3] == ["Switch off", "Scale", "Steer"]
    menu.actions()[1].trigger()
    menu.close()
    assert kinds(panel) == ["ablate", "ablate", "scale"]


def test_the_menu_of_commands_knows_what_is_possible(panel, window, qapp):
    actions = window.actions_
    actions.refresh()
    assert not actions["intervene.clear"].isEnabled()
    assert "Nothing is on the panel yet." in actions["intervene.clear"].toolTip()
    panel.edits.add_features((unit(7),))
    actions.refresh()
    actions["intervene.mute"].trigger()
    assert panel.edits.stack.muted
    actions["intervene.keep"].trigger()
    actions["intervene.clear"].trigger()
    assert panel.edits.stack == EditStack()
    actions.refresh()
    actions["intervene.exchange"].trigger()
    assert units(panel) == [7]
    actions["intervene.panel"].trigger()
    assert panel.list.rows[0].hasFocus() or panel.list.chosen == (0,)


def test_a_row_is_as_high_as_its_words(filled, qapp):
    controls = tuple(i / 100 for i in range(20))
    effect = EditEffect(index=0, state="effective", hits=1, change=3.2, share=0.12, effect=-1.24)
    filled.list.choose((0,))
    row = filled.list.rows[0]
    for found in (
        effect,
        msgspec.structs.replace(effect, controls=controls),
        effect,
        msgspec.structs.replace(effect, controls=controls, warning="A norm follows. " * 8),
    ):
        tell(filled, e0=found)
        qapp.processEvents()
        state = row.details.state
        assert state.height() >= state.heightForWidth(state.width())
        last = row.details.buttons[0]
        assert last.mapTo(row, QPoint(0, last.height())).y() <= row.height()
    rows = filled.list.rows
    assert all(a.geometry().bottom() < b.geometry().top() for a, b in pairwise(rows))


def test_the_sentence_lies_over_the_zones(panel):
    features = (unit(7),)
    mime = mime_for(features)
    for kind in ("ablate", "scale", "scale"):
        drag_over(panel, mime, zone(panel, kind, features))
        children = panel.children()
        zones, sentence = panel.drops._overlay_of_zones, panel.drops._overlay
        assert children.index(sentence) > children.index(zones)
        assert not zones.isHidden()


def test_pressing_a_row_moves_nothing_until_it_is_let_go(filled, monkeypatch):
    taken = []
    monkeypatch.setattr(
        "interp_gui.gui.interventions.panel.start_edit_drag",
        lambda _source, stack: taken.append((stack, filled.dragging)),
    )
    filled.list.choose((3,))
    row, before = filled.list.rows[1], [row.y() for row in filled.list.rows]
    QTest.mousePress(row, LEFT, NONE, QPoint(60, 8))
    assert (filled.list.chosen, [row.y() for row in filled.list.rows]) == ((3,), before)
    far, there = QPointF(60, 60), QPointF(row.mapToGlobal(QPoint(60, 60)))
    QApplication.sendEvent(row, QMouseEvent(QEvent.Type.MouseMove, far, there, LEFT, LEFT, NONE))
    ((stack, dragging),) = taken
    assert (dragging, [edit.feature.units for edit in stack.edits]) == ((1,), [(1,)])
    QTest.mouseRelease(row, LEFT, NONE, QPoint(60, 60))
    assert (filled.list.chosen, filled.dragging) == ((3,), ())


# --- what a new user met ---------------------------------------------------------------------


def test_what_is_dropped_beside_the_fields_is_switched_off(panel):
    features = (unit(7),)
    below = QPoint(panel.width() // 2, panel.height() - 3)
    assert drop(panel, mime_for(features), below).startswith("Switch off")
    assert kinds(panel) == ["ablate"]


def test_a_patch_takes_another_image_than_the_current_one(panel, pictures, qtbot):
    from interp_gui.gui.interventions.drops import NO_OTHER_IMAGE

    state, features = panel._state, (unit(7),)
    one, other = (str(pictures / "cat" / f"cat{i}.png") for i in range(2))
    state.set_image(one)
    assert drop(panel, mime_for(features), zone(panel, "patch", features)) == NO_OTHER_IMAGE
    assert kinds(panel) == []
    state.set_watched((one, other))
    said = drop(panel, mime_for(features), zone(panel, "patch", features))
    assert said == "Patch features.14:7 from cat1.png"
    qtbot.waitUntil(lambda: kinds(panel) == ["patch"])
    qtbot.waitUntil(lambda: "from cat1.png" in panel.list.rows[0].summary.text)


def test_one_true_sentence_is_told(filled):
    filled.edits.change_kind(0, "scale")
    filled.list.choose((0,))
    details = filled.list.rows[0].details
    details.strength.words.setText("⚠ Brings an average value beyond any observed.")
    idle = EditEffect(
        index=0, state="inactive", hits=1, change=1e-7, share=1e-9, effect=0.0,
        control_note="Nothing changes here.", warning="Values beyond any observed in 9 images.",
    )  # fmt: skip
    tell(filled, e0=idle)
    filled.list.show_effects()
    assert details.state.text() == (
        "Inactive here. It ran and changed nothing at its layer in this image."
    )
    assert details.warning.isHidden()
    assert details.strength.words.isHidden()
    assert filled.list.rows[0].state_icon == "inactive"
    assert "Beyond" not in filled.list.rows[0].icon.toolTip()
    noted = msgspec.structs.replace(
        idle,
        state="effective",
        share=380.0,
        change=3.0,
        effect=1.0,
        warning="",
        control_note="There is no other.",
    )
    tell(filled, e0=noted)
    filled.list.show_effects()
    assert ".." not in details.state.text()
    assert "Target +1. There is no other. Ran once" in details.state.text()
    assert "380 times its length" in details.state.text()


def test_in_a_narrow_row_what_the_edit_does_comes_first(filled, qapp):
    effect = EditEffect(
        index=0, state="effective", hits=1, change=3.0, effect=1.0, controls=(0.1,) * 20
    )
    tell(filled, e0=effect)
    row = filled.list.rows[0]
    row.show_effect(effect, "")
    row.resize(190, 400)
    row.fit(190)
    qapp.processEvents()
    summary, beside = row.summary, row.beside
    assert summary.width() >= summary.fontMetrics().horizontalAdvance(summary.text)
    assert beside.geometry().top() >= summary.geometry().bottom()


def test_a_narrow_place_shows_how_it_begins(filled, qapp):
    filled.list.choose((0,))
    row = filled.list.rows[0]
    place = row.details.place
    assert place.minimumSizeHint().width() >= place.fontMetrics().horizontalAdvance(
        "brushed region"
    )
    place.line.setCursorPosition(8)
    place.resize(140, place.height())
    assert place.line.cursorPosition() == 0


def test_a_cell_of_a_grid_is_called_by_its_place():
    from interp_gui.core.place import Place
    from interp_gui.gui.interventions.words import place_words

    cell = Place("region", region=((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)))
    assert place_words(cell) == "@1,2 of 3 × 3"
    assert place_words(Place("region", region=((1.0, 0.5),))) == "brushed region"


def test_the_menu_of_the_panel_is_in_groups(panel):
    entries = panel.menu.actions()
    assert sum(entry.isSeparator() for entry in entries) >= 5
    assert not any(one.isSeparator() and two.isSeparator() for one, two in pairwise(entries))
