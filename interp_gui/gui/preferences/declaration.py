"""What a user can set, declared once: the dialog, its bounds and its help follow from this."""

from dataclasses import dataclass
from typing import Literal

from interp_gui.core.analysis import parameter
from interp_gui.core.device import DEVICE_VARIABLE, RUNTIME_VARIABLE

ThemeName = Literal["system", "light", "dark"]


@dataclass(frozen=True)
class Preferences:
    """All preferences. A field's name is what the file calls it, so it is never renamed."""

    theme: Literal["system", "light", "dark"] = parameter(
        "system", title="theme", help="Light or dark, or as the system has it."
    )
    text_size_percent: int = parameter(
        100,
        title="text size",
        minimum=75,
        maximum=200,
        unit="%",
        help="Size of all text, relative to the system's.",
    )
    reduced_motion: bool = parameter(
        False, title="reduce motion", help="Nothing moves or fades by itself."
    )
    software_rendering: bool = parameter(
        False,
        title="draw without the graphics card",
        help="For remote desktops and faulty drivers. Counts from the next start.",
    )
    confirm_after_s: int = parameter(
        60,
        title="ask before jobs longer than",
        minimum=5,
        maximum=86_400,
        unit="s",
        help="Jobs that are estimated to take longer ask before they start.",
    )
    many_images: int = parameter(
        5_000,
        title="look through images unasked up to",
        minimum=0,
        maximum=1_000_000,
        unit="images",
        help="Passes over more images wait for your word.",
    )
    look_before_opening: bool = parameter(
        False,
        title="look at every model file first",
        help="Show format, size, hash and foreign code before it opens; without this only where "
        "something speaks against it.",
    )
    autosave: bool = parameter(
        True,
        title="keep a recovery copy",
        help="What you collect and name is kept as you work, and offered again after a crash.",
    )
    device: Literal["automatic", "cpu", "cuda", "mps"] = parameter(
        "automatic",
        title="device",
        help="Where networks run. Changing it starts the engine anew.",
    )
    onnx_runtime: Literal["automatic", "never"] = parameter(
        "automatic",
        title="ONNX Runtime for many images",
        help="Passes of PyTorch models over many images may run there where it gives the same "
        "values and is faster. Changing it starts the engine anew.",
    )
    threads: int = parameter(
        0,
        title="processor threads",
        minimum=0,
        maximum=512,
        help="For networks on the CPU; 0 leaves it to torch. Changing it starts the engine anew.",
    )
    cache_limit_mb: int = parameter(
        4_096, title="cache limit", minimum=64, maximum=1_048_576, unit="MB",
        help="When the cache is larger, what was used longest ago goes.",
    )  # fmt: skip


PAGES: dict[str, tuple[str, ...]] = {
    "Appearance": ("theme", "text_size_percent", "reduced_motion", "software_rendering"),
    "Working": ("confirm_after_s", "many_images", "look_before_opening", "autosave"),
    "Engine": ("device", "onnx_runtime", "threads"),
    "Cache": ("cache_limit_mb",),
}
"""Where the dialog shows which; every field stands on one page."""

FOR_ENGINE = ("device", "onnx_runtime", "threads", "cache_limit_mb")
"""What reaches the engine only when it is started."""


def engine_variables(preferences: Preferences) -> dict[str, str]:
    """Environment of an engine that follows the preferences; the defaults set nothing."""
    variables: dict[str, str] = {}
    if preferences.device != "automatic":
        variables[DEVICE_VARIABLE] = preferences.device
    if preferences.onnx_runtime == "never":
        variables[RUNTIME_VARIABLE] = "torch"
    if preferences.threads:
        variables["OMP_NUM_THREADS"] = variables["MKL_NUM_THREADS"] = str(preferences.threads)
    if preferences.cache_limit_mb != Preferences().cache_limit_mb:
        variables["INTERP_GUI_CACHE_LIMIT_MB"] = str(preferences.cache_limit_mb)
    return variables
