"""The engine's own side: it ends with its window, whatever it is doing, and never loads Qt."""

import contextlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from interp_gui.core.analysis import Inputs
from interp_gui.engine.codec import Decoder, Encoder
from interp_gui.engine.messages import (
    FromEngine,
    Heartbeat,
    Hello,
    OpenModel,
    Progressed,
    Run,
    Shutdown,
    Submit,
)
from interp_gui.engine.transport import FrameReader, FrameWriter

FAKE = Path(__file__).with_name("fake_engine.py")
ROOT = Path(__file__).parents[2]


def gone(pid, timeout_s=15):
    try:
        psutil.Process(pid).wait(timeout_s)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


class Child:
    def __init__(self, folder, **variables):
        self.process = subprocess.Popen(
            [sys.executable, str(FAKE), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **variables},
        )  # fmt: skip
        self.encoder = Encoder(folder, "w")
        self.decoder = Decoder(FromEngine, folder)
        self.reader = FrameReader(self.process.stdout.fileno())
        self.writer = FrameWriter(self.process.stdin.fileno())

    def send(self, message):
        self.writer.frame(self.encoder.encode(message))

    def until(self, kind):
        while (frame := self.reader.frame()) is not None:
            event = self.decoder.decode(frame)
            if isinstance(event, kind):
                return event
        raise AssertionError(f"ended before {kind.__name__}")


@pytest.fixture
def child(tmp_path):
    made = []

    def start(**variables):
        made.append(Child(tmp_path, **variables))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.wait()
        for pipe in (each.process.stdin, each.process.stdout, each.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()


def run(analysis):
    return Run(analysis=analysis, model="m", inputs=Inputs())


@pytest.mark.parametrize("analysis", ["", "hang", "swallow"])
def test_it_ends_when_its_pipe_closes_whatever_it_does(child, analysis):
    engine = child()
    engine.until(Hello)
    if analysis:
        engine.send(Submit(job=1, request=OpenModel(model="m", path="p")))
        engine.send(Submit(job=2, request=run(analysis)))
        engine.until(Progressed)
    engine.process.stdin.close()
    assert gone(engine.process.pid)


def test_it_ends_when_it_is_told_to(child):
    engine = child()
    engine.until(Hello)
    engine.send(Shutdown())
    assert engine.process.wait(15) == 0


@pytest.mark.parametrize("noise", [b"\xff\xff\xff\xff rubbish", b"\x03\x00\x00\x00abc"])
def test_rubbish_ends_it_with_a_line_on_its_error_stream(child, noise):
    engine = child()
    engine.until(Hello)
    engine.process.stdin.write(noise)
    engine.process.stdin.flush()
    while engine.reader.frame() is not None:
        pass
    engine.process.wait(15)
    assert b"The engine ends" in engine.process.stderr.read()


def test_it_beats_while_it_is_still_starting(child):
    engine = child(FAKE_WARM_UP_S="1.5")
    first = engine.until((Heartbeat, Hello))
    assert isinstance(first, Heartbeat)
    engine.until(Hello)


@pytest.mark.skipif(os.name == "nt", reason="kills a parent")
def test_no_orphan_stays_when_the_window_is_killed(tmp_path):
    code = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from interp_gui.core.analysis import Inputs
        from interp_gui.engine.client import EngineClient
        from interp_gui.engine.messages import Hello, OpenModel, Progressed, Run

        def on_event(event):
            if isinstance(event, Hello):
                client.submit(OpenModel(model="m", path="p"))
                client.submit(Run(analysis="hang", model="m", inputs=Inputs()))
            if isinstance(event, Progressed):
                print(client.pid, client.folder, flush=True)

        client = EngineClient(
            on_event=on_event,
            run_folder=Path({str(tmp_path)!r}),
            command=[sys.executable, {str(FAKE)!r}],
        )
        client.start()
        time.sleep(60)
        """
    )
    window = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    pid, folder = window.stdout.readline().split(maxsplit=1)
    window.kill()
    window.communicate()
    assert gone(int(pid))
    assert Path(folder.decode().strip()).exists()
    from interp_gui.engine.run_folder import sweep

    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_window_half_of_the_engine_loads_no_torch_and_no_qt():
    code = (
        "import sys, interp_gui.engine.client\n"
        "heavy = {'torch', 'torchvision', 'transformers', 'onnxruntime', 'PySide6', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_engine_half_works_where_qt_cannot_be_imported():
    code = textwrap.dedent(
        """
        import importlib, pkgutil, sys

        class Blocker:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in ("PySide6", "shiboken6", "pyqtgraph"):
                    raise ImportError(f"{name} is blocked")

        sys.meta_path.insert(0, Blocker())
        names = ["interp_gui.plugins", "interp_gui.cli"]
        for part in ("core", "checkpoints", "runtimes", "analyses", "engine", "cli"):
            package = importlib.import_module(f"interp_gui.{part}")
            found = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
            names += [module.name for module in found]
        for name in names:
            importlib.import_module(name)
        from interp_gui.engine.workspace import Workspace
        print(len(names), len(Workspace(device="cpu").hello().analyses))
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    modules, analyses = map(int, done.stdout.split())
    assert modules > 30
    assert analyses >= 6
