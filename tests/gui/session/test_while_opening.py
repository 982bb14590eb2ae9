"""What happens while the models of a session are still being opened."""

import msgspec
import pytest
from PySide6.QtWidgets import QMessageBox

from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.session.document import ModelRef, SessionDocument
from interp_gui.core.session.files import write_session
from interp_gui.core.target import Target
from interp_gui.engine.messages import OpenModel
from interp_gui.gui.session import autosave
from interp_gui.gui.session.owner import Owner
from interp_gui.gui.session.recovery import RecoveryFolder, recover, recovery_root
from interp_gui.gui.shelf import shelf_of


@pytest.fixture
def ready(window, client, greet, qtbot):
    client.emit(greet())
    qtbot.waitUntil(lambda: window.bridge.is_ready)
    return window


@pytest.fixture
def document(checkpoint, item):
    """A session with a model that has not been opened yet."""
    return SessionDocument(
        models=(
            ModelRef(path=checkpoint, weights_sha256="b0353104" * 8, preprocessing=Preprocessing()),
        ),
        shelf=(item("a1"), item("a2")),
    )


def opening(client):
    return any(isinstance(request, OpenModel) for request in client.requests.values())


def test_beginning_anew_while_a_recovered_session_opens_does_not_lose_it(
    ready, client, document, qtbot, monkeypatch
):
    monkeypatch.setattr(autosave, "DELAY_MS", 10)
    dead = Owner(pid=2**22 + 5, started_s=1.0, host=Owner.this("").host, window="gone")
    left = RecoveryFolder(dead)
    left.save(document, "", left.known)
    offered = []
    ready.sessions.offer_recovery().offered.connect(offered.append)
    qtbot.waitUntil(lambda: bool(offered))
    offered[0].restore_button.click()
    qtbot.waitUntil(lambda: opening(client))
    assert len(shelf_of(ready.state).items) == 2
    assert ready.sessions.is_modified
    ready.sessions.new()
    (question,) = ready.findChildren(QMessageBox)
    qtbot.wait(100)
    assert [item.id for item in shelf_of(ready.state).items] == ["a1", "a2"]
    question.escapeButton().click()
    assert list(recovery_root().rglob("shelf-*.interp"))


def test_what_is_collected_while_a_session_opens_is_written_at_once(
    ready, client, document, tmp_path, qtbot
):
    path = write_session(tmp_path / "a.interp", document)
    ready.sessions.open(str(path))
    qtbot.waitUntil(lambda: opening(client))
    shelf_of(ready.state).collect([Feature(layer="features.14", units=(5,))])
    found = recover(ready.sessions.autosave.folder.path)
    assert found.document.shelf[0].feature.units == (5,)
    qtbot.waitUntil(lambda: recover_models(ready) == document.models)


def recover_models(window):
    return recover(window.sessions.autosave.folder.path).document.models


def test_nothing_of_the_session_before_is_undone_while_another_opens(
    ready, client, document, tmp_path, qtbot
):
    path = write_session(tmp_path / "a.interp", document)
    shelf_of(ready.state).collect([Feature(layer="features.14", units=(5,))])
    ready.sessions.save_to(str(tmp_path / "b.interp"))
    qtbot.waitUntil(lambda: not ready.sessions.is_modified)
    ready.sessions.open(str(path))
    qtbot.waitUntil(lambda: opening(client))
    assert not ready.state.undo.canUndo()


def test_what_is_changed_while_a_session_opens_is_a_change(
    ready, client, document, describe, tmp_path, qtbot
):
    path = write_session(tmp_path / "a.interp", document)
    ready.sessions.open(str(path))
    qtbot.waitUntil(lambda: opening(client))
    shelf_of(ready.state).update("a1", note="seen")
    client.end(client.last(OpenModel), description=describe())
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)
    qtbot.wait(50)
    assert shelf_of(ready.state).items[0].note == "seen"
    assert ready.sessions.is_modified


def test_a_target_that_the_model_lacks_is_left_out(
    ready, client, document, describe, tmp_path, qtbot
):
    strange = msgspec.structs.replace(document, target=Target(index=99))
    ready.sessions.open(str(write_session(tmp_path / "a.interp", strange)))
    qtbot.waitUntil(lambda: opening(client))
    client.end(client.last(OpenModel), description=describe())
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)
    assert ready.state.target == Target()
