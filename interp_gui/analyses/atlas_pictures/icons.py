"""Icons: pictures that climb, a group at a time, towards directions of a layer.

After the activation atlas (Carter et al., Distill 2019): an icon makes large
``((h − m)·d / |d|) · max(0.1, cos(h − m, d))^n`` at one place of the layer, with the true cosine of
what the picture makes the layer do, h, and the direction d, and m what d is counted from (the
layer's mean, or nothing).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from interp_gui.analyses.feature_visualization.fourier import FourierImages
from interp_gui.analyses.feature_visualization.network import Network
from interp_gui.analyses.feature_visualization.objectives import COSINE_FLOOR
from interp_gui.analyses.feature_visualization.optimiser import Ascent
from interp_gui.analyses.feature_visualization.readings import Values, at_place, over_positions
from interp_gui.analyses.feature_visualization.transforms import draw, plain_view, views
from interp_gui.core.analysis import Context
from interp_gui.core.errors import InvalidValue
from interp_gui.core.layer import LayerInfo

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Place = Literal["centre", "mean"]

WAKING_STEPS = 16
"""So long a picture without any gradient gets one through ReLUs that pass none."""

FRAME_PX = 5
_MEMO = "icon maker"
GREY_PULL = 0.8
"""Share of the pull towards grey in the frame's penalty (lucid's)."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How icons are made.

    Parameters
    ----------
    size
        Pixels a side.
    place
        Where the layer is looked at: its central position, or the mean of all.
    power
        n of the cosine's power.
    frame
        Weight of the penalty on what happens at the border of a picture.
    """

    size: int = 96
    place: Place = "centre"
    power: float = 4.0
    learning_rate: float = 0.05
    decay: float = 1.2
    frame: float = 1.0
    transforms: bool = True

    def plain(self) -> dict[str, Any]:
        """For cache keys and recipes."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Goals:
    """What the pictures of a group climb towards.

    Parameters
    ----------
    directions
        (n, C); a zero row is climbed towards by nothing and stays grey.
    origin
        (C,): what activations are counted from.
    lengths
        (n,): what the objective is measured in, so that 1 is reached by what the direction
        stands for.
    seeds
        One a picture.
    """

    directions: Floats
    origin: Floats
    lengths: Floats
    seeds: tuple[int, ...]


class IconMaker:
    """Makes groups of icons on one fast copy of the network, which is built once.

    Parameters
    ----------
    context
        Gives the runtime.
    """

    def __init__(self, context: Context, layer: LayerInfo, recipe: Recipe) -> None:
        self.recipe = recipe
        self._layer = layer
        self._device = context.model.device
        self._network = Network(context, [layer.name], size=recipe.size, heads=frozenset())
        self._images = FourierImages(
            recipe.size, decay=recipe.decay, device=self._device, planes=self._network.planes
        )

    def start(self, goals: Goals) -> "Group":
        """A group at its beginning; each picture has a generator of its own."""
        generators = [torch.Generator().manual_seed(seed) for seed in goals.seeds]
        begun = torch.stack([self._images.start(generator) for generator in generators])
        ascent = Ascent(begun, generators, device=self._device)
        return Group(goals, ascent, power=self.recipe.power, device=self._device)

    def step(self, group: "Group") -> None:
        """One step up."""
        ascent = group.ascent
        pictures = self._images.images(ascent.coefficients)
        if self.recipe.transforms:
            draws = [draw(generator) for generator in ascent.generators]
            seen = views(pictures, draws, self._network.side)
        else:
            seen = plain_view(pictures, self._network.side)
        leaf = seen.detach().requires_grad_(True)
        gradient = self._gradient(group, leaf, redirected=False)
        if ascent.steps < WAKING_STEPS:
            if not bool(torch.isfinite(gradient).all()):
                raise InvalidValue(
                    f"Not all values of layer '{self._layer.name}' are numbers: no icon can be "
                    "made of them.",
                    hint="Look at real crops, or choose an earlier layer.",
                )
            asleep = gradient.flatten(1).abs().amax(1) == 0
            if bool(asleep.any()):
                redirected = self._gradient(group, leaf, redirected=True)
                gradient = torch.where(asleep[:, None, None, None], redirected, gradient)
        total = (seen * gradient).sum() - self.recipe.frame * frame_penalty(pictures).sum()
        (upwards,) = torch.autograd.grad(total, ascent.coefficients)
        ascent.climb(upwards, self.recipe.learning_rate)

    def _gradient(self, group: "Group", seen: Tensor, *, redirected: bool) -> Tensor:
        values = self._network.values(seen, relu_gradient=redirected)
        slope = group.climbed(self._looked_at(values))
        (gradient,) = torch.autograd.grad(slope.sum(), seen)
        return gradient

    def pixels(self, group: "Group") -> Pixels:
        """(n, size, size, planes) uint8 as they are now."""
        with torch.no_grad():
            pictures = self._images.images(group.ascent.coefficients)
        levels = (pictures.nan_to_num(0.5) * 255).round().to(torch.uint8)
        found: Pixels = levels.movedim(1, 3).cpu().numpy().copy()
        return found

    def judge(self, group: "Group", pixels: Pixels) -> tuple[Floats, Floats, Floats]:
        """What finished pictures do, without transforms, in the network as it was opened.

        Returns
        -------
        (n,) objective, (n,) cosine to the direction, and (n, C) what the layer does.
        """
        pictures = torch.from_numpy(pixels.copy()).movedim(3, 1).float().to(self._device) / 255
        with torch.no_grad():
            values = self._network.exact_values(plain_view(pictures, self._network.side))
            found = self._looked_at(values)
            strengths, cosines = group.judged(found)
        return (
            strengths.float().cpu().numpy(),
            cosines.float().cpu().numpy(),
            found.mean(2).float().cpu().numpy(),
        )

    def _looked_at(self, values: Values) -> Tensor:
        """(n, C, P): one position, or all."""
        each = values[self._layer.name]
        if self.recipe.place == "centre":
            return torch.stack([at_place(value, self._layer) for value in each])[:, :, None]
        return torch.stack([over_positions(value, self._layer) for value in each])


def icon_maker(context: Context, layer: LayerInfo, recipe: Recipe) -> IconMaker:
    """The maker for a layer; the model keeps the last one, for a map asks for it again and again.

    Its network is a copy, traced and folded, which takes as long as some twenty steps.
    """
    memo = getattr(context.model, "memo", None)
    if memo is None:
        return IconMaker(context, layer, recipe)
    # models of one size share what they remember, also where they normalise differently
    name = layer.name, recipe, context.model.preprocessing
    kept = memo.get(_MEMO)
    if kept is None or kept[0] != name:
        kept = memo[_MEMO] = name, IconMaker(context, layer, recipe)
    maker: IconMaker = kept[1]
    return maker


class Group:
    """Pictures that climb together."""

    def __init__(self, goals: Goals, ascent: Ascent, *, power: float, device: str) -> None:
        self.goals, self.ascent = goals, ascent
        directions = torch.from_numpy(goals.directions.copy()).to(device)
        self._directions = functional.normalize(directions, dim=1, eps=1e-12)
        self._origin = torch.from_numpy(goals.origin.copy()).to(device)[None, :, None]
        self._lengths = torch.from_numpy(goals.lengths.copy()).to(device).clamp_min(1e-12)
        self._power = power

    def climbed(self, found: Tensor) -> Tensor:
        """(n,) of (n, C, P) activations: the objective, each over its own power of the cosine.

        A picture's gradient points the same way, but keeps its size where the cosine is small:
        against the penalty of the frame, 0.1^4 of it would leave the picture grey.
        """
        strength, factor = self._parts(found)
        scale = factor.detach().mean(1) * self._lengths.to(found.dtype)
        return (strength * factor).mean(1) / scale

    def judged(self, found: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) objectives, and cosines of the mean over positions, of (n, C, P) activations."""
        strength, factor = self._parts(found)
        middle = found.mean(2) - self._origin[..., 0].to(found.dtype)
        whole = torch.einsum("nc,nc->n", self._directions.to(found.dtype), middle)
        cosine = whole / middle.norm(dim=1).clamp_min(1e-8)
        return (strength * factor).mean(1) / self._lengths.to(found.dtype), cosine

    def _parts(self, found: Tensor) -> tuple[Tensor, Tensor]:
        there = found - self._origin.to(found.dtype)
        dot = torch.einsum("nc,ncp->np", self._directions.to(found.dtype), there)
        cosine = dot / there.norm(dim=1).clamp_min(1e-8)
        return dot, cosine.clamp_min(COSINE_FLOOR) ** self._power


def frame_penalty(pictures: Tensor) -> Tensor:
    """(n,) of (n, C, H, W) in 0..1: roughness and distance from grey in a frame of 5 pixels.

    The mean over the frame of ``(x − blurred x)² + 0.8 (x − 0.5)²``, as atlas icons have it.
    """
    width = min(FRAME_PX, pictures.shape[-1] // 4)
    padded = functional.pad(pictures, (2, 2, 2, 2), mode="replicate")
    rough = (pictures - functional.avg_pool2d(padded, 5, stride=1)) ** 2
    each = rough + GREY_PULL * (pictures - 0.5) ** 2
    inner = each[..., width:-width, width:-width]
    count = each[0].numel() - inner[0].numel()
    penalty: Tensor = (each.flatten(1).sum(1) - inner.flatten(1).sum(1)) / count
    return penalty


def seeds_of(vectors: Sequence[Floats], seed: int) -> tuple[int, ...]:
    """A seed for each vector by its content: whatever else is made, its start is the same."""
    import hashlib

    found = []
    for vector in vectors:
        digest = hashlib.sha256(f"{seed}/icon/".encode() + np.float32(vector).tobytes()).digest()
        found.append(int.from_bytes(digest[:7]))
    return tuple(found)
