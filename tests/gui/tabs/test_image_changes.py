"""Changing the image where it is brushed, seeing it changed, and views that follow the edits."""

import numpy as np
import pytest
from PIL import Image

from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.images import image_sha256
from interp_gui.gui.interventions.model import interventions_of
from interp_gui.gui.output.mark import SETTLE_MS
from interp_gui.gui.tabs.image_tab import ImageTab
from interp_gui.gui.widgets.pixels import to_array
from interp_gui.gui.widgets.region import GRID

EDIT = Edit(feature=Feature(layer="late", units=(3,)), kind="scale", amount=0.0)


@pytest.fixture
def tab(state, bridge, actions, qtbot, engine, model, image, dataset, ready):
    widget = ImageTab(state, bridge, actions)
    qtbot.addWidget(widget)
    widget.resize(900, 520)
    widget.show()
    state.set_layer("late")
    qtbot.waitUntil(lambda: not widget.canvas.image.isNull())
    return widget


@pytest.fixture
def brushed(tab):
    weights = np.zeros((GRID, GRID), np.float32)
    weights[: GRID // 2] = 1
    tab.canvas.set_weights(weights)
    tab.canvas.region_changed.emit()
    return tab


def top(tab):
    """The upper half of the image that is shown."""
    pixels = to_array(tab.canvas.image)
    return pixels[: len(pixels) // 4, :, :3]


def test_the_buttons_are_there_where_something_is_brushed(tab):
    assert tab.changes.isHidden()
    tab.canvas.set_weights(np.ones((GRID, GRID), np.float32))
    tab.canvas.region_changed.emit()
    assert not tab.changes.isHidden()
    tab.canvas.clear_region()
    assert tab.changes.isHidden()


def test_a_place_is_hidden_shown_so_and_undone(brushed, state, image, qtbot):
    before = top(brushed).copy()
    brushed.changes.hide_button.click()
    qtbot.waitUntil(lambda: bool(state.edits.image_edits))
    (made,) = state.edits.image_edits
    assert (made.kind, made.image) == ("occlude", image_sha256(state.image))
    qtbot.waitUntil(lambda: len(np.unique(top(brushed).reshape(-1, 3), axis=0)) == 1)
    assert brushed.changes.original.text() == "Changed"
    assert not brushed.changes.original.isHidden()
    brushed.changes.original.pressed.emit()
    qtbot.waitUntil(lambda: np.array_equal(top(brushed), before))
    brushed.changes.original.released.emit()
    qtbot.waitUntil(lambda: not np.array_equal(top(brushed), before))
    state.undo.undo()
    assert state.edits.image_edits == ()
    qtbot.waitUntil(lambda: np.array_equal(top(brushed), before))
    qtbot.waitUntil(lambda: brushed.changes.original.isHidden())


def test_blurring_keeps_the_mean(brushed, state, qtbot):
    before = top(brushed).copy()
    brushed.changes.blur_button.click()
    qtbot.waitUntil(lambda: not np.array_equal(top(brushed), before))
    assert state.edits.image_edits[0].kind == "blur"
    assert top(brushed).std() < before.std()


def test_a_place_is_swapped_with_an_image_at_hand(brushed, state, qtbot, tmp_path):
    other = str(tmp_path / "other.png")
    Image.fromarray(np.full((50, 50, 3), (200, 10, 10), np.uint8)).save(other)
    images = tuple(ImageEntry(path=path) for path in (state.image, other))
    brushed.changes.menu.aboutToShow.emit()
    assert [a.text() for a in brushed.changes.menu.actions()] == ["Open another image first"]
    state.set_dataset(Dataset(images=images), "more")
    brushed.changes.menu.aboutToShow.emit()
    (action,) = brushed.changes.menu.actions()
    assert action.text() == "other.png"
    action.trigger()
    qtbot.waitUntil(lambda: bool(state.edits.image_edits))
    assert state.edits.image_edits[0].source == image_sha256(other)
    qtbot.waitUntil(lambda: (top(brushed)[4] == (200, 10, 10)).all())
    with qtbot.waitSignal(state.notified) as told:
        brushed.changes.swap_with("/elsewhere/x.png")
    assert "a watched image only" in told.args[0].message


def test_nothing_brushed_is_told(tab, state, qtbot):
    with qtbot.waitSignal(state.notified) as told:
        tab.changes.change("blur")
    assert told.args[0].message == "Brush a place on the image first."


def test_maps_and_rankings_follow_the_edits_where_asked(tab, state, engine, qtbot):
    tab.show_map(Feature(layer="late", units=(3,)))
    assert tab.follow.isHidden()
    interventions_of(state).add_edits((EDIT,))
    assert not tab.follow.isHidden()
    assert tab.follow.text() == "Show edited"
    assert engine.request("activation-maps").inputs.edits == EditStack()
    tab.follow.click()
    assert tab.follow.text() == "Edited"
    qtbot.waitUntil(
        lambda: len(engine.request("activation-maps").inputs.edits.active) == 1,
        timeout=6 * SETTLE_MS,
    )
    qtbot.waitUntil(lambda: len(engine.request("unit-ranking").inputs.edits.active) == 1)
    tab.follow.click()
    qtbot.waitUntil(lambda: engine.request("activation-maps").inputs.edits == EditStack())
