"""The run: groups of pictures climb together, are shown on the way, and judged at the end."""

import time
from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from interp_gui.analyses.feature_visualization.evaluation import (
    Photographs,
    Strength,
    comparison,
    strengths,
)
from interp_gui.analyses.feature_visualization.fourier import FourierImages
from interp_gui.analyses.feature_visualization.network import Network
from interp_gui.analyses.feature_visualization.optimiser import Ascent
from interp_gui.analyses.feature_visualization.plan import Item, Plan
from interp_gui.analyses.feature_visualization.settings import Settings
from interp_gui.analyses.feature_visualization.transforms import draw, plain_view, views
from interp_gui.core.analysis import Context, Progress, Saved, Steps
from interp_gui.core.errors import InvalidValue
from interp_gui.core.planes import mosaic, shown_note
from interp_gui.core.result import Number, Picture

RELU_GRADIENT_STEPS = 16
"""So long a picture without any gradient gets one through ReLUs that pass none: it can wake up."""

EARLY_PREVIEWS = (1, 8, 16, 32)
PREVIEW_EVERY_S = 0.3
SAVE_EVERY_S = 3.0
STATES_KEPT_BYTES = 64 * 2**20

Group = tuple[Item, ...]


def run(context: Context, settings: Settings) -> Steps:
    """One picture a feature, in the order asked; see `Settings`."""
    plan = Plan.make(context, settings)
    photographs = Photographs(context, plan.identity)
    states = States(context.state)
    total = len(plan.groups) * settings.steps
    for index, group in enumerate(plan.groups):
        climb = Climb(context, plan, group, done=index * settings.steps, total=total)
        yield from climb.run(states, photographs)


class Climb:
    """One group of pictures."""

    def __init__(
        self, context: Context, plan: Plan, group: Group, *, done: int, total: int
    ) -> None:
        self._context, self._plan, self._group = context, plan, group
        self._settings = plan.settings
        self._done, self._total = done, total
        self._fingerprint = plan.fingerprint(group)
        layers = {layer for item in group for layer in item.compiled.layers}
        heads = {i.feature.layer for i in group if i.feature is not None and i.feature.heads}
        self._network = Network(context, layers, size=self._settings.size, heads=frozenset(heads))
        self._images = FourierImages(
            self._settings.size, decay=self._settings.decay, device=context.model.device,
            planes=self._network.planes,
        )  # fmt: skip

    @property
    def layers(self) -> list[str]:
        """Addresses that the group's objectives read."""
        return sorted({layer for item in self._group for layer in item.compiled.layers})

    @property
    def size(self) -> int:
        """How many pictures climb together."""
        return len(self._group)

    def run(self, states: "States", photographs: Photographs) -> Steps:
        """Make, show and judge the group's pictures; what was made before is only shown."""
        found = self.from_cache()
        if found is None:
            ascent = yield from self._ascend(states)
            found = yield from self._judge(ascent)
        pixels, figures = found
        readings = [i.compiled.reading for i in self._group if i.compiled.reading is not None]
        dataset = self._context.inputs.dataset
        if self._settings.compare and dataset is not None and readings:
            for slot in range(len(self._group)):
                yield self._picture(pixels, slot, self._numbers(figures[slot]), final=False)
            yield from photographs.read(self._network, readings)
        yield Progress(done=self._done + self._settings.steps, total=self._total)
        for slot, item in enumerate(self._group):
            numbers, reading = self._numbers(figures[slot]), item.compiled.reading
            activation = figures[slot].activation
            if self._settings.compare and dataset is not None and reading is not None:
                table = photographs.table(reading)
                numbers.update(comparison(reading, activation or 0.0, table))
            yield self._picture(pixels, slot, numbers, final=True)

    def _ascend(self, states: "States") -> Generator[Any, None, Ascent]:
        ascent = self.start(states)
        settings = self._settings
        saved_at = shown_at = time.monotonic()
        names = self._group[0].title + (
            f" and {len(self._group) - 1} more" if len(self._group) > 1 else ""
        )
        while ascent.steps < settings.steps:
            self._context.check()
            self.step(ascent)
            now, step = time.monotonic(), ascent.steps
            text = f"step {step} of {settings.steps}: {names}"
            yield Progress(done=self._done + step, total=self._total, text=text)
            if step == settings.steps:
                break
            if step in EARLY_PREVIEWS or now - shown_at >= PREVIEW_EVERY_S:
                shown_at = now
                # after the step, not those it was taken from: what a run of so many steps gives
                with torch.no_grad():
                    pixels = _pixels(self._images.images(ascent.coefficients))
                for slot in range(len(self._group)):
                    yield self._picture(pixels, slot, {"steps": step}, final=False)
            if now - saved_at >= SAVE_EVERY_S:
                saved_at = now
                yield Saved(state=states.with_group(self._fingerprint, ascent.state()))
        state = ascent.state()
        yield Saved(state=states.with_group(self._fingerprint, state))
        if self._context.cache is not None:
            self._context.cache.put(self._plan.trajectory(self._group), state)
        return ascent

    def start(self, states: "States") -> Ascent:
        """The group as it was left, in a state or in the cache, or at its beginning."""
        generators = [item.generator(self._plan.seed) for item in self._group]
        start = torch.stack([self._images.start(generator) for generator in generators])
        ascent = Ascent(start, generators, device=self._context.model.device)
        known = [
            states.of_group(self._fingerprint),
            self._context.recall(self._plan.trajectory(self._group)),
        ]
        usable = [s for s in known if s is not None and s["steps"] <= self._settings.steps]
        if usable:
            ascent.restore(max(usable, key=lambda state: int(state["steps"])))
        return ascent

    def step(self, ascent: Ascent) -> torch.Tensor:
        """One step up; returns the pictures from which it was taken."""
        pictures = self._images.images(ascent.coefficients)
        if self._settings.transforms:
            draws = [draw(generator) for generator in ascent.generators]
            seen = views(pictures, draws, self._network.side)
        else:
            seen = plain_view(pictures, self._network.side)
        leaf = seen.detach().requires_grad_(True)
        gradient = self._gradient(leaf, redirected=False)
        if ascent.steps < RELU_GRADIENT_STEPS:
            asleep = gradient.flatten(1).abs().amax(1) == 0
            if bool(asleep.any()):
                # Only for those: a neighbour's state must not change a picture that is awake.
                redirected = self._gradient(leaf, redirected=True)
                gradient = torch.where(asleep[:, None, None, None], redirected, gradient)
        (upwards,) = torch.autograd.grad(seen, ascent.coefficients, gradient)
        ascent.climb(upwards, self._settings.learning_rate)
        return pictures.detach()

    def _gradient(self, seen: torch.Tensor, *, redirected: bool) -> torch.Tensor:
        values = self._network.values(seen, relu_gradient=redirected)
        each = [item.compiled.evaluate(values, slot) for slot, item in enumerate(self._group)]
        (gradient,) = torch.autograd.grad(torch.stack(each).sum(), seen)
        return gradient

    def _judge(
        self, ascent: Ascent
    ) -> Generator[Any, None, tuple[NDArray[np.uint8], list[Strength]]]:
        with torch.no_grad():
            pixels = _pixels(self._images.images(ascent.coefficients))
        compiled = [item.compiled for item in self._group]
        seeds = [item.seed(self._plan.seed, "judgement") for item in self._group]
        judging = strengths(self._network, compiled, pixels, seeds)
        while True:
            self._context.check()
            try:
                next(judging)
            except StopIteration as stop:
                figures: list[Strength] = stop.value
                break
            yield Progress(
                done=self._done + self._settings.steps, total=self._total, text="judging"
            )
        if self._context.cache is not None:
            rows = [(f.objective, f.activation, f.under_transforms) for f in figures]
            self._context.cache.put(
                self._plan.finished(self._group), {"pixels": pixels, "figures": rows}
            )
        return pixels, figures

    def from_cache(self) -> tuple[NDArray[np.uint8], list[Strength]] | None:
        """The finished pictures with their figures, if they were made before."""
        found = self._context.recall(self._plan.finished(self._group))
        if found is None:
            return None
        return found["pixels"], [Strength(*row) for row in found["figures"]]

    def _numbers(self, figures: Strength) -> dict[str, Number]:
        numbers: dict[str, Number] = {}
        if figures.activation is not None:
            numbers["activation"] = figures.activation
            numbers["activation_under_transforms"] = figures.under_transforms
        numbers["objective"] = figures.objective
        numbers["steps"] = self._settings.steps
        return numbers

    def _picture(
        self,
        pixels: NDArray[np.uint8],
        slot: int,
        numbers: dict[str, Number],
        *,
        final: bool,
    ) -> Picture:
        item = self._group[slot]
        notes: tuple[str, ...] = ()
        if final and numbers.get("activation") == 0.0:
            notes = ("Nothing woke this unit: its activation stayed at zero.",)
        reading = item.compiled.reading
        if final and reading is not None and reading.kind == "mean":
            notes += ("Activations are means over all positions, not peaks.",)
        if final and self._context.inputs.edits.active:
            notes += ("Made and judged on the network without its edits.",)
        batch = {
            "group": [each.key for each in self._group],
            "slot": slot,
            "size": len(self._group),
        }
        provenance: dict[str, Any] = {"batch": batch, "objective": item.compiled.text}
        own = pixels[slot]
        count = own.shape[2]
        if count != 3:
            provenance["planes"] = count
        if final and count not in (1, 3):
            notes += (shown_note(count),)
        return Picture(
            key=item.key,
            title=item.title,
            final=final,
            numbers=numbers,
            feature=item.feature,
            notes=notes,
            provenance=provenance,
            pixels=mosaic(own),
            planes=None if count == 3 else np.ascontiguousarray(own.transpose(2, 0, 1)),
        )


class States:
    """Saved states of the latest groups, by fingerprint."""

    def __init__(self, state: dict[str, Any] | None) -> None:
        self._groups: dict[str, dict[str, Any]] = dict((state or {}).get("groups", {}))

    def of_group(self, fingerprint: str) -> dict[str, Any] | None:
        return self._groups.get(fingerprint)

    def with_group(self, fingerprint: str, state: dict[str, Any]) -> dict[str, Any]:
        """The state to hand out, the oldest groups left out where it grows too large."""
        self._groups.pop(fingerprint, None)
        self._groups[fingerprint] = state
        size = 3 * int(state["coefficients"].nbytes)
        while len(self._groups) > 1 and size * len(self._groups) > STATES_KEPT_BYTES:
            del self._groups[next(iter(self._groups))]
        return {"groups": dict(self._groups)}


def _pixels(pictures: torch.Tensor) -> NDArray[np.uint8]:
    """(N, C, H, W) in 0..1 to uint8 (N, H, W, C)."""
    if not bool(torch.isfinite(pictures).all()):
        raise InvalidValue(
            "The optimisation ran off to infinity.", hint="Choose a smaller learning rate."
        )
    levels = (pictures.detach() * 255).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = levels.movedim(1, 3).cpu().numpy().copy()
    return pixels
