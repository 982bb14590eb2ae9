"""A recipe as the command line and as the lines of Python that make its result again.

What can be said in options is said in options. What cannot (directions, edits, a brushed place,
contact sheets) takes the recipe itself along, which always says all.
"""

import json
import shlex
from collections.abc import Sequence
from typing import Any

import msgspec

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.core.errors import InvalidValue
from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import Recipe
from interp_gui.core.target import Target

MODEL, IMAGE, IMAGES, OUT = "MODEL", "IMAGE", "IMAGES", "OUT"
"""Stand where the caller gives no paths."""
MOST_INLINE_BYTES = 100_000
"""An argument of a command may be 128 KiB long on Linux."""
RECIPE_FILE = "RECIPE.json"
_WIDTH = 88


def command_line(
    recipe: Recipe,
    *,
    model: str = MODEL,
    image: str = IMAGE,
    images: Sequence[str] = (IMAGES,),
    out: str = OUT,
    info: AnalysisInfo | None = None,
    preprocessing: Preprocessing | None = None,
    recipe_file: str = "",
) -> str:
    """The command for a POSIX shell, on several lines.

    Parameters
    ----------
    model, image, images, out
        Paths of the checkpoint, the current image, the images at hand and the folder of results.
    info
        Declaration of the analysis: settings that are at their defaults are left out then.
    preprocessing
        That of the checkpoint, where it is known: it need not be said again.
    recipe_file
        Where the recipe or a picture with it lies, for what needs it; without one the recipe
        stands in the command, or in `RECIPE.json` if it is too long for that.
    """
    if not can_say(recipe):
        return _wrapped(_by_recipe(recipe, model, image, images, out, recipe_file))
    words: list[tuple[str, ...]] = [("interp-gui", "run", recipe.analysis), ("--model", model)]
    if recipe.images:
        words.append(("--image", image))
    if recipe.dataset:
        words.append(("--images", *images))
    if recipe.layer:
        words.append(("--layer", recipe.layer))
    words += [("--feature", feature.text) for feature in recipe.features]
    target = target_text(recipe.target)
    if target:
        words.append(("--target", target))
    words += [("--set", f"{name}={_shown(value)}") for name, value in _settings(recipe, info)]
    if recipe.seed:
        words.append(("--seed", str(recipe.seed)))
    if recipe.preprocessing != preprocessing:
        words.append(("--preprocessing", _plain_json(recipe.preprocessing)))
    if recipe.environment.device == "cpu":
        words.append(("--threads", str(recipe.environment.threads)))
    words.append(("--out", out))
    return _wrapped(words)


def python_lines(
    recipe: Recipe,
    *,
    model: str = MODEL,
    image: str = IMAGE,
    images: Sequence[str] = (IMAGES,),
    info: AnalysisInfo | None = None,
    preprocessing: Preprocessing | None = None,
    recipe_file: str = "",
) -> str:
    """The same as a few lines of Python; `result` is what the recipe is of."""
    if not can_say(recipe):
        return _python_by_recipe(recipe, model, image, images, recipe_file)
    opening = [repr(model)]
    if recipe.preprocessing != preprocessing:
        opening.append(f"preprocessing={_plain_json(recipe.preprocessing)!r}")
    if recipe.environment.device == "cpu":
        opening.append(f"threads={recipe.environment.threads}")
    asked: list[str] = [repr(recipe.analysis)]
    if recipe.images:
        asked.append(f"image={image!r}")
    if recipe.dataset:
        asked.append(f"images={list(images)!r}")
    if recipe.layer:
        asked.append(f"layer={recipe.layer!r}")
    if recipe.features:
        asked.append(f"features={[feature.text for feature in recipe.features]!r}")
    target = target_text(recipe.target)
    if target:
        asked.append(f"target={target!r}")
    settings = dict(_settings(recipe, info))
    if settings:
        asked.append(f"settings={settings!r}")
    if recipe.seed:
        asked.append(f"seed={recipe.seed}")
    lines = [
        "from interp_gui.api import open_model",
        "",
        f"model = {_call('open_model', opening)}",
        f"results = {_call('model.run', asked)}",
    ]
    if recipe.result:
        lines.append(f"result = results[{recipe.result!r}]")
    return "\n".join(lines) + "\n"


def can_say(recipe: Recipe) -> bool:
    """Whether options can say all that a recipe holds."""
    return not (
        recipe.contents
        or recipe.edits.edits
        or recipe.edits.image_edits
        or recipe.region
        or recipe.examples
        or len(recipe.images) > 1
        or "truth_sha256" in recipe.provenance  # which class each label means
        or any(feature.vectors for feature in recipe.features)
        or target_text(recipe.target) is None
        or recipe.target.output not in ("", Target().output)
    )


def needs_images(recipe: Recipe) -> bool:
    """Whether the images at hand are named, besides the current one."""
    if can_say(recipe):
        return bool(recipe.dataset)
    every = (recipe, *recipe.contents)
    sources = any(one.edits.image_sources for one in every)
    return sources or any(one.dataset or one.examples for one in every)


def target_text(target: Target) -> str | None:
    """A target as the command line takes it; empty for the default, None if it cannot."""
    if target.kind in ("logit", "probability") and target.index is not None:
        return f"{target.kind}:{target.index}"
    if target.kind == "logit_difference" and target.index is not None:
        return f"{target.index} - {target.versus}"
    return "" if target == Target(output=target.output) else None


def _settings(recipe: Recipe, info: AnalysisInfo | None) -> list[tuple[str, Any]]:
    defaults = {p.name: p.default for p in info.parameters} if info is not None else {}
    return [
        (name, value)
        for name, value in recipe.parameters.items()
        if name not in defaults or defaults[name] != value
    ]


def _by_recipe(
    recipe: Recipe, model: str, image: str, images: Sequence[str], out: str, file: str
) -> list[tuple[str, ...]]:
    text = file or _inline(recipe)
    words: list[tuple[str, ...]] = [("interp-gui", "run"), ("--recipe", text), ("--model", model)]
    paths = _needed(recipe, image, images)
    if paths:
        words.append(("--images", *paths))
    return [*words, ("--out", out)]


def _python_by_recipe(
    recipe: Recipe, model: str, image: str, images: Sequence[str], file: str
) -> str:
    text = file or _inline(recipe)
    asked = [repr(text), f"model={model!r}"]
    paths = _needed(recipe, image, images)
    if paths:
        asked.append(f"images={paths!r}")
    lines = ["from interp_gui.api import replay", "", f"results = {_call('replay', asked)}"]
    if recipe.result:
        lines.append(f"result = results[{recipe.result!r}]")
    return "\n".join(lines) + "\n"


def _needed(recipe: Recipe, image: str, images: Sequence[str]) -> list[str]:
    """Files among which a replay finds what it needs, by content."""
    every = (recipe, *recipe.contents)
    # the list first: it may know the label of the current image, whose path alone does not
    wanted = [*images] if needs_images(recipe) else []
    if any(one.images for one in every):
        wanted.append(image)
    return list(dict.fromkeys(wanted))


def _inline(recipe: Recipe) -> str:
    text = msgspec.json.encode(recipe).decode()
    return text if len(text.encode()) <= MOST_INLINE_BYTES else RECIPE_FILE


def _plain_json(preprocessing: Preprocessing) -> str:
    """What differs from the usual preprocessing, which the reader fills in."""
    usual = msgspec.to_builtins(Preprocessing())
    every = msgspec.to_builtins(preprocessing)
    return json.dumps({n: v for n, v in every.items() if v != usual[n]})


def read_preprocessing(text: str) -> Preprocessing:
    """JSON of what differs from the usual preprocessing; InvalidValue names what is wrong."""
    usual = msgspec.to_builtins(Preprocessing())
    try:
        given = json.loads(text)
        unknown = sorted(set(given) - set(usual))
        if unknown:
            raise InvalidValue(
                f"A preprocessing has no '{unknown[0]}'.", hint=f"It has {', '.join(usual)}."
            )
        return msgspec.convert({**usual, **given}, Preprocessing)
    except (ValueError, TypeError, msgspec.MsgspecError) as problem:
        if isinstance(problem, InvalidValue):
            raise
        raise InvalidValue(
            f"This is not a preprocessing: {problem}.", hint='Write JSON, as in {"resize_px": 232}.'
        ) from None


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrapped(words: Sequence[Sequence[str]]) -> str:
    """Options together with their values, on lines of a readable length."""
    lines: list[str] = []
    for group in words:
        text = shlex.join(group)
        if lines and len(lines[-1]) + len(text) < _WIDTH:
            lines[-1] += f" {text}"
        else:
            lines.append(text if not lines else f"    {text}")
    return " \\\n".join(lines)


def _call(name: str, arguments: Sequence[str]) -> str:
    one_line = f"{name}({', '.join(arguments)})"
    if len(one_line) < _WIDTH - 10:
        return one_line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in arguments) + ")"
