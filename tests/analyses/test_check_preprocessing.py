from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.analyses.check_preprocessing import ANALYSIS, COLUMNS, ranks
from interp_gui.analyses.preprocessing_candidates import candidates, together
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import ImageProblem, InvalidValue, MissingAbility
from interp_gui.core.images import read_image
from interp_gui.core.model import Preprocessing
from interp_gui.core.preprocessing import check_preprocessing, load_batch, preprocess
from interp_gui.engine.needs import check_needs


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """Sixty pictures of strong colours."""
    folder = tmp_path_factory.mktemp("coloured")
    random = np.random.default_rng(3)
    paths = []
    for i in range(60):
        tint = random.uniform(0, 255, 3)
        coarse = np.clip(tint + random.normal(0, 30, (4, 4, 3)), 0, 255).astype(np.uint8)
        path = folder / f"{i:02d}.png"
        Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC).save(path)
        paths.append(str(path))
    return tuple(paths)


@pytest.fixture(scope="module")
def truth(runtimes, coloured):
    """Labelled by the network's own answers: its preprocessing is right by definition."""
    runtime = runtimes["cnn"]
    logits = runtime.forward(load_batch(coloured, runtime.preprocessing)).outputs["output"]
    answers = logits.argmax(axis=1)
    images = [
        ImageEntry(path=path, label=f"label {answer}")
        for path, answer in zip(coloured, answers, strict=True)
    ]
    assert len(set(answers)) > 1
    classes = {f"label {i}": i for i in range(6)}
    return Dataset(images=tuple(images), classes=classes)


def rows(table):
    return [dict(zip(COLUMNS, row, strict=True)) for row in table.cells]


def test_the_right_preprocessing_is_found_right(runtimes, truth, run_analysis):
    (table,) = run_analysis(ANALYSIS, runtimes["cnn"], dataset=truth).results
    first, *others = rows(table)
    assert first["setting"] == "Present setting"
    assert first["top-1 accuracy"] == first["balanced accuracy"] == first["to"] == 1
    assert first["difference"] == 0
    assert first["p"] is None
    assert table.provenance["better"] is None
    assert "no other common one does better" in table.notes[0]
    assert table.numbers["images"] == 60
    accuracies = [row["top-1 accuracy"] for row in others]
    assert accuracies == sorted(accuracies, reverse=True)
    assert min(accuracies) < 0.9, "some of them make a difference"


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": "BGR", "mean": (0.406, 0.456, 0.485), "std": (0.225, 0.224, 0.229)},
        {"mean": (0.0,) * 3, "std": (1 / 255,) * 3},
        {
            "channels": "BGR", "mean": (0.0,) * 3, "std": (1 / 255,) * 3,
        },
    ],
)  # fmt: skip
def test_a_wrong_one_is_told_with_the_one_that_is_better(runtimes, truth, run_analysis, wrong):
    right = runtimes["cnn"].preprocessing
    runtime = runtimes["cnn"].with_preprocessing(msgspec.structs.replace(right, **wrong))
    (table,) = run_analysis(ANALYSIS, runtime, dataset=truth).results
    found = rows(table)
    better = table.provenance["better"]
    assert better is not None
    assert found[better]["p corrected"] < 0.05
    assert found[better]["difference"] > 0
    settings = [msgspec.convert(p, Preprocessing) for p in table.provenance["preprocessing"]]
    assert settings[0] == runtime.preprocessing
    assert len(settings) == len(table.cells)
    name = found[better]["setting"]
    share, present = found[better]["top-1 accuracy"], found[0]["top-1 accuracy"]
    assert table.notes[0].startswith(
        f"'{name}' answers {share:.0%} of these images right, the present setting {present:.0%}"
    )
    # the row's accuracy is what a run under its setting gives
    adopted = runtimes["cnn"].with_preprocessing(settings[better])
    (again,) = run_analysis(ANALYSIS, adopted, dataset=truth).results
    assert rows(again)[0]["top-1 accuracy"] == pytest.approx(share)
    assert (settings[better].mean, settings[better].channels) == (right.mean, "RGB")
    assert share == 1


def test_a_difference_that_can_be_chance_is_no_warning(runtimes, truth, run_analysis):
    wrong = msgspec.structs.replace(
        runtimes["cnn"].preprocessing, mean=(0.0,) * 3, std=(1 / 255,) * 3
    )
    runtime = runtimes["cnn"].with_preprocessing(wrong)
    logits = runtime.forward(load_batch(truth.paths, wrong)).outputs["output"]
    answers = [f"label {answer}" for answer in logits.argmax(axis=1)]
    missed = [e for e, answer in zip(truth.images, answers, strict=True) if e.label != answer]
    few = msgspec.structs.replace(truth, images=tuple(missed[:4]))
    (table,) = run_analysis(ANALYSIS, runtime, dataset=few).results
    assert max(row["difference"] for row in rows(table)) == 1, "four of four, and still chance"
    assert table.provenance["better"] is None
    assert "more than chance" in table.notes[0]
    assert table.notes[1].startswith("Only 4 images")


def test_the_sample_is_the_same_for_any_names_and_order(runtimes, truth, run_analysis, tmp_path):
    copies = []
    for i, entry in enumerate(reversed(truth.images)):
        path = tmp_path / f"other {i:02d}.png"
        path.write_bytes(Path(entry.path).read_bytes())
        copies.append(ImageEntry(path=str(path), label=entry.label))
    other = msgspec.structs.replace(truth, images=tuple(copies))
    settings = {"images": 20}
    (one,) = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=truth).results
    (two,) = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=other).results
    assert one.numbers["images"] == 20
    assert one.provenance == two.provenance
    (three,) = run_analysis(ANALYSIS, runtimes["cnn"], settings, dataset=truth, seed=1).results
    assert one.provenance["truth_sha256"] != three.provenance["truth_sha256"]
    assert one.numbers["labels"] == truth_labels(truth)


def truth_labels(dataset):
    return len(set(dataset.labels))


def test_images_without_a_class_and_broken_ones_are_left_out(
    runtimes, truth, run_analysis, tmp_path
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no")
    entries = (
        *truth.images[:5],
        ImageEntry(path=str(broken), label=truth.images[0].label),
        ImageEntry(path=truth.images[9].path, label="unknown"),
        ImageEntry(path=str(tmp_path / "gone.png"), label=truth.images[0].label),
    )
    dataset = msgspec.structs.replace(truth, images=entries)
    (table,) = run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset).results
    assert table.numbers["images"] == 5
    assert table.numbers["broken_images"] == 2
    assert any("broken.png" in note for note in table.notes)
    with pytest.raises(ImageProblem):
        run_analysis(
            ANALYSIS, runtimes["cnn"], dataset=msgspec.structs.replace(truth, images=entries[5:6])
        )


def test_what_is_missing_is_said(runtimes, truth, dataset, run_analysis):
    with pytest.raises(InvalidValue, match="have no labels"):
        run_analysis(ANALYSIS, runtimes["cnn"], dataset=dataset)
    unmapped = msgspec.structs.replace(truth, classes={})
    with pytest.raises(InvalidValue, match="No label of these images stands for a class"):
        run_analysis(ANALYSIS, runtimes["cnn"], dataset=unmapped)
    foreign = msgspec.structs.replace(truth, classes={truth.labels[0]: 0, "other": 77})
    with pytest.raises(InvalidValue, match="has 6 classes"):
        run_analysis(ANALYSIS, runtimes["cnn"], dataset=foreign)


def test_models_without_classes_are_refused(runtimes, truth):
    class Embedding:
        description = msgspec.structs.replace(
            runtimes["cnn"].description,
            outputs=(msgspec.structs.replace(runtimes["cnn"].description.outputs[0],
                                             kind="embedding"),),
        )  # fmt: skip

    from interp_gui.core.analysis import Inputs

    with pytest.raises(MissingAbility, match="needs classes"):
        check_needs(ANALYSIS, Embedding(), Inputs(dataset=truth))


def test_ranks_count_what_scores_above_and_break_ties_by_index():
    outputs = np.array([[3.0, 1, 2], [1, 1, 1], [np.nan, 0, -np.inf]])
    assert ranks(outputs, [2, 2, 1]) == [1, 2, 0]
    assert ranks(outputs, [0, 0, 0]) == [0, 0, 3]


PRESENTS = [
    Preprocessing(),
    Preprocessing(channels="BGR", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
    Preprocessing(channels="L", mean=(0.5,), std=(0.5,), size=(28, 28), resize="exact"),
    Preprocessing(size=(32, 48), resize="none", crop=True, window=(0.0, 4095.0)),
]


@pytest.mark.parametrize("present", PRESENTS)
def test_candidates_differ_and_are_legal(present):
    found = candidates(present)
    assert found[0].preprocessing == present
    assert len({msgspec.json.encode(each.preprocessing) for each in found}) == len(found) > 4
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    for each in found:
        check_preprocessing(each.preprocessing)
        assert each.preprocessing.size == present.size
        assert each.preprocessing.window == present.window
        assert preprocess(pixels, each.preprocessing).shape[0] == len(present.mean)
        assert msgspec.structs.replace(present, **each.changes) == each.preprocessing


def test_the_other_channel_order_turns_the_numbers_too(pictures):
    present = Preprocessing()
    other = next(each for each in candidates(present) if each.title == "BGR order")
    pixels = read_image(pictures[0])
    one, two = preprocess(pixels, present), preprocess(pixels, other.preprocessing)
    np.testing.assert_array_equal(one, two[::-1])


def test_changes_are_joined():
    present = Preprocessing(mean=(0.1, 0.2, 0.3), std=(0.1, 0.2, 0.3))
    by_title = {each.title: each for each in candidates(present)}
    numbers = by_title["ImageNet's mean and deviation, BGR order"]
    size = by_title["Stretched to the input's size"]
    assert by_title["BGR order"].preprocessing.mean == (0.3, 0.2, 0.1)
    assert together(present, [numbers, size]).preprocessing == Preprocessing(
        channels="BGR", mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229),
        resize="exact", crop=False,
    )  # fmt: skip
    assert together(present, [size]) is None


def test_partial_tables_while_it_runs(runtimes, truth, run_analysis, monkeypatch):
    monkeypatch.setattr("interp_gui.analyses.check_preprocessing._SHOW_EVERY_S", 0.0)
    ran = run_analysis(ANALYSIS, runtimes["cnn"], dataset=truth)
    assert len(ran.results) > 3
    assert [r.final for r in ran.results] == [False] * (len(ran.results) - 1) + [True]
    assert {r.key for r in ran.results} == {"settings"}
