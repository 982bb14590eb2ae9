import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.class_mapping import Proposal
from interp_gui.core.model import Preprocessing
from interp_gui.core.result import Table
from interp_gui.engine.messages import Produced, Run, SetPreprocessing
from interp_gui.gui.datasets.class_dialog import ClassDialog
from interp_gui.gui.datasets.csv_dialog import CsvDialog

ANALYSES = tuple(
    AnalysisInfo(
        id=name, title=name, summary=name, needs=("dataset",), produces=("table",), parameters=()
    )
    for name in ("dataset-predictions", "check-preprocessing")
)


@pytest.fixture
def ready(window, client, greet, qtbot, model, describe, pictures):
    """The window with an engine, a model of cats and dogs, and labelled pictures."""
    client.emit(greet(analyses=ANALYSES))
    qtbot.waitUntil(lambda: window.bridge.is_ready)
    names = ("cat", "hot dog", "wolf")
    state = msgspec.structs.replace(describe(), class_names=names)
    window.state.set_models((model,))
    window.state.set_model(type(model)(model.handle, state, model.path))
    window.files.open([str(pictures)])
    qtbot.waitUntil(lambda: window.images.model.rowCount() == 7)
    return window


def said(window):
    return [toast.note.message for toast in window.toasts.shown]


def offer(window, message):
    return next(toast.note for toast in window.toasts.shown if message in toast.note.message)


def dialog_of(window, kind, qtbot):
    qtbot.waitUntil(lambda: bool(window.findChildren(kind)))
    return window.findChildren(kind)[-1]


def produce(client, job, table):
    generation = client.options[job]["generation"]
    client.emit(Produced(job=job, generation=generation, result=table))


# --- classes of labels -----------------------------------------------------------------------


def test_labels_are_offered_once_matched_and_remembered(ready, qtbot, pictures):
    qtbot.waitUntil(lambda: any("2 labels" in message for message in said(ready)))
    offer(ready, "2 labels").on_action()
    dialog = dialog_of(ready, ClassDialog, qtbot)
    assert dialog.model.classes.get("cat") == 0
    row = [p.label for p in dialog.model.proposals].index("dog")
    assert dialog.model.setData(dialog.model.index(row, 1), "2: wolf")
    assert not dialog.model.setData(dialog.model.index(row, 1), "no such class")
    dialog.accept_button.click()
    assert ready.state.dataset.classes == {"cat": 0, "dog": 2}
    assert ready.state.undo.undoText() == "match labels to classes"
    ready.state.undo.undo()
    assert ready.state.dataset.classes == {}
    ready.state.undo.redo()
    ready.toasts.clear()
    ready.documents.clear_images()
    ready.files.open([str(pictures)])
    qtbot.waitUntil(lambda: bool(ready.state.dataset and ready.state.dataset.classes))
    assert ready.state.dataset.classes == {"cat": 0, "dog": 2}
    assert not any("labels" in message for message in said(ready))


def test_offers_go_when_their_occasion_is_over(ready, client, qtbot, pictures):
    qtbot.waitUntil(lambda: any("2 labels" in message for message in said(ready)))
    ready.datasets.classes.open()
    dialog = dialog_of(ready, ClassDialog, qtbot)
    dialog.accept_button.click()
    assert not any("2 labels" in message for message in said(ready)), "they are matched"
    assert any("right answers" in message for message in said(ready))
    ready.datasets.check.run()
    assert not any("right answers" in message for message in said(ready)), "it is being checked"


def test_offers_go_with_the_images(ready, qtbot):
    qtbot.waitUntil(lambda: any("2 labels" in message for message in said(ready)))
    ready.documents.clear_images()
    assert not any("2 labels" in message for message in said(ready))


def test_classes_of_another_model_do_not_hold(ready, qtbot, describe):
    qtbot.waitUntil(lambda: any("2 labels" in message for message in said(ready)))
    ready.documents.images.set_classes({"cat": 0, "dog": 1})
    before = ready.state.model
    other = msgspec.structs.replace(describe(), class_names=("car", "ship"))
    ready.datasets.classes._confirm(
        "x", frozenset(("cat", "dog")), {"cat": 0, "dog": 1}
    )  # whatever it was confirmed for
    ready.datasets.classes._holds_for = "3\0cat\0hot dog\0wolf"
    ready.state.set_model(type(before)("model-2", other, "/models/other.pth"))
    qtbot.waitUntil(lambda: ready.state.dataset.classes == {})


def test_the_dialog_marks_what_is_uncertain_and_clears(qtbot):
    accepted = []
    proposals = (
        Proposal(label="cat", index=0, name="cat", why="Same name.", certain=True),
        Proposal(label="dog", index=1, name="hot dog", why="Similar.", certain=False),
        Proposal(label="fog", why="No class has a similar name."),
    )
    dialog = ClassDialog(proposals, [3, 4, 5], ("cat", "hot dog", "wolf"), accepted.append)
    qtbot.addWidget(dialog)
    dialog.show()
    unsure = dialog.model.index(1, 1)
    assert unsure.data(Qt.ItemDataRole.DecorationRole) is not None
    assert "uncertain" in unsure.data(Qt.ItemDataRole.AccessibleTextRole)
    assert dialog.model.index(2, 1).data(Qt.ItemDataRole.DecorationRole) is None
    assert "1 proposal marked" in dialog.message.text()
    assert "1 label stands for no class" in dialog.message.text()
    dialog.model.choose(2, 1)
    assert "both stand for 'hot dog'" in dialog.message.text()
    dialog.clear_button.click()
    assert dialog.model.classes == {}
    dialog.accept_button.click()
    assert accepted == [{}]


def test_a_class_is_found_by_a_part_of_its_name(qtbot):
    dialog = ClassDialog(
        (Proposal(label="pup"),), [1], ("cat", "hot dog", "wolf"), lambda _classes: None
    )
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.table.setFocus()
    dialog.table.edit(dialog.model.index(0, 1))
    line = dialog.table.findChild(QLineEdit)
    completer = line.completer()
    completer.setCompletionPrefix("dog")
    assert completer.completionCount() == 1
    assert completer.currentCompletion() == "1: hot dog"
    line.setText(completer.currentCompletion())
    QTest.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.model.classes == {"pup": 1})
    dialog.close()


# --- answers for all images ------------------------------------------------------------------


def answers(predicted, probability):
    return Table(
        key="summary", title="Answers", columns=(), cells=(),
        values={
            "predicted": np.array(predicted, np.int32),
            "probability": np.array(probability, np.float32),
        },
    )  # fmt: skip


def test_answers_come_in_the_background_and_age_with_the_model(ready, client, qtbot):
    ready.documents.images.set_classes({"cat": 0, "dog": 1})
    ready.actions_.refresh()
    ready.actions_["images.predict"].trigger()
    job = client.last(Run)
    assert client.requests[job].analysis == "dataset-predictions"
    assert client.requests[job].dataset == ready.state.dataset_handle
    assert client.options[job]["priority"] == "background"
    assert client.options[job]["title"] == "Answers for 7 images"
    produce(client, job, answers([0, 2, -1, 1, 1, 1, 1], [0.9, 0.5, np.nan, 0.8, 0.7, 0.6, 0.5]))
    qtbot.waitUntil(lambda: ready.images.source.asked is not None)
    ready.images.filter.set_text("wrong")
    assert [e.name for e in (ready.images.model.entry(0),)] == ["cat1.png"]
    assert ready.images.model.caption(0) == "cat → wolf"
    assert ready.images.note.text() == ""
    model = ready.state.model
    changed = msgspec.structs.replace(model.description, preprocessing=Preprocessing(resize_px=224))
    ready.state.set_model(type(model)(model.handle, changed, model.path))
    assert "another model or preprocessing" in ready.images.note.text()
    before = len(client.requests)
    ready.images.note_button.click()
    assert client.requests[client.last(Run)].analysis == "dataset-predictions"
    assert len(client.requests) > before


def test_answers_stay_with_their_images_when_the_list_changes(ready, client, qtbot):
    ready.datasets.answers.ask()
    produce(client, client.last(Run), answers([0, 1, 2, 0, 1, 2, 0], np.linspace(0.1, 0.7, 7)))
    qtbot.waitUntil(lambda: ready.images.source.asked is not None)
    ready.documents.remove_images({ready.state.dataset.paths[0]})
    predictions = ready.images.source.shown.predictions
    assert predictions.classes.tolist() == [1, 2, 0, 1, 2, 0]
    ready.documents.clear_images()
    assert ready.images.source.asked is None


# --- the preprocessing -----------------------------------------------------------------------


def checked(better):
    settings = [msgspec.to_builtins(Preprocessing(resize_px=px)) for px in (256, 224)]
    return Table(
        key="settings", title="Accuracy", columns=(), cells=(),
        notes=("'Half' answers 90 % right, the present setting 40 %.", "Only 7 images."),
        provenance={"preprocessing": settings, "better": better}, final=True,
    )  # fmt: skip


def test_a_better_preprocessing_is_offered_and_taken(ready, client, qtbot):
    ready.documents.images.set_classes({"cat": 0, "dog": 1})
    ready.actions_.refresh()
    ready.actions_["images.check_preprocessing"].trigger()
    produce(client, client.last(Run), checked(1))
    qtbot.waitUntil(lambda: any("90 %" in message for message in said(ready)))
    note = offer(ready, "90 %")
    assert (note.level, note.action) == ("warning", "Use it")
    note.on_action()
    assert client.requests[client.last(SetPreprocessing)].preprocessing == Preprocessing(
        resize_px=224
    )


def test_a_good_preprocessing_is_said_without_an_offer(ready, client, qtbot):
    ready.documents.images.set_classes({"cat": 0})
    ready.datasets.check.run()
    produce(client, client.last(Run), checked(None))
    qtbot.waitUntil(lambda: any("90 %" in message for message in said(ready)))
    assert offer(ready, "90 %").action == ""


def test_the_check_needs_known_answers_and_is_offered_once(ready):
    assert not ready.datasets.check.can_check
    ready.documents.images.set_classes({"cat": 0})
    for _ in range(2):
        ready.datasets.check.offer()
    offers = [t for t in ready.toasts.shown if t.note.action == "Check preprocessing"]
    assert len(offers) == 1
    assert offers[0].count == 1


# --- tables ----------------------------------------------------------------------------------


@pytest.fixture
def csv(pictures):
    path = pictures.parent / "table.csv"
    lines = ["file;species;patient;age", "pictures/cat/cat0.png;cat;p1;3", "gone.png;cat;p1;4"]
    lines += ["pictures/dog/dog0.png;dög;p2;5", "pictures/dog/dog0.png;dög;p2;5"]
    path.write_bytes("\n".join(lines).encode("latin-1"))
    return path


def test_a_table_is_previewed_and_imported_as_chosen(window, csv, qtbot):
    window.files.open([str(csv)])
    dialog = dialog_of(window, CsvDialog, qtbot)
    qtbot.waitUntil(dialog.import_button.isEnabled)
    assert dialog.rows.item(0, 0).text() == "pictures/cat/cat0.png"
    assert "assumed" in dialog.facts.text()
    assert "semicolons" in dialog.facts.text()
    assert dialog.path.currentText() == "file"
    assert dialog.label.currentText() == "species"
    assert dialog.group.currentText() == "patient"
    for words in ("2 images with 2 labels", "row 3", "row 5"):
        assert words in dialog.summary.text()
    assert dialog.details.isVisible()
    dialog.group.setCurrentIndex(dialog.group.findData("age"))
    assert not dialog.import_button.isEnabled(), "what was read is out of date"
    qtbot.waitUntil(dialog.import_button.isEnabled)
    dialog.import_button.click()
    assert [e.group for e in window.state.dataset.images] == ["3", "5"]
    assert window.state.dataset.images[1].metadata == {"patient": "p2"}
    assert window.state.undo.undoText() == "add 2 images"
    window.images.filter.set_text("patient:p2")
    assert window.images.model.rowCount() == 1


def test_open_images_lists_tables_and_previews_them(window, csv, pictures, qtbot):
    window.files.ask_images()
    chooser = window.findChild(QFileDialog)
    filters = chooser.nameFilters()
    assert "*.csv" in filters[0], "tables are listed without another choice"
    assert "*.tsv" in filters[0]
    chooser.filesSelected.emit([str(csv), str(pictures / "dog" / "dog0.png")])
    chooser.close()
    dialog = dialog_of(window, CsvDialog, qtbot)
    qtbot.waitUntil(lambda: window.state.dataset is not None)
    assert [e.name for e in window.state.dataset.images] == ["dog0.png"], "the rest is opened"
    dialog.reject()


def test_a_pasted_table_is_previewed(window, csv, qtbot):
    copied = QMimeData()
    copied.setText(str(csv))
    window.datasets.pasting.paste(copied)
    dialog_of(window, CsvDialog, qtbot).reject()
    assert window.state.dataset is None


def test_a_table_tells_the_labels_of_images_that_are_listed(window, csv, pictures, qtbot):
    window.documents.add_images([str(pictures / "cat" / "cat0.png")])
    qtbot.waitUntil(lambda: window.state.dataset is not None)
    before = window.state.dataset
    window.files.open([str(csv)])
    dialog = dialog_of(window, CsvDialog, qtbot)
    qtbot.waitUntil(dialog.import_button.isEnabled)
    dialog.import_button.click()
    qtbot.waitUntil(lambda: len(window.state.dataset.images) == 2)
    assert all(entry.label for entry in window.state.dataset.images)
    assert "Labels of 1 image were taken over." in said(window)
    window.state.undo.undo()
    assert window.state.dataset == before


def test_a_table_without_images_says_what_is_missing(window, tmp_path, qtbot):
    path = tmp_path / "numbers.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    window.datasets.import_table(str(path))
    dialog = dialog_of(window, CsvDialog, qtbot)
    qtbot.waitUntil(lambda: "Choose the column" in dialog.summary.text())
    dialog.path.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "names no image that exists" in dialog.summary.text())
    assert not dialog.import_button.isEnabled()
    dialog.reject()


def test_a_table_that_vanishes_is_said(window, tmp_path, qtbot):
    window.datasets.import_table(str(tmp_path / "gone.csv"))
    dialog = dialog_of(window, CsvDialog, qtbot)
    qtbot.waitUntil(lambda: "gone.csv" in dialog.summary.text())
    dialog.close()


def test_a_table_that_is_asked_for_is_previewed_and_its_folder_remembered(window, tmp_path):
    seen = []
    window.files.table_wanted.disconnect()
    window.files.table_wanted.connect(seen.append)
    window.files.ask_table()
    dialog = window.findChild(QFileDialog)
    assert "*.csv" in dialog.nameFilters()[0]
    path = str(tmp_path / "images.csv")
    dialog.fileSelected.emit(path)
    dialog.filesSelected.emit([path])
    assert seen == [path]
    assert window.settings.values.last_folder == str(tmp_path)
    dialog.close()
