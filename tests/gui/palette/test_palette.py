import msgspec
import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtWidgets import QLineEdit

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.gui.commands.palette import show_palette
from interp_gui.gui.palette.fuzzy import Query
from interp_gui.gui.palette.listing import HIT
from interp_gui.gui.palette.popup import CommandPalette
from interp_gui.gui.palette.providers import Images
from interp_gui.gui.palette.search import MOST, Candidate, Item, Search, palette_sources_of
from interp_gui.gui.shared import names_of
from interp_gui.gui.state import OpenModelState


@pytest.fixture
def looking(window, model, qtbot):
    """The window with a model, and what opens its palette with a text."""
    window.state.set_models((model,))
    window.state.set_model(model)
    window.activateWindow()

    def look(text=""):
        there = window.findChild(CommandPalette)
        if there is not None:
            there.leave()
            qtbot.waitUntil(lambda: window.findChild(CommandPalette) is None)
        show_palette(window, text)
        palette = window.findChild(CommandPalette)
        qtbot.waitUntil(lambda: not palette.search.busy)
        return palette

    return look


def titles(palette):
    return [hit.item.title for hit in palette.hits.hits]


def press(qtbot, palette, key):
    qtbot.keyClick(palette.edit, key)


def test_an_action_is_found_by_a_few_letters_and_run(window, looking, qtbot):
    palette = looking()
    assert palette.edit.accessibleName() == "Find anything"
    qtbot.keyClicks(palette.edit, "theme dk")
    qtbot.waitUntil(lambda: not palette.search.busy)
    assert titles(palette)[0] == "Theme: Dark"
    press(qtbot, palette, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.theme.name == "dark")
    assert window.findChild(CommandPalette) is None
    window.choose_theme("system")


@pytest.mark.parametrize(
    ("words", "title"),
    [("predict", "Ask the model about all images"), ("doctor", "Check this installation")],
)
def test_an_action_is_found_by_other_words_for_it(looking, words, title):
    assert any(title in found for found in titles(looking(words)))


def test_words_of_a_tooltip_count_less_than_a_title_and_only_from_their_beginning():
    query = Query("colour")
    assert query.match("Colour map").score > query.match_words("Theme. Choose a colour").score
    assert Query("oose").match_words("Theme. Choose a colour") is None


def test_ctrl_k_opens_it_and_esc_gives_the_focus_back(window, looking, qtbot):
    edit = QLineEdit(window.centre)
    edit.show()
    edit.setFocus()
    window.actions_["edit.find_anything"].trigger()
    palette = window.findChild(CommandPalette)
    assert palette.isVisible()
    press(qtbot, palette, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    assert window.focusWidget() is edit
    edit.deleteLater()


def test_a_click_beside_it_closes_it(window, looking, qtbot):
    palette = looking()
    qtbot.mouseClick(palette, Qt.MouseButton.LeftButton, pos=palette.box.geometry().center())
    assert palette.isVisible()
    qtbot.mouseClick(palette, Qt.MouseButton.LeftButton, pos=QPoint(2, palette.height() - 2))
    assert not palette.isVisible()


def test_what_cannot_be_done_says_why_and_stays(window, looking, qtbot):
    palette = looking("> refresh the answer")
    (hit, *_) = palette.hits.hits
    assert hit.item.reason
    press(qtbot, palette, Qt.Key.Key_Return)
    assert palette.isVisible()
    assert hit.item.reason in palette.hits.data(
        palette.list.currentIndex(), Qt.ItemDataRole.AccessibleTextRole
    )


def test_up_and_down_go_round(looking, qtbot):
    palette = looking("#")
    assert palette.list.currentIndex().row() == 0
    press(qtbot, palette, Qt.Key.Key_Up)
    assert palette.list.currentIndex().row() == palette.hits.rowCount() - 1
    press(qtbot, palette, Qt.Key.Key_Down)
    assert palette.list.currentIndex().row() == 0
    press(qtbot, palette, Qt.Key.Key_Down)
    assert "2 of" in palette.edit.accessibleDescription()


@pytest.mark.parametrize("typed", ["features.14:7", "14:7", "f14:7", ":14:7"])
def test_a_unit_is_opened_by_its_address(window, looking, model, qtbot, typed):
    palette = looking(typed)
    assert titles(palette)[0] == "features.14:7"
    press(qtbot, palette, Qt.Key.Key_Return)
    wanted = Feature(layer="features.14", units=(7,), model=model.description.weights_sha256)
    qtbot.waitUntil(lambda: window.state.feature == wanted)
    assert window.state.tab == "unit"


@pytest.mark.parametrize(
    "typed",
    ["14:99999", "14:-1", "14:0-99999999", "14:" + "1," * 90, ":" * 50, "14:7:7", "nowhere:3"],
)
def test_units_that_are_not_there_are_not_offered(looking, typed):
    assert not [hit for hit in looking(typed).hits.hits if hit.item.kind == "Unit"]


def test_a_unit_is_found_by_the_name_it_was_given(window, looking, model, qtbot):
    window.state.set_layer("features.14")
    seven = Feature(layer="features.14", units=(7,))
    names_of(window.state).set_name(seven, "dog ears")
    assert titles(looking("dears"))[0] == "dog ears"
    assert titles(looking(":ears")) == ["dog ears"]
    assert titles(looking(":9"))[0] == "features.14:9"


def test_prefixes_ask_for_one_kind(window, looking, qtbot):
    images = (ImageEntry(path="/pictures/zebra.png", label="zebra"),)
    window.state.set_dataset(Dataset(name="d", images=images), "d1")
    kinds = {
        prefix: {hit.item.kind for hit in looking(prefix).hits.hits} for prefix in ("#", "@", "=")
    }
    assert kinds == {"#": {"Layer"}, "@": {"Image"}, "=": {"Class"}}
    assert titles(looking("=animal 3"))[0] == "animal 3"
    assert {hit.item.kind for hit in looking(">").hits.hits} >= {"File", "Edit", "View"}


def test_choosing_a_class_makes_it_the_target_and_can_be_undone(window, looking, qtbot):
    before = window.state.target
    palette = looking("=animal 3")
    press(qtbot, palette, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.state.target.index == 3)
    assert window.state.undo.undoText() == "choose target logit of animal 3"
    window.state.undo.undo()
    assert window.state.target == before


def test_choosing_a_layer_shows_its_wall(window, looking, qtbot):
    palette = looking("#classifier")
    press(qtbot, palette, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.state.layer == "classifier.1")
    assert window.state.tab == "wall"


def test_open_models_can_be_changed(window, looking, model, describe, qtbot):
    other = OpenModelState("model-2", describe(name="other.pth", weights_sha256="f" * 64), "/o.pth")
    window.state.set_models((model, other))
    palette = looking("other")
    assert palette.hits.hits[0].item.kind == "Model"
    press(qtbot, palette, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.state.model == other)


def test_nothing_found_says_so_and_the_hint_says_what_can_be_typed(looking):
    palette = looking("qqqqqq")
    assert palette.message.text() == "Nothing is called “qqqqqq”."
    assert not palette.message.isHidden()
    assert palette.list.isHidden()
    assert "# layers" in palette.hint.text()
    assert looking("@").message.text() == "There are no images yet."


def test_file_names_with_markup_are_plain_text(window, looking):
    images = (ImageEntry(path="/pictures/<b>&amp.png"),)
    window.state.set_dataset(Dataset(name="d", images=images), "d1")
    assert titles(looking("@"))[0] == "<b>&amp.png"


class Many:
    prefix, hint = "", ""

    def __init__(self, count):
        self.count, self.seen, self.made = count, 0, 0

    def candidates(self, text):
        for i in range(self.count):
            self.seen += 1
            yield Candidate(f"picture_{i:06}.png", i)

    def item(self, key):
        self.made += 1
        return Item(f"picture_{key:06}.png", "Image", lambda: None)


def test_a_hundred_thousand_names_are_searched_in_slices(qapp, qtbot):
    many, search = Many(100_000), Search()
    search.start("099999", [many])
    first = many.seen
    assert search.busy, "the event loop comes back before all is searched"
    assert first < 100_000
    qtbot.waitUntil(lambda: not search.busy, timeout=20_000)
    assert many.seen == 100_000
    assert [hit.item.title for hit in search.hits()] == ["picture_099999.png"]
    search.start("png", [many])
    search.start("000001", [many])
    qtbot.waitUntil(lambda: not search.busy, timeout=20_000)
    assert [hit.item.title for hit in search.hits()] == ["picture_000001.png"]
    assert many.made < 20 * MOST
    search.deleteLater()


def test_names_of_images_are_made_once(state):
    images = tuple(ImageEntry(path=f"/a/b/{i}.png") for i in range(50))
    state.set_dataset(Dataset(name="d", images=images), "d1")
    provider = Images(state)
    walk = provider.candidates("")
    for _ in range(10):
        next(walk)
    assert len(provider._names) == 10
    assert texts(provider, "") == [f"{i}.png" for i in range(50)]
    assert texts(provider, "4 png") == [f"{i}.png" for i in range(50) if "4" in str(i)]
    assert texts(provider, "[.*") == []
    state.set_dataset(Dataset(name="d", images=images[:1]), "d2")
    assert texts(provider, "") == ["0.png"]


def texts(provider, text):
    return [c.text for c in provider.candidates(text) if c is not None]


def test_other_parts_add_what_they_know(window, looking, qtbot):
    ran = []

    class Own:
        prefix, hint = "", ""

        def candidates(self, text):
            yield Candidate("quixotic thing", 1)

        def item(self, key):
            return Item("quixotic thing", "Thing", lambda: ran.append(key))

    looking().leave()
    palette_sources_of(window.state).add(Own())
    palette = looking("quix")
    assert palette.hits.data(palette.hits.index(0), HIT).item.kind == "Thing"
    assert palette.hits.data(QModelIndex()) is None
    press(qtbot, palette, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ran == [1])


def test_shelf_items_are_found_by_name_and_tag(window, looking, model, qtbot):
    from interp_gui.gui.shelf import shelf_of

    seven = Feature(layer="features.14", units=(7,), model=model.description.weights_sha256)
    shelf_of(window.state).collect([seven])
    (item,) = shelf_of(window.state).items
    shelf_of(window.state).update(item.id, tags=("whiskers",))
    assert looking("whiskers").hits.hits[0].item.kind == "Shelf"
    gone = msgspec.structs.replace(seven, model="e" * 64)
    shelf_of(window.state).collect([gone])
    reasons = {
        hit.item.reason for hit in looking("features14").hits.hits if hit.item.kind == "Shelf"
    }
    assert "This unit belongs to a model that is not open." in reasons
