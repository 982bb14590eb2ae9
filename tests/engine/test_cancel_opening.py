"""An opening that is cancelled ends wherever it is, tells what it does, and leaves nothing open."""

import threading

import pytest

from interp_gui.checkpoints.imports import import_patiently
from interp_gui.core.analysis import Progress
from interp_gui.core.errors import Cancelled, UnknownName
from interp_gui.engine.jobs import Pulse
from interp_gui.engine.messages import OpenModel
from interp_gui.engine.workspace import Workspace
from tests.checkpoints.conftest import randomised
from tests.runtimes.onnx.conftest import exported

torch = pytest.importorskip("torch")


class Tokens(torch.nn.Module):
    """Patches, a class token, and an MLP: what takes long to describe as a graph."""

    def __init__(self):
        super().__init__()
        self.patch = torch.nn.Conv2d(3, 8, 8, 8)
        self.class_token = torch.nn.Parameter(torch.zeros(1, 1, 8))
        self.norm = torch.nn.LayerNorm(8)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(8, 16), torch.nn.GELU(), torch.nn.Linear(16, 8)
        )
        self.head = torch.nn.Linear(8, 4)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1)
        x = x + self.mlp(self.norm(x))
        return self.head(x[:, 0])


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    module = Tokens().eval()
    randomised(module)
    path = tmp_path_factory.mktemp("onnx") / "tokens.onnx"
    path.write_bytes(exported(module, dynamic=False))
    return str(path)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    torchvision = pytest.importorskip("torchvision")
    network = torchvision.models.squeezenet1_1(num_classes=5).eval()
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(randomised(network), path)
    return str(path)


class Stopped:
    """A pulse that counts, and raises once it has been called so often."""

    def __init__(self, after=None):
        self.after, self.calls, self.texts = after, 0, []
        self.pulse = Pulse(self.check, self.told)

    def check(self):
        self.calls += 1
        if self.after is not None and self.calls > self.after:
            raise Cancelled

    def told(self, progress):
        self.texts.append(progress.text)


def opening(path, stopped):
    workspace = Workspace(device="cpu", analyses=())
    steps = workspace.execute(OpenModel(model="m", path=path), stopped.pulse)
    try:
        for step in steps:
            if isinstance(step, Progress):
                stopped.texts.append(step.text)
    finally:
        steps.close()
    return workspace


@pytest.mark.parametrize("kind", ["onnx_file", "weights_file"])
def test_it_ends_wherever_it_is_cancelled(kind, request):
    path = request.getfixturevalue(kind)
    whole = Stopped()
    opening(path, whole).model("m")
    assert whole.calls > 100
    for quarter in range(4):
        part = Stopped(whole.calls * quarter // 4)
        with pytest.raises(Cancelled):
            opening(path, part)
        assert part.calls == part.after + 1, "nothing goes on after it"


def test_nothing_is_left_half_open(onnx_file):
    workspace = Workspace(device="cpu", analyses=())
    with pytest.raises(Cancelled):
        list(workspace.execute(OpenModel(model="m", path=onnx_file), Stopped(80).pulse))
    with pytest.raises(UnknownName):
        workspace.model("m")
    list(workspace.execute(OpenModel(model="m", path=onnx_file), Stopped().pulse))
    assert workspace.model("m").description.runtime == "onnx"


def test_it_tells_what_it_is_at(onnx_file, weights_file):
    graph, weights = Stopped(), Stopped()
    opening(onnx_file, graph)
    opening(weights_file, weights)
    assert graph.texts[:-1] == [
        "Reading the file", "Checking the graph", "Finding the layers", "Looking for gradients",
    ]  # fmt: skip
    assert weights.texts[:2] == ["Reading the file", "Recognising the network"]
    assert "Finding the layers" in weights.texts


def test_a_library_is_imported_beside_what_can_be_cancelled(monkeypatch):
    begun, go = threading.Event(), threading.Event()

    def slow(name):
        begun.set()
        assert go.wait(10)

    monkeypatch.setattr("interp_gui.checkpoints.imports.import_module", slow)
    monkeypatch.setattr("interp_gui.checkpoints.imports._HEAVY", ("a_slow_library",))
    stopped = Stopped(3)
    with pytest.raises(Cancelled):
        import_patiently(["a_slow_library", "sys"], stopped.check)
    assert begun.is_set()
    threads = [thread for thread in threading.enumerate() if thread.name == "import"]
    go.set()
    for thread in threads:
        thread.join(10)
