"""Programs saved by torch.export: opened without unpickling, refused where they ask for more."""

import json
import pickle
import zipfile

import pytest
import torch
from torch import nn

from interp_gui.checkpoints.exported import open_exported
from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.match import Wishes
from interp_gui.core.errors import FileProblem, InterpError, UnsafeCheckpoint
from tests.checkpoints.conftest import randomised


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.act = nn.ReLU6(inplace=True)
        self.scale = nn.Parameter(torch.ones(1, 6, 1, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.act(self.norm(self.conv(x))) * self.scale
        return self.head(self.pool(x).flatten(1))


class Marker:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    module = Net().eval()
    randomised(module)
    images = torch.randn(2, 3, 16, 16)
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(module, (images,), dynamic_shapes=shapes)
    path = tmp_path_factory.mktemp("pt2") / "net.pt2"
    torch.export.save(program, path)
    return path, module


def opened(path):
    return open_exported(inspect_file(path), Wishes())


@pytest.fixture
def rewritten(saved, tmp_path):
    """The same archive with records changed or added."""

    def make(change=None, config=None, add=None):
        path = tmp_path / "changed.pt2"
        with zipfile.ZipFile(saved[0]) as old, zipfile.ZipFile(path, "w") as new:
            for record in old.infolist():
                data = old.read(record)
                if change is not None and record.filename.endswith("models/model.json"):
                    table = json.loads(data)
                    change(table)
                    data = json.dumps(table).encode()
                if config is not None and record.filename.endswith("weights_config.json"):
                    table = json.loads(data)
                    config(table["config"])
                    data = json.dumps(table).encode()
                new.writestr(record.filename, data)
            for name, data in (add or {}).items():
                new.writestr(name, data)
        return path

    return make


def test_an_exported_program_answers_as_the_network_did(saved):
    path, module = saved
    found = opened(path)
    images = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(found.module(images), module(images))
    description = found.description
    assert (description.library, description.architecture) == ("torch.export", "Net")
    assert description.preprocessing.size == (16, 16)
    assert [(o.kind, o.size) for o in description.outputs] == [("softmax", 5)]


def test_its_layers_and_weights_bear_the_names_of_the_network(saved):
    path, module = saved
    found = opened(path).module
    kinds = {name: type(m) for name, m in found.named_modules()}
    assert kinds["conv"] is nn.Conv2d
    assert kinds["norm"] is nn.BatchNorm2d
    assert kinds["act"] is nn.ReLU6
    assert kinds["head"] is nn.Linear
    own = {k: v for k, v in module.state_dict().items() if "num_batches" not in k}
    assert all(torch.equal(found.state_dict()[k], v) for k, v in own.items())


def test_gradients_flow(saved):
    images = torch.randn(2, 3, 16, 16, requires_grad=True)
    opened(saved[0]).module(images).sum().backward()
    assert images.grad.abs().sum() > 0


def test_a_pickled_tensor_is_refused_and_not_read(rewritten, tmp_path):
    marker = tmp_path / "ran"

    def pickled(config):
        config["scale"] |= {"use_pickle": True, "path_name": "weight_evil"}

    path = rewritten(
        config=pickled, add={"net/data/weights/weight_evil": pickle.dumps(Marker(marker))}
    )
    with pytest.raises(UnsafeCheckpoint, match="pickled"):
        opened(path)
    assert not marker.exists()


def test_sample_inputs_are_never_read(saved, rewritten, tmp_path):
    marker = tmp_path / "ran"
    # a second record of that name would be ambiguous; the first one is replaced by a trap
    with zipfile.ZipFile(saved[0]) as old:
        records = {r.filename: old.read(r) for r in old.infolist()}
    path = tmp_path / "samples.pt2"
    with zipfile.ZipFile(path, "w") as new:
        for name, data in records.items():
            trap = "sample_inputs" in name
            new.writestr(name, pickle.dumps(Marker(marker)) if trap else data)
    assert opened(path).description.class_count == 5
    assert not marker.exists()


@pytest.mark.parametrize(
    "target",
    ["torch.ops.aten.save.default", "torch.ops.aten.from_file.default", "builtins.eval",
     "torch.ops.prim.Print.default", "torch.ops.higher_order.cond", "os.system",
     "torch.ops.aten.relu.out", "torch.ops.aten.__class__.default",
     "torch.ops.mylib.custom.default", "torch.ops.aten.uniform_.default"],
)  # fmt: skip
def test_operators_that_are_not_listed_are_refused(target, rewritten):
    def change(program):
        program["graph_module"]["graph"]["nodes"][1]["target"] = target

    with pytest.raises(UnsafeCheckpoint, match="operators"):
        opened(rewritten(change))


def test_expressions_are_no_python(rewritten, tmp_path):
    marker = tmp_path / "ran"
    code = f"__import__('pathlib').Path({str(marker)!r}).touch()"

    def change(program):
        program["range_constraints"] = {code: {"min_val": 0, "max_val": 9}}
        program["guards_code"] = [code]
        graph = program["graph_module"]["graph"]
        expression = {"as_expr": {"expr_str": code, "hint": {"as_int": 2}}}
        for value in graph["tensor_values"].values():
            value["sizes"] = [expression if "as_expr" in s else s for s in value["sizes"]]
        graph["sym_int_values"] = {"s": expression}

    opened(rewritten(change))
    assert not marker.exists()


@pytest.mark.parametrize(
    "entry",
    [{"sizes": [{"as_int": 1 << 40}]}, {"strides": [{"as_int": 1 << 30}] * 4},
     {"storage_offset": {"as_int": 1 << 30}}, {"storage_offset": {"as_int": -4}},
     {"dtype": 99}, {"layout": 1}, {"sizes": [{"as_int": -1}] * 4},
     {"sizes": [{"as_int": 1 << 20}], "strides": [{"as_int": 0}]}],
)  # fmt: skip
def test_tensors_stay_within_their_records(entry, rewritten):
    def config(table):
        table["conv.weight"]["tensor_meta"] |= entry

    with pytest.raises(FileProblem):
        opened(rewritten(config=config))


@pytest.mark.parametrize("path", ["../model.json", "/etc/passwd", "nothing"])
def test_a_record_elsewhere_is_refused(path, rewritten):
    def config(table):
        table["conv.weight"]["path_name"] = path

    with pytest.raises(FileProblem):
        opened(rewritten(config=config))


def test_another_version_is_refused(rewritten):
    with pytest.raises(FileProblem, match="version 99"):
        opened(rewritten(lambda program: program["schema_version"].update(major=99)))


@pytest.mark.parametrize("key", ["graph_module", "schema_version"])
def test_a_program_that_lacks_something_is_refused(key, rewritten):
    with pytest.raises(InterpError):
        opened(rewritten(lambda program: program.pop(key)))


def test_names_cannot_replace_what_a_module_is(rewritten):
    def change(program):
        for node in program["graph_module"]["graph"]["nodes"]:
            node["metadata"]["nn_module_stack"] = "a,forward,b"

    with pytest.raises(UnsafeCheckpoint, match="unusual name"):
        opened(rewritten(change))


def test_a_program_for_one_number_of_images_says_how_to_export_it(tmp_path):
    class Fixed(nn.Module):
        def forward(self, x):
            return x.reshape(2, 48).mean(dim=1, keepdim=True) + x.reshape(2, -1)[:, :4]

    program = torch.export.export(Fixed(), (torch.randn(2, 3, 4, 4),))
    torch.export.save(program, tmp_path / "fixed.pt2")
    with pytest.raises(FileProblem, match="number") as caught:
        opened(tmp_path / "fixed.pt2")
    assert "dynamic_shapes" in caught.value.hint


def test_programs_of_the_same_weights_are_told_apart(saved, tmp_path):
    path, module = saved
    module.act = nn.ReLU()
    try:
        program = torch.export.export(
            module, (torch.randn(2, 3, 16, 16),), dynamic_shapes=({0: torch.export.Dim("batch")},)
        )
    finally:
        module.act = nn.ReLU6(inplace=True)
    torch.export.save(program, tmp_path / "other.pt2")
    one, other = opened(path).description, opened(tmp_path / "other.pt2").description
    assert one.weights_sha256 == other.weights_sha256
    assert one.config != other.config
    assert opened(path).description.config == one.config
