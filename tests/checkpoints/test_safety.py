"""Nothing in a checkpoint is ever run."""

import contextlib
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from interp_gui.checkpoints.formats import inspect_file
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.checkpoints.pickle_names import foreign
from interp_gui.checkpoints.tensors import open_source
from interp_gui.core.errors import FileProblem, UnsafeCheckpoint
from interp_gui.core.opening import OpenChoice


class Payload:
    """Writes a file as soon as it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (exec, (f"open({self.path!r}, 'w').close()",))


@pytest.fixture(params=["plain", "environment"])
def environment(request, monkeypatch):
    if request.param == "environment":
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")


def planted(tmp_path, kind, state):
    """A good state dict with a payload beside the weights."""
    evidence = tmp_path / "evidence"
    content = OrderedDict(state)
    content["extra"] = Payload(evidence)
    path = tmp_path / "planted.pth"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Payload(evidence)))
    elif kind == "pickle-4":
        path.write_bytes(pickle.dumps([Payload(evidence)], protocol=4))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    return path, evidence


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle", "pickle-4"])
def test_planted_code_is_named_and_not_run(tmp_path, state, kind):
    path, evidence = planted(tmp_path, kind, state)
    with pytest.raises(UnsafeCheckpoint) as caught:
        open_checkpoint(path)
    assert [name.rpartition(".")[2] for name in caught.value.names] == ["exec"]
    assert "exec" in caught.value.message
    assert "\n" not in caught.value.message
    assert "state_dict" in caught.value.hint
    assert not evidence.exists()


def test_the_payload_would_have_run(tmp_path, state):
    path, evidence = planted(tmp_path, "zip", state)
    torch.load(path, weights_only=False)
    assert evidence.exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_whole_pickled_module_is_read_through_stand_ins(tmp_path, reference, legacy):
    path = tmp_path / "module.pth"
    module = reference("squeezenet1_1", num_classes=3)
    torch.save(module, path, _use_new_zipfile_serialization=not legacy)
    opened = open_checkpoint(path)
    own = opened.module.state_dict()
    assert all(torch.equal(own[key], value) for key, value in module.state_dict().items())
    assert any("torchvision.models.squeezenet.SqueezeNet" in n for n in opened.description.notes)


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_weights_beside_a_payload_open_where_the_user_agrees(tmp_path, state, kind):
    path, evidence = planted(tmp_path, kind, state)
    opened = open_checkpoint(path, choice=OpenChoice(stubs=True))
    own = opened.module.state_dict()
    assert all(torch.equal(own[key], value) for key, value in state.items())
    assert any("exec" in note and "not run" in note for note in opened.description.notes)
    assert not evidence.exists()


def test_second_pickle_in_the_archive_is_not_read(tmp_path, state):
    path, evidence = tmp_path / "a.pth", tmp_path / "evidence"
    torch.save(state, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/other.pkl", pickle.dumps(Payload(evidence)))
    with contextlib.suppress(FileProblem):
        open_checkpoint(path)
    assert not evidence.exists()


def test_names_of_plain_tensors_are_not_foreign(tmp_path, state):
    content = {"w": state, "p": torch.nn.Parameter(torch.ones(3)), "h": torch.ones(2).half()}
    for legacy in (False, True):
        path = tmp_path / "a.pth"
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        with open_source(inspect_file(path)) as source:
            assert "torch._utils._rebuild_tensor_v2" in source.names
            assert foreign(source.names) == ()


@pytest.mark.parametrize(
    "name",
    ["posix.system", "builtins.eval", "builtins.getattr", "subprocess.Popen", "torch.load"]
    + ["torch.hub.load", "runpy.run_path", "numpy.load", "operator.attrgetter", "a.b.__globals__"]
    + ["importlib.import_module", "torch.jit._script.load", "dill._dill._create_function"],
)
def test_dangerous_names_are_told(name):
    (found,) = foreign([name])
    assert found.dangerous


@pytest.mark.parametrize(
    "name",
    ["argparse.Namespace", "torchvision.models.resnet.ResNet", "pathlib.PosixPath"]
    + ["omegaconf.dictconfig.DictConfig", "torch.nn.modules.conv.Conv2d", "functools.partial"]
    + ["__main__.Net", "numpy.random.mtrand.RandomState", "torch._C._nn.gelu", "builtins.print"],
)
def test_names_of_networks_and_settings_are_foreign_and_not_dangerous(name):
    (found,) = foreign([name])
    assert not found.dangerous


def test_weights_that_are_declared_and_not_there(tmp_path, state):
    """A stride of 0 would make gigabytes out of one number."""
    state["classifier.1.weight"] = torch.zeros(1, 1, 1, 1).expand(10**8, 512, 1, 1)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(FileProblem, match="more weights than the file holds"):
        open_checkpoint(tmp_path / "a.pth")


@pytest.mark.filterwarnings("ignore:.*quantize")
def test_sparse_and_quantised_weights_are_refused(tmp_path, state):
    key = "features.0.weight"
    for odd in (
        state[key].reshape(64, -1).to_sparse(),
        torch.quantize_per_tensor(state[key], 0.1, 0, torch.qint8),
    ):
        state[key] = odd
        torch.save(state, tmp_path / "a.pth")
        with pytest.raises((FileProblem, UnsafeCheckpoint)):
            open_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("kept_bytes", [180, 200, 1000])
def test_a_legacy_file_cut_in_a_name_is_damaged_and_not_accused(tmp_path, reference, kept_bytes):
    path = tmp_path / "cut.pth"
    state = reference("squeezenet1_1").state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(FileProblem) as caught:
        open_checkpoint(path)
    assert "damaged" in caught.value.hint
