import pytest
import torch

from interp_gui.runtimes.devices import choose_device


def test_there_is_a_device_and_a_reason():
    name, reason = choose_device()
    assert torch.zeros(1, device=name).device.type == name.partition(":")[0]
    assert reason


@pytest.mark.parametrize(
    ("built_with", "words"), [("12.8", "no NVIDIA GPU"), (None, "without GPU")]
)
def test_the_processor_is_chosen_with_the_reason(monkeypatch, built_with, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_with)
    name, reason = choose_device()
    assert name == "cpu"
    assert words in reason


def test_a_gpu_that_fails_is_not_chosen(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise RuntimeError("no kernel image is available\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", refuse)
    name, reason = choose_device()
    assert name == "cpu"
    assert reason.endswith("no kernel image is available")
