import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QImage, QMouseEvent

from interp_gui.core.feature import Feature
from interp_gui.core.result import Picture
from interp_gui.gui.accessible import AccessibleFactory
from interp_gui.gui.widgets.card import Card
from interp_gui.gui.widgets.card_layout import CardLayout
from interp_gui.gui.widgets.cards import CardList
from interp_gui.gui.widgets.selection import Selection


def cards(count, group=lambda i: ""):
    return [
        Card(
            key=f"u{i}",
            title=f"unit {i}",
            feature=Feature(layer="a.b", units=(i,)),
            group=group(i),
        )
        for i in range(count)
    ]


@pytest.fixture
def card_list(qtbot):
    widget = CardList("Units", hint="Open a model.", strip=True)
    qtbot.addWidget(widget)
    widget.resize(700, 500)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def test_paints_only_what_is_in_view(card_list, qtbot):
    card_list.set_cards(cards(5000))
    card_list.painted_cards = 0
    card_list.viewport().repaint()
    visible = len(card_list.visible_keys())
    assert 0 < visible < 40
    assert card_list.painted_cards <= visible
    card_list.painted_cards = 0
    card_list.verticalScrollBar().setValue(card_list.verticalScrollBar().maximum())
    card_list.viewport().repaint()
    assert card_list.painted_cards <= 40
    assert card_list.visible_keys()[-1] == "u4999"


def test_scrolling_tells_what_came_into_view_once(card_list, qtbot):
    card_list.set_cards(cards(1000))
    before = card_list.visible_keys()
    with qtbot.waitSignal(card_list.visible_changed):
        card_list.verticalScrollBar().setValue(3000)
    assert card_list.visible_keys() != before


def test_a_changed_card_is_painted_alone(card_list, qtbot):
    card_list.set_cards(cards(100))
    qtbot.wait(30)
    card_list.painted_cards = 0
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    card_list.card("u0").main = image
    card_list.card_changed("u0")
    qtbot.waitUntil(lambda: card_list.painted_cards > 0)
    assert card_list.painted_cards == 1
    shot = card_list.viewport().grab().toImage()
    left, top = card_list._layout.position(0)
    assert shot.pixelColor(left + 60, top + 60).red() > 200


def test_another_card_of_the_same_key_shows_its_own_picture(card_list):
    def show(colour):
        found = cards(3)
        card_list.set_cards(found)
        found[0].main = QImage(20, 20, QImage.Format.Format_RGB32)
        found[0].main.fill(colour)
        card_list.card_changed("u0")
        return card_list.viewport().grab().toImage().pixelColor(60, 60)

    assert show(Qt.GlobalColor.red) == Qt.GlobalColor.red
    assert show(Qt.GlobalColor.blue) == Qt.GlobalColor.blue


def test_keyboard_moves_selects_and_opens(card_list, qtbot):
    card_list.set_cards(cards(50))
    opened = []
    card_list.activated.connect(opened.append)
    qtbot.keyClick(card_list, Qt.Key.Key_Down)
    assert card_list.current_key == "u0"
    columns = card_list._layout.columns
    qtbot.keyClick(card_list, Qt.Key.Key_Down)
    assert card_list.current_key == f"u{columns}"
    qtbot.keyClick(card_list, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert card_list.selected_keys() == [f"u{columns}", f"u{columns + 1}"]
    qtbot.keyClick(card_list, Qt.Key.Key_Return)
    assert opened == [f"u{columns + 1}"]
    qtbot.keyClick(card_list, Qt.Key.Key_End)
    assert card_list.current_key == "u49"
    assert "u49" in card_list.visible_keys()
    assert "50 of 50" in card_list.accessibleDescription()
    qtbot.keyClick(card_list, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(card_list.selected_features()) == 50


def test_mouse_selects_with_ctrl_and_keeps_a_selection_for_dragging(card_list, qtbot):
    card_list.set_cards(cards(50))

    def point(index):
        left, top = card_list._layout.position(index)
        return QPoint(left + 10, top + 10)

    left = Qt.MouseButton.LeftButton
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.mouseClick(card_list.viewport(), left, pos=point(1))
    qtbot.mouseClick(card_list.viewport(), left, control, pos=point(3))
    assert card_list.selected_keys() == ["u1", "u3"]
    qtbot.mousePress(card_list.viewport(), left, pos=point(3))
    assert card_list.selected_keys() == ["u1", "u3"]  # a drag would carry both
    qtbot.mouseRelease(card_list.viewport(), left, pos=point(3))
    assert card_list.selected_keys() == ["u3"]


def test_selection_survives_another_order(card_list):
    card_list.set_cards(cards(20))
    card_list.set_current("u7")
    card_list.set_cards(reversed(cards(20)))
    assert card_list.selected_keys() == ["u7"]
    assert card_list.current_key == "u7"
    card_list.set_cards(cards(3))
    assert card_list.selected_keys() == []
    assert card_list.current_key == ""


@pytest.mark.parametrize("count", [0, 1, 7, 100])
def test_layout_finds_every_card_where_it_lies(count):
    layout = CardLayout([f"g{i // 5}" for i in range(count)], width=500, card=(100, 140))
    for index in range(count):
        x, y = layout.position(index)
        assert layout.index_at(x, y) == index
        assert layout.index_at(x + 99, y + 139) == index
        assert index in layout.indices_in(y, y + 1)
    assert list(layout.indices_in(0, layout.height)) == list(range(count))
    assert layout.index_at(-5, 20) is None


def test_layout_moves_over_ragged_groups():
    layout = CardLayout(["a"] * 5 + ["b"] * 2, width=450, card=(100, 100))
    assert layout.columns == 4
    assert layout.moved(3, rows=1) == 4  # last of the short row
    assert layout.moved(4, rows=1) == 5
    assert layout.moved(6, columns=1) == 6
    assert layout.moved(0, rows=-1) == 0
    assert layout.moved(0, rows=10) == 5


def test_selection_rules():
    selection = Selection()
    selection.go(3)
    selection.go(6, extend=True)
    assert selection.chosen == {3, 4, 5, 6}
    selection.go(1, extend=True)
    assert selection.chosen == {1, 2, 3}
    selection.go(9, keep=True)
    assert selection.chosen == {1, 2, 3}
    assert selection.current == 9
    selection.go(2, toggle=True)
    assert selection.chosen == {1, 3}


def test_every_card_is_told_to_assistive_technology(qtbot):
    factory = AccessibleFactory()
    cards = CardList("Units")
    qtbot.addWidget(cards)
    cards.resize(400, 300)
    cards.set_cards(
        Card(key=str(i), title=f"unit {i}", caption="peak 3", tag="dead") for i in range(40)
    )
    cards.show()
    cards.set_current("3")
    told = QAccessible.queryAccessibleInterface(cards)
    assert told.role() == QAccessible.Role.List
    assert told.childCount() == 40
    third = told.child(3)
    assert third.text(QAccessible.Text.Name) == "unit 3"
    assert third.text(QAccessible.Text.Description) == "dead, peak 3"
    assert third.state().selected
    assert not told.child(4).state().selected
    middle = third.rect().center()
    assert told.indexOfChild(told.childAt(middle.x(), middle.y())) == 3
    factory.close()


def test_a_dragged_card_carries_what_it_becomes_a_file_of(card_list, monkeypatch, qtbot):
    card_list.set_cards(cards(5))
    carried = []
    monkeypatch.setattr(
        "interp_gui.gui.dragging.drag.start_drag",
        lambda source, features, **what: carried.append(what),
    )
    picture = Picture(key="p", title="p", pixels=np.zeros((4, 4, 3), np.uint8))
    card_list.result_of = lambda card: (picture, None) if card.key == "u0" else None
    start = card_list._rect(0).center()
    qtbot.mousePress(card_list.viewport(), Qt.MouseButton.LeftButton, pos=start)
    move = QMouseEvent(
        QEvent.Type.MouseMove, (start + QPoint(40, 0)).toPointF(), QPoint(0, 0).toPointF(),
        Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    card_list.mouseMoveEvent(move)
    assert carried[0]["result"] is picture
