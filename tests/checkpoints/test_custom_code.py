import hashlib

import pytest
import torch
from torch import nn

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import FileProblem, UnknownArchitecture, UnknownName
from interp_gui.core.opening import OpenChoice

SOURCE = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + torch.relu(self.conv(x))

class Net(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3)
        self.block = Block(6)
        self.fc = nn.Linear(6 * 26 * 26, classes)

    def forward(self, x):
        return self.fc(self.block(self.stem(x)).flatten(1))
"""


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + torch.relu(self.conv(x))


class Net(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3)
        self.block = Block(6)
        self.fc = nn.Linear(6 * 26 * 26, classes)

    def forward(self, x):
        return self.fc(self.block(self.stem(x)).flatten(1))


@pytest.fixture
def network():
    torch.manual_seed(3)
    return Net().eval()


@pytest.fixture
def weights(tmp_path, network):
    path = tmp_path / "net.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def code(tmp_path):
    """Write a Python file; gives the choice that agrees to run it."""

    def write(source=SOURCE, **fields):
        path = tmp_path / "net.py"
        path.write_text(source)
        agreed = hashlib.sha256(source.encode()).hexdigest()
        return OpenChoice(**{"code": str(path), "code_sha256": agreed} | fields)

    return write


def test_the_network_of_a_file_opens_with_its_input_found(weights, code, network):
    opened = open_checkpoint(weights, choice=code())
    found = opened.description
    assert (found.architecture, found.library) == ("Net", "file")
    assert found.preprocessing.size == (28, 28)  # the only size that the linear layer takes
    assert (found.preprocessing.channels, len(found.preprocessing.mean)) == ("L", 1)
    assert (found.class_count, found.choice) == (4, code())
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(opened.module(x), network(x))


def test_a_prefix_that_was_taken_off_is_put_back(tmp_path, code, network):
    path = tmp_path / "wrapped.pth"
    torch.save({f"model.{key}": value for key, value in network.state_dict().items()}, path)
    source = SOURCE + (
        "\nclass Wrapper(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.model = Net()\n"
        "    def forward(self, x):\n"
        "        return self.model(x)\n"
    )
    opened = open_checkpoint(path, choice=code(source))
    x = torch.randn(2, 1, 28, 28)
    assert opened.description.architecture == "Wrapper"
    assert torch.equal(opened.module(x), network(x))


@pytest.mark.parametrize("agreed", ["", "0" * 64])
def test_what_was_not_agreed_to_is_not_run(tmp_path, weights, code, agreed):
    marker = tmp_path / "ran"
    source = f"open({str(marker)!r}, 'w')\n" + SOURCE
    with pytest.raises(FileProblem, match="was not run"):
        open_checkpoint(weights, choice=code(source, code_sha256=agreed))
    assert not marker.exists()
    open_checkpoint(weights, choice=code(source))
    assert marker.exists()  # the control: with consent it does run


def test_consent_is_not_remembered(tmp_path, weights, code):
    open_checkpoint(weights, choice=code())
    with pytest.raises(UnknownArchitecture):
        open_checkpoint(weights)


def test_weights_of_another_network_are_not_forced_in(weights, code):
    with pytest.raises(UnknownArchitecture, match="do not fit 'Net'") as caught:
        open_checkpoint(weights, choice=code(SOURCE.replace("classes=4", "classes=5")))
    (report,) = caught.value.question.nearest
    assert [each.key for each in report.reshaped] == ["fc.weight", "fc.bias"]
    assert caught.value.question.code


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", "defines no network"),
        ("raise ValueError('no')\n", "failed: ValueError: no"),
        (SOURCE.replace("classes=4", "classes"), "needs classes"),
        (SOURCE + "\nclass Other(nn.Module):\n    pass\n", "several networks: Net, Other"),
        (SOURCE.replace("26 * 26", "7"), "do not fit"),
    ],
)
def test_files_that_make_no_network_say_why(weights, code, source, message):
    with pytest.raises((FileProblem, UnknownArchitecture), match=message):
        open_checkpoint(weights, choice=code(source))


def test_a_class_can_be_named(weights, code):
    source = SOURCE + "\nclass Other(nn.Module):\n    pass\n"
    found = open_checkpoint(weights, choice=code(source, code_class="Net")).description
    assert found.architecture == "Net"
    with pytest.raises(UnknownName):
        open_checkpoint(weights, choice=code(source, code_class="Nets"))
