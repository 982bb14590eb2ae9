"""Networks of a Python file on the command line: the hash is the consent."""

import hashlib

import pytest
import torch
from torch import nn

SOURCE = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 5, 3)
        self.out = nn.Linear(5, 4)

    def forward(self, x):
        return self.out(self.stem(x).mean(dim=(2, 3)))
"""


@pytest.fixture
def files(tmp_path):
    weights, code = tmp_path / "net.pth", tmp_path / "net.py"
    state = {f"stem.{k}": v for k, v in nn.Conv2d(3, 5, 3).state_dict().items()}
    state |= {f"out.{k}": v for k, v in nn.Linear(5, 4).state_dict().items()}
    torch.save(state, weights)
    code.write_text(SOURCE)
    return weights, code, hashlib.sha256(SOURCE.encode()).hexdigest()


def test_code_is_run_by_its_hash_only(run, run_json, files):
    weights, code, digest = files
    status, _, told = run("inspect", weights, "--code", code)
    assert status == 1
    assert digest in told  # what is to be said to agree
    status, found = run_json("inspect", weights, "--code", code, "--trust-code", digest)
    assert (status, found["architecture"]) == (0, "Net")
