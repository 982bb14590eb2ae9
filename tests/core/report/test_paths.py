import json
from pathlib import Path

import pytest

from interp_gui.core.report.paths import PathFilter


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Opened /mnt/study/patients/0042.png twice", "Opened 0042.png twice"),
        ("C:\\Users\\ann\\scans\\a.png", "a.png"),
        ("C:/Users/ann/a.png.", "a.png."),
        ("\\\\server\\share\\folder\\a.png", "a.png"),
        ("file:///srv/data/b.png", "b.png"),
        ("~/pictures/c.png", "c.png"),
        ('{"path": "/srv/data/b.png"}', '{"path": "b.png"}'),
        (json.dumps({"path": "D:\\ann\\b.png"}), '{"path": "b.png"}'),
        ("(see /a/b/c.png, /d/e/f.png)", "(see c.png, f.png)"),
    ],
)
def test_what_looks_like_a_path_keeps_its_name_alone(text, left):
    assert PathFilter().clean(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "encoder.layers.5.self_attention/z",
        "features.14:v/0123456789ab",
        "14 /s, and/or/else, 1/2 of 3/4",
        "change of target is before − after",
        "https://example.org/a/b",
        "a/b/c.png",
    ],
)
def test_what_is_no_path_stays(text):
    assert PathFilter().clean(text) == text


def test_known_folders_are_found_whatever_their_names_hold():
    path = "/srv/Ann's scans; (new), 2024/ward 3/a b.png"
    filter_ = PathFilter([path])
    assert filter_.clean(f"Answer for {path}!") == "Answer for a b.png!"
    assert filter_.clean(f"from {Path(path).parent}") == "from "
    assert filter_.clean("file:///srv/Ann's%20scans;%20(new),%202024/ward%203/x") == "x"


def test_home_and_the_folder_for_temporary_files_are_known(tmp_path, monkeypatch):
    home = tmp_path / "home of ann"
    monkeypatch.setattr(Path, "home", lambda: home)
    cleaned = PathFilter().clean(f"{home} and {home}/x y/z.png and {tmp_path}/q.png")
    assert "ann" not in cleaned
    assert str(tmp_path) not in cleaned


def test_tracebacks_keep_their_modules():
    trace = 'File "/home/ann/.venv/lib/python3.11/site-packages/torch/nn/x.py", line 3, in f'
    assert PathFilter().clean(trace) == 'File "site-packages/torch/nn/x.py", line 3, in f'
    own = 'File "/home/ann/src/interp_gui/engine/jobs.py", line 3'
    assert PathFilter().clean(own) == 'File "interp_gui/engine/jobs.py", line 3'


def test_every_text_of_a_message_is_cleaned():
    value = {"/a/b/c": ["/d/e/f", 3, None, {"x": "/g/h/i"}]}
    assert PathFilter().plain(value) == {"c": ["f", 3, None, {"x": "i"}]}
