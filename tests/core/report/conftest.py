import numpy as np
import pytest

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.kinds import EditEffect, Intervention
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Environment, ModelIdentity, Recipe
from interp_gui.core.result import Bars, Curve, Grid, GridItem, Heatmap, Matrix, Picture, Table
from interp_gui.core.session.document import KeptResult

SECRET = "/srv/zelda's study (2), new/ward 3"
"""A folder whose every part must not be found in what is given away."""
PARTS = ("zelda", "study (2)", "ward 3", "/srv", "srv/")
UNIT = Feature(layer="features.14", units=(7,))
HOSTILE = "<script>alert('x')</script> & \"quoted\" <b>bold"


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def recipe(**fields):
    identity = ModelIdentity(
        name="net.pth", weights_sha256="ab" * 32, architecture="mobilenet_v2", library="torchvision"
    )
    return Recipe(**{
        "analysis": "activation-maps", "model": identity, "preprocessing": Preprocessing(),
        "parameters": {"size": 128, "objective": f"direction({SECRET}/vector.npy)"},
        "features": (Feature(layer="features.14", units=(7,), name=f"like {SECRET}/a.png"),),
        "images": ("cd" * 32,), "dataset": "ef" * 32, "result": "features.14:7",
        "environment": Environment(versions={"torch": "2.15"}),
        "provenance": {"from": f"{SECRET}/a b.png"}, **fields,
    })  # fmt: skip


@pytest.fixture
def results():
    """One of each kind, each with a path wherever text can stand."""
    note = f"Left out: '{SECRET}/broken one.png' is empty."
    common = {"title": f"Answer for {SECRET}/my cat.png {HOSTILE}", "notes": (note,),
              "numbers": {"activation": 0.5, "best_image": f"{SECRET}/best of.png"}}  # fmt: skip
    items = tuple(
        GridItem(
            title=f"{SECRET}/card.png", pixels=noise(20, 30, i), image=f"{SECRET}/image {i}.png",
            numbers={"rank": i, "from": f"{SECRET}/n.png"}, group=f"{SECRET}/group",
        )
        for i in range(3)
    )  # fmt: skip
    return {
        "picture": Picture(key="p", pixels=noise(40, 50), **common),
        "grid": Grid(key="g", items=items, **common),
        "heatmap": Heatmap(
            key="h", values=np.linspace(-1, 1, 9, dtype=np.float32).reshape(3, 3),
            image=noise(60, 80), symmetric=True, **common,
        ),
        "bars": Bars(key="b", labels=(f"{SECRET}/bar", "two"), values=(0.7, 0.2), **common),
        "table": Table(
            key="t", columns=("unit", f"{SECRET}/column"),
            cells=((1, f"{SECRET}/cell.png"), (2, None)), **common,
        ),
        "curve": Curve(
            key="c", x=np.arange(4, dtype=np.float32), ys=np.ones((1, 4), np.float32),
            names=(f"{SECRET}/line",), **common,
        ),
        "matrix": Matrix(
            key="m", values=np.ones((2, 3), np.float32), row_labels=(f"{SECRET}/row", "b"),
            column_labels=("1", "2", f"{SECRET}/column"), **common,
        ),
        "intervention": Intervention(
            key="image-000", image=f"{SECRET}/edited.png",
            before=np.array([0.25, 2], np.float32), after=np.array([1.5, -1], np.float32),
            output_kind="softmax", labels=(f"{SECRET}/class", HOSTILE),
            target_before=2.0, target_after=-1.0, target_title=f"logit of {SECRET}/class",
            edits=EditStack(edits=(Edit(feature=UNIT, kind="ablate"),)),
            effects=(
                EditEffect(
                    index=0, state="effective", hits=1, change=1.5, effect=-3.0,
                    controls=(0.5, -1.0), warning=f"{SECRET}/warning", reason=f"{SECRET}/why",
                ),
            ), **common,
        ),
    }  # fmt: skip


@pytest.fixture
def kept(results):
    items = [
        KeptResult(
            id=name, result=result, recipe=recipe(), note=f"See {SECRET}/x.png\n\n{HOSTILE}",
            model_name="net.pth",
        )
        for name, result in results.items()
    ]  # fmt: skip
    items[0] = KeptResult(
        id="with companions", result=results["picture"], recipe=recipe(),
        companions=(results["grid"], results["table"]), note="A note",
    )  # fmt: skip
    return items
