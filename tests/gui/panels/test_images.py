import os
import shutil

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from interp_gui.gui.panels.images.broken import lost_folder
from interp_gui.gui.panels.images.grid import MOST_STRETCHES, runs
from interp_gui.gui.panels.images.source import Asked


@pytest.fixture
def shown(window, pictures, qtbot):
    """The window's Images panel with six good pictures and a broken one."""
    window.resize(1100, 760)
    window.files.open([str(pictures)])
    qtbot.waitUntil(lambda: window.images.model.rowCount() == 7)
    return window


def names(panel):
    return [panel.model.index(i).data() for i in range(panel.model.rowCount())]


def current(window):
    return os.path.basename(window.state.image or "")


def said(window):
    return [toast.note.message for toast in window.toasts.shown]


# --- what is listed --------------------------------------------------------------------------


def test_the_filter_hides_and_counts_and_escape_shows_all_again(shown, qtbot):
    panel = shown.images
    shown.state.set_image(str(panel.model.table.entries[2].path))
    QTest.keyClicks(panel.filter.field, "label:dog -broken")
    qtbot.waitUntil(lambda: panel.model.rowCount() < 7)
    panel.filter.set_text("label:dog dog")
    assert names(panel) == ["dog0.png", "dog1.png", "dog2.png"]
    assert panel.count.text().startswith("3 of 7 images")
    assert current(shown) == "cat2.png", "what the filter hides may stay the current image"
    QTest.keyClick(panel.filter.field, Qt.Key.Key_Escape)
    assert panel.model.rowCount() == 7
    assert panel.view.currentIndex().data() == "cat2.png"


def test_the_selection_outlives_sorting_and_filtering(shown):
    panel = shown.images
    panel.view.select_places(np.array([0, 4, 5]))
    chosen = {entry.name for entry in panel.selected}
    panel.source.arrange(sort="name", descending=True)
    assert {entry.name for entry in panel.selected} == chosen
    assert names(panel)[0] == "dog2.png"
    panel.source.arrange(text="label:cat")
    assert {entry.name for entry in panel.selected} == {"cat0.png"}


def test_menus_write_the_filter_and_say_how_many(shown):
    panel = shown.images
    menu = panel.filter.filters.menu()
    menu.aboutToShow.emit()
    labels = next(action.menu() for action in menu.actions() if action.text() == "Label")
    assert [action.text() for action in labels.actions()] == ["cat\t3", "dog\t4"]
    labels.actions()[0].trigger()
    assert panel.filter.field.text() == "label:cat"
    assert panel.model.rowCount() == 3
    orders = panel.filter.orders.menu()
    orders.aboutToShow.emit()
    by_title = {action.text(): action for action in orders.actions()}
    by_title["Name"].trigger()
    by_title["Descending"].trigger()
    assert names(panel) == ["cat2.png", "cat1.png", "cat0.png"]
    panel.filter.toggle("label:dog")
    assert panel.filter.field.text() == "label:dog", "another value takes the place of the first"
    panel.filter.toggle("wrong")
    panel.filter.toggle("label:dog")
    assert panel.filter.field.text() == "wrong"


def test_a_filter_without_hits_says_so(shown):
    shown.images.filter.set_text("no such thing")
    assert shown.images.model.rowCount() == 0
    assert shown.images.count.text().startswith("0 of 7 images")
    assert shown.images.view.grab().width() > 0


def test_answers_mark_and_sort_images(shown):
    panel = shown.images
    shown.documents.images.set_classes({"cat": 0, "dog": 1})
    paths = shown.state.dataset.paths
    classes = np.array([0, 1, 0, -1, 1, 1, 0], np.int32)
    probability = np.array([0.9, 0.8, 0.7, np.nan, 0.6, 0.5, 0.4], np.float32)
    panel.source.set_asked(Asked(paths, classes, probability, ("tabby", "hound")))
    panel.filter.set_text("wrong")
    assert names(panel) == ["cat1.png", "dog2.png"]
    index = panel.model.index(0)
    assert panel.model.caption(0) == "cat → hound"
    text = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert "Class: cat" in text
    assert "Predicted: hound, 80%, wrong" in text
    panel.filter.set_text("")
    panel.source.arrange(sort="probability")
    assert names(panel)[:2] == ["dog2.png", "dog1.png"]
    assert panel.view.grab().width() > 0


# --- the list as a control -------------------------------------------------------------------


def place(panel, i):
    return panel.view.place_rect(i).center()


def test_mouse_and_keys_select(shown):
    panel = shown.images
    view, port = panel.view, panel.view.viewport()
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=place(panel, 1))
    assert current(shown) == "cat1.png"
    QTest.mouseClick(
        port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, place(panel, 2)
    )
    assert view.selected_places().tolist() == [1, 2]
    QTest.mouseClick(
        port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place(panel, 1)
    )
    assert view.selected_places().tolist() == [2]
    QTest.keyClick(view, Qt.Key.Key_End)
    assert current(shown) == "dog2.png"
    assert view.place_rect(6).bottom() <= view.viewport().height(), "it was scrolled to"
    QTest.keyClick(view, Qt.Key.Key_Home, Qt.KeyboardModifier.ShiftModifier)
    assert view.selected_places().tolist() == list(range(7))
    QTest.keyClick(view, Qt.Key.Key_Home)
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.currentIndex().row() == view.columns
    QTest.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(panel.selected) == 7


def test_typing_goes_to_the_filter(shown):
    QTest.keyClicks(shown.images.view, "d")
    assert shown.images.filter.field.text() == "d"


def test_what_is_selected_is_dragged_and_nothing_else_moves(shown):
    panel, dragged = shown.images, []
    panel.view.drag_wanted.disconnect()
    panel.view.drag_wanted.connect(lambda: dragged.append([e.name for e in panel.selected]))
    panel.view.select_places(np.array([0, 1]))
    port = panel.view.viewport()
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=place(panel, 1))
    for step in (5, 30, 60):
        QTest.mouseMove(port, place(panel, 1) + QPoint(step, 0))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=place(panel, 2))
    assert dragged == [["cat0.png", "cat1.png"]]


def test_only_what_is_in_view_is_painted_or_waited_for(shown):
    panel = shown.images
    panel.view.setFixedHeight(100)
    panel.view.updateGeometries()
    assert len(panel.view.visible) < 7
    panel._thumbnails.forget(panel.model.table.rows)
    for path in panel.model.table.rows:
        panel._thumbnails.get(path)
    panel.view.verticalScrollBar().setValue(panel.view.verticalScrollBar().maximum())
    panel._want()
    seen = {panel.model.entry(p).path for p in panel.view.visible}
    assert set(panel._thumbnails.waiting) <= seen


def test_stretches_of_places():
    assert runs(np.array([0, 1, 2, 5, 7, 8])) == [(0, 2), (5, 5), (7, 8)]
    assert runs(np.zeros(0, np.int64)) == []


def test_a_selection_that_is_too_scattered_is_dropped_whole(shown, monkeypatch):
    assert MOST_STRETCHES >= 1000
    monkeypatch.setattr("interp_gui.gui.panels.images.grid.MOST_STRETCHES", 2)
    view = shown.images.view
    assert view.select_places(np.array([0, 2]))
    assert not view.select_places(np.array([0, 2, 4]))
    assert len(view.selected_places()) == 0


# --- removing --------------------------------------------------------------------------------


def test_removing_shows_the_next_and_undo_brings_all_back(shown):
    panel, state = shown.images, shown.state
    panel.source.arrange(sort="name", descending=True)  # dog2 dog1 dog0 cat2 …
    panel.view.select_places(np.array([1, 2]))
    state.set_image(panel.model.entry(1).path)
    panel.view.select_places(np.array([1, 2]))
    panel.view.setFocus()
    QTest.keyClick(panel.view, Qt.Key.Key_Delete)
    assert names(panel)[:3] == ["dog2.png", "cat2.png", "cat1.png"]
    assert current(shown) == "cat2.png", "the next in the order that is shown"
    before = state.dataset
    state.undo.undo()
    assert [e.name for e in state.dataset.images] == [
        "cat0.png", "cat1.png", "cat2.png", "broken.png", "dog0.png", "dog1.png", "dog2.png",
    ]  # fmt: skip
    assert current(shown) == "dog1.png"
    state.undo.redo()
    assert state.dataset == before


def test_only_what_is_seen_to_be_selected_is_removed(shown):
    panel = shown.images
    panel.view.selectAll()
    panel.filter.set_text("label:cat")
    panel.view.selectAll()
    shown.actions_["images.remove"].trigger()
    assert {entry.label for entry in shown.state.dataset.images} == {"dog"}


# --- broken, replaced and vanished files -----------------------------------------------------


def test_many_broken_files_are_one_message_and_are_marked(window, tmp_path, qtbot):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i}.png").write_bytes(b"\x89PNG not really")
    Image.new("RGB", (8, 8)).save(folder / "zz good.png")
    window.files.open([str(folder)])
    qtbot.waitUntil(lambda: window.images.broken.count == 40, timeout=20_000)
    qtbot.waitUntil(lambda: current(window) == "zz good.png")
    qtbot.waitUntil(lambda: bool(said(window)))
    assert said(window) == ["40 images cannot be read."]
    assert "40 broken" in window.images.count.text()
    window.images.filter.set_text("-broken")
    assert names(window.images) == ["zz good.png"]
    window.images.filter.set_text("")
    window.actions_.refresh()
    window.actions_["images.remove_broken"].trigger()
    assert names(window.images) == ["zz good.png"]
    window.state.undo.undo()
    assert window.images.model.rowCount() == 41


def test_a_folder_that_vanishes_is_named_once(window, pictures, qtbot):
    window.images.broken._check = lambda *_args, **_options: None  # only thumbnails look
    window.files.open([str(pictures / "cat")])
    qtbot.waitUntil(lambda: window.images.model.rowCount() == 3)
    shutil.rmtree(pictures)
    window.images._thumbnails.forget(window.images.model.table.rows)
    window.images.view.viewport().update()
    qtbot.waitUntil(lambda: bool(said(window)), timeout=10_000)
    assert said(window) == ["The folder 'pictures' is not there any more."]


def test_lost_folder_is_none_while_one_is_there(pictures):
    assert lost_folder([str(pictures / "cat" / "x.png"), "/nowhere/at/all.png"]) == ""
    assert lost_folder([str(pictures / "gone" / "deep" / "x.png")]) == str(pictures / "gone")


def test_a_file_that_was_replaced_is_read_again(shown, pictures, qtbot):
    panel, path = shown.images, str(pictures / "cat" / "cat0.png")
    panel.seen.setChecked(False)
    qtbot.waitUntil(lambda: panel._thumbnails.get(path) is not None)
    Image.new("RGB", (30, 60), "red").save(path)
    panel.check_again()
    qtbot.waitUntil(
        lambda: (found := panel._thumbnails.get(path)) is not None and found.height() == 60
    )
    fixed = str(pictures / "dog" / "broken.png")
    qtbot.waitUntil(lambda: fixed in panel._thumbnails.problems)
    Image.new("RGB", (30, 60), "red").save(fixed)
    panel.check_again()
    qtbot.waitUntil(lambda: panel._thumbnails.get(fixed) is not None)
    assert panel.broken.count == 0


def test_a_broken_file_stays_known_when_the_window_comes_to_the_front(shown, pictures, qtbot):
    panel, broken = shown.images, str(pictures / "dog" / "broken.png")
    qtbot.waitUntil(lambda: broken in panel._thumbnails.problems)
    panel.view.viewport().setUpdatesEnabled(False)  # nothing asks for it anew: it is out of view
    fixed = str(pictures / "cat" / "cat0.png")
    panel._thumbnails.note_problems({fixed: "It was no image."})
    panel.check_again()
    qtbot.waitUntil(lambda: fixed not in panel._thumbnails.problems)
    assert panel.broken.paths() == {broken}


def test_thumbnails_keep_to_their_memory(shown, monkeypatch, qtbot):
    thumbnails, paths = shown.images._thumbnails, list(shown.images.model.table.rows)
    monkeypatch.setattr("interp_gui.gui.thumbnails.KEPT_BYTES", 60 * 40 * 4 * 2)
    thumbnails.set_scale(2.0)
    for path in paths[:3]:
        qtbot.waitUntil(lambda path=path: thumbnails.get(path) is not None)
    assert thumbnails.size_bytes <= 60 * 40 * 4 * 2
    thumbnails.set_scale(1.0)
    assert thumbnails.size_bytes == 0


# --- commands --------------------------------------------------------------------------------


def test_the_menu_holds_the_commands_and_they_act_on_the_current_image(shown, qtbot):
    panel = shown.images
    shown.state.set_image(str(panel.model.table.entries[1].path))
    menu = QMenu()
    qtbot.addWidget(menu)
    panel.fill_menu(menu)
    titles = [action.text().replace("&", "") for action in menu.actions() if action.text()]
    assert titles[:5] == [
        "Open image", "Watch the selected images", "Show in folder", "Copy image", "Copy path",
    ]  # fmt: skip
    shown.actions_["output.watch_selected"].trigger()
    assert [path.endswith("cat1.png") for path in shown.state.watched] == [True]
    shown.actions_["images.copy_path"].trigger()
    assert QGuiApplication.clipboard().text().endswith("cat1.png")
    shown.actions_["images.copy"].trigger()
    qtbot.waitUntil(lambda: not QGuiApplication.clipboard().image().isNull())
    assert QGuiApplication.clipboard().image().width() == 60
    shown.actions_["images.filter_label"].trigger()
    assert panel.filter.field.text() == "label:cat"


def test_commands_wait_for_something_to_act_on(window):
    window.actions_.refresh()
    for name in ("images.show", "images.copy", "images.remove", "images.predict", "images.classes"):
        assert not window.actions_[name].isEnabled()


def test_current_and_selection_are_told_apart(shown):
    panel = shown.images
    panel.view.select_places(np.array([0, 1]))
    flag = QItemSelectionModel.SelectionFlag.NoUpdate
    panel.view.selectionModel().setCurrentIndex(panel.model.index(2), flag)
    assert current(shown) == "cat2.png"
    assert panel.view.selected_places().tolist() == [0, 1]
