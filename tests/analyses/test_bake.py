"""Baked files reopen by themselves and answer as the edited network did."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from interp_gui.analyses.bake import ANALYSIS
from interp_gui.checkpoints.baked_record import KEY, BakedRecord, record_in, record_of
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.checkpoints.safe_header import read_header
from interp_gui.core.analysis import Context, Inputs, Progress
from interp_gui.core.choices import forget
from interp_gui.core.edit import Baseline, Edit, EditStack
from interp_gui.core.errors import EditProblem, FileProblem, MissingAbility, OutputProblem
from interp_gui.core.feature import Feature
from interp_gui.core.opening import OpenChoice
from interp_gui.engine.needs import check_needs
from interp_gui.engine.recipes import recipe_of_run
from interp_gui.runtimes.opening import open_runtime
from tests.checkpoints.conftest import randomised
from tests.runtimes.onnx.conftest import Small, exported


def opened(path, name=""):
    return open_runtime(open_checkpoint(path, choice=OpenChoice(architecture=name)))


def units(layer, *which):
    return Feature(layer=layer, units=which)


def run(runtime, edits, *, images=(), **settings):
    stack = edits if isinstance(edits, EditStack) else EditStack(edits=tuple(edits))
    inputs = Inputs(images=tuple(images), edits=stack)
    made = ANALYSIS.settings(settings)
    check_needs(ANALYSIS, runtime, inputs, made)
    steps = list(ANALYSIS.run(Context(model=runtime, inputs=inputs), made))
    assert isinstance(steps[0], Progress)
    return [step for step in steps if not isinstance(step, Progress)]


def file_hash(path):
    path = Path(path)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files if each.is_file()]


def answers(runtime, edits=()):
    size = runtime.preprocessing.size
    x = np.random.default_rng(5).standard_normal((2, 3, *size)).astype(np.float32)
    return runtime.forward(x, edits=EditStack(edits=tuple(edits))).outputs


def hold(original, edits, target, *, name="", **settings):
    """Bake, reopen without saying anything, and compare with the edited original."""
    runtime = opened(original, name)
    before = file_hash(original)
    table = run(runtime, edits, path=str(target), **settings)[-1]
    assert table.title == "Baked edits"
    assert table.numbers["difference"] <= 1e-5
    assert file_hash(original) == before
    # nor may it be remembered: the file has to open on another machine too
    forget(table.provenance["bake"]["weights_sha256"])
    again = opened(target)
    wanted, found = answers(runtime, edits), answers(again)
    for name, value in wanted.items():
        scale = np.abs(value).max()
        assert np.abs(found[name] - value).max() <= 1e-5 * scale
        assert np.abs(answers(runtime)[name] - value).max() > 1e-4 * scale
    description = again.description
    assert description.preprocessing == runtime.preprocessing
    assert description.class_names == runtime.description.class_names
    assert any("Baked from" in note for note in description.notes)
    assert table.provenance["bake"]["weights_sha256"] == description.weights_sha256
    assert str(Path(target).parent) not in repr(table.provenance)
    assert sorted(os.listdir(Path(target).parent)).count(Path(target).name) == 1
    assert not [name for name in os.listdir(Path(target).parent) if name.startswith(".")]
    return again, table


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Checkpoints of several libraries, by name."""
    folder = tmp_path_factory.mktemp("originals")
    made = {}

    def torchvision_file():
        from torchvision.models import resnet18

        module = resnet18(num_classes=4).eval()
        randomised(module)
        torch.save({"state_dict": module.state_dict(), "epoch": 3}, folder / "tuned.pth")
        return folder / "tuned.pth"

    def timm_file():
        import timm

        module = timm.create_model("resnet10t", num_classes=4).eval()
        randomised(module)
        torch.save(module.state_dict(), folder / "timm.pth")
        return folder / "timm.pth"

    def hf_folder():
        from transformers import ViTConfig, ViTForImageClassification

        module = ViTForImageClassification(ViTConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            image_size=32, patch_size=8, num_labels=3, id2label={0: "a", 1: "b", 2: "c"},
            label2id={"a": 0, "b": 1, "c": 2},
        )).eval()  # fmt: skip
        randomised(module)
        module.save_pretrained(folder / "vit")
        (folder / "vit" / "preprocessor_config.json").write_text(json.dumps({
            "image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32},
            "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.2, 0.3], "do_resize": True,
            "do_normalize": True, "do_rescale": True, "resample": 2, "rescale_factor": 1 / 255,
        }))  # fmt: skip
        (folder / "vit" / "modeling_own.py").write_text("raise SystemExit")
        return folder / "vit"

    def onnx_file():
        module = Small().eval()
        randomised(module)
        (folder / "small.onnx").write_bytes(exported(module))
        return folder / "small.onnx"

    makers = {"torchvision": torchvision_file, "timm": timm_file, "hf": hf_folder,
              "onnx": onnx_file}  # fmt: skip

    def get(name):
        if name not in made:
            made[name] = makers[name]()
        return made[name]

    return get


def shapes():
    from interp_gui.samples import shapes_model

    return shapes_model()


@pytest.mark.thorough
def test_mobilenet_with_published_weights(tmp_path):
    from interp_gui.samples.mobilenet import mobilenet_path

    vector = np.random.default_rng(0).standard_normal(160).astype(np.float32).tolist()
    mean = Baseline(kind="mean", values=(0.3, 0.2))
    edits = [
        Edit(feature=units("features.18.2", 3, 7), kind="ablate", baseline=mean),
        Edit(feature=Feature(layer="features.14", vectors=(tuple(vector),)), kind="project_out"),
    ]
    again, _ = hold(mobilenet_path(), edits, tmp_path / "edited.safetensors")
    assert again.description.architecture == "mobilenet_v2"
    record = record_of(inspect_file(tmp_path / "edited.safetensors"))
    assert record.source_sha256.startswith("6235")
    assert record.edits.edits == tuple(edits)
    assert record.difference <= 1e-5


def test_a_tuned_network_within_a_training_checkpoint(saved, tmp_path):
    edits = [Edit(feature=units("layer4.1", 3), kind="scale", amount=3.0),
             Edit(feature=units("layer1.0.conv1", 2), kind="ablate")]  # fmt: skip
    name = "torchvision:resnet18"  # which timm's resnetblur18 has the same tensors as
    again, _ = hold(saved("torchvision"), edits, tmp_path / "a.safetensors", name=name)
    assert (again.description.architecture, again.description.class_count) == ("resnet18", 4)


def test_one_of_timm(saved, tmp_path):
    again, _ = hold(
        saved("timm"), [Edit(feature=units("conv1.0", 2), kind="ablate")],
        tmp_path / "t.safetensors",
    )  # fmt: skip
    assert again.description.library == "timm"


def test_a_hugging_face_folder(saved, tmp_path):
    runtime = opened(saved("hf"))
    layer = next(x.name for x in runtime.description.layers if x.name.endswith("/z"))
    edits = [Edit(feature=Feature(layer=layer, units=(1,), heads=True), kind="ablate")]
    again, _ = hold(saved("hf"), edits, tmp_path / "vit-baked")
    assert again.description.class_names == ("a", "b", "c")
    assert not list((tmp_path / "vit-baked").glob("*.py"))
    assert (tmp_path / "vit-baked" / "config.json").is_file()


def test_a_network_of_our_own_and_one_baked_before(tmp_path):
    first = [Edit(feature=units("mean", 3), kind="scale", amount=0.0)]
    hold(shapes(), first, tmp_path / "one.safetensors")
    second = [Edit(feature=units("block2", 3), kind="scale", amount=0.5)]
    again, _ = hold(tmp_path / "one.safetensors", second, tmp_path / "two.safetensors")
    assert again.description.architecture == "shapes_cnn"
    (note,) = [note for note in again.description.notes if "Baked from" in note]
    assert "Scale × 0.5 block2:3. Before that: Scale × 0 mean:3." in note
    record = record_of(inspect_file(tmp_path / "two.safetensors"))
    assert [step.edits.edits for step in record.steps] == [tuple(first), tuple(second)]
    assert record.earlier[0].source == opened(shapes()).description.name
    again_first = [Edit(feature=units("block3", 3), kind="scale", amount=0.5)]
    hold(tmp_path / "two.safetensors", again_first, tmp_path / "three.onnx")
    layers = opened(tmp_path / "three.onnx").description.layers
    deep = next(x.name for x in layers if x.writable and x.spatial and x.units > 3)
    third = [Edit(feature=units(deep, 3), kind="clamp", low=0.2)]
    hold(tmp_path / "three.onnx", third, tmp_path / "four.onnx")
    import onnx

    held = {each.key: each.value for each in onnx.load(tmp_path / "four.onnx").metadata_props}
    assert len(record_in(held).steps) == 4
    assert "And 2 more before." in record_in(held).note


def test_an_onnx_file_and_a_network_exported_with_its_edits(saved, tmp_path):
    edits = [
        Edit(feature=units("down.Conv", 2), kind="ablate",
             baseline=Baseline(kind="mean", values=(0.3,))),
        Edit(feature=units("down.Conv", 4), kind="clamp", low=-0.2, high=0.3),
    ]  # fmt: skip
    again, table = hold(saved("onnx"), edits, tmp_path / "edited.onnx")
    assert again.description.runtime == "onnx"
    assert table.provenance["bake"]["format"] == "onnx"
    own = [Edit(feature=units("block2", 3), kind="clamp", low=0.2)]
    again, _ = hold(shapes(), own, tmp_path / "shapes.onnx")
    assert again.description.runtime == "onnx"


def test_nothing_is_written_unless_asked_or_where_edits_cannot_be_baked(tmp_path):
    runtime = opened(shapes())
    good = Edit(feature=units("mean", 3), kind="ablate")
    bad = Edit(feature=units("block1", 3), kind="clamp", low=0.1)
    (table,) = run(runtime, [good, bad])
    assert [row[1] for row in table.cells] == ["yes", "no"]
    assert table.provenance["bake"]["written"] is False
    target = tmp_path / "x.safetensors"
    with pytest.raises(EditProblem, match="1 of 2 edits cannot be baked") as refused:
        run(runtime, [good, bad], path=str(target))
    assert "--partial" in refused.value.hint
    with pytest.raises(EditProblem, match="The edit cannot be baked"):
        run(runtime, [bad], path=str(target), partial=True)
    assert os.listdir(tmp_path) == []
    table = run(runtime, [good, bad], path=str(target), partial=True)[-1]
    assert [row[1] for row in table.cells] == ["yes", "no"]
    assert record_of(inspect_file(target)).told == ("Switch off mean:3",)
    assert any("as the network with this 1 of 2 edits does" in note for note in table.notes)
    assert not any("edited one" in note for note in table.notes)


def test_edits_are_called_what_the_panel_calls_them():
    marker = Feature(layer="mean", vectors=((1.0, *[0.0] * 95),), name="concept: marker")
    steer = Edit(feature=units("mean", 3), kind="add", amount=2.0, deviation=(0.5,))
    (table,) = run(opened(shapes()), [Edit(feature=marker, kind="ablate"), steer])
    assert [row[0] for row in table.cells] == ["Switch off concept: marker", "Steer + 2 σ mean:3"]


def test_the_original_is_never_written_over(tmp_path, saved):
    original = tmp_path / "own.safetensors"
    original.write_bytes(Path(shapes()).read_bytes())
    runtime = opened(original)
    edit = [Edit(feature=units("mean", 3), kind="ablate")]
    link = tmp_path / "link.safetensors"
    link.symlink_to(original)
    before = file_hash(original)
    for target in (original, link):
        with pytest.raises(OutputProblem, match="never written over"):
            run(runtime, edit, path=str(target))
    with pytest.raises(OutputProblem, match="folder does not exist"):
        run(runtime, edit, path=str(tmp_path / "missing" / "x.safetensors"))
    with pytest.raises(OutputProblem, match=r"suffix|no name of an ONNX"):
        run(runtime, edit, path=str(tmp_path / "x.bin"), format="onnx")
    with pytest.raises(OutputProblem, match="config"):
        run(runtime, edit, path=str(saved("hf") / "other.safetensors"))
    assert file_hash(original) == before
    original.write_bytes(original.read_bytes()[:-4] + b"\1\2\3\4")
    with pytest.raises(FileProblem, match="other weights"):
        run(runtime, edit, path=str(tmp_path / "y.safetensors"))
    assert not (tmp_path / "y.safetensors").exists()


def test_a_folder_is_asked_for_where_one_is_needed(saved, tmp_path):
    runtime = opened(saved("hf"))
    layer = next(x.name for x in runtime.description.layers if x.name.endswith("/z"))
    edit = [Edit(feature=Feature(layer=layer, units=(1,), heads=True), kind="ablate")]
    with pytest.raises(OutputProblem, match="folder"):
        run(runtime, edit, path=str(tmp_path / "vit.safetensors"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(OutputProblem, match="exists already"):
        run(runtime, edit, path=str(tmp_path / "full"))
    with pytest.raises(OutputProblem, match="never written over"):
        run(runtime, edit, path=str(saved("hf") / "inner"))


def test_half_precision_is_kept_where_it_can_say_it(tmp_path):
    with safe_open(shapes(), "pt") as file:
        header = file.metadata()
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_file(half, tmp_path / "half.safetensors", header)
    runtime = opened(tmp_path / "half.safetensors")
    off = [Edit(feature=units("mean", 2), kind="ablate")]
    run(runtime, off, path=str(tmp_path / "off.safetensors"))
    entries = read_header(tmp_path / "off.safetensors").entries
    assert entries["head.weight"].dtype == "F16"
    count = runtime.description.layer("mean").units
    third = [Edit(feature=units("mean", *range(count)), kind="scale", amount=0.3)]
    with pytest.raises(EditProblem, match="is off by") as refused:
        run(runtime, third, path=str(tmp_path / "third.safetensors"))
    assert "widen" in refused.value.hint
    run(runtime, third, path=str(tmp_path / "third.safetensors"), widen=True)
    entries = read_header(tmp_path / "third.safetensors").entries
    assert entries["head.weight"].dtype == "F32"
    assert "F16" in {entry.dtype for entry in entries.values()}


@pytest.mark.thorough
def test_an_exported_program_is_baked_into_onnx_only(tmp_path):
    module = Small().eval()
    randomised(module)
    program = torch.export.export(module, (torch.zeros(1, 3, 32, 32),))
    torch.export.save(program, tmp_path / "small.pt2")
    runtime = opened(tmp_path / "small.pt2")
    layer = next(x.name for x in runtime.description.layers if x.writable and x.units > 4)
    edit = [Edit(feature=units(layer, 2), kind="ablate")]
    with pytest.raises(MissingAbility, match="within its graph") as refused:
        run(runtime, edit, path=str(tmp_path / "x.safetensors"))
    assert "ONNX" in refused.value.hint
    assert os.listdir(tmp_path) == ["small.pt2"]
    hold(tmp_path / "small.pt2", edit, tmp_path / "x.onnx")


def test_an_onnx_model_has_no_other_form(saved, tmp_path):
    runtime = opened(saved("onnx"))
    edit = [Edit(feature=units("down.Conv", 2), kind="ablate")]
    with pytest.raises(MissingAbility, match="graph"):
        run(runtime, edit, path=str(tmp_path / "x.safetensors"), format="checkpoint")


def test_a_record_is_checked_before_it_is_believed():
    assert record_in({}) is None
    assert record_in({KEY: "{"}) is None
    assert record_in({KEY: '{"preprocessing": {"size": [0, 0]}}'}) is None
    told = BakedRecord(source="\x1b[31mred", told=("x",)).to_json()
    assert "\x1b" not in record_in({KEY: told}).note
    coded = '{"choice": {"code": "/x.py", "code_sha256": "00", "stubs": true}}'
    assert record_in({KEY: coded}).choice.code == ""
    assert record_in({KEY: coded}).choice.stubs is False


def test_a_recipe_holds_no_path_of_this_machine(tmp_path):
    runtime = opened(shapes())
    settings = ANALYSIS.settings({"path": str(tmp_path / "x.safetensors"), "partial": True})
    recipe = recipe_of_run(ANALYSIS, runtime, Inputs(), settings)
    assert recipe.parameters["path"] == ""
    assert recipe.parameters["partial"] is True
