import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence
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

from interp_gui.core.analysis import AnalysisInfo, ParameterInfo
from interp_gui.core.export import export_result
from interp_gui.core.feature import MIME_TYPE, Feature
from interp_gui.core.images import image_sha256
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Picture
from interp_gui.core.target import Target
from interp_gui.engine.messages import (
    CloseModel,
    EngineLost,
    ErrorInfo,
    OpenModel,
    PluginInfo,
    RegisterDataset,
    Run,
    SetPreprocessing,
)
from interp_gui.gui.main_window import MainWindow


@pytest.fixture
def checkpoint(tmp_path):
    file = tmp_path / "small.pth"
    file.write_bytes(b"weights")
    return str(file)


@pytest.fixture
def ready(window, client, greet, qtbot):
    client.emit(greet())
    qtbot.waitUntil(lambda: window.bridge.is_ready)
    return window


@pytest.fixture
def opened(ready, client, checkpoint, describe, qtbot):
    ready.files.open([checkpoint])
    client.end(client.last(OpenModel), description=describe())
    qtbot.waitUntil(lambda: ready.state.model is not None)
    return ready


def drop(window, paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window.dropEvent(
        QDropEvent(
            QPoint(5, 5).toPointF(), Qt.DropAction.CopyAction, data,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )
    )  # fmt: skip


def messages(window):
    return [toast.note.message for toast in window.toasts.shown]


# --- opening ---------------------------------------------------------------------------------


def test_a_checkpoint_dropped_before_the_engine_is_ready_waits_for_it(
    window, client, greet, checkpoint, describe, qtbot
):
    drop(window, [checkpoint])
    assert client.requests == {}
    assert "engine is starting" in window.centre.welcome.text.text()
    assert window.engine_badge.text.text() == "Engine starting…"
    client.emit(greet())
    qtbot.waitUntil(lambda: bool(client.requests))
    job = client.last(OpenModel)
    assert client.requests[job].path == checkpoint
    client.end(job, description=describe())
    qtbot.waitUntil(lambda: window.state.model is not None)
    assert window.centre.currentWidget() is window.centre.tabs
    assert window.state.layer == "features.14", "the last layer with places is shown first"
    assert window.settings.values.recent_models[0].path == checkpoint


def test_a_second_model_closes_the_first(opened, client, checkpoint, describe, qtbot):
    first = opened.state.model.handle
    opened.documents.open_model(checkpoint)
    client.end(client.last(OpenModel), description=describe(name="other"))
    qtbot.waitUntil(lambda: opened.state.model.description.name == "other")
    assert client.requests[client.last(CloseModel)].model == first


def test_a_model_that_cannot_be_opened_keeps_the_one_that_is(opened, client, checkpoint, qtbot):
    before = opened.state.model
    opened.documents.open_model(checkpoint)
    error = ErrorInfo(cause="FileProblem", message="It is truncated.", hint="Copy it.", details="x")
    client.end(client.last(OpenModel), "failed", error=error)
    qtbot.waitUntil(lambda: "It is truncated." in messages(opened))
    assert opened.state.model is before
    assert opened.documents.opening == ""


def test_dropped_folders_become_images_and_the_engine_is_told(ready, client, pictures, qtbot):
    drop(ready, [pictures])
    qtbot.waitUntil(lambda: ready.state.dataset is not None)
    assert len(ready.state.dataset.images) == 7
    assert ready.state.dataset.labels == ("cat", "dog")
    request = client.requests[client.last(RegisterDataset)]
    assert request.dataset == ready.state.dataset_handle
    assert request.value == ready.state.dataset
    assert ready.state.image.endswith("cat0.png")


def test_images_opened_before_the_engine_are_told_when_it_is_ready(
    window, client, greet, pictures, qtbot
):
    drop(window, [pictures])
    qtbot.waitUntil(lambda: window.state.dataset is not None)
    assert client.requests == {}
    client.emit(greet())
    qtbot.waitUntil(lambda: bool(client.requests))
    assert client.requests[client.last(RegisterDataset)].value == window.state.dataset


def test_a_missing_file_is_said(ready, qtbot):
    ready.files.open(["/nowhere/model.pth"])
    assert "There is no file '/nowhere/model.pth'." in messages(ready)


def test_an_empty_folder_is_said(ready, tmp_path, qtbot):
    (tmp_path / "empty").mkdir()
    ready.files.open([str(tmp_path / "empty")])
    qtbot.waitUntil(lambda: any("no images" in text for text in messages(ready)))


def test_the_current_answer_is_asked_for(opened, client, pictures, qtbot):
    drop(opened, [pictures / "cat"])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    runs = [r for r in client.requests.values() if isinstance(r, Run) and r.analysis == "predict"]
    assert runs[-1].inputs.images == (opened.state.image,)


def test_preprocessing_is_applied_and_taken_back(opened, client, describe, qtbot):
    form = opened.model_panel.preprocessing
    assert not form.apply.isEnabled()
    form.height_px.setValue(96)
    form.width_px.setValue(96)
    form.apply.click()
    wanted = Preprocessing(size=(96, 96))
    job = client.last(SetPreprocessing)
    assert client.requests[job].preprocessing == wanted
    client.end(job, description=describe(preprocessing=wanted))
    qtbot.waitUntil(lambda: opened.state.model.description.preprocessing == wanted)
    assert not form.apply.isEnabled()
    assert opened.state.layer == "features.14"
    form.reset.click()
    assert client.requests[client.last(SetPreprocessing)].preprocessing == Preprocessing()


# --- exported pictures -----------------------------------------------------------------------


@pytest.fixture
def exported(tmp_path, describe):
    def export(**values):
        known = describe()
        recipe = Recipe(
            analysis=values.pop("analysis", "feature-visualization"),
            model=ModelIdentity(
                name="small.pth", weights_sha256=values.pop("weights", known.weights_sha256),
                architecture="mobilenet_v2", library="torchvision",
            ),
            preprocessing=known.preprocessing,
            features=(Feature(layer="features.14", units=(7,)),),
            **values,
        )  # fmt: skip
        picture = Picture(key="k", title="t", pixels=np.full((32, 32, 3), 90, np.uint8))
        return export_result(picture, tmp_path / "exported.png", recipe=recipe)

    return export


def offer(window, qtbot):
    def found():
        return next((t for t in window.toasts.shown if t.note.action == "Reopen"), None)

    qtbot.waitUntil(lambda: found() is not None)
    return found()


def test_an_exported_picture_offers_to_reopen_what_it_shows(opened, exported, qtbot):
    drop(opened, [exported(target=Target(index=3))])
    offer(opened, qtbot).note.on_action()
    assert opened.state.feature.text == "features.14:7"
    assert opened.state.tab == "unit"
    assert opened.state.target == Target(index=3)


def test_reopening_takes_the_settings_of_the_picture(opened, client, greet, exported, qtbot):
    steps = ParameterInfo(name="steps", title="steps", kind="int", default=256, help="How many.")
    info = AnalysisInfo(
        id="feature-visualization", title="Feature visualisation", summary="x.", needs=(),
        produces=("picture",), parameters=(steps,),
    )  # fmt: skip
    client.emit(greet(analyses=(info,)))
    unit = opened.centre.tab("unit")
    qtbot.waitUntil(lambda: unit.panel.form is not None)
    opened.state.open_feature(Feature(layer="features.14", units=(7,)))
    opened.state.set_layer("features.1")
    drop(opened, [exported(parameters={"steps": 24}, seed=5)])
    offer(opened, qtbot).note.on_action()
    assert opened.state.layer == "features.14"
    qtbot.waitUntil(lambda: unit.panel.optimisation.steps == 24)
    request = client.requests[client.last(Run)]
    assert (request.inputs.seed, request.parameters) == (5, {"steps": 24})


def test_reopening_runs_the_analysis_again(opened, client, exported, pictures, qtbot):
    drop(opened, [pictures])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    path = str(pictures / "dog" / "dog1.png")
    images = (image_sha256(path),)
    drop(opened, [exported(analysis="brightness", parameters={"steps": 2}, images=images)])
    offer(opened, qtbot).note.on_action()
    qtbot.waitUntil(lambda: opened.state.tab == "analysis:brightness")
    request = client.requests[client.last(Run)]
    assert request.analysis == "brightness"
    assert request.inputs.images == (path,)
    assert request.parameters == {"steps": 2}


def test_reopening_a_map_lays_it_over_its_image(opened, client, exported, pictures, qtbot):
    drop(opened, [pictures])
    qtbot.waitUntil(lambda: opened.state.image is not None)
    path = str(pictures / "dog" / "dog1.png")
    drop(opened, [exported(analysis="activation-maps", images=(image_sha256(path),))])
    offer(opened, qtbot).note.on_action()

    def asked():
        return [
            r for r in client.requests.values() if getattr(r, "analysis", "") == "activation-maps"
        ]

    qtbot.waitUntil(lambda: bool(asked()))
    assert opened.state.tab == "image"
    assert asked()[-1].inputs.images == (path,)
    assert asked()[-1].inputs.features[0].text == "features.14:7"


def test_a_picture_of_a_model_that_is_not_at_hand_says_so(opened, exported, qtbot):
    drop(opened, [exported(weights="ff" * 32)])
    offer(opened, qtbot).note.on_action()
    assert any("not at hand" in text for text in messages(opened))
    assert opened.state.feature is None


def test_a_picture_whose_image_is_not_at_hand_says_so(opened, exported, qtbot):
    drop(opened, [exported(images=("ab" * 32,))])
    offer(opened, qtbot).note.on_action()
    qtbot.waitUntil(lambda: any("not among" in text for text in messages(opened)))


def test_a_plain_picture_is_an_image(ready, tmp_path, qtbot):
    Image.new("RGB", (9, 9)).save(tmp_path / "plain.png")
    drop(ready, [tmp_path / "plain.png"])
    qtbot.waitUntil(lambda: ready.state.dataset is not None)
    assert ready.state.image.endswith("plain.png")


# --- the engine ------------------------------------------------------------------------------


def test_device_and_its_reason(ready):
    assert ready.device_badge.text.text() == "CPU"
    assert ready.device_badge.toolTip() == "CPU · no NVIDIA GPU found"


def test_analyses_are_offered_from_their_declaration(opened, client, greet, qtbot):
    action = opened.actions_["analyse.brightness"]
    assert action.isEnabled()
    assert action.toolTip() == "How bright the image is."
    action.trigger()
    assert opened.state.tab == "analysis:brightness"
    assert opened.centre.tabs.tabText(opened.centre.tabs.currentIndex()) == "Brightness"
    client.emit(greet(analyses=()))
    qtbot.waitUntil(lambda: "analyse.brightness" not in opened.actions_)


def test_a_lost_engine_is_said_with_what_it_last_wrote(ready, client, qtbot):
    client.emit(EngineLost(reason="The engine was killed.", respawning=True, stderr_tail="boom"))
    qtbot.waitUntil(lambda: "The engine was killed." in messages(ready))
    assert ready.engine_badge.text.text() == "Engine restarting…"
    assert ready.toasts.shown[-1].note.details == "boom"


def test_a_disabled_plugin_is_named(window, client, greet, qtbot):
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
    assert opened.centre.tabs.currentWidget().objectName() == "image"


def test_the_sample_is_offered_for_download_only_where_it_is_missing(
    ready, client, monkeypatch, qtbot
):
    from interp_gui.core.errors import FileProblem
    from interp_gui.gui import files

    def nowhere(*, download):
        raise FileProblem("The sample weights are not on this machine.")

    monkeypatch.setattr(files, "_sample_model", nowhere)
    monkeypatch.setattr(files, "_photographs", list)
    ready.files.open_sample()
    qtbot.waitUntil(lambda: bool(ready.toasts.shown))
    assert ready.toasts.shown[0].note.action == "Download it (14 MB)"
    assert not any(isinstance(r, OpenModel) for r in client.requests.values())


def test_a_feature_carried_over_a_tab_brings_it_to_the_front(opened, qapp):
    tabs = opened.centre.tabs
    opened.state.set_tab("wall")
    data = QMimeData()
    data.setData(MIME_TYPE, b"{}")
    event = QDragEnterEvent(
        tabs.tabBar().tabRect(0).center(), Qt.DropAction.CopyAction, data,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    qapp.sendEvent(tabs.tabBar(), event)
    assert opened.state.tab == "image"
