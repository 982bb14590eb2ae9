import gc

import msgspec
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QInputDialog, QLineEdit, QMenu, QWidget

from interp_gui.core.feature import Feature
from interp_gui.gui.commands.feature import PREFIX
from interp_gui.gui.dragging.drag import features_from_mime
from interp_gui.gui.features.commands import FeatureContext, feature_commands_of, why_no_map
from interp_gui.gui.features.menu import STANDARD, build_feature_menu
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import OpenModelState

SEVEN = Feature(layer="features.14", units=(7,))
NINE = Feature(layer="features.14", units=(9,))


class View(QWidget):
    def __init__(self):
        super().__init__()
        self.got = []

    def take(self, features):
        self.got.append(features)


@pytest.fixture
def commands(state, model):
    state.set_model(model)
    return feature_commands_of(state)


@pytest.fixture
def view(qtbot):
    view = View()
    qtbot.addWidget(view)
    return view


def notes(state):
    found = []
    state.notified.connect(lambda note: found.append(note.message))
    return found


def menu_of(state, features, source, **values):
    menu = QMenu(source)
    build_feature_menu(menu, state, features, source=source, **values)
    return {action.objectName(): action for action in menu.actions() if not action.isSeparator()}


def test_a_drop_and_the_menu_do_the_same_thing(state, commands, view):
    commands.register("map", "Show where it responds", view.take)
    assert commands.act("map", [SEVEN])
    menu_of(state, [SEVEN], view)["feature.map"].trigger()
    assert view.got == [(SEVEN,), (SEVEN,)]


def test_entries_that_cannot_be_used_say_why(state, commands, view):
    commands.register(
        "map", "Map", view.take, why_not=lambda _: "This layer has no places: there is no map."
    )
    entries = menu_of(state, [SEVEN], view)
    assert list(entries)[:3] == ["feature.unit", "feature.open-beside", "feature.map"]
    assert not entries["feature.map"].isEnabled()
    assert entries["feature.map"].toolTip() == "This layer has no places: there is no map."
    assert entries["feature.similar"].toolTip() == "No view that can do this is open."
    assert entries["feature.unit"].isEnabled()
    told = notes(state)
    assert not commands.act("map", [SEVEN])
    assert told == ["This layer has no places: there is no map."]
    assert view.got == []


def test_what_views_add_stands_in_the_menu_and_goes_with_them(state, commands, view, qtbot):
    other = View()
    commands.register("compare", "Compare…", other.take, shortcut="Ctrl+Alt+V")
    assert "feature.compare" in menu_of(state, [SEVEN], view)
    other.deleteLater()
    del other
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert "feature.compare" not in menu_of(state, [SEVEN], view)
    assert commands.target("compare") is None


def test_a_deleted_view_is_gone_even_while_something_holds_it(commands):
    view = View()
    commands.register("map", "Map", view.take)
    view.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert commands.target("map") is None


def test_the_newest_view_takes_over_and_gives_back(commands, view, qtbot):
    second = View()
    qtbot.addWidget(second)
    commands.register("map", "Map", view.take)
    commands.register("map", "Map", second.take)
    commands.act("map", [SEVEN])
    assert (view.got, second.got) == ([], [(SEVEN,)])
    commands.unregister("map", owner=second)
    commands.act("map", [NINE])
    assert view.got == [(NINE,)]


def test_features_of_another_open_model_make_it_current(state, commands, view, model, describe):
    other = OpenModelState("model-2", describe(weights_sha256="f" * 64), "/models/other.pth")
    state.set_models((model, other))
    commands.register("map", "Map", view.take)
    foreign = msgspec.structs.replace(SEVEN, model="f" * 64)
    assert commands.act("map", [foreign])
    assert state.model == other
    unknown = msgspec.structs.replace(SEVEN, model="e" * 64)
    assert commands.refusal("map", [unknown]) == "This unit belongs to a model that is not open."
    assert "different models" in commands.refusal("map", [unknown, foreign])
    assert state.model == other


def test_features_that_the_model_lacks_are_refused(commands, view):
    commands.register("map", "Map", view.take)
    lacking = Feature(layer="features.14", units=(9999,))
    assert "has no unit 9999" in commands.refusal("map", [lacking])
    assert "no layer named 'gone'" in commands.refusal("map", [Feature(layer="gone", units=(1,))])
    assert commands.refusal("map", []) == "Choose a unit first."


def test_no_map_without_places(state, commands):
    assert why_no_map(state, [SEVEN]) == "Open an image first."
    state.set_image("/pictures/a.png")
    assert why_no_map(state, [SEVEN]) == ""
    pooled = Feature(layer="classifier.1", units=(1,))
    assert why_no_map(state, [pooled]) == "This layer has no places: there is no map."


def test_copying_takes_all_of_it(state, commands, view):
    image = QImage(6, 4, QImage.Format.Format_RGB32)
    image.fill(0xFF00FF)
    commands.act("copy", [SEVEN, NINE], FeatureContext(view, image, "peak 3.2"))
    mime = QGuiApplication.clipboard().mimeData()
    assert features_from_mime(mime) == (SEVEN, NINE)
    assert mime.hasImage()
    assert mime.text() == "features.14:7\nfeatures.14:9\npeak 3.2"
    commands.act("copy-address", [SEVEN])
    assert QGuiApplication.clipboard().text() == "features.14:7"


def test_renaming_asks_and_can_be_typed(state, commands, view, qtbot):
    commands.act("rename", [SEVEN], FeatureContext(view))
    dialog = view.findChild(QInputDialog)
    edit = dialog.findChild(QLineEdit)
    assert edit.accessibleName() == "Name of the feature"
    edit.setText("eyes")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert names_of(state).name(SEVEN) == "eyes"
    assert commands.refusal("rename", [SEVEN, NINE]).startswith("Choose one unit")


def test_no_picture_is_no_empty_file(state, commands, view):
    told = notes(state)
    commands.act("save-picture", [SEVEN], FeatureContext(view))
    assert told == ["There is no picture of this unit here."]
    calls = []
    commands.act("save-picture", [SEVEN], FeatureContext(view, export=lambda: calls.append(1)))
    assert calls == [1]


def test_a_saved_picture_has_the_pixels_of_the_card(state, commands, view, qtbot, tmp_path):
    from PIL import Image

    from interp_gui.gui.export_ui import ExportDialog

    image = QImage(7, 5, QImage.Format.Format_ARGB32)  # rows of 21 bytes end in padding
    image.fill(0xFF102030)
    commands.act("save-picture", [SEVEN], FeatureContext(view, image))
    dialog = view.findChild(ExportDialog)
    dialog.path.setText(str(tmp_path / "unit.png"))
    dialog.accept()
    qtbot.waitUntil(lambda: (tmp_path / "unit.png").exists())
    with Image.open(tmp_path / "unit.png") as written:
        assert written.convert("RGB").getpixel((3, 2)) == (0x10, 0x20, 0x30)


# --- in the window -----------------------------------------------------------------------------


def test_every_entry_is_an_action_with_the_same_shortcut(window):
    for entry in STANDARD:
        action = window.actions_[PREFIX + entry.id]
        assert action.shortcut().toString() == entry.shortcut
        assert not action.isEnabled()
        assert "Open a model first." in action.toolTip()


def test_views_that_come_and_go_bring_their_actions(window, view, model):
    commands = feature_commands_of(window.state)
    commands.register("compare", "Compare…", view.take, shortcut="Ctrl+Alt+V")
    window.state.set_model(model)
    window.state.set_feature(SEVEN)
    window.actions_.refresh()
    window.actions_[PREFIX + "compare"].trigger()
    assert view.got == [(SEVEN,)]
    commands.unregister("compare")
    assert PREFIX + "compare" not in window.actions_


def test_a_key_means_what_is_chosen_in_the_view_with_the_focus(window, view, model, qtbot):
    from interp_gui.gui.widgets.card import Card
    from interp_gui.gui.widgets.cards import CardList

    cards = CardList("Cards", parent=window.centre)
    cards.set_cards([Card(key="9", title="9", feature=NINE)])
    cards.setGeometry(0, 0, 300, 300)
    cards.show()
    feature_commands_of(window.state).register("probe", "Probe", view.take)
    window.state.set_model(model)
    window.state.set_feature(SEVEN)
    window.actions_.refresh()
    window.activateWindow()
    cards.setFocus()
    qtbot.keyClick(cards, Qt.Key.Key_Right)
    window.actions_[PREFIX + "probe"].trigger()
    window.output.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    window.output.setFocus()
    window.actions_[PREFIX + "probe"].trigger()
    assert view.got == [(NINE,), (SEVEN,)]
    cards.deleteLater()
