"""On networks whose concepts are known: units that carry a class, and a learned shortcut."""

import csv

import numpy as np
import pytest

from interp_gui.analyses import dataset_effect, unit_set_study
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.preprocessing import load_batch
from interp_gui.runtimes.opening import open_runtime
from interp_gui.samples import shapes_model
from interp_gui.samples.shapes import Spec, Spurious
from interp_gui.samples.shapes.dataset import write_dataset


def scenes(folder, runtime, count, spec):
    write_dataset(folder, count, 5, spec=spec)
    with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = runtime.description.class_names
    images = tuple(
        ImageEntry(
            path=str(folder / row["path"]), label=row["label"],
            metadata={"marker": row.get("marker", "")},
        )
        for row in rows
    )  # fmt: skip
    return Dataset(images=images, classes={name: i for i, name in enumerate(names)})


def rows_of(table):
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.cells}


def test_a_class_goes_with_the_units_that_carry_it_and_the_others_stay(tmp_path, run_analysis):
    runtime = open_runtime(open_checkpoint(shapes_model()))
    data = scenes(tmp_path / "s", runtime, 96, Spec())
    settings = {"studied": "triangle", "sizes": "20", "baseline": "zero", "batch": 48}
    # no unit alone changes an answer of a network this sure: the class's log-odds tell them apart
    study = run_analysis(unit_set_study.ANALYSIS, runtime, settings, dataset=data, layer="mean")
    assert all(row[3] == 0 for row in study.last["ranking"].cells)
    row = rows_of(study.last["sets"])[20]
    assert study.last["sets"].numbers["balanced_accuracy"] > 0.95
    assert row["without them"] < 0.65
    assert row["lowest random"] > 0.85
    assert row["random sets as harmful"] == "0 of 10"
    feature = next(f for f in study.last["sets"].features if len(f.units) == 20)
    edits = EditStack((Edit(feature=feature, kind="ablate"),))
    effect = run_analysis(
        dataset_effect.ANALYSIS, runtime, {"batch": 48}, dataset=data, edits=edits
    )
    classes = rows_of(effect.last["classes"])
    assert classes["triangle"]["recall before"] > 0.95
    assert classes["triangle"]["recall after"] < 0.35
    for name, figures in classes.items():
        if name != "triangle":
            assert figures["recall after"] > 0.85
    spared = [figures["recall after"] for name, figures in classes.items() if name != "triangle"]
    assert np.mean(spared) > 0.95


def test_a_shortcut_is_found_as_a_direction_and_removed(tmp_path, run_analysis):
    runtime = open_runtime(open_checkpoint(shapes_model(marker=True)))
    spec = Spec(spurious=Spurious().uncorrelated())
    data = scenes(tmp_path / "m", runtime, 192, spec)
    star = runtime.description.class_names.index("star")
    true = np.array([data.classes[entry.label] for entry in data.images])
    borne = np.array([entry.metadata["marker"] == "yes" for entry in data.images])
    first = np.arange(len(true)) // 8 % 2 == 0
    batch = load_batch(data.paths, runtime.preprocessing)
    value = runtime.forward(batch, capture=["block2"], until="block2").captured["block2"]
    pooled = value.astype(np.float64).mean(axis=(2, 3))
    parts = [
        pooled[first & borne & (true == k)].mean(0) - pooled[first & ~borne & (true == k)].mean(0)
        for k in range(8)
        if k != star
    ]
    direction = np.mean(parts, axis=0)
    direction /= np.linalg.norm(direction)
    level = float((pooled[first & ~borne] @ direction).mean())
    edit = Edit(
        feature=Feature(layer="block2", vectors=as_vectors(direction)), kind="ablate",
        baseline=Baseline("mean", values=(level,)),
    )  # fmt: skip
    misleading = ~first & borne & (true != star)
    images = tuple(data.images[i] for i in np.flatnonzero(misleading))
    part = Dataset(images=images, classes=data.classes)
    ran = run_analysis(dataset_effect.ANALYSIS, runtime, dataset=part, edits=EditStack((edit,)))
    accuracy = rows_of(ran.last["summary"])["accuracy"]
    assert accuracy["before"] < 0.75  # the marker misleads
    assert accuracy["after"] > 0.88
    assert accuracy["controls"] < accuracy["change"] / 2
    assert accuracy["controls that change as much"] in ("0 of 10", "1 of 10")
    assert ran.last["summary"].numbers["right_to_wrong"] <= 2
    assert ran.last["summary"].numbers["p_by_chance"] == pytest.approx(0, abs=0.01)
