"""Edits in drags, on the clipboard and in files: believed only where they are well formed."""

import json

import pytest
from PySide6.QtCore import QByteArray, QMimeData
from PySide6.QtWidgets import QApplication

from interp_gui.core.edit import EDITS_MIME_TYPE, Edit, EditStack
from interp_gui.core.errors import EditProblem
from interp_gui.core.feature import Feature
from interp_gui.gui.dragging.drag import features_from_mime
from interp_gui.gui.dragging.edits import (
    copy_edits,
    edits_from_mime,
    edits_on_clipboard,
    mime_for_edits,
    read_edits,
    read_edits_file,
)

UNITS = tuple(Feature(layer="features.14", units=(i,)) for i in (7, 3))
STACK = EditStack(
    edits=(
        Edit(feature=UNITS[0], kind="ablate"), Edit(feature=UNITS[1], kind="scale", amount=0.5),
    ),
    name="two", solo=1,
)  # fmt: skip


def mime_of(data):
    mime = QMimeData()
    mime.setData(EDITS_MIME_TYPE, QByteArray(data))
    return mime


def test_what_is_dragged_arrives_whole_and_carries_its_features(qapp):
    mime = mime_for_edits(STACK)
    assert edits_from_mime(mime) == STACK
    assert features_from_mime(mime) == UNITS
    assert json.loads(mime.text())["name"] == "two"


def test_a_title_names_what_has_no_name(qapp):
    assert edits_from_mime(mime_for_edits(STACK.edits, "bars")).name == "bars"
    assert edits_from_mime(mime_for_edits(STACK, "bars")).name == "two"


def test_other_data_is_none_of_its_business(qapp):
    mime = QMimeData()
    mime.setText("hello")
    assert edits_from_mime(mime) is None


def changed(**values):
    return json.dumps({**json.loads(STACK.to_json()), **values})


def edit(**values):
    return {"feature": {"layer": "features.14", "units": [7]}, "kind": "ablate", **values}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a file of edits"),
        ("\x00", "not a file of edits"),
        ("[1, 2]", "not a file of edits"),
        ('"' * 3, "not a file of edits"),
        ("{}", "not a file of edits"),
        (changed(version=99), "newer version"),
        (changed(edits="all"), "cannot be read"),
        (changed(edits=[edit(kind="explode")]), "cannot be read"),
        (changed(edits=[edit(kind="project_out")]), "not legal"),
        (changed(edits=[edit(amount="1e999")]), "cannot be read"),
        (changed(solo=2), "stands alone"),
        (changed(solo=-1), "stands alone"),
        (changed(name="a\nb"), "name that is not one"),
        (changed(name="a" * 501), "name that is not one"),
        (changed(edits=[edit(group="\x07")], solo=None), "name that is not one"),
        (changed(edits=[edit(feature={"layer": "a", "units": [1 << 30]})], solo=None), "no layer"),
        (changed(edits=[edit()] * 4097, solo=None), "more than 4,096"),
        (" " * (17 << 20), "too large"),
        ('{"version": 1, "edits": ' + "[" * 100_000, "nested too deeply"),
        (changed(edits=[edit(amount=1e39)], solo=None), "too large"),
        (changed(edits=[edit(place={"kind": "region", "region": [[]]})], solo=None), "same length"),
    ],
)
def test_what_is_no_stack_of_edits_is_refused_with_a_reason(qapp, text, why):
    with pytest.raises(EditProblem) as caught:
        read_edits(text)
    assert why in caught.value.message
    with pytest.raises(EditProblem):
        edits_from_mime(mime_of(text.encode()))


def test_bytes_that_are_no_text_are_refused(qapp):
    with pytest.raises(EditProblem):
        read_edits(b"\xff\xfe\x00")


def test_the_clipboard_takes_them_and_gives_them(qapp):
    copy_edits(STACK)
    assert edits_on_clipboard() == STACK
    QApplication.clipboard().setText(f"  {STACK.to_json()}\n")
    assert edits_on_clipboard() == STACK, "pasted from an editor"
    QApplication.clipboard().setText("some words")
    assert edits_on_clipboard() is None


def test_files_name_themselves_in_what_is_wrong(tmp_path):
    good, bad = tmp_path / "good.edits.json", tmp_path / "bad.json"
    good.write_text(STACK.to_json())
    assert read_edits_file(str(good)) == STACK
    bad.write_text('{"version": 1, "edits": 3}')
    with pytest.raises(EditProblem, match=r"bad\.json"):
        read_edits_file(str(bad))
    with pytest.raises(EditProblem, match="cannot be read"):
        read_edits_file(str(tmp_path / "missing.json"))


def test_a_file_of_the_first_version_is_read():
    old = json.dumps({"version": 1, "edits": [edit()]})
    assert read_edits(old).edits[0].feature == UNITS[0]
