"""Caricatures: an image as it would have to be for a layer to see in it more of what it sees.

After Olah's caricatures (Cammarata et al., Visualizing neural networks with caricatures, 2019):
a picture climbs from noise to where the layer's values point the way that the image's do. Both
are moved, turned and scaled alike at every step and run in one batch, so that what is compared
is always the same view of both.
"""

import hashlib
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from interp_gui.analyses.asked import NOT_A_NUMBER, Seen, asked_layer, current_image
from interp_gui.analyses.costs import remembered, step_s
from interp_gui.analyses.feature_visualization.climb import States
from interp_gui.analyses.feature_visualization.fourier import FourierImages
from interp_gui.analyses.feature_visualization.network import Network
from interp_gui.analyses.feature_visualization.objectives import COSINE_FLOOR
from interp_gui.analyses.feature_visualization.optimiser import Ascent
from interp_gui.analyses.feature_visualization.readings import Values, over_positions
from interp_gui.analyses.feature_visualization.transforms import draw, plain_view, views
from interp_gui.analyses.passes import identity
from interp_gui.analyses.unit_maps import require_units
from interp_gui.core.analysis import Analysis, Context, Progress, Saved, Steps, parameter
from interp_gui.core.cost import Cost
from interp_gui.core.errors import InvalidValue, MissingAbility
from interp_gui.core.layer import LayerInfo
from interp_gui.core.planes import composite
from interp_gui.core.result import Picture

VERSION = 1
WAKING_STEPS = 16
PREVIEW_EVERY_S = 0.5
SAVE_EVERY_S = 3.0
EARLY = (1, 8, 16, 32)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Settings of `caricature`."""

    layers: str = parameter(
        "", help="Further layers, one after another, separated by commas.", title="further layers"
    )
    steps: int = parameter(512, help="Steps of optimisation.", minimum=1, maximum=10_000)
    size: int = parameter(
        224, help="Height and width of the pictures.", unit="px", minimum=32, maximum=1024
    )
    power: float = parameter(
        1.0, minimum=0.0, maximum=32.0,
        help="Power of the cosine: 0 exaggerates freely, more keeps to what is there.",
    )  # fmt: skip
    start: Literal["noise", "image"] = parameter(
        "noise", help="What the picture begins as: noise, or the image itself."
    )
    learning_rate: float = parameter(
        0.05, help="Step size of Adam.", minimum=1e-4, maximum=2.0, advanced=True
    )
    decay: float = parameter(
        1.2, minimum=0.0, maximum=3.0, advanced=True,
        help="Power of 1/frequency by which fine detail is held back.",
    )  # fmt: skip


@dataclass(frozen=True)
class Likeness:
    """How a picture compares to the image in a layer, without transforms.

    Parameters
    ----------
    cosine
        Between the layer's values for both, all positions taken together.
    strength
        Their product times the power of the cosine, as a multiple of the image's with itself.
    """

    cosine: float
    strength: float


def compared(own: Tensor, other: Tensor, power: float) -> tuple[Tensor, Tensor]:
    """Strength and cosine of values (…) to those of the image, as in `Likeness`."""
    dot = (own * other).sum()
    cosine = dot / (own.norm() * other.norm()).clamp_min(1e-12)
    strength = dot * cosine.clamp_min(COSINE_FLOOR) ** power / other.square().sum().clamp_min(1e-12)
    return strength, cosine


class Caricature:
    """One layer's caricature of one image."""

    def __init__(
        self, context: Context, parameters: Parameters, seen: Seen, layer: LayerInfo
    ) -> None:
        self.layer = layer
        self._parameters = parameters
        self._device = context.model.device
        self._network = Network(context, [layer.name], size=parameters.size, heads=frozenset())
        self._images = FourierImages(
            parameters.size, decay=parameters.decay, device=self._device,
            planes=self._network.planes,
        )  # fmt: skip
        whole = torch.from_numpy(unnormalised(seen.batch, context)).to(self._device)
        self.image = plain_view(whole, (parameters.size, parameters.size)).clamp(0, 1)
        self._seed = _seed(f"{context.inputs.seed}/caricature/{layer.name}")

    def start(self) -> Ascent:
        """The picture at its beginning."""
        generator = torch.Generator().manual_seed(self._seed)
        begun = self._images.start(generator)[None]
        if self._parameters.start == "image":
            begun = self._images.coefficients(self.image.cpu())
        return Ascent(begun, [generator], device=self._device)

    def step(self, ascent: Ascent) -> None:
        """One step up, both pictures under the same view."""
        pictures = self._images.images(ascent.coefficients)
        draws = [draw(ascent.generators[0])] * 2
        seen = views(torch.cat([pictures, self.image]), draws, self._network.side)
        leaf = seen.detach().requires_grad_(True)
        gradient = self._gradient(leaf, redirected=False)
        if ascent.steps < WAKING_STEPS and not bool(gradient[0].any()):
            gradient = self._gradient(leaf, redirected=True)
        gradient[1] = 0
        (upwards,) = torch.autograd.grad(seen, ascent.coefficients, gradient)
        ascent.climb(upwards, self._parameters.learning_rate)

    def _gradient(self, seen: Tensor, *, redirected: bool) -> Tensor:
        values = self._network.values(seen, relu_gradient=redirected)
        own, other = self._pair(values)
        strength, _ = compared(own, other.detach(), self._parameters.power)
        (gradient,) = torch.autograd.grad(strength, seen)
        return gradient

    def _pair(self, values: Values) -> tuple[Tensor, Tensor]:
        own, other = (over_positions(each, self.layer) for each in values[self.layer.name])
        return own, other

    def pixels(self, ascent: Ascent) -> NDArray[np.uint8]:
        """(size, size, planes) as it is now."""
        with torch.no_grad():
            pictures = self._images.images(ascent.coefficients)
        if not bool(torch.isfinite(pictures).all()):
            raise InvalidValue(
                "The optimisation ran off to infinity.", hint="Choose a smaller learning rate."
            )
        levels = (pictures[0] * 255).round().to(torch.uint8)
        found: NDArray[np.uint8] = levels.movedim(0, 2).cpu().numpy().copy()
        return found

    def judge(self, pixels: NDArray[np.uint8]) -> Likeness:
        """What a finished picture reaches in the network as it was opened."""
        picture = torch.from_numpy(pixels.copy()).movedim(2, 0)[None].float() / 255
        both = torch.cat([picture.to(self._device), self.image])
        with torch.no_grad():
            values = self._network.exact_values(plain_view(both, self._network.side))
            strength, cosine = compared(*self._pair(values), self._parameters.power)
        return Likeness(float(cosine), float(strength))


def unnormalised(batch: NDArray[np.float32], context: Context) -> NDArray[np.float32]:
    """A network's input (1, C, h, w) as RGB, grey or planes in 0..1, as `Normalise` takes it."""
    p = context.model.preprocessing
    mean = np.asarray(p.mean, np.float32)[:, None, None]
    std = np.asarray(p.std, np.float32)[:, None, None]
    plain = batch * std + mean
    if p.channels == "BGR":
        plain = plain[:, ::-1]
    if p.channels == "L":
        plain = plain[:, :1]
    found: NDArray[np.float32] = np.ascontiguousarray(plain, dtype=np.float32)
    return found


def asked_layers(context: Context, parameters: Parameters) -> list[LayerInfo]:
    """The layer asked about and the further ones, each once."""
    names = [name.strip() for name in parameters.layers.split(",") if name.strip()]
    found = [asked_layer(context), *(context.model.description.layer(name) for name in names)]
    unique = {layer.name: layer for layer in found}
    for layer in unique.values():
        require_units(layer)
    return list(unique.values())


def run(context: Context, parameters: Parameters) -> Steps:
    """The image as the network sees it, then a `Picture` a layer, refined on the way."""
    if context.inputs.edits.active:
        raise MissingAbility(
            "Caricatures are made of the network without its edits.", hint="Switch the edits off."
        )
    layers = asked_layers(context, parameters)
    seen = current_image(context)
    yield Picture(
        key="image", title="The image", pixels=seen.pixels,
        provenance={"image_sha256": seen.sha256},
    )  # fmt: skip
    states = States(context.state)
    total = parameters.steps * len(layers)
    for index, layer in enumerate(layers):
        done = index * parameters.steps
        yield Progress(done=done, total=total, text=f"Caricature of {layer.name}")
        key = _key(context, parameters, seen, layer)
        kept = context.recall(key)
        if kept is None:
            kept = yield from _made(context, parameters, seen, layer, states, done, total)
            if context.cache is not None:
                context.cache.put(key, kept)
        yield _picture(kept, parameters, seen, layer)
        yield Progress(done=done + parameters.steps, total=total)


def _made(
    context: Context,
    parameters: Parameters,
    seen: Seen,
    layer: LayerInfo,
    states: States,
    done: int,
    total: int,
) -> Generator[Progress | Saved | Picture, None, dict[str, Any]]:
    work = Caricature(context, parameters, seen, layer)
    ascent = work.start()
    before = work.judge(work.pixels(ascent))
    if not np.isfinite([before.cosine, before.strength]).all():
        raise InvalidValue(
            f"Not all values of layer '{layer.name}' are numbers: nothing can be made of them.",
            hint=f"{NOT_A_NUMBER} Choose an earlier layer, or another checkpoint.",
        )
    name = _fingerprint(_key(context, parameters, seen, layer))
    held = states.of_group(name)
    if held is not None and int(held["steps"]) <= parameters.steps:
        ascent.restore(held)
    shown_s = saved_s = time.monotonic()
    while ascent.steps < parameters.steps:
        context.check()
        work.step(ascent)
        now, step = time.monotonic(), ascent.steps
        text = f"step {step} of {parameters.steps}: {layer.name}"
        yield Progress(done=done + step, total=total, text=text)
        if step == parameters.steps:
            break
        if step in EARLY or now - shown_s >= PREVIEW_EVERY_S:
            shown_s = now
            yield _early(work.pixels(ascent), step, seen, layer)
        if now - saved_s >= SAVE_EVERY_S:
            saved_s = now
            yield Saved(state=states.with_group(name, ascent.state()))
    pixels = work.pixels(ascent)
    after = work.judge(pixels)
    return {"pixels": pixels, "before": asdict(before), "after": asdict(after)}


def _picture(kept: dict[str, Any], parameters: Parameters, seen: Seen, layer: LayerInfo) -> Picture:
    before, after = Likeness(**kept["before"]), Likeness(**kept["after"])
    notes: tuple[str, ...] = ()
    if after.strength <= 1:
        notes = ("The layer sees no more of it in this picture than in the image itself.",)
    return Picture(
        key=layer.name,
        title=f"Caricature by {layer.name}",
        pixels=composite(np.asarray(kept["pixels"])),
        numbers={
            "cosine_at_start": before.cosine, "cosine": after.cosine,
            "times_the_image": after.strength, "steps": parameters.steps,
        },
        notes=notes,
        provenance={"image_sha256": seen.sha256, "layer": layer.name},
    )  # fmt: skip


def _early(pixels: NDArray[np.uint8], step: int, seen: Seen, layer: LayerInfo) -> Picture:
    return Picture(
        key=layer.name, title=f"Caricature by {layer.name}", pixels=composite(pixels), final=False,
        numbers={"steps": step}, provenance={"image_sha256": seen.sha256, "layer": layer.name},
    )  # fmt: skip


def _key(context: Context, parameters: Parameters, seen: Seen, layer: LayerInfo) -> dict[str, Any]:
    chosen = asdict(parameters)
    del chosen["layers"]
    return {
        "kind": "caricature", "version": VERSION, "layer": layer.name, "image": seen.sha256,
        "seed": context.inputs.seed, "settings": chosen, **identity(context),
    }  # fmt: skip


def _fingerprint(key: dict[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(key.items())).encode()).hexdigest()


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


def estimate(context: Context, parameters: Parameters) -> Cost:
    """Steps of all layers that are not known."""
    seen = current_image(context)
    layers: Sequence[LayerInfo] = [
        layer for layer in asked_layers(context, parameters)
        if context.recall(_key(context, parameters, seen, layer)) is None
    ]  # fmt: skip
    seconds = 0.0
    for layer in layers:

        def timed(layer: LayerInfo = layer) -> float:
            work = Caricature(context, parameters, seen, layer)
            ascent = work.start()
            return step_s(lambda: work.step(ascent), budget_s=0.3)

        what = {"what": "caricature", "layer": layer.name, "size": parameters.size,
                **identity(context)}  # fmt: skip
        seconds += parameters.steps * remembered(context, what, timed)
    return Cost(seconds=seconds)


ANALYSIS = Analysis(
    id="caricature",
    title="Caricature",
    summary="The image exaggerated: a picture in which a layer sees more of what it sees here.",
    parameters=Parameters,
    needs=("image", "layer", "gradient"),
    produces=("picture",),
    run=run,
    unedited=True,
    estimate=estimate,
)
