"""Measure what interventions show, for docs/guide/evidence.md: causes found, removed, controlled.

python docs/make_interventions.py [--only shapes marker photographs] [--crops FOLDER] [--out DIR]

Prints the tables of the guide. With --out pictures are written too, with --crops (class folders of
crops of the photographs, as `docs/make_atlas.py FOLDER --crops-only` makes them) the example of
MobileNetV2 is repeated on crops. Everything is drawn by fixed seeds; nothing is downloaded.
"""

import argparse
import csv
import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interp_gui.analyses import dataset_effect, unit_set_study
from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.unit_set_study.halves import halves
from interp_gui.analyses.unit_set_study.passing import Study, outcomes
from interp_gui.core.analysis import Analysis, Context, Inputs, Progress, Saved
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.examples import Example
from interp_gui.core.export import export_bytes
from interp_gui.core.feature import Feature, as_vectors
from interp_gui.core.images import image_sha256
from interp_gui.core.preprocessing import load_batch
from interp_gui.core.result import AnyResult
from interp_gui.core.runtime import Array, Runtime
from interp_gui.core.target import Target
from interp_gui.samples.shapes import Spec, Spurious

SHAPES_LAYER, SHAPES_UNITS, MORE_UNITS, SCENES = "block5", 20, 40, 480
MARKER_LAYER = "block2"
RANDOM_SETS = 100
BATCH = 80
PHOTO_SETS = 200
PHOTOGRAPHS = (
    ("coffee.png", "features.14", 8),
    ("china.jpg", "features.14", 3),
    ("flower.jpg", "features.14", 1),
    ("chelsea.png", "features.14", 5),
    ("hubble_deep_field.jpg", "features.14", 3),
    ("coffee.png", "features.18", 10),
)
"""Photograph, layer, and how many units of it are switched off."""


def say(text: str) -> None:
    """To standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def opened(path: Path) -> Runtime:
    """A sample's network."""
    from interp_gui.checkpoints.opening import open_checkpoint
    from interp_gui.runtimes.opening import open_runtime

    return open_runtime(open_checkpoint(path))


def finished(
    analysis: Analysis, context: Context, *, until: str = "", **settings: Any
) -> dict[str, Any]:
    """The last result of each key, of the whole run or up to a key."""
    found: dict[str, Any] = {}
    for step in analysis.run(context, analysis.settings(settings)):
        if not isinstance(step, Progress | Saved):
            found[step.key] = step
            if step.key == until:
                break
    return found


def scenes(folder: Path, model: Runtime, spec: Spec) -> Dataset:
    """Scenes that no network was trained on, with what is known of them."""
    from interp_gui.samples.shapes.dataset import write_dataset

    write_dataset(folder, SCENES, 5, spec=spec)
    with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = model.description.class_names
    return Dataset(
        images=tuple(
            ImageEntry(
                path=str(folder / row["path"]), label=row["label"],
                metadata={"marker": row.get("marker", "")},
            )
            for row in rows
        ),
        classes={name: i for i, name in enumerate(names)},
    )  # fmt: skip


def known(dataset: Dataset) -> list[Known]:
    """All images with their hashes and classes."""
    return [
        Known(i, entry, image_sha256(entry.path), dataset.classes[entry.label])
        for i, entry in enumerate(dataset.images)
    ]


def returned(steps: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return ended.value


# --- Shapes: units that carry a class -----------------------------------------------------------


def shapes(folder: Path, out: Path | None) -> None:
    """The units that a class needs: found on one half of the scenes, switched off on the other."""
    from interp_gui.samples.places import shapes_model

    model = opened(shapes_model())
    dataset = scenes(folder / "shapes", model, Spec())
    layer = model.description.layer(SHAPES_LAYER)
    random = np.random.default_rng(0)
    rows = []
    for index, name in enumerate(model.description.class_names):
        context = Context(model=model, inputs=Inputs(dataset=dataset, layer=layer.name))
        drawn = name == "ring" and out is not None
        found = finished(
            unit_set_study.ANALYSIS, context, until="" if drawn else "ranking", studied=name,
            baseline="zero", sizes=f"5,10,{SHAPES_UNITS},30,{MORE_UNITS}", images=SCENES,
            batch=BATCH,
        )  # fmt: skip
        ranking = found["ranking"]
        order = [int(row[0]) for row in ranking.cells]
        changed = sum(float(row[3]) != 0.0 for row in ranking.cells)
        say(f"{name}: {changed} units change balanced accuracy alone")
        both = halves(dataset, known(dataset), index, column="", most=SCENES, seed=0)
        sets = [(), *(tuple(sorted(order[:n])) for n in (SHAPES_UNITS, MORE_UNITS))]
        sets += [
            tuple(sorted(random.choice(layer.units, SHAPES_UNITS, replace=False).tolist()))
            for _ in range(RANDOM_SETS)
        ]
        study = Study(context=context, layer=layer, index=index, means=None, batch=BATCH)
        answers = returned(outcomes(study, both.test, sets, {}, text=""))
        own = answers.truths == index
        right = answers.answers == answers.truths[:, None]
        mine, others = right[own].mean(axis=0), right[~own].mean(axis=0)
        rows.append(
            (
                name, int(own.sum()), f"{mine[0]:.0%} → **{mine[1]:.0%}**",
                f"{others[0]:.1%} → {others[1]:.1%}",
                f"{mine[3:].mean():.0%} ({mine[3:].min():.0%} to {mine[3:].max():.0%})",
                f"{int((mine[3:] <= mine[1]).sum())} of {RANDOM_SETS}",
                f"{mine[2]:.0%}", f"{others[2]:.1%}",
            )
        )  # fmt: skip
        if drawn and out is not None:
            save(out / "evidence-ring.jpg", found["curve"])
    say(f"\n### Shapes: the {SHAPES_UNITS} of {layer.units} units of {layer.name} "
          "that a class needs most, set to zero\n")  # fmt: skip
    columns = (
        "class", "scenes", "its own scenes named rightly", "all other scenes", "its own scenes, "
        f"{RANDOM_SETS} random sets: mean (range)", "random sets as harmful",
        f"its own without {MORE_UNITS}", f"all others without {MORE_UNITS}",
    )  # fmt: skip
    say(table(columns, rows))


# --- Shapes with a shortcut ---------------------------------------------------------------------


def marker(folder: Path, out: Path | None) -> None:
    """The direction of the spurious marker, as Concepts finds it, and the answers without it."""
    from interp_gui.api import open_model
    from interp_gui.runtimes.prefix import CachedPrefix
    from interp_gui.samples.places import shapes_model

    path = shapes_model(marker=True)
    model = opened(path)
    dataset = scenes(folder / "marker", model, Spec(spurious=Spurious().uncorrelated()))
    star = model.description.class_names.index("star")
    true = np.array([dataset.classes[entry.label] for entry in dataset.images])
    borne = np.array([entry.metadata["marker"] == "yes" for entry in dataset.images])
    first = np.arange(len(true)) // len(model.description.class_names) % 2 == 0

    # without stars, so that the answer is no part of the direction
    def examples(where: np.ndarray) -> list[Example]:
        chosen = [dataset.images[i] for i in np.flatnonzero(first & where & (true != star))]
        return [Example(path=e.path, group=f"{e.label} {e.metadata['marker']}") for e in chosen]

    asked: dict[str, Any] = {"examples": {"with": examples(borne), "without": examples(~borne)}}
    asked["settings"] = {"name": "marker"}
    asking = open_model(path, cached=False)
    every = asking.run("concept", **{**asked, "settings": {"name": "marker", "layers": "all"}})
    say("\n### Shapes with a shortcut: how well each layer tells the marker\n")
    columns = ("layer", "held-out AUC", "random labels: mean", "95 of 100 below", "p")
    cells = every["layers"].cells
    say(table(columns, [(f"`{row[1]}`", *(f"{x:.2f}" for x in row[2:6])) for row in cells]))
    found = asking.run("concept", layer=MARKER_LAYER, **asked)["direction"].feature
    counts = [len(each) for each in asked["examples"].values()]
    say(f"\n{counts[0]} scenes with the marker, {counts[1]} without, none of them a star")

    layer = model.description.layer(MARKER_LAYER)
    batch = load_batch(dataset.paths, model.preprocessing)
    value = model.forward(batch, capture=[layer.name], until=layer.name).captured[layer.name]
    pooled = value.astype(np.float64).mean(axis=(2, 3))
    direction = unit_length(found.basis(layer.units)[:, 0])
    usual = float((pooled[first & ~borne] @ direction).mean())
    groups = {
        "other shapes with marker": ~first & borne & (true != star),
        "other shapes without": ~first & ~borne & (true != star),
        "stars with marker": ~first & borne & (true == star),
        "stars without": ~first & ~borne & (true == star),
    }
    prefix = CachedPrefix(model, batch[~first])

    def judged(edit: Edit | None) -> list[float]:
        edits = EditStack((edit,) if edit is not None else ())
        outputs = next(iter(prefix.forward(edits=edits).outputs.values()))
        right = outputs.argmax(axis=1) == true[~first]
        return [float(right[where[~first]].mean()) for where in groups.values()]

    def without(vector: np.ndarray, level: float | None) -> Edit:
        feature = Feature(layer=layer.name, vectors=as_vectors(vector))
        if level is None:
            return Edit(feature=feature, kind="project_out")
        return Edit(feature=feature, kind="ablate", baseline=Baseline("mean", values=(level,)))

    random = np.random.default_rng(0)
    drawn = [unit_length(random.standard_normal(layer.units)) for _ in range(RANDOM_SETS)]
    rows = [("as it is", *map(share, judged(None)), "")]
    for title, at in (("set to its mean without marker", True), ("projected out", False)):
        real = judged(without(direction, usual if at else None))
        levels = [float((pooled[first & ~borne] @ each).mean()) if at else None for each in drawn]
        others = np.array(
            [judged(without(each, level)) for each, level in zip(drawn, levels, strict=True)]
        )
        rows.append((f"direction {title}", *map(share, real), ""))
        spread = [
            f"{column.mean():.0%} ({column.min():.0%} to {column.max():.0%})" for column in others.T
        ]
        good = f"{int((others[:, 0] >= real[0]).sum())} of {RANDOM_SETS}"
        rows.append((f"{RANDOM_SETS} random directions {title}: mean (range)", *spread, good))
    say(f"\n### Shapes with a shortcut: the direction of the marker in {layer.name}, removed\n")
    named = [f"{name} ({int(where.sum())})" for name, where in groups.items()]
    say(table(("scenes named rightly", *named, "random ones as good against the marker"), rows))
    misled = np.flatnonzero(groups["other shapes with marker"]).tolist()
    part = Dataset(images=tuple(dataset.images[i] for i in misled), classes=dataset.classes)
    inputs = Inputs(dataset=part, edits=EditStack((without(direction, usual),)))
    effect = finished(
        dataset_effect.ANALYSIS, Context(model=model, inputs=inputs), shown=24, controls=20
    )
    accuracy = dict(zip(effect["summary"].columns, effect["summary"].cells[0], strict=True))
    say("\nother shapes with marker, beside changes of equal size: " + str(accuracy))
    if out is not None:
        save(out / "evidence-marker.jpg", effect["flips"])


def unit_length(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1."""
    return np.asarray(vector / np.linalg.norm(vector))


def share(value: float) -> str:
    """For a table."""
    return f"{value:.0%}"


# --- MobileNetV2 with photographs ---------------------------------------------------------------


def photographs(crops: Path | None) -> None:
    """Few units change the answer for a photograph, random sets of as many do not."""
    from interp_gui.samples.mobilenet import mobilenet_path
    from interp_gui.samples.photographs import photographs as paths

    model = opened(mobilenet_path())
    by_name = {path.name: path for path in paths()}
    rows = []
    for name, layer, count in PHOTOGRAPHS:
        batch = load_batch([str(by_name[name])], model.preprocessing)
        units, before, after, shares, flips, active = switched(model, batch, layer, count)
        rows.append(
            (
                name, f"`{layer}`", ", ".join(map(str, units)), f"{before} ({shares[0]:.0%})",
                f"**{after}** ({shares[1]:.0%})", f"{flips} of {PHOTO_SETS}",
                f"{active} of {PHOTO_SETS}",
            )
        )  # fmt: skip
        if crops is not None and name == PHOTOGRAPHS[0][0] and layer == PHOTOGRAPHS[0][1]:
            on_crops(model, crops / Path(name).stem, layer, units)
    say("\n### MobileNetV2: units switched off (set to zero)\n")
    columns = (
        "photograph", "layer", "units", "answer before", "answer after", "random sets of as many "
        "units that change it", "sets of as many strongly active units that change it",
    )  # fmt: skip
    say(table(columns, rows))


def switched(
    model: Runtime, batch: Array, layer: str, count: int
) -> tuple[list[int], str, str, tuple[float, float], int, int]:
    """Units by activation × gradient of what sets the answer apart, and what is without them."""
    from interp_gui.analyses.gradients import layer_gradient
    from interp_gui.runtimes.prefix import CachedPrefix

    info = model.description.layer(layer)
    before = next(iter(model.forward(batch).outputs.values()))[0]
    top, second = np.argsort(-before)[:2].tolist()
    target = Target(kind="logit_difference", index=top, versus=second)
    found = layer_gradient(Context(model=model, inputs=Inputs()), batch, info, target)
    others = tuple(i for i in range(found.value.ndim) if i != info.unit_axis)
    worth = (found.value * found.gradient).sum(axis=others)
    units = np.argsort(-worth)[:count].tolist()
    prefix = CachedPrefix(model, batch)

    def without(picked: Sequence[int]) -> np.ndarray:
        edit = Edit(feature=Feature(layer=layer, units=tuple(picked)), kind="ablate")
        outputs = prefix.forward(edits=EditStack((edit,))).outputs
        return np.asarray(next(iter(outputs.values()))[0], np.float64)

    random = np.random.default_rng(0)
    sets = [random.choice(info.units, count, replace=False) for _ in range(PHOTO_SETS)]
    flips = sum(int(without(each.tolist()).argmax()) != top for each in sets)
    # a harder control: among units whose activation here is as great as that of the units picked
    size = np.sqrt((found.value.astype(np.float64) ** 2).sum(axis=others))
    floor = max(float(np.median(size)), float(size[units].min()))
    strong = np.setdiff1d(np.flatnonzero(size >= floor), units)
    if len(strong) < 2 * count:
        strong = np.setdiff1d(np.argsort(-size)[: 3 * count], units)
    picks = [random.choice(strong, count, replace=False) for _ in range(PHOTO_SETS)]
    active = sum(int(without(each.tolist()).argmax()) != top for each in picks)
    after = without(units)
    name = model.description.class_name
    return (
        units, name(top), name(int(after.argmax())), (probability(before), probability(after)),
        flips, active,
    )  # fmt: skip


def probability(logits: np.ndarray) -> float:
    """Of the first answer."""
    wide = np.exp(logits.astype(np.float64) - logits.max())
    return float(wide.max() / wide.sum())


def on_crops(model: Runtime, folder: Path, layer: str, units: Sequence[int]) -> None:
    """The same units on crops of that photograph, beside changes of equal size elsewhere."""
    dataset = Dataset(images=tuple(ImageEntry(path=str(p)) for p in sorted(folder.iterdir())))
    edit = Edit(feature=Feature(layer=layer, units=tuple(units)), kind="ablate")
    inputs = Inputs(dataset=dataset, edits=EditStack((edit,)))
    found = finished(dataset_effect.ANALYSIS, Context(model=model, inputs=inputs), controls=10)
    say(f"\n### The same units on {len(dataset.images)} crops of that photograph\n")
    summary = found["summary"]
    rows = [
        [x if isinstance(x, str) else "" if x is None else f"{x:.3f}" for x in row]
        for row in summary.cells
    ]
    say(table(summary.columns, rows))


def save(path: Path, result: AnyResult) -> None:
    """A result as a small picture."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(export_bytes(result, "png"))).convert("RGB")
    picture.thumbnail((1200, 1600))
    picture.save(path, quality=85, optimize=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parts = ("shapes", "marker", "photographs")
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        made: dict[str, Callable[[], None]] = {
            "shapes": lambda: shapes(Path(folder), options.out),
            "marker": lambda: marker(Path(folder), options.out),
            "photographs": lambda: photographs(options.crops),
        }
        for name in options.only:
            made[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
