"""The Concepts tab: dropping, adding, asking, and what is done with the direction."""

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.examples import EXAMPLES_MIME_TYPE, Example
from interp_gui.core.feature import Feature
from interp_gui.core.result import Bars, Grid, GridItem, Table
from interp_gui.engine.messages import Produced, Run
from interp_gui.gui.actions import ActionRegistry
from interp_gui.gui.concepts.brushed import brushed_of
from interp_gui.gui.concepts.collected import WITH, WITHOUT
from interp_gui.gui.concepts.tab import CONCEPT, SENSITIVITY, ConceptsTab
from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.dragging.examples import examples_from_mime, put_examples
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.shared import background_of


def _infos():
    from interp_gui.core.analysis import ParameterInfo

    def choice(name, *choices):
        return ParameterInfo(
            name=name, title=name, kind="choice", default=choices[0], help="H.", choices=choices
        )

    name = ParameterInfo(name="name", title="name", kind="text", default="", help="H.")
    return (
        AnalysisInfo(
            id=CONCEPT, title="Concept", summary="S.", needs=("examples", "layer"), produces=(),
            parameters=(name, choice("layers", "one", "all")),
        ),
        AnalysisInfo(
            id=SENSITIVITY, title="D", summary="S.", needs=("features", "dataset", "target"),
            produces=(), parameters=(),
        ),
    )  # fmt: skip


@pytest.fixture
def tab(qapp, state, bridge, client, greet, qtbot):
    background = background_of(state)
    widget = ConceptsTab(state, bridge, ActionRegistry(qapp))
    qtbot.addWidget(widget)
    widget.resize(1000, 700)
    widget.show()
    client.emit(greet(analyses=_infos()))
    qtbot.waitUntil(lambda: bridge.is_ready)
    yield widget
    background.close()


@pytest.fixture
def paths(pictures):
    return sorted(str(path) for path in pictures.rglob("*.png") if "broken" not in path.name)


@pytest.fixture
def filled(tab, state, model, paths):
    state.set_models((model,))
    state.set_model(model)
    state.set_layer("features.14")
    tab.examples.add(WITH, [Example(path) for path in paths[:3]])
    tab.examples.add(WITHOUT, [Example(path) for path in paths[3:]])
    return tab


def _drop(widget, mime):
    """Drag over a list and let go; gives what was said before."""
    where, action = QPoint(20, 20), Qt.DropAction.CopyAction
    buttons = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    target = widget.viewport()
    entered = QDragEnterEvent(where, action, mime, *buttons)
    QApplication.sendEvent(target, entered)
    said = widget.parent().drop.text
    QApplication.sendEvent(target, QDropEvent(where.toPointF(), action, mime, *buttons))
    return said


def test_it_says_step_by_step_what_is_missing(tab, state, model, paths):
    assert "Open a model" in tab.missing.text()
    state.set_models((model,))
    state.set_model(model)
    assert "to With" in tab.missing.text()
    tab.examples.add(WITH, [Example(paths[0])])
    assert "to Without" in tab.missing.text()
    tab.examples.add(WITHOUT, [Example(paths[1])])
    assert "Choose a layer" in tab.missing.text()
    tab.form.set_values({"layers": "all"})
    assert not tab.missing.isVisible()
    assert tab.run_button.isEnabled()
    assert not tab.layers.isEnabled()


def test_files_and_folders_are_dropped(tab, pictures, paths, qtbot):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(paths[0])])
    assert _drop(tab.sides[WITH].list, mime) == "Add what this holds to With"
    qtbot.waitUntil(lambda: len(tab.examples.side(WITH)) == 1)
    folder = QMimeData()
    folder.setUrls([QUrl.fromLocalFile(str(pictures / "cat"))])
    _drop(tab.sides[WITHOUT].list, folder)
    qtbot.waitUntil(lambda: len(tab.examples.side(WITHOUT)) == 3)
    assert tab.sides[WITHOUT].count.text() == "3"
    cards = tab.sides[WITHOUT].list.cards
    qtbot.waitUntil(lambda: all(not card.main.isNull() for card in cards))


def test_cards_of_examples_are_dropped_and_features_are_refused(tab, paths):
    mime = QMimeData()
    part = Example(paths[0], (0.0, 0.0, 0.5, 0.5))
    put_examples(mime, [part])
    assert _drop(tab.sides[WITH].list, mime) == "Add this example to With"
    assert tab.examples.side(WITH) == (part,)
    said = _drop(tab.sides[WITH].list, mime_for([Feature(layer="features.14", units=(3,))]))
    assert "A feature is no example" in said
    assert tab.examples.side(WITH) == (part,)
    # examples that travel with a feature are taken
    both = mime_for([Feature(layer="features.14", units=(3,))])
    put_examples(both, [Example(paths[1])])
    _drop(tab.sides[WITHOUT].list, both)
    assert tab.examples.side(WITHOUT) == (Example(paths[1]),)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'[{"path": ""}]', b'[{"path": "a\\u0000b"}]', b'[{"box": [1]}]']
)
def test_foreign_data_is_no_example(data):
    from interp_gui.core.errors import InvalidValue

    mime = QMimeData()
    mime.setData(EXAMPLES_MIME_TYPE, data)
    with pytest.raises(InvalidValue):
        examples_from_mime(mime)


def test_the_current_image_and_the_brushed_place_are_added(tab, state, paths):
    side = tab.sides[WITHOUT]
    assert not side.add_image.isEnabled()
    assert not side.add_place.isEnabled()
    state.set_image(paths[0])
    side.add_image.click()
    brushed_of(state).set(Example(paths[0], (0.0, 0.0, 0.5, 1.0)))
    side.add_place.click()
    assert [example.box for example in tab.examples.side(WITHOUT)] == [None, (0.0, 0.0, 0.5, 1.0)]
    assert side.list.cards[1].caption == "a part of it"


def test_selected_examples_are_taken_away_by_the_keyboard_and_back(filled, state, qtbot):
    side = filled.sides[WITH]
    side.list.set_current(side.list.cards[1].key)
    gone = side.selected()
    side.list.setFocus()
    qtbot.keyClick(side.list, Qt.Key.Key_Delete)
    assert len(filled.examples.side(WITH)) == 2
    assert gone[0] not in filled.examples.side(WITH)
    state.undo.undo()
    assert gone[0] in filled.examples.side(WITH)
    before = filled.examples.sides
    filled.swap.click()
    assert filled.examples.side(WITH) == before[WITHOUT]


def _found(feature):
    pixels = np.zeros((8, 8, 3), np.uint8)
    return Grid(
        key="direction", title="concept: spots at features.14", feature=feature,
        items=(GridItem(title="a", pixels=pixels, group="With"),),
        numbers={"auc": 0.97, "random_auc_95th_percentile": 0.7, "p": 0.01},
    )  # fmt: skip


@pytest.fixture
def found(filled, client, model, qtbot):
    """A run that has ended, and the direction that it gave."""
    filled.run_button.click()
    job = client.last(Run)
    feature = Feature(
        layer="features.14", vectors=((1.0, *[0.0] * 159),), name="concept: spots",
        model=model.description.weights_sha256,
    )  # fmt: skip

    def give(result):
        client.emit(Produced(job=job, generation=client.options[job]["generation"], result=result))

    give(Bars(key="auc", title="AUC", labels=("a",), values=(0.97,)))
    give(Table(key="layers", title="T", columns=("layer",), cells=(("features.14",),)))
    give(_found(feature))
    client.end(job)
    qtbot.waitUntil(lambda: not filled.found.running)
    return feature


def test_it_asks_with_both_sides_and_shows_what_comes(filled, client, found, paths):
    request = client.requests[client.last(Run)]
    assert request.analysis == CONCEPT
    assert request.inputs.layer == "features.14"
    assert [e.path for e in request.inputs.examples["with"]] == paths[:3]
    card = filled.direction
    assert card.isVisible()
    assert card.handle.text() == "concept: spots at features.14"
    assert card.said.text().startswith("AUC 0.97 on held-out examples")
    # one row would only repeat the bars
    assert [view.result.key for view in filled.board.views] == ["auc", "direction"]


def test_the_direction_is_opened_and_put_on_the_panel(filled, state, found):
    filled.direction.open.click()
    assert state.feature == found
    assert state.tab == "unit"
    filled.direction.ablate.click()
    assert [edit.feature for edit in interventions_of(state).stack.edits] == [found]


def test_whether_the_answer_depends_on_it_is_asked_for_images_at_hand(
    filled, state, client, found, paths, qtbot
):
    assert not filled.direction.ask.isEnabled()
    assert "folder of images" in filled.direction.ask.toolTip()
    state.set_dataset(Dataset(images=tuple(ImageEntry(path=path) for path in paths)), "d")
    assert filled.direction.ask.isEnabled()
    filled.direction.ask.click()
    job = client.last(Run)
    request = client.requests[job]
    assert request.analysis == SENSITIVITY
    assert request.inputs.features == (found,)
    assert request.dataset == "d"
    assert set(request.inputs.examples) == {"with", "without"}
    table = Table(
        key="sensitivity", title="T", columns=("a",), cells=((1,),), notes=("It rises.", "x")
    )
    client.emit(Produced(job=job, generation=client.options[job]["generation"], result=table))
    client.end(job)
    qtbot.waitUntil(lambda: not filled.asked.running)
    assert filled.verdict.text() == "It rises."
    assert filled.dependence.isVisible()
    # all of it has its height, in a page that scrolls
    body = filled.dependence.widget()
    qtbot.waitUntil(lambda: filled.dependence.height() >= body.sizeHint().height() > 320)
    assert filled.verdict.height() >= filled.verdict.heightForWidth(filled.verdict.width())


def test_examples_stand_in_several_columns_where_there_is_little_room(filled, qtbot):
    filled.resize(740, 480)
    for side in filled.sides.values():
        cards = side.list
        qtbot.waitUntil(lambda cards=cards: cards._layout.columns >= 2)


def test_nothing_moves_while_a_direction_is_found(filled, client):
    def places():
        QApplication.processEvents()
        shown = (filled.run_button, filled.cost, filled.swap, filled.form, *filled.sides.values())
        return [widget.geometry() for widget in shown]

    before = places()
    filled.run_button.click()
    assert filled.cancel_button.isVisible()
    assert places() == before


def test_settings_and_examples_are_kept(filled, state):
    filled.form.set_values({"name": "spots", "layers": "all"})
    kept = filled.snapshot()
    filled.examples.clear(WITH)
    filled.form.reset()
    filled.restore(kept)
    assert filled.values == {"name": "spots", "layers": "all"}
    assert len(filled.examples.side(WITH)) == 3
    filled.restore({"examples": 3, "settings": "x"})
    assert filled.examples.empty


def test_a_run_is_cancelled(filled, client):
    assert not filled.cancel_button.isVisible()
    filled.run_button.click()
    assert filled.cancel_button.isVisible()
    filled.cancel_button.click()
    assert ("cancel", client.last(Run)) in client.calls


def test_a_recipes_examples_are_taken_over_where_their_files_are(tab, state, paths, qtbot):
    from types import SimpleNamespace

    from interp_gui.core.images import image_sha256
    from interp_gui.core.recipe import RecipeExample

    box = (0.0, 0.0, 0.5, 0.5)
    first = RecipeExample(image_sha256(paths[0]), box, "1")
    other, gone = RecipeExample(image_sha256(paths[1])), RecipeExample("0" * 64)
    asked = {"with": (first, gone), "without": (other,)}
    recipe = SimpleNamespace(parameters={"name": "stripes"}, examples=asked)
    told = []
    state.notified.connect(lambda *words: told.append(str(words)))
    tab.adopt(recipe, run=False)  # nothing is open
    qtbot.waitUntil(lambda: any("None of the recipe's examples is at hand" in t for t in told))
    assert tab.examples.empty
    assert tab.form.values()["name"] == "stripes"
    state.set_dataset(Dataset(images=tuple(ImageEntry(path=path) for path in paths)), "d")
    tab.adopt(recipe, run=False)
    qtbot.waitUntil(lambda: not tab.examples.empty)
    assert tab.examples.side(WITH) == (Example(paths[0], box, "1"),)
    assert tab.examples.side(WITHOUT) == (Example(paths[1]),)
    assert any("1 of the recipe's examples is not at hand" in t for t in told)
    state.undo.undo()
    assert tab.examples.empty
