"""No hostile file runs anything, and each is answered with a sentence."""

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from interp_gui.checkpoints.look import look
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import InterpError
from interp_gui.core.opening import OpenChoice

HERE = Path(__file__).parent


def _maker():
    spec = importlib.util.spec_from_file_location("make_corpus", HERE / "make_corpus.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_corpus"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


make_corpus = _maker()
CORPUS = list(make_corpus.corpus())


def test_there_are_many_kinds():
    assert len(CORPUS) >= 100
    assert len({each.name for each in CORPUS}) == len(CORPUS)


def _problem(path, stubs):
    try:
        open_checkpoint(path, choice=OpenChoice(stubs=stubs))
    except InterpError as problem:
        return problem
    return None


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda each: each.name)
def test_nothing_runs_and_a_sentence_says_what_it_is(tmp_path, hostile):
    marker = tmp_path / "marker"
    path = make_corpus.write(hostile, tmp_path, marker)
    before = {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")}
    for stubs in (False, True):
        problem = _problem(path, stubs)
        if problem is not None:
            assert problem.message.endswith((".", "?"))
            assert (problem.message + problem.hint).isprintable()
            assert len(problem.message) < 1000
        assert not marker.exists()
    report = look(path)
    assert report.problem or report.title
    assert "".join((report.problem, *report.notes, *(f.name for f in report.foreign))).isprintable()
    msgspec.msgpack.encode(report)  # it goes to another process
    assert not marker.exists()
    assert {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("hostile", [each for each in CORPUS if each.runs], ids=lambda e: e.name)
def test_the_payload_would_have_run(tmp_path, hostile):
    """A control: by plain pickle, what is planted does leave its trace."""
    marker = tmp_path / "marker"
    path = make_corpus.write(hostile, tmp_path, marker)
    code = (
        "import pickle, sys\n"
        "try:\n"
        "    pickle.load(open(sys.argv[1], 'rb'))\n"
        "except Exception:\n"
        "    pass\n"
    )
    if hostile.name.endswith("import"):  # it changes where modules are looked for
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    else:
        try:
            with open(path, "rb") as stream:
                pickle.load(stream)
        except (TypeError, ValueError, AttributeError, RuntimeError, pickle.UnpicklingError):
            pass
    assert marker.exists()


_AUDIT = """
import sys
from pathlib import Path
from interp_gui.checkpoints.look import look
from interp_gui.checkpoints.opening import open_checkpoint
from interp_gui.core.errors import InterpError
from interp_gui.core.opening import OpenChoice
import torch

SUSPECT = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.putenv", "os.remove",
    "os.rename", "os.mkdir", "os.symlink", "subprocess.", "socket.", "pickle.find_class",
    "urllib.", "shutil.", "ctypes.", "code.__new__", "webbrowser.", "ftplib.", "http.",
    "tempfile.", "builtins.input", "setopencodehook",
)
armed, seen = False, []

def watch(event, args):
    if not armed:
        return
    written = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    foreign = event == "import" and args[0].partition(".")[0] in ("planted_module", "planted", "m")
    if event.startswith(SUSPECT) or written or foreign:
        seen.append((event, str(args)[:120]))

def attempt(path):
    for stubs in (False, True):
        try:
            open_checkpoint(path, choice=OpenChoice(stubs=stubs))
        except InterpError:
            pass
    look(path)

folder = Path(sys.argv[1])
torch.save({"a.weight": torch.ones(4, 3), "a.bias": torch.ones(4)}, folder / "warm.pth")
attempt(folder / "warm.pth")  # what is imported on the first opening is imported now
sys.addaudithook(watch)
for line in Path(sys.argv[2]).read_text().splitlines():
    armed = True
    attempt(line)
    armed = False
    if seen:
        print(line, seen)
        sys.exit(1)
armed = True
try:
    import pickle
    pickle.loads(b"cos\\ngetcwd\\n.")
finally:
    armed = False
sys.exit(0 if seen else 2)  # the watch would have seen it
"""

_WATCHED = ("pickles-", "archives-", "headers-")
_SLOW = ("endless", "deep_", "colliding", "many_modules", "folder_with_payload")


def test_the_interpreter_sees_no_attempt(tmp_path):
    """Python's own audit events: no program, connection, import by name, or file written."""
    chosen = [
        each for each in CORPUS
        if each.name.startswith(_WATCHED) and not any(word in each.name for word in _SLOW)
    ]  # fmt: skip
    paths = [make_corpus.write(each, tmp_path, tmp_path / "marker") for each in chosen]
    listing = tmp_path / "paths.txt"
    listing.write_text("\n".join(map(str, paths)))
    ended = subprocess.run(
        [sys.executable, "-c", _AUDIT, str(tmp_path), str(listing)],
        check=False, capture_output=True, text=True, cwd=HERE.parents[1],
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]
    assert not (tmp_path / "marker").exists()
