import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QLineEdit,
    QListWidget,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from interp_gui.gui.keyboard.focus import FocusRound, show_menu_of_focus
from interp_gui.gui.keyboard.focus_ring import FocusRing, KeyboardFocus
from interp_gui.gui.keyboard.text_keys import TextKeys

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def opened_window(window, model, qtbot):
    window.state.set_models((model,))
    window.state.set_model(model)
    window.state.set_layer("features.14")
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    return window


def test_f6_goes_round_every_part_and_back(opened_window):
    window = opened_window
    focus = FocusRound.of(window)
    count = len(focus.parts())
    assert count >= 5, "toolbar, model, images, centre, bottom"
    next_part, before = window.actions_["view.next_part"], window.actions_["view.previous_part"]
    seen = []
    for _ in range(count):
        next_part.trigger()
        seen.append(focus.part_of(QApplication.focusWidget()))
    assert len(set(map(id, seen))) == count
    assert None not in seen
    next_part.trigger()
    assert focus.part_of(QApplication.focusWidget()) is seen[0]
    before.trigger()
    assert focus.part_of(QApplication.focusWidget()) is seen[-1]
    inside = [part for part in seen if window.model_panel in (part, part.parentWidget())]
    assert inside, "the Model panel is one of them"


def test_coming_back_finds_the_control_that_was_left(opened_window):
    window = opened_window
    focus = FocusRound.of(window)
    window.model_panel.layers.filter.setFocus()
    focus.go(1)
    assert not window.model_panel.isAncestorOf(QApplication.focusWidget())
    focus.go(-1)
    assert QApplication.focusWidget() is window.model_panel.layers.filter


def test_ctrl_f_goes_to_the_filter_of_the_part(opened_window, qtbot):
    window = opened_window
    window.model_panel.layers.tree.setFocus()
    window.actions_["view.filter"].trigger()
    assert QApplication.focusWidget() is window.model_panel.layers.filter
    window.docks["log"].raise_()
    qtbot.waitUntil(lambda: not window.log.visibleRegion().isEmpty())
    window.log.text.setFocus()
    window.actions_["view.filter"].trigger()
    assert "messages" in QApplication.focusWidget().accessibleName()


def test_every_stop_of_the_window_gets_a_ring_by_keys_and_none_by_mouse(opened_window, qtbot):
    window = opened_window
    keyboard = next(c for c in window.children() if isinstance(c, KeyboardFocus))
    first = window.model_panel.layers.filter
    first.setFocus(Qt.FocusReason.ShortcutFocusReason)
    visited = set()
    for _ in range(200):
        now = QApplication.focusWidget()
        if id(now) in visited:
            break
        visited.add(id(now))
        assert keyboard.target is now
        (ring,) = [r for r in now.findChildren(FocusRing) if r.isVisible()]
        assert ring.parentWidget() is now
        assert ring.geometry() == now.rect()
        if not isinstance(now, QTabBar):  # its tabs have names
            assert now.accessibleName() or getattr(now, "text", lambda: "")(), now
        qtbot.keyClick(now, Qt.Key.Key_Tab)
    assert len(visited) > 8
    tree = window.model_panel.layers.tree
    qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(40, 5))
    assert QApplication.focusWidget() is tree
    assert keyboard.target is None


def test_the_ring_is_drawn_in_the_highlight_colour_and_grows(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    controls = [QPushButton("a"), QCheckBox("b"), QSlider(), QListWidget(), QLineEdit()]
    for control in controls:
        layout.addWidget(control)
    keyboard = KeyboardFocus(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    for control in reversed(controls):
        control.setFocus(Qt.FocusReason.ShortcutFocusReason)
        assert keyboard.target is control
        highlight = control.palette().highlight().color().name()
        picture = control.grab().toImage()
        edge = picture.pixelColor(1, picture.height() // 2).name()
        assert edge == highlight, control
    window.resize(500, 600)
    qtbot.waitUntil(lambda: keyboard._ring.geometry() == controls[0].rect())
    controls[0].deleteLater()
    qtbot.waitUntil(lambda: keyboard.target is not controls[0])


# --- text fields -----------------------------------------------------------------------------


@pytest.fixture
def fields(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    edit, text = QLineEdit(), QPlainTextEdit()
    layout.addWidget(edit)
    layout.addWidget(text)
    window.calls = []
    for keys in ("Ctrl+Z", "Ctrl+Shift+Z", "Ctrl+Y", "Ctrl+K"):
        shortcut = QShortcut(QKeySequence(keys), window)
        shortcut.activated.connect(lambda keys=keys: window.calls.append(keys))
    TextKeys(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    return window, edit, text


def test_undo_in_a_field_is_that_of_what_was_typed(fields, qtbot):
    window, edit, text = fields
    for field, content in ((edit, edit.text), (text, text.toPlainText)):
        field.setFocus()
        qtbot.keyClicks(field, "abc")
        qtbot.keyClick(field, Qt.Key.Key_Z, CTRL)
        assert content() == ""
        qtbot.keyClick(field, Qt.Key.Key_Y, CTRL)
        assert content() == "abc"
        qtbot.keyClick(field, Qt.Key.Key_Z, CTRL)
        qtbot.keyClick(field, Qt.Key.Key_Z, CTRL | SHIFT)
        assert content() == "abc"
    assert window.calls == []


def test_undo_elsewhere_is_that_of_the_window_and_ctrl_k_works_in_fields(fields, qtbot):
    window, edit, text = fields
    edit.setFocus()
    qtbot.keyClicks(edit, "abc")
    edit.home(False)
    qtbot.keyClick(edit, Qt.Key.Key_K, CTRL)
    assert (window.calls, edit.text()) == (["Ctrl+K"], "abc")
    text.setReadOnly(True)
    text.setFocus()
    qtbot.keyClick(text, Qt.Key.Key_Z, CTRL)
    qtbot.keyClick(text, Qt.Key.Key_Y, CTRL)
    assert window.calls == ["Ctrl+K", "Ctrl+Z", "Ctrl+Y"]


def test_shift_f10_asks_for_the_menu_at_the_current_row(qtbot):
    asked = []
    rows = QListWidget()
    qtbot.addWidget(rows)
    rows.addItems(["a", "b", "c"])
    rows.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    rows.customContextMenuRequested.connect(lambda at: asked.append(rows.indexAt(at).row()))
    rows.show()
    rows.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is rows)
    rows.setFocus()
    rows.setCurrentRow(1)
    assert show_menu_of_focus()
    assert asked == [1]


def test_cards_answer_the_menu_key(opened_window, qtbot):
    window = opened_window
    window.state.set_tab("wall")
    wall = window.centre.tab("wall")
    qtbot.waitUntil(lambda: len(wall.list.cards) == 160)
    wall.list.setFocus()
    qtbot.keyClick(wall.list, Qt.Key.Key_Right)
    window.actions_["view.menu_here"].trigger()
    menus = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMenu) and w.isVisible()]
    texts = [action.text() for menu in menus for action in menu.actions()]
    assert any("unit page" in text for text in texts)
    for menu in menus:
        menu.close()
