"""The Shelf panel by hand: dropping, dragging, finding, naming, removing."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QMenu

from interp_gui.core.feature import MIME_TYPE, Feature
from interp_gui.engine.messages import OpenModel
from interp_gui.gui.dragging.drag import features_from_mime, mime_for
from interp_gui.gui.features.commands import FeatureContext, feature_commands_of
from interp_gui.gui.panels.shelf import EMPTY, NOT_FOUND
from interp_gui.gui.panels.shelf_filter import matches, tag_counts
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import OpenModelState
from interp_gui.gui.widgets.card import Card
from interp_gui.gui.widgets.cards import CardList


def unit(index, **values):
    return Feature(layer="features.14", units=(index,), **values)


def picture(colour):
    image = QImage(40, 40, QImage.Format.Format_RGB32)
    image.fill(colour)
    return image


class Drop(QDropEvent):
    """A drop whose source can be said, which Qt learns from a real drag only."""

    def __init__(self, mime, position, source=None):
        super().__init__(
            QPointF(position), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        self._source, self._mime = source, mime  # Qt does not own the data

    def source(self):
        return self._source


@pytest.fixture
def panel(window, model, qapp):
    window.resize(1400, 900)
    window.state.set_model(model)
    panel = window.shelf
    qapp.processEvents()
    return panel


@pytest.fixture
def filled(panel, qapp):
    panel.shelf.collect(
        [unit(i) for i in range(4)], [picture(0xFF000000 + 40 * i) for i in range(4)]
    )
    qapp.processEvents()
    return panel


def shown(panel):
    panel.refresh()
    return [card.feature.units[0] for card in panel.list.cards]


def keys(panel):
    return [item.id for item in panel.shelf.items]


def middle(panel, index):
    return panel.list._rect(index).center()


def press(qtbot, widget, key, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(widget, key, modifier)


# --- dropping -----------------------------------------------------------------------------------


def test_an_empty_shelf_says_what_to_do(panel):
    assert panel.list.hint == EMPTY
    assert not panel.search.isVisible()
    assert panel.status.text() == ""


def test_a_card_dropped_from_another_program_is_kept_with_its_picture(panel):
    mime = mime_for([unit(7)], image=picture(0xFF336699))
    enter = QDragEnterEvent(
        QPoint(20, 20), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    panel.list.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.list.dropEvent(Drop(mime, QPoint(20, 20)))
    (item,) = panel.shelf.items
    assert item.feature.text == "features.14:7"
    assert tuple(item.picture[0, 0]) == (0x33, 0x66, 0x99)
    assert panel.list.selected_keys() == [item.id]
    assert panel.status.text() == "1 kept"


def test_several_cards_dropped_from_a_list_bring_each_its_own_picture(panel, qtbot):
    source = CardList("Units")
    qtbot.addWidget(source)
    cards = [
        Card(key=str(i), title="", feature=unit(i), main=picture(0xFF000000 + i)) for i in (5, 9)
    ]
    source.set_cards(cards)
    mime = mime_for([unit(5), unit(9)], image=cards[1].main)
    panel.list.dropEvent(Drop(mime, QPoint(9, 9), source))
    assert [int(item.picture[0, 0, 2]) for item in panel.shelf.items] == [5, 9]


def test_the_picture_of_several_is_not_taken_for_that_of_the_first(panel):
    mime = mime_for([unit(5), unit(9)], image=picture(0xFF112233))
    panel.list.dropEvent(Drop(mime, QPoint(9, 9)))
    assert [item.picture for item in panel.shelf.items] == [None, None]


def test_dropped_between_two_cards_it_lands_there(filled):
    where = filled.list._rect(2).topLeft() + QPoint(-3, 30)
    assert filled.list.place_at(where) == 2
    filled.list.dropEvent(Drop(mime_for([unit(9)]), where))
    assert shown(filled) == [0, 1, 9, 2, 3]


def test_hostile_drops_are_refused_in_words(panel, window):
    told = []
    window.state.notified.connect(told.append)
    for data in (b"", b"{", b'{"features": []}', b'{"features": [{"layer": "a"}], "version": 9}'):
        mime = QMimeData()
        mime.setData(MIME_TYPE, data)
        panel.list.dropEvent(Drop(mime, QPoint(9, 9)))
    assert panel.shelf.items == ()
    assert len(told) == 4
    files = QMimeData()
    files.setText("hello")
    drop = Drop(files, QPoint(9, 9))
    panel.list.dropEvent(drop)
    assert not drop.isAccepted()  # the window takes it


def test_dragged_within_it_is_moved_and_not_collected_again(filled, window):
    filled.list.select((keys(filled)[3],))
    where = filled.list._rect(1).topLeft() + QPoint(2, 30)
    filled.list.dropEvent(Drop(mime_for([filled.shelf.items[3].feature]), where, filled.list))
    assert shown(filled) == [0, 3, 1, 2]
    assert window.state.undo.undoText() == "move features.14:3 on the shelf"
    window.state.undo.undo()
    assert shown(filled) == [0, 1, 2, 3]


def test_moving_while_some_are_hidden_goes_by_what_is_seen(filled):
    ids = keys(filled)
    filled.shelf.tag([ids[0], ids[3]], ["dog"])
    filled.search.setText("#dog")
    assert shown(filled) == [0, 3]
    filled.list.select((ids[0],))
    end = QPoint(filled.list.viewport().width() - 5, 40)
    filled.list.dropEvent(Drop(mime_for([unit(0)]), end, filled.list))
    filled.search.clear()
    assert shown(filled) == [1, 2, 3, 0]


# --- what is shown ------------------------------------------------------------------------------


def described(panel, index):
    return panel.list._prepared(index)


def test_cards_say_name_address_and_model(filled, window, describe):
    names_of(window.state).set_name(unit(0), "wheels")
    filled.shelf.update(keys(filled)[1], tags="car, red")
    filled.refresh()
    assert (described(filled, 0).title, described(filled, 0).caption) == ("wheels", "features.14:0")
    assert described(filled, 1).caption == "#car #red"
    assert not described(filled, 0).dim
    other = OpenModelState("model-2", describe(weights_sha256="f" * 64, name="o.pth"), "/o.pth")
    window.state.set_models((window.state.model, other))
    window.state.set_model(other)
    filled.refresh()
    assert described(filled, 1).caption == "small.pth"
    assert not described(filled, 1).dim
    window.state.set_models((other,))
    filled.refresh()
    assert described(filled, 1).dim
    assert described(filled, 1).tag == "not open"
    assert "Its model is not open." in described(filled, 1).tooltip


def test_long_addresses_keep_their_end(panel):
    panel.shelf.collect(
        [Feature(layer="encoder.layers.5.self_attention/z", units=(3,), heads=True)]
    )
    panel.refresh()
    assert described(panel, 0).title.endswith("h3")
    assert len(described(panel, 0).title) < 25


def test_a_new_picture_is_painted(filled, qapp):
    key = keys(filled)[0]
    before = filled.list.card(key).revision
    filled.shelf.update(key, picture=np.full((20, 20, 3), 200, np.uint8))
    qapp.processEvents()
    assert filled.list.card(key).revision > before
    assert filled.list.card(key).main.pixelColor(0, 0).red() == 200


def test_search_and_tags_narrow_down(filled, qtbot):
    ids = keys(filled)
    filled.shelf.update(ids[0], name="Wheels", note="Buses too")
    filled.shelf.tag(ids[:2], ["car"])
    filled.shelf.tag(ids[1:3], ["dog"])
    for typed, expected in (
        ("wheel", [0]), ("BUSES", [0]), ("features.14:3", [3]), ("#car", [0, 1]),
        ("#do small", [1, 2]), ("#car #dog", [1]), ("#none", []), ("", [0, 1, 2, 3]),
    ):  # fmt: skip
        filled.search.setText(typed)
        assert shown(filled) == expected, typed
    filled.search.setText("#none")
    assert filled.list.hint == NOT_FOUND
    assert filled.status.text() == "4 kept · 0 shown"
    filled.search.clear()
    qtbot.mouseClick(filled.chips.buttons["dog"], Qt.MouseButton.LeftButton)
    assert shown(filled) == [1, 2]
    qtbot.mouseClick(filled.chips.buttons["car"], Qt.MouseButton.LeftButton)
    assert shown(filled) == [1]
    filled.shelf.tag(ids, remove=["car"])  # a chip that goes filters no more
    assert shown(filled) == [1, 2]


def test_matching_is_by_every_word(filled):
    item = filled.shelf.items[0]
    assert matches(item, "")
    assert matches(item, "features small.pth")
    assert not matches(item, "features large")
    assert not matches(item, "", tags=("x",))


def test_tags_are_counted_by_their_first_writing(filled):
    ids = keys(filled)
    filled.shelf.tag(ids[:1], ["Dog"])
    filled.shelf.tag(ids[1:3], ["dog", "cat"])
    assert tag_counts(filled.shelf.items) == [("Dog", 3), ("cat", 2)]


# --- opening ------------------------------------------------------------------------------------


def test_enter_and_double_click_open_the_unit(filled, window, qtbot):
    filled.list.setFocus()
    filled.list.select((keys(filled)[2],))
    press(qtbot, filled.list, Qt.Key.Key_Return)
    assert window.state.feature.text == "features.14:2"
    assert window.state.tab == "unit"
    qtbot.mouseDClick(filled.list.viewport(), Qt.MouseButton.LeftButton, pos=middle(filled, 1))
    assert window.state.feature.text == "features.14:1"


def test_opening_makes_the_other_model_current(filled, window, describe, model):
    other = OpenModelState("model-2", describe(weights_sha256="f" * 64), "/o.pth")
    window.state.set_models((model, other))
    window.state.set_model(other)
    filled.open(keys(filled)[0])
    assert window.state.model == model
    assert window.state.feature.text == "features.14:0"


def test_a_feature_of_a_closed_model_offers_to_open_it(
    filled, window, client, relay, greet, model, describe, tmp_path, qapp
):
    path = tmp_path / "small.pth"
    path.touch()
    other = OpenModelState("model-2", describe(weights_sha256="f" * 64), "/o.pth")
    window.state.set_model(other)
    window.state.set_models((other,))
    relay(greet())
    qapp.processEvents()
    told = []
    window.state.notified.connect(told.append)
    filled.open(keys(filled)[0])
    assert told[-1].message == "features.14:0 belongs to a model that is not open."
    assert (told[-1].action, told[-1].hint) == (
        "", "Open small.pth, and it can be looked at again."
    )  # fmt: skip
    window.settings.add_recent_model(str(path), model.description.weights_sha256)
    filled.list.select((keys(filled)[0],))
    assert filled.inspector.open_model.isVisible()
    assert filled.inspector.closed.text() == "Its model is not open: small.pth"
    filled.open(keys(filled)[0])
    assert told[-1].action == "Open small.pth"
    told[-1].on_action()
    job = client.last(OpenModel)
    assert client.requests[job].path == str(path)
    client.end(job, description=describe())
    qapp.processEvents()
    assert window.state.model.description.weights_sha256 == model.description.weights_sha256
    assert window.state.feature.text == "features.14:0"


def test_a_unit_that_the_model_lacks_is_refused_in_words(panel, window):
    told = []
    window.state.notified.connect(told.append)
    panel.shelf.collect([unit(5000)])
    panel.open(keys(panel)[0])
    assert told[-1].level == "error"
    assert "5000" in told[-1].message
    assert window.state.feature is None


# --- by hand ------------------------------------------------------------------------------------


def test_name_note_and_tags_are_edited_in_place(filled, window, qtbot):
    inspector, key = filled.inspector, keys(filled)[1]
    filled.list.setFocus()
    filled.list.select((key,))
    press(qtbot, filled.list, Qt.Key.Key_F2)
    assert QApplication.focusWidget() is inspector.name
    qtbot.keyClicks(inspector.name, "wheels")
    press(qtbot, inspector.name, Qt.Key.Key_Return)
    assert filled.shelf.item(key).name == "wheels"
    assert QApplication.focusWidget() is filled.list
    inspector.note.setFocus()
    qtbot.keyClicks(inspector.note, "on cars")
    inspector.tags.setFocus()
    assert filled.shelf.item(key).note == "on cars"
    qtbot.keyClicks(inspector.tags, "car, #Round")
    press(qtbot, inspector.tags, Qt.Key.Key_Return)
    assert filled.shelf.item(key).tags == ("car", "Round")
    assert inspector.tags.text() == "car, Round"
    assert window.state.undo.count() == 4
    for _ in range(3):
        window.state.undo.undo()
    filled.refresh()
    assert inspector.name.text() == inspector.note.toPlainText() == inspector.tags.text() == ""


def test_esc_takes_back_what_was_typed(filled, window, qtbot):
    filled.list.select((keys(filled)[0],))
    filled.edit_name()
    qtbot.keyClicks(filled.inspector.name, "wheels")
    press(qtbot, filled.inspector.name, Qt.Key.Key_Escape)
    assert filled.inspector.name.text() == ""
    assert filled.shelf.items[0].name == ""
    assert QApplication.focusWidget() is filled.list


def test_what_was_typed_belongs_to_the_card_that_was_chosen(filled, qtbot):
    first, second = keys(filled)[:2]
    filled.list.select((first,))
    filled.edit_name()
    qtbot.keyClicks(filled.inspector.name, "wheels")
    filled.list.select((second,))
    assert filled.shelf.item(first).name == "wheels"
    assert filled.shelf.item(second).name == ""
    assert filled.inspector.name.text() == ""


def test_a_note_is_kept_while_it_is_typed(filled, qtbot):
    key = keys(filled)[0]
    filled.list.select((key,))
    filled.inspector.note.setFocus()
    qtbot.keyClicks(filled.inspector.note, "spokes")
    qtbot.waitUntil(lambda: filled.shelf.item(key).note == "spokes")
    cursor = filled.inspector.note.textCursor().position()
    qtbot.keyClicks(filled.inspector.note, " and tyres")
    assert cursor == 6
    filled.inspector.keep()
    assert filled.shelf.item(key).note == "spokes and tyres"
    assert filled._state.undo.count() == 2  # collected, and one note


def test_tags_of_several_are_those_they_share(filled, qtbot, window):
    ids = keys(filled)
    filled.shelf.tag(ids[:2], ["car"])
    filled.shelf.tag(ids[:1], ["red"])
    filled.list.select(tuple(ids[:2]))
    filled.refresh()
    inspector = filled.inspector
    assert inspector.heading.text() == "2 features"
    assert not inspector.name.isEnabled()
    assert inspector.tags.text() == "car"
    inspector.tags.setFocus()
    inspector.tags.selectAll()
    qtbot.keyClicks(inspector.tags, "dog")
    press(qtbot, inspector.tags, Qt.Key.Key_Return)
    assert [item.tags for item in filled.shelf.items[:2]] == [("red", "dog"), ("dog",)]
    window.state.undo.undo()
    assert [item.tags for item in filled.shelf.items[:2]] == [("car", "red"), ("car",)]


def test_delete_removes_and_the_next_card_is_chosen(filled, qtbot, window):
    filled.list.setFocus()
    filled.list.select(tuple(keys(filled)[1:3]))
    press(qtbot, filled.list, Qt.Key.Key_Delete)
    assert shown(filled) == [0, 3]
    assert filled.list.selected_features()[0].units == (3,)
    press(qtbot, filled.list, Qt.Key.Key_Delete)
    assert filled.list.selected_features()[0].units == (0,)
    press(qtbot, filled.list, Qt.Key.Key_Delete)
    press(qtbot, filled.list, Qt.Key.Key_Delete)
    assert shown(filled) == []
    for _ in range(3):
        window.state.undo.undo()
    assert shown(filled) == [0, 1, 2, 3]


def test_cards_move_by_the_keyboard(filled, qtbot):
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    filled.list.setFocus()
    filled.list.select((keys(filled)[1],))
    press(qtbot, filled.list, Qt.Key.Key_Right, both)
    assert shown(filled) == [0, 2, 1, 3]
    press(qtbot, filled.list, Qt.Key.Key_End, both)
    assert shown(filled) == [0, 2, 3, 1]
    press(qtbot, filled.list, Qt.Key.Key_Right, both)
    press(qtbot, filled.list, Qt.Key.Key_Home, both)
    assert shown(filled) == [1, 0, 2, 3]
    press(qtbot, filled.list, Qt.Key.Key_Left, both)
    assert shown(filled) == [1, 0, 2, 3]


def test_copying_takes_features_names_and_picture(filled):
    filled.shelf.update(keys(filled)[0], name="wheels")
    filled.list.select(tuple(keys(filled)[:2]))
    filled.copy_chosen()
    mime = QGuiApplication.clipboard().mimeData()
    assert [f.units for f in features_from_mime(mime)] == [(0,), (1,)]
    assert mime.text() == "features.14:0\twheels\nfeatures.14:1"
    assert mime.hasImage()


def test_the_menu_offers_the_common_entries_and_its_own(filled, qtbot):
    filled.list.select((keys(filled)[1],))
    menu = QMenu(filled)
    filled.fill_menu(menu, keys(filled)[1])
    found = {action.text().replace("&", ""): action for action in menu.actions()}
    for wanted in ("Open unit page", "Copy feature", "Rename…", "Move to the front", "Select all"):
        assert wanted in found
    assert "Keep on the shelf" not in found
    assert "Open its model" not in found
    found["Move to the front"].trigger()
    assert shown(filled) == [1, 0, 2, 3]
    found["Remove from the shelf"].trigger()
    assert shown(filled) == [0, 2, 3]
    menu.deleteLater()


def test_a_menu_beside_the_cards_is_about_all_of_them(panel, qapp):
    where = QPoint(5, 5)
    panel.list.contextMenuEvent(
        QContextMenuEvent(QContextMenuEvent.Reason.Mouse, where, panel.list.mapToGlobal(where))
    )
    menu = panel.findChild(QMenu)
    assert [action.text() for action in menu.actions()] == ["Select all"]
    menu.close()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_keeping_from_elsewhere_takes_the_picture_that_is_shown(panel, window):
    commands = feature_commands_of(window.state)
    assert commands.act("keep", [unit(3)], FeatureContext(window, picture(0xFF0000FF)))
    assert int(panel.shelf.items[0].picture[0, 0, 2]) == 255


def test_behind_another_panel_a_toast_tells_and_brings_it_up(panel, window, qapp, qtbot):
    told = []
    window.state.notified.connect(told.append)
    panel.shelf.collect([unit(1)])
    assert not told
    window.docks["jobs"].raise_()
    qtbot.waitUntil(lambda: panel.visibleRegion().isEmpty())
    panel.shelf.collect([unit(2)])
    assert told[-1].message == "features.14:2 is on the shelf."
    told[-1].on_action()
    qtbot.waitUntil(lambda: not panel.visibleRegion().isEmpty())
