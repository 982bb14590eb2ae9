import subprocess
import sys

from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QMessageBox,
    QScrollBar,
    QWidget,
)

from interp_gui.core.feature import MIME_TYPE, Feature
from interp_gui.engine.messages import (
    EngineLost,
    OpenModel,
    PluginInfo,
)
from interp_gui.gui.main_window import MainWindow

# --- the engine ------------------------------------------------------------------------------


def test_device_and_its_reason(ready):
    assert ready.device_badge.text.text() == "CPU"
    assert ready.device_badge.toolTip() == "CPU · no NVIDIA GPU found"


def test_what_a_model_runs_on_is_shown_once_it_is_known_and_nothing_computes_anew(opened, qtbot):
    state = opened.state
    changes = []
    state.model_changed.connect(lambda: changes.append(1))
    state.set_runtime_reason(state.model.handle, "ONNX Runtime, 3.1 times faster here; more")
    assert opened.device_badge.text.text() == "ONNX Runtime"
    assert "3.1 times faster here" in opened.device_badge.toolTip()
    assert state.models[0] == state.model
    state.set_runtime_reason(state.model.handle, "PyTorch: it does not export (why)")
    assert opened.device_badge.text.text() == "CPU"
    assert opened.device_badge.toolTip() == "PyTorch: it does not export (why)"
    state.set_runtime_reason(state.model.handle, "ONNX Runtime on the CPU.")
    assert opened.device_badge.text.text() == "ONNX Runtime on the CPU"
    assert opened.device_badge.toolTip() == "ONNX Runtime on the CPU: no NVIDIA GPU found"
    state.set_runtime_reason(state.model.handle, "PyTorch: it does not export (why)")
    state.set_runtime_reason("another", "ONNX Runtime")
    assert "export" in state.model.description.runtime_reason
    assert not changes


def test_analyses_are_offered_from_their_declaration(opened, client, greet, qtbot):
    action = opened.actions_["analyse.brightness"]
    assert action.isEnabled()
    assert action.toolTip() == "How bright the image is."
    action.trigger()
    assert opened.state.tab == "analysis:brightness"
    assert opened.centre.desk.active.title == "Brightness"
    client.emit(greet(analyses=()))
    qtbot.waitUntil(lambda: "analyse.brightness" not in opened.actions_)


def test_a_lost_engine_is_said_with_what_it_last_wrote(ready, client, qtbot, messages):
    client.emit(EngineLost(reason="The engine was killed.", respawning=True, stderr_tail="boom"))
    qtbot.waitUntil(lambda: "The engine was killed." in messages(ready))
    assert ready.engine_badge.text.text() == "Engine restarting…"
    assert ready.toasts.shown[-1].note.details == "boom"


def test_a_disabled_plugin_is_named(window, client, greet, qtbot, messages):
    broken = PluginInfo(name="bad", problem="It could not be imported.", details="Traceback")
    client.emit(greet(plugins=(broken,)))
    qtbot.waitUntil(lambda: "The plugin 'bad' is disabled." in messages(window))


# --- the window ------------------------------------------------------------------------------


def test_every_control_says_what_it_is(opened):
    opened.centre.show_analysis("brightness")
    opened.state.notify("error", "Something", "Hint", "Details")
    silent = []
    for widget in opened.findChildren(QWidget):
        own = isinstance(widget, QAbstractButton | QComboBox | QLineEdit | QAbstractItemView)
        inner = widget.objectName().startswith("qt_") or isinstance(widget, QScrollBar)
        if inner or not (own or widget.focusPolicy() & Qt.FocusPolicy.TabFocus):
            continue
        if isinstance(widget.parent(), QComboBox) and widget.parent().accessibleName():
            continue
        if "QTabBar" in type(widget).__name__ or "Header" in type(widget).__name__:
            continue
        inside = widget.parent()
        if isinstance(inside, QAbstractSpinBox | QLineEdit):  # parts of a named control
            continue
        if type(inside).__name__ == "QTableView" or widget.window() is not opened:
            continue
        text = widget.accessibleName() or getattr(widget, "text", str)()
        if not text:
            silent.append(f"{type(widget).__name__} in {type(inside).__name__}")
    assert not silent, silent


def test_every_command_has_a_title_and_a_tooltip(opened):
    for spec in opened.actions_.specs:
        action = opened.actions_[spec.id]
        assert action.text(), spec.id
        assert action.toolTip(), spec.id
        for key in action.shortcuts():
            native = key.toString(QKeySequence.SequenceFormat.NativeText)
            assert f"({native})" in action.toolTip() or key != action.shortcut()


def test_layout_comes_back_and_can_be_reset(window, client, relay, settings, qtbot):
    window.docks["output"].hide()
    window.close()
    again = MainWindow(client, relay, settings=settings, theme=window.theme, ask_on_close=False)
    again.show()
    assert not again.docks["output"].isVisible()
    again.actions_["view.reset_layout"].trigger()
    assert all(dock.isVisible() or name == "log" for name, dock in again.docks.items())
    again.close()
    again.deleteLater()


def test_a_window_off_all_screens_is_brought_back(window, client, relay, settings, qtbot):
    window.move(20_000, 20_000)
    window.close()
    again = MainWindow(client, relay, settings=settings, theme=window.theme, ask_on_close=False)
    again.show()
    assert again.screen().availableGeometry().intersects(again.frameGeometry())
    again.close()
    again.deleteLater()


def test_windows_of_a_display_that_is_unplugged_come_back(opened, qapp, qtbot):
    torn = opened.centre.desk.tear_off(opened.centre.desk.frames[0])
    for window in (opened, torn):
        window.move(20_000, 20_000)
    qapp.screenRemoved.emit(qapp.primaryScreen())
    room = qapp.primaryScreen().availableGeometry()
    qtbot.waitUntil(lambda: room.intersects(opened.frameGeometry()))
    assert room.intersects(torn.frameGeometry())
    opened.move(room.topLeft() + QPoint(30, 40))
    qapp.screenRemoved.emit(qapp.primaryScreen())
    qtbot.waitUntil(lambda: not opened.screens._timer.isActive())
    assert opened.pos() == room.topLeft() + QPoint(30, 40), "what is seen stays where it is"


def test_themes_change_the_palette_and_are_remembered(window, settings):
    window.actions_["view.theme.dark"].trigger()
    dark = window.palette().window().color().lightness()
    window.actions_["view.theme.light"].trigger()
    assert dark < 80 < 200 < window.palette().window().color().lightness()
    assert settings.preferences.theme == "light"


def test_closing_asks_once_and_names_the_jobs(ready, client, checkpoint, qtbot):
    ready.ask_on_close = True
    ready.documents.open_model(checkpoint)
    ready.close()
    box = ready.findChild(QMessageBox)
    assert "Open small.pth" in box.informativeText()
    assert ready.isVisible()
    assert not client.closed
    next(b for b in box.buttons() if b.text() == "Close").click()
    qtbot.waitUntil(lambda: client.closed)
    assert not ready.isVisible()


def test_the_window_needs_no_torch():
    code = (
        "import sys, interp_gui.gui.main_window, interp_gui.gui.app\n"
        "bad = {'torch', 'torchvision', 'transformers', 'timm', 'onnxruntime', 'PIL',"
        " 'pyqtgraph', 'reportlab'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_back_and_forward_are_offered_when_they_lead_somewhere(opened, qtbot):
    back = opened.actions_["view.back"]
    qtbot.waitUntil(lambda: opened.state.history.length == 1)
    assert not back.isEnabled()
    opened.state.open_feature(Feature(layer="features.1", units=(2,)))
    qtbot.waitUntil(back.isEnabled)
    back.trigger()
    assert opened.state.layer == "features.14"
    assert opened.centre.desk.active.kind == "image"


def test_the_sample_is_offered_for_download_only_where_it_is_missing(
    ready, client, monkeypatch, qtbot
):
    from interp_gui.core.errors import FileProblem
    from interp_gui.gui.welcome import opening as sample_opening

    def nowhere(sample_id, *, download):
        raise FileProblem("The sample weights are not on this machine.")

    monkeypatch.setattr(sample_opening, "find_model", nowhere)
    ready.files.open_sample("mobilenet")
    qtbot.waitUntil(lambda: bool(ready.toasts.shown))
    assert ready.toasts.shown[0].note.action == "Download it (14 MB)"
    assert not any(isinstance(r, OpenModel) for r in client.requests.values())


def test_a_feature_carried_over_a_tab_brings_it_to_the_front(opened, qapp):
    tabs = opened.centre.desk.area.groups[0]
    opened.state.set_tab("wall")
    data = QMimeData()
    data.setData(MIME_TYPE, b"{}")
    event = QDragEnterEvent(
        tabs.tabBar().tabRect(0).center(), Qt.DropAction.CopyAction, data,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    qapp.sendEvent(tabs.tabBar(), event)
    assert opened.state.tab == "image"
