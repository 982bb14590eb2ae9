"""Saving and opening, in the whole window over a client that computes nothing."""

import os

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QMessageBox

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import OutputProblem
from interp_gui.core.examples import Example
from interp_gui.core.feature import Feature
from interp_gui.core.model import OutputInfo
from interp_gui.core.opening import OpenChoice
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Picture
from interp_gui.core.session.document import ModelRef, SessionDocument
from interp_gui.core.session.files import read_session, write_session
from interp_gui.core.target import Target
from interp_gui.engine.messages import CloseModel, ErrorInfo, OpenModel
from interp_gui.gui.concepts.collected import concept_examples_of
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.session.missing import MissingModel
from interp_gui.gui.session.owner import Hold, Owner
from interp_gui.gui.shared import names_of
from interp_gui.gui.shelf import shelf_of
from interp_gui.gui.state import OpenModelState

UNIT = Feature(layer="features.14", units=(7,))


@pytest.fixture
def checkpoint(tmp_path):
    file = tmp_path / "study" / "small.pth"
    file.parent.mkdir()
    file.write_bytes(b"weights")
    return str(file)


@pytest.fixture
def ready(window, client, greet, qtbot):
    client.emit(greet())
    qtbot.waitUntil(lambda: window.bridge.is_ready)
    return window


@pytest.fixture
def answer(client, describe, qtbot):
    """Ends the opening of a model that the engine was asked for last."""
    answered = set()

    def end(outcome="finished", **values):
        def asked():
            return [
                job for job, request in client.requests.items()
                if isinstance(request, OpenModel) and job not in answered
            ]  # fmt: skip

        qtbot.waitUntil(lambda: bool(asked()))
        job = asked()[0]
        answered.add(job)
        if outcome == "finished":
            wanted = client.requests[job].preprocessing
            extra = {"preprocessing": wanted} if wanted is not None else {}
            client.end(job, description=describe(**{**extra, **values}))
        else:
            error = ErrorInfo(cause="FileProblem", message="It is truncated.", hint="", details="")
            client.end(job, outcome, error=error)
        return client.requests[job]

    return end


@pytest.fixture
def opened(ready, checkpoint, answer, qtbot):
    ready.files.open([checkpoint])
    answer()
    qtbot.waitUntil(lambda: ready.state.model is not None)
    return ready


def work(window, pictures, qtbot):
    """Do a bit of everything that a session holds."""
    state = window.state
    window.documents.add_images([str(pictures)])
    qtbot.waitUntil(lambda: state.dataset is not None)
    model = state.model.description.weights_sha256
    unit = msgspec.structs.replace(UNIT, model=model)
    shelf_of(state).collect([unit])
    shelf_of(state).update(shelf_of(state).items[0].id, note="whiskers?")
    names_of(state).set_name(unit, "whiskers")
    picture = Picture(key="p", title="a picture", pixels=np.full((4, 4, 3), 5, np.uint8))
    kept_of(state).keep(picture, None)
    state.set_edits(EditStack((Edit(feature=unit, kind="scale", amount=0.0),)))
    state.set_stacks((EditStack((Edit(feature=unit, kind="ablate"),), name="no whiskers"),))
    state.set_watched((state.dataset.images[0].path, state.dataset.images[1].path))
    state.set_target(Target(index=3))
    state.set_image(state.dataset.images[2].path)
    state.set_feature(unit)
    state.set_tab("unit")


def save(window, path, qtbot):
    window.sessions.save_to(str(path))
    qtbot.waitUntil(lambda: window.sessions.path == str(path))


def begin_anew(window, qtbot):
    window.sessions.new()
    qtbot.waitUntil(lambda: window.state.model is None)


def dialog_of(window, kind, qtbot):
    def found():
        return [d for d in window.findChildren(kind) if d.isVisible()]

    qtbot.waitUntil(lambda: bool(found()))
    return found()[0]


def press(box, text):
    button = next(b for b in box.buttons() if b.text().replace("&", "") == text)
    button.click()


def messages(window):
    return [toast.note.message for toast in window.toasts.shown]


# --- saving and opening ----------------------------------------------------------------------


def test_a_session_brings_everything_back(opened, pictures, tmp_path, answer, qtbot):
    window, state = opened, opened.state
    work(window, pictures, qtbot)
    before = window.sessions.take()
    path = tmp_path / "study" / "one.interp"
    save(window, path, qtbot)
    begin_anew(window, qtbot)
    assert (shelf_of(state).items, kept_of(state).items, state.dataset) == ((), (), None)
    assert (state.edits, state.stacks, state.watched) == (EditStack(), (), ())
    assert names_of(state).snapshot() == {}
    window.sessions.open(str(path))
    request = answer()
    assert request.path == before.models[0].path
    qtbot.waitUntil(lambda: not window.sessions.restorer.is_active)
    after = window.sessions.take()
    for field in (
        "models", "current_model", "image", "layer", "feature", "tab", "target", "edits", "names",
        "views", "stacks", "watched",
    ):  # fmt: skip
        assert getattr(after, field) == getattr(before, field), field
    assert after.dataset.images == before.dataset.images
    assert [(i.id, i.name, i.note) for i in after.shelf] == [
        (i.id, "whiskers", "whiskers?") for i in before.shelf
    ]
    assert (after.kept[0].result.pixels == 5).all()
    assert not window.sessions.is_modified
    assert not state.undo.canUndo(), "what was done before concerns another document"
    assert window.windowTitle() == "one[*] – small.pth – interp-gui"
    assert window.settings.values.recent_sessions == (str(path),)


def test_a_session_brings_a_concept_back(opened, pictures, tmp_path, answer, qtbot):
    window, state = opened, opened.state
    state.set_tab("concepts")
    tab = window.centre.tab("concepts")
    paths = sorted(str(path) for path in pictures.rglob("*.png"))
    part = Example(paths[0], (0.0, 0.25, 0.5, 1.0), "p")
    tab.examples.add("with", [part])
    tab.examples.add("without", [Example(paths[1])])
    before = window.sessions.take()
    path = tmp_path / "study" / "one.interp"
    save(window, path, qtbot)
    begin_anew(window, qtbot)
    assert concept_examples_of(state).empty
    window.sessions.open(str(path))
    answer()
    qtbot.waitUntil(lambda: not window.sessions.restorer.is_active)
    assert concept_examples_of(state).sides == {"with": (part,), "without": (Example(paths[1]),)}
    assert window.sessions.take().views == before.views
    assert not window.sessions.is_modified


def test_a_kept_result_of_a_session_can_be_shown_again(opened, tmp_path, answer, qtbot):
    """As an exported picture of it can that is dropped on the window."""
    window, state = opened, opened.state
    found = state.model.description
    recipe = Recipe(
        analysis="real-examples", features=(UNIT,), layer=UNIT.layer,
        preprocessing=found.preprocessing, target=Target(index=2),
        model=ModelIdentity(
            name=found.name, weights_sha256=found.weights_sha256,
            architecture=found.architecture, library=found.library,
        ),
    )  # fmt: skip
    picture = Picture(key="p", title="a picture", pixels=np.zeros((4, 4, 3), np.uint8))
    kept_of(state).keep(picture, recipe)
    save(window, tmp_path / "one.interp", qtbot)
    begin_anew(window, qtbot)
    window.sessions.open(str(tmp_path / "one.interp"))
    answer()
    qtbot.waitUntil(lambda: not window.sessions.restorer.is_active)
    answer_kept = kept_of(state).items[0].recipe
    assert answer_kept == recipe
    window.documents.open_model(str(tmp_path / "study" / "other.pth"))
    answer(weights_sha256="cd" * 32)
    qtbot.waitUntil(lambda: state.model.description.weights_sha256 == "cd" * 32)
    window.files.reopen(answer_kept)
    assert state.model.description.weights_sha256 == found.weights_sha256, "the open one is chosen"
    assert (state.feature, state.tab, state.target) == (UNIT, "unit", Target(index=2))


def test_a_change_marks_the_window_and_undo_takes_the_mark_away(opened, tmp_path, qtbot):
    window = opened
    save(window, tmp_path / "one.interp", qtbot)
    assert not window.isWindowModified()
    shelf_of(window.state).collect([UNIT])
    qtbot.waitUntil(window.isWindowModified)
    window.state.undo.undo()
    qtbot.waitUntil(lambda: not window.isWindowModified())
    window.state.undo.redo()
    qtbot.waitUntil(window.isWindowModified)
    window.actions_["session.save"].trigger()
    qtbot.waitUntil(lambda: not window.isWindowModified())
    assert len(read_session(tmp_path / "one.interp").shelf) == 1


def test_looking_around_changes_no_session(opened, tmp_path, qtbot):
    save(opened, tmp_path / "one.interp", qtbot)
    opened.state.set_layer("features.1")
    opened.state.set_tab("wall")
    qtbot.wait(20)
    assert not opened.sessions.is_modified


def test_what_is_only_looked_at_is_nothing_to_save(opened, pictures, qtbot):
    opened.documents.add_images([str(pictures)])
    qtbot.waitUntil(lambda: opened.state.dataset is not None)
    qtbot.wait(20)
    assert not opened.sessions.is_modified
    assert opened.windowTitle() == "small.pth – interp-gui"


def test_a_session_that_cannot_be_written_stays_unsaved(opened, tmp_path, monkeypatch, qtbot):
    shelf_of(opened.state).collect([UNIT])

    def full(*_args, **_options):
        raise OutputProblem("The disk is full.", hint="Make room.")

    monkeypatch.setattr("interp_gui.core.session.files.write_session", full)
    opened.sessions.save_to(str(tmp_path / "one.interp"))
    qtbot.waitUntil(lambda: "The disk is full." in messages(opened))
    assert opened.sessions.is_modified
    assert opened.sessions.path == ""
    assert [p.name for p in tmp_path.iterdir() if "one" in p.name] == [], "no lock is left"


def test_a_damaged_session_changes_nothing(opened, tmp_path, qtbot):
    (tmp_path / "bad.interp").write_bytes(b"no session at all, whatever its name says")
    opened.sessions.open(str(tmp_path / "bad.interp"))
    qtbot.waitUntil(lambda: any("not a session" in text for text in messages(opened)))
    assert opened.state.model is not None
    assert opened.sessions.path == ""
    assert (tmp_path / "bad.interp").exists()


def test_a_recent_session_that_is_gone_is_no_longer_listed(opened, tmp_path, qtbot):
    path = tmp_path / "one.interp"
    save(opened, path, qtbot)
    begin_anew(opened, qtbot)
    path.unlink()
    opened.actions_["session.recent.0"].trigger()
    qtbot.waitUntil(lambda: any("There is no session" in text for text in messages(opened)))
    assert "session.recent.0" not in opened.actions_


def test_a_session_dropped_on_the_window_opens(opened, tmp_path, qtbot):
    path = tmp_path / "one.interp"
    save(opened, path, qtbot)
    begin_anew(opened, qtbot)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    opened.dropEvent(
        QDropEvent(
            QPoint(5, 5).toPointF(), Qt.DropAction.CopyAction, data,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )
    )  # fmt: skip
    qtbot.waitUntil(lambda: opened.sessions.name == "one")


def test_a_session_opened_before_the_engine_is_there_waits_for_it(
    window, client, greet, checkpoint, answer, describe, tmp_path, qtbot
):
    ref = ModelRef(path=checkpoint, weights_sha256=describe().weights_sha256)
    path = write_session(tmp_path / "a.interp", SessionDocument(models=(ref,), layer="features.1"))
    window.sessions.open(str(path))
    qtbot.waitUntil(lambda: window.sessions.restorer.is_active)
    assert window.sessions.take().models == (ref,), "saving now would lose nothing"
    assert window.sessions.take().layer == "features.1"
    client.emit(greet())
    answer()
    qtbot.waitUntil(lambda: not window.sessions.restorer.is_active)
    assert window.state.layer == "features.1"


def test_the_dialogs_name_sessions_and_offer_a_name(opened, qtbot):
    opened.actions_["session.save"].trigger()
    dialog = dialog_of(opened, QFileDialog, qtbot)
    assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    assert dialog.defaultSuffix() == "interp"
    dialog.reject()
    opened.actions_["session.open"].trigger()
    dialog = dialog_of(opened, QFileDialog, qtbot)
    assert "*.interp" in dialog.nameFilters()[0]
    dialog.reject()


# --- unsaved changes -------------------------------------------------------------------------


def test_opening_another_asks_about_unsaved_changes(opened, tmp_path, answer, qtbot):
    one, two = tmp_path / "one.interp", tmp_path / "two.interp"
    save(opened, two, qtbot)
    save(opened, one, qtbot)
    shelf_of(opened.state).collect([UNIT])
    qtbot.waitUntil(lambda: opened.sessions.is_modified)
    opened.sessions.open(str(two))
    box = dialog_of(opened, QMessageBox, qtbot)
    assert "'one'" in box.text()
    press(box, "Cancel")
    assert opened.sessions.name == "one"
    opened.sessions.open(str(two))
    press(dialog_of(opened, QMessageBox, qtbot), "Save")
    qtbot.waitUntil(lambda: opened.sessions.name == "two")
    assert len(read_session(one).shelf) == 1
    assert shelf_of(opened.state).items == ()


def test_closing_asks_once_for_jobs_and_changes_together(opened, client, tmp_path, qtbot):
    save(opened, tmp_path / "one.interp", qtbot)
    shelf_of(opened.state).collect([UNIT])
    qtbot.waitUntil(lambda: opened.sessions.is_modified)
    opened.bridge.run(OpenModel(model="x", path="y"), title="Optimise 64 units")
    opened.ask_on_close = True
    opened.close()
    box = dialog_of(opened, QMessageBox, qtbot)
    assert len([d for d in opened.findChildren(QMessageBox) if d.isVisible()]) == 1
    assert "'one'" in box.text()
    assert "Optimise 64 units" in box.informativeText()
    press(box, "Cancel")
    assert opened.isVisible()
    opened.close()
    press(dialog_of(opened, QMessageBox, qtbot), "Save and close")
    qtbot.waitUntil(lambda: not opened.isVisible())
    assert len(read_session(tmp_path / "one.interp").shelf) == 1
    assert [p.name for p in tmp_path.glob(".*lock")] == []


def test_closing_without_changes_asks_nothing(opened):
    opened.ask_on_close = True
    opened.close()
    assert not opened.isVisible()
    assert not opened.findChildren(QMessageBox)


# --- models that moved -----------------------------------------------------------------------


@pytest.fixture
def saved(opened, tmp_path, qtbot):
    """A window without a session, and a session whose model is in its folder."""
    shelf_of(opened.state).collect([UNIT])
    path = tmp_path / "study" / "one.interp"
    save(opened, path, qtbot)
    begin_anew(opened, qtbot)
    opened.settings.change(recent_models=())
    return path


def test_a_model_that_moved_is_asked_for(ready, saved, checkpoint, answer, tmp_path, qtbot):
    moved = tmp_path / "elsewhere.pth"
    os.rename(checkpoint, moved)
    ready.sessions.open(str(saved))
    dialog = dialog_of(ready, MissingModel, qtbot)
    assert "'small.pth'" in dialog.heading.text()
    assert checkpoint in dialog.facts.text()
    dialog.choose(str(moved))
    assert answer().path == str(moved)
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)
    assert ready.state.model.path == str(moved)
    qtbot.waitUntil(lambda: ready.sessions.is_modified)
    assert ready.sessions.take().models[0].path == str(moved)


def test_a_model_that_moved_below_the_session_is_found_unasked(ready, saved, checkpoint, answer):
    moved = saved.parent / "weights" / "small.pth"
    moved.parent.mkdir()
    os.rename(checkpoint, moved)
    ready.sessions.open(str(saved))
    assert answer().path == str(moved)


def test_a_model_that_was_open_elsewhere_since_is_found_unasked(
    ready, saved, checkpoint, answer, describe, tmp_path
):
    moved = tmp_path / "renamed.pth"
    os.rename(checkpoint, moved)
    ready.settings.add_recent_model(str(moved), describe().weights_sha256)
    ready.sessions.open(str(saved))
    assert answer().path == str(moved)


def test_other_weights_at_the_place_are_told(ready, saved, checkpoint, answer, client, qtbot):
    ready.sessions.open(str(saved))
    answer(weights_sha256="cd" * 32)
    dialog = dialog_of(ready, MissingModel, qtbot)
    assert "other weights" in dialog.heading.text()
    assert ready.state.model is None, "it is not shown as the session's model"
    assert isinstance(client.requests[client.last(CloseModel)], CloseModel)
    dialog.use.click()
    answer(weights_sha256="cd" * 32)
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)
    assert ready.state.model.description.weights_sha256 == "cd" * 32


def test_a_located_file_with_other_weights_is_told_too(ready, saved, checkpoint, answer, qtbot):
    os.remove(checkpoint)
    ready.sessions.open(str(saved))
    other = saved.parent / "other.pth"
    other.write_bytes(b"x")
    dialog_of(ready, MissingModel, qtbot).choose(str(other))
    answer(weights_sha256="cd" * 32)
    dialog = dialog_of(ready, MissingModel, qtbot)
    assert "'other.pth' holds other weights than 'small.pth'" in dialog.heading.text()
    dialog.skip.click()
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)


def test_a_model_that_does_not_open_is_asked_for(ready, saved, answer, qtbot):
    ready.sessions.open(str(saved))
    answer("failed")
    dialog = dialog_of(ready, MissingModel, qtbot)
    assert "It is truncated." in messages(ready)
    dialog.close()
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)


def test_a_model_that_was_given_up_is_not_looked_for_elsewhere(
    ready, saved, checkpoint, answer, qtbot
):
    ready.sessions.open(str(saved))
    answer("cancelled")
    dialog = dialog_of(ready, MissingModel, qtbot)
    assert dialog.heading.text() == "'small.pth' was not opened."
    assert f"Its file is in its place: {checkpoint}." in dialog.facts.text()
    assert dialog.again.isDefault()
    assert not dialog.locate.isDefault()
    dialog.again.click()
    answer()
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)
    assert [model.path for model in ready.state.models] == [checkpoint]


def test_a_model_that_is_skipped_stays_in_the_session(ready, saved, checkpoint, qtbot):
    os.remove(checkpoint)
    ready.sessions.open(str(saved))
    dialog_of(ready, MissingModel, qtbot).skip.click()
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)
    assert len(shelf_of(ready.state).items) == 1
    assert not ready.sessions.is_modified
    ready.actions_["session.save"].trigger()
    qtbot.waitUntil(lambda: any("was saved" in text for text in messages(ready)))
    found = read_session(saved)
    assert [model.path for model in found.models] == [checkpoint]
    assert len(found.shelf) == 1


def test_a_model_can_be_taken_out_of_the_session(ready, saved, checkpoint, qtbot):
    os.remove(checkpoint)
    ready.sessions.open(str(saved))
    dialog_of(ready, MissingModel, qtbot).forget.click()
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)
    assert ready.sessions.take().models == ()
    assert len(shelf_of(ready.state).items) == 1


def test_closing_the_question_is_skipping(ready, saved, checkpoint, qtbot):
    os.remove(checkpoint)
    ready.sessions.open(str(saved))
    qtbot.keyClick(dialog_of(ready, MissingModel, qtbot), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not ready.sessions.restorer.is_active)
    assert [model.path for model in ready.sessions.take().models] == [checkpoint]


# --- two windows -----------------------------------------------------------------------------


def test_a_session_that_another_window_holds_opens_as_a_copy(ready, saved, answer, qtbot):
    other = Hold(saved, Owner.this("another window"))
    assert other.take() is None
    ready.sessions.open(str(saved))
    box = dialog_of(ready, QMessageBox, qtbot)
    assert str(os.getpid()) in box.text()
    press(box, "Cancel")
    assert ready.sessions.name == ""
    ready.sessions.open(str(saved))
    press(dialog_of(ready, QMessageBox, qtbot), "Open a copy")
    answer()
    qtbot.waitUntil(lambda: ready.sessions.name == "one (copy)")
    assert ready.sessions.path == "", "saving asks for another name"
    ready.sessions.save_to(str(saved))
    assert any("open in another window" in text for text in messages(ready))
    other.release()


def test_a_session_held_on_another_computer_names_it(ready, saved, answer, qtbot):
    owner = msgspec.structs.replace(Owner.this("x"), host="lab-7")
    hold = Hold(saved, owner)
    hold.path.write_bytes(msgspec.json.encode(owner))
    ready.sessions.open(str(saved))
    box = dialog_of(ready, QMessageBox, qtbot)
    assert "'lab-7'" in box.text()
    press(box, "Open it all the same")
    answer()
    qtbot.waitUntil(lambda: ready.sessions.path == str(saved))


def test_the_window_holds_its_session_until_it_has_another(opened, tmp_path, qtbot):
    one, two = tmp_path / "one.interp", tmp_path / "two.interp"
    other = Owner.this("other")
    save(opened, one, qtbot)
    assert Hold(one, other).take() is not None
    save(opened, two, qtbot)
    assert Hold(one, other).take() is None
    assert Hold(two, other).take() is not None
    begin_anew(opened, qtbot)
    assert Hold(two, other).take() is None


def test_models_of_a_session_open_however_little_memory_is_left(
    opened, checkpoint, answer, describe, tmp_path, monkeypatch, qtbot
):
    """Asking by a message would leave the session half open."""
    others = [tmp_path / "study" / f"{i}.pth" for i in range(3)]
    refs = []
    for i, path in enumerate(others):
        path.write_bytes(b"weights")
        refs.append(ModelRef(path=str(path), weights_sha256=f"{i}c" * 32))
    write_session(tmp_path / "three.interp", SessionDocument(models=tuple(refs), current_model=1))
    monkeypatch.setattr("interp_gui.gui.opening.model_list.free_memory_bytes", lambda: 1)
    opened.sessions.open(str(tmp_path / "three.interp"))
    for ref in refs:
        assert answer(weights_sha256=ref.weights_sha256).path == ref.path
    qtbot.waitUntil(lambda: not opened.sessions.restorer.is_active)
    assert [model.path for model in opened.state.models] == [str(path) for path in others]
    assert opened.state.model.path == str(others[1])


def test_a_session_keeps_what_was_decided_but_no_code(opened, tmp_path, answer, qtbot):
    model = opened.state.model
    decided = OpenChoice(
        architecture="timm:resnet18", weights="model_ema", head=("relu",), code="/x/net.py",
        code_sha256="ab", stubs=True,
    )  # fmt: skip
    described = msgspec.structs.replace(model.description, choice=decided)
    opened.state.set_model(OpenModelState(model.handle, described, model.path))
    path = tmp_path / "one.interp"
    save(opened, path, qtbot)
    begin_anew(opened, qtbot)
    opened.sessions.open(str(path))
    asked = answer(choice=decided)
    assert asked.choice == OpenChoice(weights="model_ema", head=("relu",))


def test_a_session_keeps_what_outputs_are_taken_for(opened, tmp_path, answer, qtbot):
    model = opened.state.model
    size = model.description.outputs[0].size
    taken = (OutputInfo(name=model.description.outputs[0].name, kind="sigmoid", size=size),)
    described = msgspec.structs.replace(model.description, outputs=taken)
    opened.state.set_model(OpenModelState(model.handle, described, model.path))
    path = tmp_path / "one.interp"
    save(opened, path, qtbot)
    begin_anew(opened, qtbot)
    opened.sessions.open(str(path))
    assert answer(outputs=taken).outputs == taken
    qtbot.waitUntil(lambda: not opened.sessions.restorer.is_active)
    assert opened.state.model.description.outputs == taken
    assert not opened.sessions.is_modified


def test_a_folder_that_is_a_model_is_found_again(ready, tmp_path, answer, qtbot):
    folder = tmp_path / "vit"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    ready.files.open([str(folder)])
    answer()
    path = tmp_path / "one.interp"
    qtbot.waitUntil(lambda: ready.state.model is not None)
    save(ready, path, qtbot)
    begin_anew(ready, qtbot)
    ready.sessions.open(str(path))
    assert answer().path == str(folder)
