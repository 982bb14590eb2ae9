from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu


def menu_of(widget):
    where = QPoint(4, 4)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, where, widget.mapToGlobal(where))
    QApplication.sendEvent(widget, event)
    (menu,) = [m for m in widget.findChildren(QMenu) if m.isVisible()]
    menu.close()
    return {a.text().replace("&", ""): a for a in menu.actions() if not a.isSeparator()}


def test_a_panel_is_torn_off_put_back_and_hidden_by_its_title(window):
    dock = window.docks["output"]
    menu_of(dock)["Tear Output off"].trigger()
    assert dock.isFloating()
    menu_of(dock)["Put Output back into the window"].trigger()
    assert not dock.isFloating()
    menu_of(dock)["Hide Output"].trigger()
    assert dock.isHidden()
    dock.show()
    assert "Reset layout" in menu_of(dock)


def test_badges_tell_and_can_be_reached_by_keys(window):
    for badge in (window.engine_badge, window.device_badge):
        assert badge.focusPolicy() & Qt.FocusPolicy.TabFocus
    found = menu_of(window.engine_badge)
    assert "Restart the engine" in found
    found["Copy"].trigger()
    assert "Engine: Engine starting…" in QGuiApplication.clipboard().text()


def test_images_of_a_class_are_listed_in_the_images_panel(window):
    window.docks["images"].hide()
    window.output.images_wanted.emit("label:cat")
    assert not window.docks["images"].isHidden()
    assert window.images.filter.field.text() == "label:cat"
