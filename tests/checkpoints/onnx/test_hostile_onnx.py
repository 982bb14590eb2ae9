import os
from pathlib import Path

import pytest

from interp_gui.checkpoints.match import OpenedOnnx
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import InterpError
from tests.hostile import hostile_onnx
from tests.hostile.make_corpus import Plant

CASES = sorted(name for name in vars(hostile_onnx) if name.startswith("make_"))


@pytest.mark.parametrize("case", CASES)
def test_a_hostile_model_is_refused_with_a_sentence(case, tmp_path, monkeypatch):
    made = tmp_path / "made"
    made.mkdir()
    marker = tmp_path / "marker"
    path = getattr(hostile_onnx, case)(made, Plant(marker))
    monkeypatch.setenv("ORT_LOAD_CONFIG_FROM_MODEL", "1")
    before = sorted(str(p) for p in tmp_path.rglob("*"))
    opened = _opened_files(monkeypatch)
    with pytest.raises(InterpError) as caught:
        open_checkpoint(path)
    assert caught.value.message.endswith(".")
    assert not any(Path(name).name == hostile_onnx.SECRET for name in opened) or "data" in case
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before
    assert not marker.exists()


def _opened_files(monkeypatch):
    """Names of files that are opened for reading by our own code."""
    seen = []
    real = os.open

    def watched(path, *args, **kwargs):
        seen.append(str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", watched)
    return seen


def test_the_harmless_model_they_are_made_of_opens(tmp_path):
    opened = open_checkpoint(hostile_onnx.saved(tmp_path, hostile_onnx.model()))
    assert isinstance(opened, OpenedOnnx)


def test_data_in_a_plain_file_beside_the_model_opens(tmp_path):
    hostile_onnx.secret(tmp_path)
    made = hostile_onnx.reading(hostile_onnx.outside(hostile_onnx.SECRET))
    opened = open_checkpoint(hostile_onnx.saved(tmp_path, made))
    assert b"external" not in opened.onnx
    assert b"secret.bin" not in opened.onnx
    assert opened.description.notes[-1] == "Its weights lie in secret.bin."


def test_settings_in_metadata_do_not_reach_the_runtime(tmp_path):
    made = hostile_onnx.model()
    entry = made.metadata_props.add()
    entry.key = "ort_config"
    entry.value = '{"session_options": {"enable_profiling": 1}}'
    opened = open_checkpoint(hostile_onnx.saved(tmp_path, made))
    assert b"ort_config" not in opened.onnx
