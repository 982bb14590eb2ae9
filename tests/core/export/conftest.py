import numpy as np
import pytest

from interp_gui.core.feature import Feature
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Environment, ModelIdentity, Recipe
from interp_gui.core.result import Bars, Curve, Grid, GridItem, Heatmap, Matrix, Picture, Table


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def recipe():
    return Recipe(
        analysis="feature-visualization",
        parameters={"size": 96, "steps": 64, "objective": "channel"},
        seed=7,
        model=ModelIdentity(
            name="a<b>&c.pth", weights_sha256="ab" * 32, architecture="mobilenet_v2",
            library="torchvision",
        ),
        preprocessing=Preprocessing(),
        features=(Feature(layer="features.14", units=(7,), name="Ünï ✓ ]]> 猫"),),
        environment=Environment(threads=2, versions={"torch": "2.10"}),
        provenance={"batch": [1, 2, 3]},
    )  # fmt: skip


def every_kind():
    numbers = {"activation": 3.21875, "rank_percent": 0.4}
    feature = Feature(layer="features.14", units=(7,))
    items = tuple(
        GridItem(
            title=f"image {i}", pixels=noise(50 + i, 70, seed=i), numbers=numbers, feature=feature,
            image="/home/someone/secret/pictures/cat.jpg", group="first" if i < 3 else "second",
        )
        for i in range(5)
    )  # fmt: skip
    return (
        Picture(key="p", title="features.14:7", pixels=noise(33, 47), numbers=numbers),
        Picture(key="a", title="transparent", pixels=noise(20, 20, 4), numbers=numbers),
        Grid(key="g", title="Real examples", items=items, notes=("Of 5 images.",)),
        Grid(key="e", title="Nothing found"),
        Heatmap(
            key="h", title="Map & more",
            values=np.linspace(-3, 5, 35, dtype=np.float32).reshape(5, 7),
            image=noise(60, 84), symmetric=True, unit="activation", numbers=numbers,
        ),
        Bars(key="b", title="Answer", labels=("one", "two"), values=(0.75, -0.25), unit="logit"),
        Bars(key="n", title="No answer", labels=(), values=()),
        Table(
            key="t", title="Units", columns=("unit", "value", "name", "dead"),
            cells=((1, 2.5, "=SUM(A1)", True), (2, None, "b, \"c\"", False)),
        ),
        Curve(
            key="c", title="Curve", x=np.arange(5, dtype=np.float32),
            ys=np.array([[0, 1, np.nan, 3, 4], [2, 2, 2, 2, 2]], np.float32), names=("u", "v"),
            x_label="step", y_label="activation",
        ),
        Curve(
            key="d", title="Strengths", x=np.linspace(-2, 2, 5, dtype=np.float32),
            ys=np.array([[0, 1, 2, 3, 4]], np.float32), names=("unit",), band_name="others",
            band=np.array([[-1, 0, np.nan, 0, -1], [1, 1, 1, 2, 3]], np.float32), span=(-1.0, 1.0),
        ),
        Bars(
            key="m", title="Stand out", labels=("unit 3", "unit 4"), values=(0.5, -1.0),
            marked=(True, False),
        ),
        Matrix(
            key="x", title="Patched", values=np.array([[0.1, -0.4, np.nan]] * 2, np.float32),
            exact=np.array([[0.2, np.nan, np.nan], [np.nan, -0.5, np.nan]], np.float32),
            row_labels=("features.3", "features.7"), column_labels=("0,0", "0,1", "0,2"),
            row_title="layer", column_title="position", unit="share", numbers=numbers,
            notes=("0: nothing.",),
        ),
        Matrix(
            key="y", title="All exact", values=np.ones((1, 60), np.float32), symmetric=False,
            row_labels=("a",), column_labels=tuple(map(str, range(60))),
        ),
    )  # fmt: skip


@pytest.fixture(params=every_kind(), ids=lambda r: f"{r.kind}-{r.key}")
def result(request):
    return request.param
