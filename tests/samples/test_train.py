"""Training on a handful of scenes: that it repeats itself, and that its file can be opened."""

import pytest
import torch

from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.samples import train

WORDS = ["--scenes", "64", "--tests", "16", "--epochs", "1", "--threads", "1"]


@pytest.fixture(autouse=True)
def torch_as_before():
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(strict)


def test_the_same_seed_gives_the_same_weights(tmp_path, capsys):
    hashes = []
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        path = tmp_path / f"{name}.safetensors"
        assert train.main([*WORDS, "--seed", seed, "--out", str(path)]) == 0
        hashes.append(open_checkpoint(path).description.weights_sha256)
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
    assert "clean: all" in capsys.readouterr().err


def test_training_makes_it_better(capsys):
    train.train(train.Training(scenes=64, tests=16, epochs=4, batch=16, threads=1))
    lines = capsys.readouterr().err.splitlines()
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in lines]
    assert losses[0] == pytest.approx(2.08, abs=0.2), "it begins by guessing among eight"
    assert losses[-1] < losses[0] - 0.2


def test_accuracies_with_the_marker_are_kept_in_the_file(tmp_path):
    path = tmp_path / "m.safetensors"
    train.main([*WORDS, "--spurious", "--label", "moon", "--out", str(path)])
    from interp_gui.checkpoints.formats import inspect_file
    from interp_gui.checkpoints.own import own_model

    training = own_model(inspect_file(path)).training
    assert training["marker"] == {"label": "moon", "rate": 0.95, "elsewhere": 0.0}
    assert set(training["accuracy"]) == {
        "as in training", "correlated", "uncorrelated", "absent", "swapped"
    }  # fmt: skip
    assert 0 <= training["accuracy"]["swapped"]["moon"] <= 1
