import os
import signal
import subprocess
import sys
import textwrap

import pytest

from interp_gui.gui.trouble.crash import CrashWatch


def run(code, folder):
    """A process that watches for crashes and then does something."""
    lines = f"""
        from pathlib import Path
        from interp_gui.gui.trouble.crash import CrashWatch
        import ctypes, logging, os, signal
        watch = CrashWatch(Path({str(folder)!r}))
        logging.getLogger("interp_gui").warning("the last thing that was said")
        {code}
    """
    return subprocess.run([sys.executable, "-c", textwrap.dedent(lines)], timeout=60, check=False)


def reports(folder):
    watch = CrashWatch(folder)
    found = watch.reports()
    watch.close()
    return found


def test_a_crash_is_reported_once_at_the_next_start(tmp_path):
    assert run("ctypes.string_at(0)", tmp_path).returncode != 0
    (report,) = reports(tmp_path)
    assert "Segmentation fault" in report.text or "access violation" in report.text
    assert "interp-gui" in report.text
    assert "the last thing that was said" in report.text
    assert reports(tmp_path) == ()
    assert list((tmp_path / "runs").glob("crash-*.txt"))


def test_a_run_that_ends_as_it_should_leaves_nothing(tmp_path):
    assert run("watch.close()", tmp_path).returncode == 0
    assert list((tmp_path / "runs").iterdir()) == []
    assert reports(tmp_path) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_a_run_that_was_killed_has_nothing_to_tell_and_is_swept(tmp_path):
    assert run("os.kill(os.getpid(), signal.SIGKILL)", tmp_path).returncode == -signal.SIGKILL
    assert reports(tmp_path) == ()
    assert list((tmp_path / "runs").iterdir()) == []


def test_the_file_of_a_run_that_lives_is_left_alone(tmp_path):
    first = CrashWatch(tmp_path)
    second = CrashWatch(tmp_path / "other")
    theirs = tmp_path / "runs" / f"run-{os.getpid()}.txt"
    theirs.write_text("heading\n---\nFatal: something")
    assert CrashWatch(tmp_path / "third").reports() == ()
    third = CrashWatch.__new__(CrashWatch)
    third._folder = tmp_path / "runs"
    assert third._collect() == ()
    assert theirs.exists()
    second.close()
    first.close()


def test_only_the_newest_reports_are_kept(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    for i in range(15):
        (folder / f"crash-{i:03}.txt").write_text("old")
    reports(tmp_path)
    assert sorted(p.name for p in folder.iterdir())[0] == "crash-005.txt"


def test_without_a_folder_to_write_to_the_program_runs(tmp_path):
    (tmp_path / "file").write_text("")
    watch = CrashWatch(tmp_path / "file")
    assert watch.reports() == ()
    watch.close()
