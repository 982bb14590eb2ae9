"""Steps of requests that can be cancelled between them and inside them."""

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from interp_gui.core.analysis import Progress, Saved, Steps
from interp_gui.core.result import AnyResult
from interp_gui.core.runtime import Runtime
from interp_gui.engine.jobs import Check
from interp_gui.engine.recipes import hashing

STEP_S = 0.1
"""How long a step lasts at least before its progress is told."""


def watched(
    steps: Steps, models: tuple[Runtime | None, ...], check: Check
) -> Generator[Progress | Saved | AnyResult, None, None]:
    """The steps of an analysis; only while one is computed do its models carry the check."""
    try:
        while True:
            with ExitStack() as carrying:
                for model in models:
                    if model is not None:
                        carrying.enter_context(cancelling(model, check))
                try:
                    step = next(steps)
                except StopIteration:
                    return
            yield step
    finally:
        steps.close()


def cancelling(model: Runtime, check: Check) -> AbstractContextManager[Any]:
    """A model that can be cancelled carries the check while this is open."""
    return model.cancel_with(check) if hasattr(model, "cancel_with") else nullcontext()


def hash_all(paths: tuple[str, ...], check: Check) -> Generator[Progress, None, None]:
    """Hash files in short steps; the hashes are remembered by path, size and time."""
    told_s = time.monotonic()
    for done, _ in enumerate(hashing(paths)):
        if time.monotonic() - told_s > STEP_S:
            check()
            yield Progress(done=done, total=len(paths), text="Hashing the images at hand")
            told_s = time.monotonic()
