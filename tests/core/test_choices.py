"""What is remembered of weights: what their outputs are, and what was run for them."""

import json

import pytest

from interp_gui.core import choices
from interp_gui.core.choices import (
    KnownCode,
    forget,
    remember,
    remember_code,
    remember_outputs,
    remembered,
    remembered_code,
    remembered_outputs,
)
from interp_gui.core.model import OutputInfo
from interp_gui.core.opening import OpenChoice

SIGMOID = (OutputInfo(kind="sigmoid", size=14),)


def test_outputs_are_kept_beside_what_else_was_decided_and_forgotten_with_it():
    remember("w", OpenChoice(architecture="timm:vit", output="sigmoid"))
    remember_outputs("w", SIGMOID)
    assert remembered("w") == OpenChoice(architecture="timm:vit")
    assert remembered_outputs("w") == SIGMOID
    assert remembered_outputs("v") == ()
    remember("w", OpenChoice(architecture="timm:deit"))
    assert remembered_outputs("w") == SIGMOID
    remember_outputs("w", ())
    assert remembered_outputs("w") == ()
    remember_outputs("w", SIGMOID)
    forget("w")
    assert remembered_outputs("w") == ()


def test_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(choices, "MOST", 2)
    for name in "abc":
        remember_outputs(name, SIGMOID)
    assert [bool(remembered_outputs(name)) for name in "abc"] == [False, True, True]


def test_code_is_known_by_path_and_hash_and_is_no_part_of_a_choice():
    known = KnownCode(path="/x/net.py", sha256="ab" * 32, name="Net")
    remember_code("w", known)
    assert remembered_code("w") == known
    assert remembered_code("v") is None
    assert remembered("w") is None, "nothing that the engine would open a file with"


@pytest.mark.parametrize("broken", [{"path": 3, "sha256": ""}, ["x"], {"path": "/x"}])
def test_a_damaged_record_is_as_none(tmp_path, monkeypatch, broken):
    monkeypatch.setenv("INTERP_GUI_DATA", str(tmp_path))
    (tmp_path / "choices.json").write_text(json.dumps({"version": 1, "codes": {"w": broken}}))
    assert remembered_code("w") is None
