import shutil

import msgspec
import numpy as np
import pytest

from interp_gui.analyses.dataset_predictions import (
    ANALYSIS,
    ANSWER_COLUMNS,
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
)
from interp_gui.analyses.predict import probabilities
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import Cancelled, ImageProblem, InvalidValue
from interp_gui.core.export import export_bytes
from interp_gui.core.feature import Feature
from interp_gui.core.preprocessing import load_batch


@pytest.fixture(scope="module")
def expected(runtimes, pictures):
    runtime = runtimes["cnn"]
    logits = runtime.forward(load_batch(pictures, runtime.preprocessing)).outputs["output"]
    shares = np.array([probabilities(row, "softmax") for row in logits])
    return shares.argmax(axis=1), shares.max(axis=1)


@pytest.fixture
def labelled(pictures, expected):
    """Even places are labelled with the network's answer, odd ones with the next class."""
    answers = expected[0]
    images = tuple(
        ImageEntry(path=path, label=f"l{(int(answers[i]) + i % 2) % 6}")
        for i, path in enumerate(pictures)
    )
    return Dataset(images=images, classes={f"l{i}": i for i in range(6)})


def test_every_answer_is_what_the_model_says(runtimes, labelled, expected, run_analysis):
    summary, images = run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled).results
    answers, shares = expected
    np.testing.assert_array_equal(summary.values["predicted"], answers)
    np.testing.assert_allclose(summary.values["probability"], shares, rtol=1e-5)
    np.testing.assert_array_equal(summary.values["right"], [1, 0] * 6)
    np.testing.assert_array_equal(
        summary.values["true"], [(a + i % 2) % 6 for i, a in enumerate(answers)]
    )
    assert summary.numbers["accuracy"] == 0.5
    assert summary.numbers["labelled"] == summary.numbers["asked"] == 12
    assert summary.columns == LABEL_COLUMNS
    assert sum(row[2] for row in summary.cells) == 12
    assert sum(row[3] for row in summary.cells) == 6
    assert images.columns == IMAGE_COLUMNS
    assert [row[5] for row in images.cells] == [True, False] * 6
    assert images.cells[3][1] == "picture_03.png"
    assert images.cells[3][3] == f"name {answers[3]}"
    assert b"predicted" in export_bytes(summary, "npz")


def test_without_labels_answers_are_counted(runtimes, dataset, expected, run_analysis):
    summary = run_analysis(ANALYSIS, runtimes["cnn"], {"listed": 0}, dataset=dataset).results[-1]
    assert summary.key == "summary"
    assert summary.columns == ANSWER_COLUMNS
    assert {row[0]: row[1] for row in summary.cells} == {
        f"name {c}": int(n)
        for c, n in zip(*np.unique(expected[0], return_counts=True), strict=True)
    }
    assert (summary.values["right"] == -1).all()
    assert (summary.values["true"] == -1).all()
    assert any("No label stands for a class" in note for note in summary.notes)


def test_broken_images_are_unknown_and_listed(runtimes, labelled, run_analysis, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no")
    extra = (ImageEntry(path=str(broken), label="l0"), ImageEntry(path=str(tmp_path / "gone.png")))
    dataset = msgspec.structs.replace(labelled, images=(*extra, *labelled.images))
    summary, images = run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset).results
    assert summary.values["predicted"][:2].tolist() == [-1, -1]
    assert np.isnan(summary.values["probability"][:2]).all()
    assert summary.values["right"][:4].tolist() == [-1, -1, 1, 0]
    assert summary.numbers["broken_images"] == 2
    assert images.cells[0][3:] == (None, None, None)
    with pytest.raises(ImageProblem):
        run_analysis(
            ANALYSIS, runtimes["cnn"], dataset=msgspec.structs.replace(labelled, images=extra)
        )
    with pytest.raises(InvalidValue):
        run_analysis(ANALYSIS, runtimes["cnn"])


class Counting:
    """A runtime that counts the images it is asked about."""

    def __init__(self, runtime):
        self._runtime, self.asked = runtime, 0

    def __getattr__(self, name):
        return getattr(self._runtime, name)

    def forward(self, batch, **how):
        self.asked += len(batch)
        return self._runtime.forward(batch, **how)


def test_a_stopped_run_goes_on_where_it_was(
    runtimes, labelled, run_analysis, memory, monkeypatch, expected
):
    monkeypatch.setattr("interp_gui.analyses.dataset_predictions._CHUNK", 4)
    counting = Counting(runtimes["cnn"])
    checks = []

    def check():
        checks.append(1)
        if counting.asked >= 8:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_analysis(ANALYSIS, counting, dataset=labelled, cache=memory, check=check)
    asked, counting.asked = counting.asked, 0
    ran = run_analysis(ANALYSIS, counting, dataset=labelled, cache=memory)
    assert asked + counting.asked == 12
    np.testing.assert_array_equal(ran.last["summary"].values["predicted"], expected[0])
    counting.asked = 0
    run_analysis(ANALYSIS, counting, dataset=labelled, cache=memory)
    assert counting.asked == 0
    scale = Edit(feature=Feature(layer="last"), kind="scale", amount=0.0)
    run_analysis(ANALYSIS, counting, dataset=labelled, cache=memory, edits=EditStack((scale,)))
    assert counting.asked == 12, "edits change the answers"


def test_a_broken_file_is_remembered_but_a_vanished_one_is_not(
    runtimes, labelled, run_analysis, memory, tmp_path, monkeypatch
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no")
    dataset = msgspec.structs.replace(
        labelled, images=(*labelled.images, ImageEntry(path=str(broken)))
    )
    first = run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset, cache=memory)
    again = run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset, cache=memory)
    assert again.last["summary"].notes == first.last["summary"].notes
    assert memory.hits == 1
    monkeypatch.setattr("interp_gui.analyses.dataset_predictions.changed", lambda image: "gone")
    memory.held.clear()
    run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset, cache=memory)
    assert memory.held == {}


def test_what_is_found_of_a_file_that_changes_meanwhile_is_not_kept(
    runtimes, labelled, memory, tmp_path, run_analysis
):
    path = tmp_path / "changing.png"
    shutil.copy(labelled.images[0].path, path)
    images = (*labelled.images[1:], ImageEntry(path=str(path), label=labelled.images[0].label))
    dataset = msgspec.structs.replace(labelled, images=images)
    looked = []

    def check():  # once for each image that is identified, then before a batch is asked about
        looked.append(None)
        if len(looked) == 13:
            shutil.copy(labelled.images[1].path, path)

    ran = run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset, cache=memory, check=check)
    assert ran.last["summary"].values["predicted"][-1] == -1
    assert any("has changed while" in note for note in ran.last["summary"].notes)
    assert memory.held == {}


def test_partial_answers_come_while_it_runs(runtimes, labelled, run_analysis, monkeypatch):
    monkeypatch.setattr("interp_gui.analyses.dataset_predictions._SHOW_EVERY_S", 0.0)
    first, *_, last = [
        r for r in run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled).results
        if r.key == "summary"
    ]  # fmt: skip
    assert not first.final
    assert last.final
    known = first.values["predicted"] >= 0
    assert 0 < known.sum() < 12, "what was shown is not changed afterwards"
    np.testing.assert_array_equal(first.values["predicted"][known], last.values["predicted"][known])


def test_only_so_many_are_listed(runtimes, labelled, run_analysis):
    images = run_analysis(ANALYSIS, runtimes["cnn"], {"listed": 5}, dataset=labelled).last["images"]
    assert len(images.cells) == 5
    assert images.notes == ("The first 5 images; 7 more are in the summary's arrays.",)


def test_answers_that_are_no_numbers(runtimes, labelled, run_analysis, monkeypatch):
    from types import SimpleNamespace

    def broken(context, batch):
        return SimpleNamespace(outputs={"output": np.full((len(batch), 6), np.nan, np.float32)})

    monkeypatch.setattr("interp_gui.analyses.passes.run_edited", broken)
    with pytest.raises(ImageProblem):
        run_analysis(ANALYSIS, runtimes["cnn"], dataset=labelled)
