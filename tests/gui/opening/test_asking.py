import hashlib

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QLabel

from interp_gui.core.choices import KnownCode, remember_code
from interp_gui.core.opening import (
    Candidate,
    FileReport,
    ForeignName,
    HeadQuestion,
    KeyReport,
    OpenChoice,
    OpenQuestion,
    ReshapedKey,
)
from interp_gui.engine.messages import CloseModel, ErrorInfo, LookAtModel, OpenModel
from interp_gui.gui.opening.asking import question_of
from interp_gui.gui.opening.code_dialog import CodeDialog, read_code
from interp_gui.gui.opening.file_dialog import FileDialog, size_text
from interp_gui.gui.opening.model_list import Wish
from interp_gui.gui.opening.pick_dialog import PickDialog
from interp_gui.gui.opening.question_dialog import OpenQuestionDialog
from interp_gui.gui.opening.question_words import explanation_of
from interp_gui.gui.panels.jobs_model import progress_text
from interp_gui.gui.state import OpenModelState

CANDIDATES = (
    Candidate(architecture="resnet50", library="torchvision", same=("timm:resnet50",), why="usual"),
    Candidate(
        architecture="resnetblur50", library="timm", differs=("blurs before it strides",), score=0.5
    ),
)
QUESTION = OpenQuestion(
    path="/x/net.pth", file="net.pth", weights_sha256="ab" * 32, candidates=CANDIDATES
)
REPORT = KeyReport(
    architecture="resnet18", library="timm", missing=("fc.bias",), unexpected=("extra",),
    reshaped=(ReshapedKey(key="fc.weight", found=(3, 4), expected=(5, 4)),), likeness=0.9,
)  # fmt: skip


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(b"weights")
    return str(path)


def dialogs(window, kind):
    return [d for d in window.findChildren(kind) if d.isVisible()]


def newest(client, kind, qtbot):
    """The newest job of a kind, once there is one."""
    qtbot.waitUntil(lambda: any(isinstance(each, kind) for each in client.requests.values()))
    return client.last(kind)


def fail(client, **error):
    client.end(
        client.last(OpenModel), "failed", error=ErrorInfo(cause="UnknownArchitecture", **error)
    )


@pytest.fixture
def asked(opened, client, model_file, qtbot):
    """A window with a file that fits two networks; gives the dialog."""

    def ask(question=QUESTION):
        opened.documents.open_model(model_file)
        fail(client, message="It fits several.", question=question)
        qtbot.waitUntil(lambda: bool(dialogs(opened, OpenQuestionDialog)))
        return dialogs(opened, OpenQuestionDialog)[0]

    return ask


def test_candidates_are_ranked_and_told_apart(qtbot):
    dialog = OpenQuestionDialog(QUESTION)
    qtbot.addWidget(dialog)
    assert dialog.candidates.chosen.name == "torchvision:resnet50"
    assert dialog.open_button.text() == "Open as torchvision:resnet50"
    assert dialog.candidates.headerItem().text(1) == "Right answers"
    second = dialog.candidates.topLevelItem(1)
    assert (second.text(1), second.text(2)) == ("50%", "blurs before it strides")
    assert dialog.candidates.topLevelItem(0).text(0) == "torchvision:resnet50 and 1 alike"
    assert "The same as timm:resnet50" in dialog.detail.text()
    dialog.candidates.setCurrentItem(second)
    assert "Differs from the first: blurs before it strides." in dialog.detail.text()


def test_the_answer_opens_the_file_with_it(asked, client, model_file, qtbot):
    dialog = asked()
    dialog.candidates.setCurrentItem(dialog.candidates.topLevelItem(1))
    qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    request = client.requests[client.last(OpenModel)]
    assert request.path == model_file
    assert request.choice == OpenChoice(architecture="timm:resnetblur50")


def test_refusing_opens_nothing_and_the_next_file_can_open(
    asked, opened, client, model_file, tmp_path, qtbot
):
    failed = []
    opened.documents.open_model(model_file, failed=lambda: failed.append(1))
    fail(client, message="It fits several.", question=QUESTION)
    qtbot.waitUntil(lambda: bool(dialogs(opened, OpenQuestionDialog)))
    count = len(client.requests)
    dialogs(opened, OpenQuestionDialog)[0].reject()
    assert len(client.requests) == count
    assert failed == [1]
    opened.documents.open_model(str(tmp_path / "other.pth"))
    assert client.requests[client.last(OpenModel)].path.endswith("other.pth")


def test_gaps_of_a_head_are_asked_for(qtbot):
    head = HeadQuestion(
        layers=("Linear 512 → 128", "?", "Linear 128 → 3"), gaps=(1,), options=("relu", "none")
    )
    question = msgspec.structs.replace(QUESTION, candidates=(), head=head)
    dialog = OpenQuestionDialog(question)
    qtbot.addWidget(dialog)
    (box,) = dialog.gaps
    box.setCurrentText("none")
    assert dialog.can_open
    assert dialog.choice.head == ("none",)


def test_sets_of_weights_can_be_chosen(qtbot):
    question = msgspec.structs.replace(QUESTION, candidates=(), weights=("weights", "model_ema"))
    dialog = OpenQuestionDialog(question)
    qtbot.addWidget(dialog)
    dialog.weights.setCurrentText("model_ema")
    assert dialog.choice.weights == "model_ema"


def test_what_would_help_is_said_where_the_tensors_tell_what_they_are(qtbot):
    question = msgspec.structs.replace(QUESTION, candidates=(), hint="Merge them where it was.")
    assert explanation_of(question).endswith("Merge them where it was.")
    assert "Python file" in explanation_of(msgspec.structs.replace(question, hint=""))


def test_what_does_not_fit_is_shown_in_full(qtbot):
    dialog = OpenQuestionDialog(msgspec.structs.replace(QUESTION, candidates=(), nearest=(REPORT,)))
    qtbot.addWidget(dialog)
    assert not dialog.can_open
    assert dialog.open_button.isHidden()
    top = dialog.keys.topLevelItem(0)
    assert "timm:resnet18" in top.text(0)
    titles = [top.child(at).text(0) for at in range(top.childCount())]
    assert titles == ["Missing in the file: 1", "Not known to it: 1", "Of another shape: 1"]
    row = top.child(2).child(0)
    assert [row.text(at) for at in range(3)] == ["fc.weight", "3 × 4", "5 × 4"]
    for part in ("missing fc.bias", "unexpected extra", "fc.weight: 3 × 4, expected 5 × 4"):
        assert part in dialog.text()


# --- looking -----------------------------------------------------------------------------------


def test_foreign_code_is_shown_before_it_is_read_through_stand_ins(
    ready, client, model_file, qtbot
):
    ready.documents.open_model(model_file)
    error = ErrorInfo(cause="UnsafeCheckpoint", message="It names code.")
    client.end(client.last(OpenModel), "failed", error=error)
    report = FileReport(
        path=model_file, format="torch-zip", size_bytes=7, sha256="cd" * 32,
        foreign=(ForeignName(name="a.Net"), ForeignName(name="posix.system", dangerous=True)),
        concerns=("foreign-code",),
    )  # fmt: skip
    client.end(newest(client, LookAtModel, qtbot), file=report)
    qtbot.waitUntil(lambda: bool(dialogs(ready, FileDialog)))
    (dialog,) = dialogs(ready, FileDialog)
    assert not dialog.open_button.isDefault()  # Enter alone is no decision
    qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    assert client.requests[client.last(OpenModel)].choice.stubs
    # what fails then is told, not asked again for ever
    looked = [each for each in client.requests.values() if isinstance(each, LookAtModel)]
    client.end(client.last(OpenModel), "failed", error=error)
    qtbot.waitUntil(lambda: not ready.documents.opening)
    assert len(looked) == sum(isinstance(r, LookAtModel) for r in client.requests.values())


def test_a_refused_file_cannot_be_opened_from_the_dialog(qtbot):
    report = FileReport(path="/x/a.pt", problem="'a.pt' is a TorchScript program.", hint="Save it.")
    dialog = FileDialog(report)
    qtbot.addWidget(dialog)
    box = dialog.findChild(QDialogButtonBox)
    assert [button.text() for button in box.buttons()] == ["Close"]
    assert dialog.heading.text() == report.problem


def test_looking_alone_opens_nothing(ready, client, model_file, qtbot):
    ready.opening_desk.look_at(model_file)
    client.end(newest(client, LookAtModel, qtbot), file=FileReport(path=model_file, format="onnx"))
    qtbot.waitUntil(lambda: bool(dialogs(ready, FileDialog)))
    assert not any(isinstance(each, OpenModel) for each in client.requests.values())
    dialogs(ready, FileDialog)[0].close()


def test_every_file_can_be_looked_at_first(ready, client, model_file, qtbot):
    ready.settings.prefer(look_before_opening=True)
    ready.documents.open_model(model_file)
    assert not any(isinstance(each, OpenModel) for each in client.requests.values())
    report = FileReport(path=model_file, format="torch-zip")
    client.end(newest(client, LookAtModel, qtbot), file=report)
    qtbot.waitUntil(lambda: bool(dialogs(ready, FileDialog)))
    dialogs(ready, FileDialog)[0].open_button.click()
    assert client.requests[client.last(OpenModel)].path == model_file


def test_sizes_in_words():
    assert [size_text(n) for n in (7, 12_300, 45_600_000, 2_340_000_000)] == [
        "7 bytes", "12.3 kB", "45.6 MB", "2.34 GB",
    ]  # fmt: skip


# --- code --------------------------------------------------------------------------------------

SOURCE = (
    "class Net(Module):\n    pass\n\ndef build():\n    return Net()\n\ndef _own(x):\n    pass\n"
)


def test_code_runs_only_after_the_box_is_ticked(opened, client, model_file, tmp_path, qtbot):
    path = tmp_path / "net.py"
    path.write_text(SOURCE)
    opened.opening_desk.ask_to_run(Wish(model_file), QUESTION, str(path))
    qtbot.waitUntil(lambda: bool(dialogs(opened, CodeDialog)))
    (dialog,) = dialogs(opened, CodeDialog)
    digest = hashlib.sha256(SOURCE.encode()).hexdigest()
    assert dialog.code.sha256 == digest
    assert [dialog.names.itemText(at) for at in range(dialog.names.count())] == ["build", "Net"]
    assert not dialog.run_button.isEnabled()
    dialog.agree.click()
    dialog.run_button.click()
    choice = client.requests[client.last(OpenModel)].choice
    assert (choice.code, choice.code_sha256, choice.code_class) == (str(path), digest, "build")


def test_a_file_that_is_no_python_is_not_offered(opened, client, model_file, tmp_path, qtbot):
    path = tmp_path / "net.py"
    path.write_text("def (:")
    asked = len(client.requests)
    opened.opening_desk.ask_to_run(Wish(model_file), QUESTION, str(path))
    assert not dialogs(opened, CodeDialog)
    assert len(client.requests) == asked


def test_reading_code_runs_nothing(tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "net.py"
    path.write_text(f"open({str(marker)!r}, 'w')\nclass Net(Module):\n    pass\n")
    assert read_code(str(path)).names == ("Net",)
    assert not marker.exists()


# --- choosing again ----------------------------------------------------------------------------


def test_another_network_for_the_same_weights_takes_the_place_of_this_one(
    opened, client, describe, model_file, qtbot
):
    first = msgspec.structs.replace(describe(), alternatives=CANDIDATES[1:])
    opened.state.set_model(OpenModelState("m", first, model_file))
    assert [each.name for each in question_of(opened.state.model).candidates] == [
        f"{first.library}:{first.architecture}", "timm:resnetblur50",
    ]  # fmt: skip
    opened.model_panel.facts.other.click()
    qtbot.waitUntil(lambda: bool(dialogs(opened, OpenQuestionDialog)))
    (dialog,) = dialogs(opened, OpenQuestionDialog)
    dialog.candidates.setCurrentItem(dialog.candidates.topLevelItem(1))
    dialog.open_button.click()
    job = client.last(OpenModel)
    assert client.requests[job].choice.architecture == "timm:resnetblur50"
    second = msgspec.structs.replace(describe(), architecture="resnetblur50")
    client.end(job, description=second)
    qtbot.waitUntil(lambda: "m" not in [model.handle for model in opened.state.models])
    assert opened.state.model.description.architecture == "resnetblur50"
    assert client.requests[client.last(CloseModel)].model == "m"


def test_a_head_is_asked_about_in_short_and_named(qtbot):
    head = HeadQuestion(layers=("Linear 8 → 4", "?"), gaps=(1,), options=("relu", "none"))
    choice = OpenChoice(architecture="torchvision:mobilenet_v2")
    question = OpenQuestion(
        path="/x/net.pth", file="net.pth", head=head, choice=choice, sentence="long " * 30
    )
    dialog = OpenQuestionDialog(question)
    qtbot.addWidget(dialog)
    assert dialog.heading.text() == "What is the head of 'net.pth' made of?"
    said = " ".join(each.text() for each in dialog.findChildren(QLabel))
    assert "torchvision:mobilenet_v2 with a head of its own" in said


def test_a_proposal_by_order_alone_says_what_is_uncertain(qtbot):
    found = (msgspec.structs.replace(CANDIDATES[0], certain=False),)
    question = msgspec.structs.replace(QUESTION, candidates=found, sentence="Unknown names.")
    dialog = OpenQuestionDialog(question)
    qtbot.addWidget(dialog)
    assert dialog.heading.text() == "Unknown names."
    said = " ".join(each.text() for each in dialog.findChildren(QLabel))
    assert "may have changed places" in said
    assert "without complaint" not in said


def test_another_set_of_weights_of_an_open_model_can_be_chosen(opened, client, describe, qtbot):
    sets = ("state_dict", "model_ema")
    model = opened.state.model
    described = msgspec.structs.replace(model.description, sets=sets)
    opened.state.set_model(OpenModelState(model.handle, described, model.path))
    opened.model_panel.facts.other.click()
    (dialog,) = dialogs(opened, OpenQuestionDialog)
    assert dialog.can_open
    assert not dialog.candidates.isVisible()
    dialog.weights.setCurrentText("model_ema")
    dialog.open_button.click()
    job = newest(client, OpenModel, qtbot)
    assert client.requests[job].choice.weights == "model_ema"


def test_a_sentence_that_counts_all_is_left_to_the_tree(qtbot):
    long = "The weights fit no known architecture; nearest is resnet18, with " + "one more, " * 12
    question = msgspec.structs.replace(QUESTION, candidates=(), nearest=(REPORT,), sentence=long)
    dialog = OpenQuestionDialog(question)
    qtbot.addWidget(dialog)
    assert dialog.heading.text() == "'net.pth' fits no known network."


WITHOUT = msgspec.structs.replace(QUESTION, candidates=(), code=True)


@pytest.fixture
def known(tmp_path):
    """A file that made the network of the question before."""
    path = tmp_path / "net.py"
    path.write_text(SOURCE)
    digest = hashlib.sha256(SOURCE.encode()).hexdigest()
    remember_code(WITHOUT.weights_sha256, KnownCode(path=str(path), sha256=digest, name="Net"))
    return path


@pytest.mark.parametrize("changed", [False, True])
def test_the_file_that_made_a_network_before_is_asked_about_and_never_agreed_to(
    opened, client, model_file, known, changed, qtbot
):
    if changed:
        known.write_text(SOURCE + "\nimport os\n")
    opened.documents.open_model(model_file)
    fail(client, message="It fits none.", question=WITHOUT)
    qtbot.waitUntil(lambda: bool(dialogs(opened, CodeDialog)))
    (dialog,) = dialogs(opened, CodeDialog)
    assert dialog.code.path == str(known)
    assert dialog.code.source == known.read_text()
    assert ("has changed since then" in dialog.known.text()) is changed
    assert dialog.names.currentText() == "Net"
    assert not dialog.agree.isChecked()
    assert not dialog.run_button.isEnabled()
    count = len(client.requests)
    dialog.run_button.click()
    assert len(client.requests) == count
    dialog.other_button.click()
    qtbot.waitUntil(lambda: bool(dialogs(opened, OpenQuestionDialog)))
    assert len(client.requests) == count


def test_a_file_that_is_gone_is_told_and_the_question_put(opened, client, model_file, known, qtbot):
    known.unlink()
    opened.documents.open_model(model_file)
    fail(client, message="It fits none.", question=WITHOUT)
    qtbot.waitUntil(lambda: bool(dialogs(opened, OpenQuestionDialog)))
    assert not dialogs(opened, CodeDialog)


def test_a_question_is_no_failure_among_the_jobs(asked, opened, client):
    asked()
    row = opened.bridge.jobs[client.last(OpenModel)]
    assert (row.state, row.over, row.error) == ("asked", True, None)
    assert progress_text(row) == "It had a question; the answer opens it"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "runs"
    place.mkdir()
    for name, size in (("epoch_10.pth", 3000), ("epoch_9.pth", 2000)):
        (place / name).write_bytes(b"x" * size)
    return place


def test_one_of_several_checkpoints_in_a_folder_is_picked(opened, client, folder, qtbot):
    done = []
    opened.documents.open_model(str(folder), then=lambda: done.append(1))
    question = OpenQuestion(path=str(folder), file="runs", files=("epoch_10.pth", "epoch_9.pth"))
    fail(client, message="It holds 2 checkpoints.", question=question)
    qtbot.waitUntil(lambda: bool(dialogs(opened, PickDialog)))
    (dialog,) = dialogs(opened, PickDialog)
    rows = [dialog.files.topLevelItem(at) for at in range(dialog.files.topLevelItemCount())]
    assert [(row.text(0), row.text(1)) for row in rows] == [
        ("epoch_9.pth", "2 kB"), ("epoch_10.pth", "3 kB")
    ]  # fmt: skip
    assert all(row.text(2).startswith("20") for row in rows)
    qtbot.keyClick(dialog.files, Qt.Key.Key_Down)
    qtbot.keyClick(dialog.files, Qt.Key.Key_Return)
    assert client.requests[client.last(OpenModel)].path == str(folder / "epoch_10.pth")


def test_picking_none_opens_none(opened, client, folder, qtbot):
    failed = []
    opened.documents.open_model(str(folder), failed=lambda: failed.append(1))
    question = OpenQuestion(path=str(folder), file="runs", files=("epoch_9.pth",))
    fail(client, message="It holds checkpoints.", question=question)
    qtbot.waitUntil(lambda: bool(dialogs(opened, PickDialog)))
    count = len(client.requests)
    dialogs(opened, PickDialog)[0].reject()
    assert (len(client.requests), failed) == (count, [1])


def test_a_file_without_weights_is_not_offered_to_be_read(qtbot):
    report = FileReport(
        path="/x/evil.pth", weights=False, concerns=("foreign-code",),
        foreign=(ForeignName(name="posix.system", dangerous=True),),
    )  # fmt: skip
    dialog = FileDialog(report)
    qtbot.addWidget(dialog)
    assert not dialog.open_button.isEnabled()
    assert "no weights" in dialog.open_button.toolTip()
    assert any("nothing to open" in label.text() for label in dialog.findChildren(QLabel))


def test_choosing_another_network_begins_with_one_that_is_not_open(qtbot):
    dialog = OpenQuestionDialog(QUESTION, again=True)
    qtbot.addWidget(dialog)
    assert dialog.candidates.chosen.name == "timm:resnetblur50"
