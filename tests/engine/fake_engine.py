"""An engine process without torch: its jobs are told what to do by their parameters."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from interp_gui.core.analysis import Progress, Saved
from interp_gui.core.errors import Cancelled, InvalidValue
from interp_gui.core.result import Picture
from interp_gui.engine.jobs import Made
from interp_gui.engine.messages import PROTOCOL_VERSION, Hello, OpenModel, RegisterDataset, Run
from interp_gui.engine.server import Server, claim_pipes


def _now_inside(request):
    """Tell by a file that the job is in its step: no cancel between two steps ends it any more."""
    if "inside" in request.parameters:
        Path(request.parameters["inside"]).touch()


class FakeWorker:
    def __init__(self):
        self.models = set()

    def hello(self):
        return Hello(
            protocol=PROTOCOL_VERSION, device="cpu", device_reason="a fake", analyses=(),
            pid=os.getpid(),
        )  # fmt: skip

    def execute(self, request, check):
        if isinstance(request, OpenModel):
            if request.path == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            self.models.add(request.model)
        elif isinstance(request, RegisterDataset):
            yield Progress(text="registered")
        elif isinstance(request, Run):
            assert request.model in self.models, "this model is not open"
            yield from getattr(self, request.analysis)(request, check)

    def count(self, request, check):
        """Counts to `to`, saving its state; resumes from there."""
        start = 0 if request.state is None else int(request.state["done"][0])
        for i in range(start, request.parameters["to"]):
            time.sleep(request.parameters.get("sleep_s", 0.01))
            yield Saved(state={"done": np.array([i + 1])})
            yield Progress(done=i + 1, total=request.parameters["to"])
        shape = (request.parameters.get("side", 8),) * 2 + (3,)
        picture = Picture(key="k", title=f"from {start}", pixels=np.full(shape, 7, np.uint8))
        yield Made(picture, None)

    def hang(self, request, check):
        yield Progress(text="hanging")
        _now_inside(request)
        time.sleep(600)

    def swallow(self, request, check):
        yield Progress(text="swallowing")
        _now_inside(request)
        while True:
            try:
                check()
            except Cancelled:
                time.sleep(0.01)

    def hooks(self, request, check):
        """One endless step that checks, as module pre-hooks do."""
        yield Progress(text="inside")
        while True:
            time.sleep(0.01)
            check()

    def die(self, request, check):
        yield Progress(text="dying")
        sys.stderr.write("about to die\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def memory(self, request, check):
        yield Progress()
        raise MemoryError

    def assertion(self, request, check):
        yield Progress(text="on the device")
        raise RuntimeError("CUDA error: device-side assert triggered\nand much advice")

    def bug(self, request, check):
        yield Progress()
        raise ZeroDivisionError("of all things")

    def refuse(self, request, check):
        yield Progress()
        raise InvalidValue("No.", hint="Yes.")

    def chatter(self, request, check):
        print("this must not reach the pipe", flush=True)
        os.write(1, b"nor this")
        for i in range(2000):
            yield Progress(done=i + 1, total=2000)

    def stuck_import(self, request, check):
        yield Progress()


def slow_worker():
    time.sleep(float(os.environ.get("FAKE_WARM_UP_S", "0")))
    if os.environ.get("FAKE_DEAD"):
        raise RuntimeError("no such library")
    return FakeWorker()


if __name__ == "__main__":
    reading, writing = claim_pipes()
    code = Server(reading, writing, Path(sys.argv[1])).serve(slow_worker)
    os._exit(code)
