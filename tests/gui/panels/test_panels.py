import dataclasses

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from interp_gui.core.model import Preprocessing
from interp_gui.engine.messages import LogLine
from interp_gui.gui.panels.facts import facts
from interp_gui.gui.panels.layers import LayersView
from interp_gui.gui.panels.log import LogPanel
from interp_gui.gui.panels.preprocessing import PreprocessingForm
from interp_gui.gui.target_selector import TargetSelector
from interp_gui.gui.thumbnails import Thumbnails
from interp_gui.gui.toast import Toasts

# --- log -------------------------------------------------------------------------------------


def test_the_log_holds_both_processes(qtbot, state, bridge, client):
    panel = LogPanel(state, bridge)
    qtbot.addWidget(panel)
    client.emit(LogLine(level="WARNING", logger="interp_gui.engine", text="<b>slow</b>"))
    state.notify("error", "It broke.", "Try less.", "Traceback")
    qtbot.waitUntil(lambda: "slow" in panel.text.toPlainText())
    panel.copy()
    text = QGuiApplication.clipboard().text()
    assert "It broke. Try less." in text
    assert "<b>slow</b>" in text, "text is text, not HTML"


# --- layers ----------------------------------------------------------------------------------


@pytest.fixture
def layers(qtbot, state, model):
    view = LayersView(state)
    qtbot.addWidget(view)
    state.set_model(model)
    view.rebuild()
    return view


def shown(view, parent=None):
    model = view.proxy
    parent = parent if parent is not None else view.tree.rootIndex()
    found = []
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        found += [index.data(), *shown(view, index)]
    return found


def test_only_worthwhile_layers_unless_all_are_wanted(layers):
    assert "conv.0" not in shown(layers)
    assert "features.14" in shown(layers)
    layers.all.setChecked(True)
    assert "conv.0" in shown(layers)


def test_the_filter_knows_names_and_kinds(layers):
    layers.filter.setText("inverted")
    assert shown(layers) == ["features", "features.1", "features.14"]
    layers.filter.setText("classifier")
    assert shown(layers) == ["classifier.1"]


def test_choosing_a_layer_shows_its_wall(layers, state):
    layers.filter.setText("features.14")
    index = layers.proxy.index(0, 0, layers.proxy.index(0, 0))
    layers.tree.activated.emit(index)
    assert (state.layer, state.tab) == ("features.14", "wall")
    state.set_layer("features.1")
    layers.filter.clear()
    state.set_layer("features.14")
    assert layers.tree.currentIndex().data() == "features.14"


def test_the_tree_follows_the_layer_and_shows_none_that_it_does_not_hold(layers, state):
    state.set_layer("features.14")
    assert layers.tree.currentIndex().data() == "features.14"
    state.set_layer("features.1.conv.0")
    assert not layers.tree.currentIndex().isValid()


def test_a_group_is_no_layer(layers, state):
    layers.tree.clicked.emit(layers.proxy.index(0, 0))
    assert state.layer == ""


def test_facts_in_words(describe):
    rows = dict(facts(describe()))
    assert rows["Parameters"] == "3,504,872"
    assert rows["Runs on"] == "PyTorch"
    assert rows["Layers"] == "5, of which 4 worth looking at"


# --- preprocessing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "problem"),
    [("0.5, 0.5", "value for each channel"), ("a, b, c", "list of numbers"), ("", "each channel")],
)
def test_values_that_make_no_sense_cannot_be_applied(
    qtbot, state, background, model, mean, problem
):
    form = PreprocessingForm(state, background)
    qtbot.addWidget(form)
    state.set_model(model)
    form.mean.setText(mean)
    assert not form.apply.isEnabled()
    assert problem in form.problem.text()


def test_what_the_network_sees_is_shown_before_applying(qtbot, state, background, model, pictures):
    form = PreprocessingForm(state, background)
    qtbot.addWidget(form)
    state.set_model(model)
    state.set_image(str(pictures / "cat" / "cat0.png"))
    qtbot.waitUntil(lambda: "224 × 224" in form.caption.text())
    form.height_px.setValue(64)
    form.width_px.setValue(96)
    qtbot.waitUntil(lambda: "96 × 64" in form.caption.text())
    state.set_image(str(pictures / "dog" / "broken.png"))
    qtbot.waitUntil(lambda: "broken.png" in form.caption.text())


def test_the_form_keeps_an_intensity_window(qtbot, state, background, model):
    windowed = msgspec.structs.replace(model.description.preprocessing, window=(100.0, 4095.0))
    form = PreprocessingForm(state, background)
    qtbot.addWidget(form)
    description = msgspec.structs.replace(model.description, preprocessing=windowed)
    state.set_model(dataclasses.replace(model, description=description))
    assert not form.apply.isEnabled(), "nothing was changed"
    form.height_px.setValue(64)
    assert form.value().window == (100.0, 4095.0)


# --- target ----------------------------------------------------------------------------------


def test_target_of_a_class_found_by_typing(qtbot, state, model):
    selector = TargetSelector(state)
    qtbot.addWidget(selector)
    assert not selector.isEnabled()
    state.set_model(model)
    assert selector.classes.count() == 11
    selector.classes.setEditText("animal 7")
    selector.classes.lineEdit().editingFinished.emit()
    assert state.target.index == 7
    selector.classes.setEditText("no such animal")
    selector.classes.lineEdit().editingFinished.emit()
    assert selector.classes.currentText() == "animal 7"
    selector.kind.setCurrentIndex(selector.kind.findData("probability"))
    selector.kind.activated.emit(selector.kind.currentIndex())
    assert (state.target.kind, state.target.index) == ("probability", 7)


# --- thumbnails and toasts -------------------------------------------------------------------


def test_thumbnails_come_newest_wish_first_and_name_broken_files(qtbot, background, pictures):
    thumbnails = Thumbnails(background, 1.0)
    files = sorted(map(str, pictures.rglob("*.png")))
    arrived, broken = [], []
    thumbnails.arrived.connect(arrived.append)
    thumbnails.broken.connect(lambda path, reason: broken.append((path, reason)))
    assert all(thumbnails.get(path) is None for path in files)
    assert thumbnails.waiting[-1] == files[-1], "what was asked for last comes next"
    qtbot.waitUntil(lambda: len(arrived) == 6 and len(broken) == 1)
    assert "broken.png" in broken[0][1]
    assert thumbnails.get(files[0]).width() == 60
    thumbnails.forget({files[0]})
    assert thumbnails.get(files[0]) is None


def test_toasts_count_repetitions_and_keep_errors(qtbot, qapp, state):
    from PySide6.QtWidgets import QWidget

    from interp_gui.gui.state import Notification

    window = QWidget()
    window.resize(800, 600)
    qtbot.addWidget(window)
    window.show()
    toasts = Toasts(window)
    error = toasts.show(Notification("error", "It broke.", "Try less.", "Traceback"))
    assert toasts.show(Notification("error", "It broke.")) is error
    assert error.count == 2
    info = toasts.show(Notification("info", "Done."))
    assert not error._timer.isActive()
    assert info._timer.isActive()
    assert error.accessibleName() == "error: It broke."
    assert not error.geometry().intersects(info.geometry())
    for i in range(6):
        toasts.show(Notification("info", f"{i}"))
    assert len(toasts.shown) == 4
    toasts.clear()
    assert toasts.shown == []
    assert window.focusPolicy() == Qt.FocusPolicy.NoFocus


def test_words_of_a_toast_without_buttons_have_its_width(qtbot, qapp):
    from PySide6.QtWidgets import QLabel, QWidget

    from interp_gui.gui.state import Notification

    window = QWidget()
    window.resize(800, 600)
    qtbot.addWidget(window)
    window.show()
    toasts = Toasts(window)
    toast = toasts.show(Notification("success", "Wrote 2 files.", "In /somewhere."))
    _, message, hint = toast.findChildren(QLabel)
    assert message.width() == hint.width() > toast.width() * 0.7
    toasts.clear()
    assert window.isVisible()


def test_a_file_of_other_planes_than_the_network_looks_at_is_not_broken(
    qtbot, background, pictures
):
    thumbnails = Thumbnails(background, 1.0)
    four = Preprocessing(mean=(0.0,) * 4, std=(1.0,) * 4, channels="planes")
    thumbnails.set_preprocessing(four)
    path = sorted(str(path) for path in pictures.rglob("*.png"))[0]
    with qtbot.waitSignal(thumbnails.arrived):
        thumbnails.get(path)
    assert thumbnails.get(path) is not None
    assert thumbnails.problems == {}
