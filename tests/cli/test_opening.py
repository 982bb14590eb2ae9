"""What the command line says of a file that several networks take, and how it is told which one."""

import hashlib
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

CLASSES = 6


def randomised(module, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for key, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
        elif value.dim() > 1:
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        else:
            centre = 1.0 if key.endswith("weight") else 0.0
            value.normal_(centre, 0.2, generator=generator)
    return module.state_dict()


@pytest.fixture(scope="session")
def resnet(tmp_path_factory):
    """Weights that torchvision's resnet18 and timm's resnetblur18 take alike."""
    from torchvision.models import resnet18

    path = tmp_path_factory.mktemp("models") / "mine.pth"
    torch.save(randomised(resnet18(weights=None, num_classes=CLASSES)), path)
    return path


def test_candidates_are_listed_until_one_is_chosen(run, run_json, resnet):
    code, document = run_json("inspect", resnet)
    assert code == 1
    assert "answer differently" in document["error"]["message"]
    found = {f"{c['library']}:{c['architecture']}": c for c in document["candidates"]}
    assert next(iter(found)) == "torchvision:resnet18"
    assert "timm:resnetblur18" in found
    assert found["torchvision:resnet18"]["same"] == ["timm:resnet18"]
    assert any("anti-alias" in each for each in found["timm:resnetblur18"]["differs"])
    assert all(each["why"] for each in document["candidates"])
    assert len(document["weights_sha256"]) == 64

    code, out, errors = run("inspect", resnet)
    assert (code, out) == (1, "")
    assert f"interp-gui inspect {resnet} --arch torchvision:resnet18" in errors
    assert "anti-alias" in errors
    assert errors.strip().splitlines()[-1].startswith("interp-gui: 'mine.pth' may be any of")

    code, document = run_json(
        "inspect", resnet, "--arch", "timm:resnetblur18", "--output", "sigmoid"
    )
    assert code == 0
    assert (document["library"], document["architecture"]) == ("timm", "resnetblur18")
    assert document["outputs"][0]["kind"] == "sigmoid"
    assert document["choice"]["architecture"] == "timm:resnetblur18"
    assert "torchvision" in [each["library"] for each in document["alternatives"]]

    code, document = run_json("inspect", resnet)  # remembered
    assert code == 0
    assert document["architecture"] == "resnetblur18"
    assert any("as decided before" in note for note in document["notes"])


def test_an_architecture_that_does_not_fit(run_json, resnet):
    code, document = run_json("inspect", resnet, "--arch", "torchvision:resnet34")
    assert code == 1
    assert "missing" in document["error"]["message"]
    first = document["nearest"][0]
    assert (first["library"], first["architecture"]) == ("torchvision", "resnet34")
    assert len(first["missing"]) > 20  # in full
    code, document = run_json("inspect", resnet, "--arch", "torchvision:resnet19")
    assert code == 1
    assert "resnet18" in document["error"]["hint"]
    assert set(document) == {"error"}
    code, document = run_json("inspect", resnet, "--arch", ":")
    assert code == 1
    assert "LIBRARY:NAME" in document["error"]["hint"]


@pytest.mark.thorough
def test_labelled_images_decide(run_json, resnet, tmp_path):
    import timm

    from interp_gui.core.model import Preprocessing
    from interp_gui.core.preprocessing import load_input

    state = torch.load(resnet, weights_only=True)
    module = timm.create_model("resnetblur18", num_classes=CLASSES).eval()
    paths = []
    for i in range(24):
        cells = np.random.default_rng(i).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        paths.append(tmp_path / f"{i:02}.png")
        Image.fromarray(cells).resize((64, 64)).save(paths[-1])
    from interp_gui.checkpoints.index_files import load_index

    entry = load_index("timm").architecture("resnetblur18").weights[0]
    sees = entry.preprocessing
    assert isinstance(sees, Preprocessing)
    module.load_state_dict(state)
    with torch.no_grad():
        x = torch.from_numpy(np.stack([load_input(path, sees) for path in paths]))
        logits = module(x)
        state["fc.bias"] -= logits.mean(0)
        truth = (logits - logits.mean(0)).argmax(1).tolist()
    path = tmp_path / "centred.pth"
    torch.save(state, path)
    rows = [f"{p.name},{t}" for p, t in zip(paths, truth, strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    code, document = run_json("inspect", path, "--images", tmp_path / "table.csv")
    shown = document.get("candidates") or document["alternatives"]
    assert any(each["architecture"] == "resnet18" for each in shown)
    if code == 0:
        assert document["architecture"] == "resnetblur18"
    else:  # too alike to be told apart for sure: ranked
        assert document["candidates"][0]["architecture"] == "resnetblur18"
        assert document["candidates"][0]["score"] == 1.0


@pytest.mark.thorough
def test_a_recipe_says_which_network_it_was(
    run, run_json, resnet, photographs, tmp_path, monkeypatch
):
    model = shutil.copy(resnet, tmp_path / "copy.pth")  # was never opened
    words = ("run", "activation-maps", "--model", model, "--images", photographs / "photo0.png")
    code, _, errors = run(*words, "--layer", "layer1.0.act2", "--out", tmp_path / "a")
    assert code == 1
    assert "--arch torchvision:resnet18" in errors
    code, document = run_json(
        *words, "--layer", "maxpool", "--arch", "timm:resnetblur18", "--out", tmp_path / "a"
    )
    assert code == 0, document
    monkeypatch.setenv("INTERP_GUI_DATA", str(tmp_path / "another-user"))  # remembers nothing
    picture = tmp_path / "a" / document["results"][0]["file"]
    code, document = run_json(
        "run", "--recipe", picture, "--model", model, "--images", photographs, "--out",
        tmp_path / "b",
    )  # fmt: skip
    assert code == 0, document
    assert document["recipe"]["model"]["architecture"] == "resnetblur18"


def test_a_look_opens_nothing(run, run_json, resnet, tmp_path):
    code, document = run_json("inspect", resnet, "--look")
    assert code == 0
    assert document["format"] == "torch-zip"
    assert len(document["sha256"]) == 64
    assert document["size_bytes"] == resnet.stat().st_size
    code, out, _ = run("inspect", resnet, "--look")
    assert code == 0
    assert document["sha256"] in out
    half = tmp_path / "half.pth"
    half.write_bytes(resnet.read_bytes()[: document["size_bytes"] // 2])
    code, cut = run_json("inspect", half, "--look")
    assert code == 1
    assert (cut["size_bytes"], cut["format"]) == (half.stat().st_size, "")
    assert cut["sha256"] == hashlib.sha256(half.read_bytes()).hexdigest()
    (tmp_path / "empty.pth").write_bytes(b"")
    code, out, _ = run("inspect", tmp_path / "empty.pth", "--look")
    assert code == 1
    assert "empty" in out


def test_options_of_opening_are_checked(run_json, resnet):
    fitting = ("inspect", resnet, "--arch", "torchvision:resnet18")
    for words, hint in (
        (("--weights", "model_ema"), "weights"),
        (("--output", "softmx"), "softmax"),
    ):
        code, document = run_json(*fitting, *words)
        assert code == 1
        assert hint in document["error"]["hint"]


def test_a_changed_head_and_several_networks_are_one_command(run, tmp_path):
    from torch import nn
    from torchvision.models import resnet18

    module = resnet18(weights=None, num_classes=CLASSES)
    module.fc = nn.Sequential(nn.Linear(512, 16), nn.ReLU(), nn.Linear(16, 4))
    path = tmp_path / "head.pth"
    torch.save(randomised(module), path)
    code, _, errors = run("inspect", path)
    assert code == 1
    typed = [line.split() for line in errors.splitlines() if line.startswith("  interp-gui ")]
    assert len(typed) == 1
    code, out, _ = run(*typed[0][1:])
    assert code == 0
    assert "relu" in out


def test_answers_that_are_not_numbers_are_a_failure(run, run_json, tmp_path):
    from torchvision.models import resnet18

    state = randomised(resnet18(weights=None, num_classes=CLASSES))
    state["fc.weight"].fill_(float("nan"))
    path, image = tmp_path / "diverged.pth", tmp_path / "a.png"
    torch.save(state, path)
    Image.fromarray(np.full((32, 32, 3), 9, np.uint8)).save(image)
    command = ("predict", path, tmp_path, "--arch", "torchvision:resnet18")
    code, document = run_json(*command)
    assert code == 1
    assert document["images"][0]["problem"] == "The answer is not a number."
    assert document["images"][0]["top"] == []
    code, out, _ = run(*command)
    assert code == 1
    assert "The answer is not a number." in out
    assert "nan" not in out
