"""Commands and lines of Python that recipes are given as make the same pixels again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.export.code import command_line, python_lines
from interp_gui.core.feature import Feature
from tests.cli.conftest import LAYER

SETTINGS = {"size": 40, "steps": 3, "objective": f"channel({LAYER}:7) - 0.1*logit(281)"}


@pytest.fixture
def model(weights):
    from interp_gui.api import open_model

    return open_model(weights, cached=False)


@pytest.fixture
def awkward(weights, photographs, tmp_path):
    """The same files where their names need quoting."""
    place = tmp_path / 'it\'s a "place" $HOME'
    place.mkdir()
    shutil.copy(weights, place / "net's.pth")
    shutil.copytree(photographs, place / "my photos")
    return place


def paths(place):
    return {
        "model": str(place / "net's.pth"),
        "image": str(place / "my photos" / "photo1.png"),
        "images": (str(place / "my photos"),),
    }


def direction(model):
    units = model.description.layer(LAYER).units
    vector = np.random.default_rng(3).normal(size=units)
    return Feature(layer=LAYER, vectors=(tuple(float(v) for v in vector),))


@pytest.fixture
def originals(model, photographs):
    """Results of several kinds with their recipes, and what they look like."""
    feature = direction(model)
    edits = EditStack(edits=(Edit(feature=Feature(layer=LAYER, units=(3,)), kind="ablate"),))
    image, everything = photographs / "photo1.png", photographs
    runs = {
        "objective": model.run(
            "feature-visualization", features=[f"{LAYER}:2"], settings=SETTINGS, seed=4
        ),
        "direction": model.run(
            "feature-visualization", features=[feature], settings={"size": 40, "steps": 2}
        ),
        "map": model.run("activation-maps", image=image, features=[f"{LAYER}:5"], edits=edits),
        "examples": model.run(
            "real-examples", images=everything, features=[f"{LAYER}:5"],
            settings={"k": 2, "size": 64, "all_layers": False},
        ),
        "answer": model.run("predict", image=image, images=everything),
    }  # fmt: skip
    found = {}
    for name, results in runs.items():
        ((key, result),) = results.items()
        found[name] = (result, results.recipes[key])
    return found


def look(result):
    """All that there is to see of a result."""
    arrays = [np.asarray(array) for array in result.arrays().values()]
    return [result.rows(), *(array.tolist() for array in arrays)]


def environment():
    venv = str(Path(sys.executable).parent)
    found = {**os.environ, "INTERP_GUI_CACHE": "off"}
    return {**found, "PATH": f"{venv}{os.pathsep}{found.get('PATH', '')}"}


def test_python_makes_the_same_again(originals, awkward, tmp_path):
    script = tmp_path / "again.py"
    lines = ["import pickle", "seen = {}"]
    for name, (_, recipe) in originals.items():
        lines.append(python_lines(recipe, **paths(awkward)))
        lines.append(f"seen[{name!r}] = [result.rows(), *(a.tolist() for a in "
                     "result.arrays().values())]")  # fmt: skip
    lines.append(f"open({str(tmp_path / 'seen')!r}, 'wb').write(pickle.dumps(seen))")
    script.write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-c", f"exec(open({str(script)!r}).read())"],
        env=environment(), capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    import pickle

    seen = pickle.loads((tmp_path / "seen").read_bytes())
    for name, (result, _) in originals.items():
        assert seen[name] == look(result), name


def test_the_shell_makes_the_same_again(originals, awkward, tmp_path):
    result, recipe = originals["objective"]
    command = command_line(recipe, out="out's", **paths(awkward))
    done = subprocess.run(
        ["bash", "-c", command], env=environment(), capture_output=True, text=True, timeout=280,
        check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "out's").glob("*.png")
    assert np.array_equal(np.asarray(Image.open(made)), result.pixels)


@pytest.mark.parametrize("name", ["direction", "map", "examples", "answer"])
def test_every_command_makes_the_same_again(name, originals, awkward, run, tmp_path, monkeypatch):
    import shlex

    from interp_gui.core.export import export_result

    monkeypatch.setenv("INTERP_GUI_CACHE", "off")
    result, recipe = originals[name]
    command = command_line(recipe, out=str(tmp_path / "out"), **paths(awkward))
    words = shlex.split(command.replace("\\\n", " "))
    code, _, errors = run(*words[1:])
    assert code == 0, errors
    assert "Differs" not in errors
    first = export_result(result, tmp_path / "first.png", recipe=recipe)
    (made,) = (tmp_path / "out").glob("*.png")
    assert np.array_equal(np.asarray(Image.open(made)), np.asarray(Image.open(first)))


def test_a_changed_preprocessing_is_said_and_followed(weights, photographs, run, tmp_path):
    from interp_gui.api import open_model
    from interp_gui.core.model import Preprocessing

    narrow = Preprocessing(size=(96, 96), resize_px=128, mean=(0.5,) * 3, std=(0.3,) * 3)
    model = open_model(weights, preprocessing=narrow, cached=False)
    image = photographs / "photo0.png"
    results = model.run("predict", image=image)
    recipe = results.recipes["0"]
    assert recipe.preprocessing == narrow
    command = command_line(recipe, model=weights, image=str(image), out=str(tmp_path / "out"))
    import shlex

    code, _, errors = run(*shlex.split(command.replace("\\\n", " "))[1:], "--json")
    assert code == 0, errors
    document = msgspec.json.decode((tmp_path / "out" / "result.json").read_bytes())
    assert document["results"][0]["numbers"]["logit_1"] == results["0"].numbers["logit_1"]


def test_the_cost_is_told_and_nothing_is_run(run, run_json, weights, tmp_path):
    words = (
        "run", "feature-visualization", "--model", weights, "--feature", f"{LAYER}:7",
        "--set", "size=40", "--set", "steps=300", "--estimate",
    )  # fmt: skip
    code, out, errors = run(*words)
    assert code == 0, errors
    assert out.startswith(("About", "Less than"))
    code, document = run_json(*words, "--out", tmp_path / "never")
    assert code == 0
    assert document["estimate"]["seconds"] > 0
    assert document["estimate"]["disk_bytes"] > 0
    assert not (tmp_path / "never").exists()
    code, _, errors = run("run", "--recipe", "x.png", "--estimate", "--out", tmp_path)
    assert code == 2
    assert "--estimate" in errors


@pytest.mark.parametrize(
    ("extra", "said"),
    [(("--threads", "0"), "--threads"), (("--preprocessing", '{"size": 1}'), "preprocessing"),
     (("--recipe", "{}"), "recipe")],
)  # fmt: skip
def test_wrong_words_are_refused(run, weights, tmp_path, extra, said):
    first = () if extra[0] == "--recipe" else ("predict",)
    code, _, errors = run("run", *first, "--model", weights, *extra, "--out", tmp_path / "o")
    assert code in (1, 2)
    assert said in errors
