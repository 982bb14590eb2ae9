"""What is given beside a model, or remembered of one, neither hangs, consents nor commands."""

import json
import os
import sys

import pytest

from interp_gui.checkpoints.custom_code import build_from_code
from interp_gui.cli.output import Output
from interp_gui.core.choices import remember, remembered
from interp_gui.core.csv_dataset import read_csv
from interp_gui.core.errors import InterpError
from interp_gui.core.images import image_sha256, probe_image, read_image
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.opening import OpenChoice, OpenQuestion

_EVIL = "a\x1b[31m\nb\u202e\x9b\ud800"


def _run_code(path):
    choice = OpenChoice(code=str(path), code_sha256="0" * 64)
    return build_from_code(choice, {}, question=OpenQuestion(path="", file=""))


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
@pytest.mark.parametrize("read", [probe_image, read_image, image_sha256, read_csv, _run_code])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_plain_files_are_read(tmp_path, read, kind):
    """Opening a pipe would wait for ever, and a device fill the memory."""
    path = tmp_path / "file.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(InterpError) as problem:
        read(path)
    assert problem.value.message.isprintable()


def test_what_is_remembered_holds_no_consent(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_DATA", str(tmp_path))
    consent = {"code": "evil.py", "code_sha256": "0" * 64, "code_class": "Evil", "stubs": True}
    remember("first", OpenChoice(architecture="timm:resnet18", **consent))
    assert "evil" not in (tmp_path / "choices.json").read_text()
    assert remembered("first") == OpenChoice(architecture="timm:resnet18")
    # nor does a file that somebody else wrote
    written = {"version": 1, "choices": {"second": {"architecture": "timm:vit", **consent}}}
    (tmp_path / "choices.json").write_text(json.dumps(written))
    assert remembered("second") == OpenChoice(architecture="timm:vit")


def test_a_description_holds_plain_words():
    described = ModelDescription(
        name=_EVIL, format="onnx", architecture=_EVIL, library="onnx", parameters=1,
        weights_sha256="", preprocessing=Preprocessing(), outputs=(OutputInfo(size=2),),
        class_names=("good", _EVIL), notes=(_EVIL,),
    )  # fmt: skip
    words = (described.name, described.architecture, *described.class_names, *described.notes)
    assert all(word.isprintable() for word in words)
    assert described.class_names[0] == "good"


@pytest.mark.parametrize("as_json", [False, True])
def test_an_answer_commands_no_terminal(capsys, as_json):
    name = _EVIL.removesuffix("\ud800")
    output = Output(json=as_json)
    output.answer({"layer": name}, [name])
    output.note(name)
    output.close()
    said = capsys.readouterr()
    assert not set(said.out + said.err) & set("\x1b\x9b\u202e")
    if as_json:
        assert json.loads(said.out) == {"layer": name}
