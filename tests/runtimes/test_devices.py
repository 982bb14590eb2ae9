import pytest
import torch

from interp_gui.runtimes.devices import choose_device, compute_in_full_precision, list_devices


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


def test_precision_is_full_unless_it_is_asked_otherwise():
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True
    compute_in_full_precision()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"
    assert not any(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda"))


def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_the_environment_asks_for_a_device_and_a_missing_one_is_said(monkeypatch):
    no_gpu(monkeypatch)
    monkeypatch.setenv("INTERP_GUI_DEVICE", "cuda")
    name, reason = choose_device()
    assert name == "cpu"
    assert reason.startswith("'cuda' was asked for, but ")
    monkeypatch.setenv("INTERP_GUI_DEVICE", "toaster")
    assert "no such device" in choose_device()[1]


def test_the_processor_is_used_where_it_is_asked_for_beside_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    monkeypatch.setattr("interp_gui.runtimes.devices._trial", lambda device: "")
    assert choose_device("cpu") == ("cpu", "it was chosen in the preferences")
    assert choose_device("cuda:1") == ("cuda:1", "GPU 1")
    assert choose_device("") == ("cuda:0", "GPU 0")


def test_every_device_that_cannot_be_used_has_a_reason(monkeypatch):
    no_gpu(monkeypatch)
    devices = list_devices()
    assert devices[0].name == "cpu"
    assert devices[0].available
    assert all(device.reason for device in devices if not device.available)
    assert {device.name for device in devices} == {"cpu", "cuda:0", "mps"}
