import msgspec
import numpy as np
import pytest

from interp_gui.core.dataset import ImageEntry
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.place import Place
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Bars, Curve, Grid, GridItem, Heatmap, Picture, Table
from interp_gui.core.session.document import (
    DatasetRef,
    KeptResult,
    ModelRef,
    SessionDocument,
    ShelfItem,
)
from interp_gui.core.target import Target


def results():
    """One result of every kind, with what JSON cannot hold in it."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (6, 5, 3), np.uint8)
    unit = Feature(layer="features.14", units=(7,))
    return (
        Picture(key="p", title="a picture", pixels=pixels, feature=unit,
                numbers={"activation": 1.5, "rank": 3, "none": None, "nan": float("nan")}),
        Grid(key="g", title="a grid", items=(
            GridItem(title="one", pixels=pixels, image="/photos/a.png"),
            GridItem(title="two", pixels=pixels[::-1, ::2], numbers={"peak": float("inf")}))),
        Heatmap(key="h", title="a map", values=random.normal(size=(3, 4)).astype(np.float32),
                image=pixels, symmetric=True),
        Bars(key="b", title="bars", labels=("x", "y"), values=(float("-inf"), float("nan")),
             features=(unit, None)),
        Table(key="t", title="a table", columns=("a", "b"), cells=((1, "=x"), (None, True))),
        Curve(key="c", title="a curve", x=np.arange(3, dtype=np.float32),
              ys=np.array([[1, np.nan, 3]], np.float32), names=("line",),
              provenance={"batch": {"group": 2}, "$array": "not one"}),
    )  # fmt: skip


def document(**values):
    """A session that uses every field."""
    unit = Feature(layer="features.14", units=(7,), model="ab" * 32)
    direction = Feature(layer="features.3", vectors=((0.1, 0.2, -0.3),), name="stripes")
    picture = np.random.default_rng(1).integers(0, 256, (8, 9, 3), np.uint8)
    recipe = Recipe(
        analysis="predict",
        model=ModelIdentity(name="m", weights_sha256="ab" * 32, architecture="a", library="l"),
        preprocessing=Preprocessing(), features=(unit,), parameters={"x": [1, 2.5, None]},
    )  # fmt: skip
    given = {
        "models": (
            ModelRef(path="/models/small.pth", weights_sha256="ab" * 32, name="small.pth",
                     preprocessing=Preprocessing(size=(64, 64))),
            ModelRef(path="/models/other.pth", weights_sha256="cd" * 32),
        ),
        "current_model": 1,
        "dataset": DatasetRef(
            name="photos", classes={"cat": 3},
            images=tuple(ImageEntry(path=f"/photos/{i}.png", label="cat", metadata={"age": str(i)})
                         for i in range(2500)),
        ),
        "image": "/photos/1.png", "layer": "features.14", "feature": unit, "tab": "unit",
        "target": Target(kind="probability", index=3),
        "edits": EditStack((Edit(feature=unit, kind="scale", amount=0.0,
                                 place=Place("positions", positions=((1, 2),))),)),
        "stacks": (EditStack((Edit(feature=direction, kind="ablate"),), name="no dogs", solo=0),),
        "watched": ("/photos/1.png", "/elsewhere/2.png"),
        "names": {"ab" * 32: {"features.14:7": "whiskers äöü"}},
        "shelf": (
            ShelfItem(id="a1", feature=unit, name="whiskers", note="look\nagain", tags=("x", "y"),
                      collected="2026-01-01T00:00:00+00:00", picture=picture),
            ShelfItem(id="a2", feature=direction),
        ),
        "kept": tuple(
            KeptResult(id=f"k{i}", result=result, recipe=recipe if i % 2 else None,
                       companions=results()[:i], note="good", included=bool(i % 2))
            for i, result in enumerate(results())
        ),
        "views": {"split": [{"tab": "image"}, {"$dict": {"tab": "wall", "pinned": True}}]},
        "saved": "2026-01-01T00:00:00+00:00", "program": "0.1",
    }  # fmt: skip
    return SessionDocument(**{**given, **values})


@pytest.fixture(scope="session")
def make_document():
    """Makes such a session, with some values changed."""
    return document


@pytest.fixture
def full():
    """A session that uses every field."""
    return document()


def plain(value):
    """A value as something that `==` compares: arrays with type and bytes, NaN as text."""

    def hook(item):
        if isinstance(item, np.ndarray):
            return ("array", item.dtype.str, list(item.shape), item.tobytes().hex())
        return item.item()

    return repr(msgspec.to_builtins(value, enc_hook=hook))


@pytest.fixture
def same():
    """`same(a, b)`: whether two values are equal to the last bit."""
    return lambda one, other: plain(one) == plain(other)
