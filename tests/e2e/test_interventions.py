"""A card is dragged onto the panel with the real engine: the answer changes, and comes back."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeyEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from interp_gui.gui.dragging.drag import mime_for
from interp_gui.gui.interventions import hold as holding
from interp_gui.gui.interventions.live import live_of

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]
LEFT, NO = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def dropped(widget, mime, where):
    """Enter, move and drop, as Qt sends them while something is dragged."""
    copy = Qt.DropAction.CopyAction
    QApplication.sendEvent(widget, QDragEnterEvent(where, copy, mime, LEFT, NO))
    QApplication.sendEvent(widget, QDragMoveEvent(where, copy, mime, LEFT, NO))
    said = widget.drops.text
    QApplication.sendEvent(widget, QDropEvent(QPointF(where), copy, mime, LEFT, NO))
    return said


def test_from_a_card_to_an_answer_and_back(own_window, checkpoint, pictures, wait, monkeypatch):
    own_window.open(checkpoint, pictures)
    window, state = own_window.window, own_window.window.state
    panel, live = window.interventions, live_of(state)
    layers = state.model.description.layers
    layer = next(x for x in layers if x.worthwhile and x.writable and x.spatial and x.depth > 20)
    state.set_layer(layer.name)
    state.set_tab("wall")
    wall = window.centre.tab("wall")
    wait(lambda: len(wall.list.cards) == layer.units, "the wall has its cards")

    # a card is pulled off the wall with the mouse
    taken = []
    monkeypatch.setattr(
        "interp_gui.gui.dragging.drag.start_drag",
        lambda source, features, **_: taken.append(features),
    )
    start = wall.list._rect(0).center()
    view = wall.list.viewport()
    QTest.mousePress(view, LEFT, NO, start)
    far = QPointF(start + QPoint(60, 0))
    global_far = QPointF(view.mapToGlobal(far.toPoint()))
    QApplication.sendEvent(
        view, QMouseEvent(QEvent.Type.MouseMove, far, global_far, LEFT, LEFT, NO)
    )
    QTest.mouseRelease(view, LEFT, NO, start)
    (features,) = taken

    # and let go over the panel, which says before what will happen
    mime, steps = mime_for(features), state.undo.count()
    said = dropped(panel, mime, QPoint(80, 40))
    assert said == f"Switch off {features[0].title} (to the images' mean)"
    wait(lambda: state.edits.edits[0].baseline.kind == "mean", "the images' mean is read")
    assert state.undo.count() == steps + 1, "the mean that came is no step of its own"
    wait(lambda: live.current is not None and not live.is_stale(state.image), "the answer comes")
    wait(lambda: live.effects(0) is not None and live.effects(0).controls, "the controls come")
    answer, effect = live.current, live.effects(0)
    assert (effect.hits, len(effect.controls)) == (1, 20)
    assert not np.allclose(answer.before, answer.after, atol=0)
    row = panel.list.rows[0]
    wait(lambda: row.state_icon == effect.state, "the row says what it did")
    less = round(effect.percentile * len(effect.controls) / 100)
    assert row.beside.text() == f"> {less} of {len(effect.controls)} random"
    assert row.is_expanded
    assert f"{len(effect.controls)} random features" in row.details.state.text()

    # it is undone and done again
    state.undo.undo()
    assert state.edits.edits == ()
    wait(lambda: not live.in_force and live.current is None, "the answer is the network's own")
    state.undo.redo()
    assert state.edits.edits[0].baseline.kind == "mean"
    wait(lambda: live.current is not None, "the answer comes again")
    assert np.allclose(live.current.after, answer.after)

    # muted, another unit is off while X is held
    panel.edits.mute_all(True)
    wait(lambda: live.current is None, "nothing is in force")
    other = next(c.feature for c in wall.list.cards if c.feature.units != features[0].units)
    monkeypatch.setattr(holding, "features_under", lambda _: (other,))
    window.hold.begin()

    def answered():
        answer = live.current
        return answer is not None and [e.feature for e in answer.edits.edits] == [other]

    wait(answered, "the answer with the unit off comes")
    release = QKeyEvent(QEvent.Type.KeyRelease, Qt.Key.Key_X, NO, "x")
    QApplication.sendEvent(wall.list, release)
    wait(lambda: live.current is None, "nothing is in force again")
    assert own_window.errors == []
