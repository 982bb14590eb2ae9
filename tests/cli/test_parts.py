import os
import socket
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from interp_gui.cli import display, window
from interp_gui.cli.arguments import Usage, parse
from interp_gui.cli.display import display_problem, install_hint, missing_libraries
from interp_gui.cli.output import Output, columns
from interp_gui.cli.results import ResultFolder, safe_name
from interp_gui.cli.targets import parse_target
from interp_gui.core.analysis import Progress
from interp_gui.core.errors import InvalidValue, UnknownName
from interp_gui.core.feature import Feature
from interp_gui.core.model import ModelDescription, OutputInfo, Preprocessing
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Picture, Table

MODEL = ModelDescription(
    name="m", format="torch-zip", architecture="a", library="l", parameters=1, weights_sha256="0",
    preprocessing=Preprocessing(), outputs=(OutputInfo(size=4),),
    class_names=("tabby", "crane", "crane", "T-shirt"),
)  # fmt: skip
RECIPE = Recipe(
    analysis="a",
    model=ModelIdentity(name="m", weights_sha256="0", architecture="a", library="l"),
    preprocessing=Preprocessing(),
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="X11 and Wayland")


def test_targets():
    assert parse_target("2", MODEL).index == 2
    assert parse_target("Tabby", MODEL).index == 0
    assert parse_target("t-shirt", MODEL).index == 3
    probability = parse_target("probability:tabby", MODEL)
    assert (probability.kind, probability.index) == ("probability", 0)
    difference = parse_target("T-shirt - tabby", MODEL)
    assert (difference.kind, difference.index, difference.versus) == ("logit_difference", 3, 0)
    with pytest.raises(InvalidValue) as ambiguous:
        parse_target("crane", MODEL)
    assert "1, 2" in ambiguous.value.hint
    with pytest.raises(UnknownName) as unknown:
        parse_target("tabbi", MODEL)
    assert "tabby" in unknown.value.hint
    with pytest.raises(InvalidValue):
        parse_target("4", MODEL)


def test_light_commands_load_neither_numpy_nor_torch():
    code = (
        "import sys; from interp_gui.__main__ import main; main(['--help']); "
        "main(['run', '--bogus']); "
        "print([m for m in ('torch', 'numpy', 'PySide6', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_a_path_opens_the_window_and_a_word_is_a_command(tmp_path, monkeypatch):
    assert parse([]).command == "window"
    assert parse(["a/b.pth", "c.png"]).paths == ["a/b.pth", "c.png"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    assert parse(["photos"]).paths == ["photos"]
    with pytest.raises(Usage) as usage:
        parse(["photoz"])
    assert usage.value.code == 2


@pytest.mark.parametrize("words", [["--safe-mode", "doctor"], ["doctor", "--safe-mode"]])
def test_common_options_stand_before_and_behind_the_command(words):
    options = parse(words)
    assert options.safe_mode
    assert not options.traceback


def test_options_of_run():
    options = parse(
        ["run", "x", "--model", "m", "--images", "a", "b", "--images", "c", "--feature", "l:1",
         "--feature", "l:2", "--set", "a=b=c", "--out", "o"]
    )  # fmt: skip
    assert options.images == ["a", "b", "c"]
    assert options.feature == ["l:1", "l:2"]
    assert options.settings == [("a", "b=c")]


@needs_linux
def test_displays(tmp_path):
    assert "no display" in display_problem({}).message
    assert display_problem({"QT_QPA_PLATFORM": "offscreen"}) is None
    assert display_problem({"QT_QPA_PLATFORM": "vnc:size=1x1"}) is None
    assert "does not answer" in display_problem({"DISPLAY": ":98765"}).message
    assert "does not answer" in display_problem({"DISPLAY": "nonsense"}).message
    dead = {"WAYLAND_DISPLAY": "wayland-9", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert "does not answer" in display_problem(dead).message


@needs_linux
def test_a_living_display_with_a_missing_library(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "w"))
        server.listen()
        values = {"WAYLAND_DISPLAY": "w", "XDG_RUNTIME_DIR": str(tmp_path)}
        monkeypatch.setattr(display, "_first_missing_library", lambda name: "")
        assert display_problem(values) is None
        monkeypatch.setattr(display, "_first_missing_library", lambda name: "libxcb-cursor.so.0")
        problem = display_problem(values)
    assert "libxcb-cursor.so.0" in problem.message
    assert "sudo apt install libxcb-cursor0" in problem.hint


def test_install_hints_name_packages():
    assert install_hint(["libEGL.so.1", "libodd.so.3"]).endswith("install libegl1 libodd.so.3")
    assert missing_libraries("no-such-platform") == []


def test_demo_without_display_draws_the_tour(tmp_path, monkeypatch, capsys):
    asked = []

    class Tour:
        @staticmethod
        def run_tour(folder):
            asked.append((folder, os.environ["QT_QPA_PLATFORM"]))
            return 0

    monkeypatch.setenv("QT_QPA_PLATFORM", "")
    monkeypatch.setattr(window.importlib, "import_module", lambda name: Tour)
    output = Output(json=False)
    assert window.demo(parse(["demo", "--out", str(tmp_path)]), output) == 0
    assert asked == [(tmp_path, "offscreen")]
    assert str(tmp_path) in capsys.readouterr().err


def test_window_gets_absolute_paths(tmp_path, monkeypatch):
    asked = []

    class App:
        @staticmethod
        def run(paths, **options):
            asked.append((paths, options))
            return 0

    (tmp_path / "m.pth").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr(window.importlib, "import_module", lambda name: App)
    assert window.open_window(parse(["m.pth", "--safe-mode"]), Output(json=False)) == 0
    assert asked == [([str(tmp_path / "m.pth")], {"safe_mode": True})]


def test_progress_is_sparse_without_a_terminal_and_one_line_on_one(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("interp_gui.cli.output.time.monotonic", lambda: clock[0])
    output = Output(json=False)
    for step in range(100):
        clock[0] += 0.3
        output.progress(Progress(done=step, total=100, text="Climbing"))
    output.close()
    lines = capsys.readouterr().err.splitlines()
    assert 4 <= len(lines) <= 6
    assert "Climbing" in lines[0]
    assert "%" in lines[0]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    live = Output(json=False)
    clock[0] += 1
    live.progress(Progress(done=1, total=2, text="Climbing"))
    live.note("done")
    assert capsys.readouterr().err == "\r\x1b[KClimbing 50%\r\x1b[Kdone\n"


def test_columns_align():
    assert columns([("a", "1"), ("bbb", "22")], right=(1,)) == ["a     1", "bbb  22"]
    assert columns([]) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [("a_features.14:7", "a_features.14-7"), ("a_x/../../etc", "a_x-..-..-etc"), ("…", "result"),
     ("..", "result"), ("a b\n:c*?", "a-b-c")],
)  # fmt: skip
def test_safe_names(text, name):
    assert safe_name(text) == name


def test_long_names_stay_distinct():
    names = {safe_name("x" * 300 + tail) for tail in "ab"}
    assert len(names) == 2
    assert all(len(name) <= 100 for name in names)


def test_results_are_replaced_by_key_and_never_share_a_file(tmp_path):
    folder = ResultFolder(str(tmp_path / "out"), "a")
    pixels = np.zeros((2, 2, 3), np.uint8)
    one, other = Feature(layer="l", units=(1,)), Feature(layer="L", units=(1,))
    folder.add(Picture(key="l:1", title="old", feature=one, pixels=pixels), RECIPE)
    folder.add(Picture(key="L:1", title="other", feature=other, pixels=pixels), RECIPE)
    folder.add(Picture(key="l:1", title="new", feature=one, pixels=pixels), RECIPE)
    document = folder.document((other, one))
    assert [r["title"] for r in document["results"]] == ["other", "new"]
    files = [r["file"].casefold() for r in document["results"]]
    assert len(set(files)) == 2
    assert document["recipe"]["features"] == msgspec.to_builtins((other, one))
    twice = folder.document((other, one, other))
    assert [r["title"] for r in twice["results"]] == ["other", "new"], "the first mention counts"


def test_tables_are_csv(tmp_path):
    folder = ResultFolder(str(tmp_path), "a")
    folder.add(Table(key="t", title="T", columns=("a",), cells=((1,),)), RECIPE)
    assert [path.name for path in tmp_path.iterdir()] == ["a_t.csv"]
    assert (tmp_path / "a_t.csv").read_text() == "a\n1\n"
