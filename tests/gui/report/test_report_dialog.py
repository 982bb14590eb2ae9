import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from interp_gui.core.result import Grid, GridItem, Picture, Table
from interp_gui.gui.report.dialog import ReportDialog
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.report.model import ReportModel, thumbnail_of


def picture(title, shade=0):
    return Picture(key=title, title=title, pixels=np.full((8, 12, 3), shade, np.uint8))


@pytest.fixture
def kept(state):
    store = kept_of(state)
    for name in ("one", "two", "three"):
        store.keep(picture(name), None)
    return store


@pytest.fixture
def dialog(qtbot, state, bridge, background, kept):
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = ReportDialog(state, bridge, background, parent)
    dialog.show()
    yield dialog
    dialog.close()
    parent.deleteLater()


def titles(kept):
    return [item.result.title for item in kept.items]


def test_an_empty_report_says_what_to_do(qtbot, state, bridge, background):
    dialog = ReportDialog(state, bridge, background)
    dialog.show()
    assert not dialog.list.isVisible()
    assert not dialog.export["html"].isEnabled()
    assert not dialog.note.isEnabled()
    kept_of(state).keep(picture("one"), None)
    assert dialog.list.isVisible()
    assert dialog.export["html"].isEnabled()
    dialog.close()


def test_every_kept_result_is_listed_with_a_picture(dialog, kept, qtbot):
    index = dialog.model.index(1)
    assert index.data().startswith("two\npicture")
    qtbot.waitUntil(lambda: not index.data(Qt.ItemDataRole.DecorationRole).isNull())
    assert "in the report" in index.data(Qt.ItemDataRole.AccessibleTextRole)


def test_ticks_can_be_undone(dialog, kept, state):
    index = dialog.model.index(0)
    dialog.model.setData(index, Qt.CheckState.Unchecked.value, Qt.ItemDataRole.CheckStateRole)
    assert not kept.items[0].included
    state.undo.undo()
    assert index.data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked.value
    for item in kept.items:
        kept.update(item.id, included=False)
    assert not dialog.export["pdf"].isEnabled(), "there is nothing to write"


def test_order_by_keyboard_keeps_the_selection(dialog, kept):
    dialog.list.setCurrentIndex(dialog.model.index(2))
    dialog.up.trigger()
    assert titles(kept) == ["one", "three", "two"]
    dialog.up.trigger()
    assert titles(kept) == ["three", "one", "two"]
    dialog.up.trigger()
    assert titles(kept) == ["three", "one", "two"]
    dialog.down.trigger()
    assert titles(kept) == ["one", "three", "two"]


def test_order_by_dragging(dialog, kept, state):
    model = dialog.model
    data = model.mimeData([model.index(0)])
    model.dropMimeData(data, Qt.DropAction.MoveAction, 3, 0, model.index(-1))
    assert titles(kept) == ["two", "three", "one"]
    state.undo.undo()
    assert titles(kept) == ["one", "two", "three"]
    data = model.mimeData([model.index(1), model.index(2)])
    model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index(0))
    assert titles(kept) == ["two", "three", "one"]


def test_results_are_taken_out_and_come_back(dialog, kept, state):
    dialog.list.selectAll()
    dialog.remove.trigger()
    assert kept.items == ()
    state.undo.undo()
    assert titles(kept) == ["one", "two", "three"]
    assert dialog.list.isVisible()


def test_words_are_kept_as_they_are_typed(dialog, kept, state, qtbot):
    dialog.list.setCurrentIndex(dialog.model.index(1))
    qtbot.keyClicks(dialog.note, "See <b>here</b>")
    assert kept.items[1].note == "See <b>here</b>"
    qtbot.keyClicks(dialog.title, "Cats")
    qtbot.keyClicks(dialog.intro, "Why")
    assert (kept.head.title, kept.head.intro) == ("Cats", "Why")
    dialog.list.setCurrentIndex(dialog.model.index(0))
    assert dialog.note.toPlainText() == ""
    dialog.list.setCurrentIndex(dialog.model.index(1))
    assert dialog.note.toPlainText() == "See <b>here</b>"
    while kept.head.title:
        state.undo.undo()
    assert dialog.title.text() == ""


def test_it_is_written_as_its_ending_says(dialog, kept, state, qtbot, tmp_path):
    told = []
    state.notified.connect(told.append)
    for name, start in (("r.html", b"<!doctype html>"), ("r.pdf", b"%PDF")):
        dialog.write(str(tmp_path / name))
        qtbot.waitUntil(lambda name=name: any(name in note.message for note in told))
        assert (tmp_path / name).read_bytes().startswith(start)


def test_it_is_said_where_paths_in_notes_were_shortened(dialog, kept, state, qtbot, tmp_path):
    told = []
    state.notified.connect(told.append)
    kept.update(kept.items[0].id, note="Made from /data/secret/cat.png")
    for name, ticked in (("short.html", False), ("whole.html", True)):
        dialog.paths.setChecked(ticked)
        dialog.write(str(tmp_path / name))
        qtbot.waitUntil(lambda name=name: any(name in note.message for note in told))
        assert ("only the file names" in told[-1].hint) is not ticked
        assert ("secret" in (tmp_path / name).read_text("utf-8")) is ticked
    assert "cat.png" in (tmp_path / "short.html").read_text("utf-8")


def test_what_cannot_be_written_is_said(dialog, state, qtbot, tmp_path):
    told = []
    state.notified.connect(told.append)
    dialog.write(str(tmp_path / "missing" / "r.html"))
    qtbot.waitUntil(lambda: bool(told))
    assert told[0].level == "error"
    assert told[0].hint


def test_everything_is_named_and_reached_with_tab(dialog):
    from PySide6.QtWidgets import QAbstractButton, QLineEdit, QPlainTextEdit

    for kind in (QAbstractButton, QLineEdit, QPlainTextEdit):
        for widget in dialog.findChildren(kind):
            if widget.isVisible():
                assert widget.accessibleName() or widget.text(), widget


@pytest.mark.parametrize(
    "result",
    [
        picture("wide"),
        Table(key="t", title="T", columns=("a",), cells=((1,),)),
        Grid(key="g", title="G", items=()),
        Grid(key="g", title="G", items=(GridItem(title="i", pixels=np.zeros((9, 3, 4), "u1")),)),
    ],
)
def test_any_result_has_a_small_picture(result):
    assert thumbnail_of(result).shape == (64, 64, 3)


def test_the_model_follows_by_rows_where_only_one_changed(qtbot, state, background, kept):
    model = ReportModel(kept, background)
    changed = []
    model.dataChanged.connect(lambda first, last: changed.append((first.row(), last.row())))
    resets = []
    model.modelReset.connect(lambda: resets.append(1))
    kept.update(kept.items[1].id, note="x")
    assert (1, 1) in changed
    assert not resets
    model.deleteLater()
