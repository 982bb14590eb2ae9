"""The installed transformers: imported late, kept offline and quiet."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

import torch


def transformers_version() -> str:
    """Version of the installed transformers, without importing it."""
    return metadata.version("transformers")


@contextmanager
def offline_and_quiet() -> Iterator[None]:
    """Work with transformers inside: no request can leave, and it says nothing of its own.

    Its advice (load reports, progress bars, deprecations) is addressed to those who write code;
    what matters of it is checked and said by the caller. Random numbers are left as they were.
    """
    import huggingface_hub.constants as hub
    import transformers.utils.logging as library_logging

    own = logging.getLogger("transformers")
    level, offline = own.level, hub.HF_HUB_OFFLINE
    bars = library_logging.is_progress_bar_enabled()
    own.setLevel(logging.ERROR + 1)
    hub.HF_HUB_OFFLINE = True
    library_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            yield
    finally:
        own.setLevel(level)
        hub.HF_HUB_OFFLINE = offline
        if bars:
            library_logging.enable_progress_bar()
