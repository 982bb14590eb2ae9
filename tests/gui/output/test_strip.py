"""The strip of watched images: what each card says, and how images come and go."""

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.kinds import Intervention
from interp_gui.engine.messages import Produced, Run
from interp_gui.gui.interventions.live import live_of
from interp_gui.gui.output import watched
from interp_gui.gui.output.strip import WatchedStrip

PATHS = tuple(f"/x/{name}.png" for name in ("cat", "dog", "owl"))
EDITS = EditStack(edits=(Edit(feature=Feature(layer="features.0", units=(1,)), kind="ablate"),))
INFO = AnalysisInfo(
    id="intervene", title="", summary="", needs=("image",), produces=(), parameters=()
)


@pytest.fixture
def strip(qtbot, state, bridge, client, greet, model):
    client.emit(greet(analyses=(INFO,)))
    qtbot.waitUntil(lambda: bridge.is_ready)
    live_of(state).attach(bridge)
    state.set_model(model)
    strip = WatchedStrip(state)
    qtbot.addWidget(strip)
    strip.resize(240, 400)
    strip.show()
    return strip


@pytest.fixture
def answer(strip, state, client, qtbot):
    """Answers for all watched images: logits after the edits, by path."""

    def give(after, *, problem=""):
        count = len(client.requests)
        qtbot.waitUntil(lambda: len(client.requests) > 0 or count > 0)
        job = client.last(Run)
        run = client.requests[job]
        for path in run.inputs.images:
            made = Intervention(
                key=path, title="x", image=path, labels=("tabby", "lynx"),
                before=np.array([2.0, 0.0], np.float32),
                after=np.array(after.get(path, (2.0, 0.0)), np.float32),
                target_before=2.0, target_after=float(after.get(path, (2.0, 0.0))[0]),
                target_title="logit of tabby", edits=run.inputs.edits, problem=problem,
            )  # fmt: skip
            client.emit(
                Produced(job=job, generation=client.options[job]["generation"], result=made)
            )
        client.end(job)
        live = live_of(state)
        qtbot.waitUntil(lambda: all(live.of(p) and not live.is_stale(p) for p in PATHS))

    return give


def asked(client, state, qtbot):
    """Waits until the strip is asked for the stack in force."""
    now = state.edits_in_force

    def is_asked():
        runs = [r for r in client.requests.values() if isinstance(r, Run)]
        return any(r.inputs.images == PATHS and r.inputs.edits == now for r in runs)

    qtbot.waitUntil(is_asked, timeout=3000)


def test_without_images_it_says_how_they_come(strip, state):
    assert not strip.hint.isHidden()
    state.set_watched(PATHS)
    assert strip.hint.isHidden()
    assert strip.heading.text() == "Watched images (3)"
    assert list(strip.cards) == list(PATHS)


def test_cards_show_the_answer_without_edits(strip, state, client, qtbot, answer):
    state.set_watched(PATHS)
    asked(client, state, qtbot)
    answer({})
    card = strip.cards[PATHS[0]]
    assert card.answer == "tabby 88.1%"
    assert card.change is None
    assert strip.summary.isHidden()


def test_under_edits_changes_and_flips_are_shown(strip, state, client, qtbot, answer):
    state.set_watched(PATHS)
    asked(client, state, qtbot)
    answer({})
    state.set_edits(EDITS)
    qtbot.waitUntil(lambda: strip.cards[PATHS[0]].stale)
    asked(client, state, qtbot)
    answer({PATHS[0]: (-1.0, 1.0), PATHS[1]: (1.5, 0.0)})
    strip.refresh()
    first, second, third = strip.cards.values()
    assert first.flipped
    assert first.answer == "tabby → lynx"
    assert first.change == pytest.approx(-3.0)
    assert first.most == pytest.approx(3.0)
    assert "Another class than before." in first.accessibleDescription()
    assert (second.flipped, second.answer) == (False, "tabby")
    assert second.figures == "−0.5  2 → 1.5"
    assert third.change == 0.0
    assert strip.summary.text() == "1 of 3 answered as another class"


def test_a_broken_image_says_so(strip, state, client, qtbot, answer):
    state.set_watched(PATHS)
    asked(client, state, qtbot)
    answer({}, problem="'cat.png' cannot be read.")
    assert strip.cards[PATHS[0]].answer == "'cat.png' cannot be read."


def test_a_click_opens_the_image(strip, state, qtbot):
    state.set_watched(PATHS)
    qtbot.mouseClick(strip.cards[PATHS[1]], Qt.MouseButton.LeftButton)
    assert state.image == PATHS[1]
    assert strip.cards[PATHS[1]].is_current


def test_cards_are_moved_and_removed_by_keys_and_undone(strip, state, qtbot):
    state.set_watched(PATHS)
    card = strip.cards[PATHS[0]]
    qtbot.keyClick(card, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert state.watched == (PATHS[1], PATHS[0], PATHS[2])
    qtbot.keyClick(strip.cards[PATHS[1]], Qt.Key.Key_Delete)
    assert state.watched == (PATHS[0], PATHS[2])
    state.undo.undo()
    state.undo.undo()
    assert state.watched == PATHS


def drop(strip, paths, at):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path) for path in paths])
    event = QDropEvent(
        at.toPointF(), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    strip.dropEvent(event)


def test_images_are_dropped_where_they_are_to_stand(strip, state):
    drop(strip, PATHS[:1], QPoint(5, 5))
    assert state.watched == PATHS[:1]
    drop(strip, PATHS[1:], QPoint(5, 5))
    assert state.watched == (PATHS[1], PATHS[2], PATHS[0])
    state.undo.undo()
    assert state.watched == PATHS[:1]


def test_at_most_twelve_are_watched_and_the_rest_is_told(strip, state, qtbot):
    many = tuple(f"/x/{i}.png" for i in range(15))
    with qtbot.waitSignal(state.notified) as told:
        watched.watch(state, many)
    assert len(state.watched) == 12
    assert "At most 12" in told.args[0].message
    state.set_image("/x/99.png")
    assert "watched already" in watched.why_not_watch(state)


def test_the_current_image_is_watched_and_left_again(strip, state):
    state.set_image(PATHS[0])
    watched.toggle_current(state)
    assert state.watched == PATHS[:1]
    watched.toggle_current(state)
    assert state.watched == ()
    state.undo.undo()
    assert state.watched == PATHS[:1]
