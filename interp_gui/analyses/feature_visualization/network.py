"""The network as an optimised picture meets it: RGB or planes in 0..1 in, values by image out."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from interp_gui.analyses.feature_visualization.readings import OUTPUT, Values, by_image
from interp_gui.core.analysis import Context
from interp_gui.core.model import Preprocessing
from interp_gui.runtimes.fast import FastNetwork, fast_network, output_key
from interp_gui.runtimes.torch_runtime import TorchRuntime

_FIXED_KINDS = ("attention", "transformer", "swin")


class Network:
    """Runs pictures up to the layers that objectives need.

    Parameters
    ----------
    context
        Gives the runtime.
    layers
        Addresses, `OUTPUT` among them if outputs are needed.
    size
        Pixels of the pictures; `side` becomes that if the model takes any size, its own input
        size otherwise.
    heads
        Layers to be read by head instead of by unit.
    """

    def __init__(
        self, context: Context, layers: Iterable[str], *, size: int, heads: frozenset[str]
    ) -> None:
        self._runtime = context.differentiable
        self.device = context.model.device
        description = context.model.description
        wanted = set(layers)
        self._all_layers = description.layers
        self._infos = {name: description.layer(name) for name in wanted - {OUTPUT}}
        self._heads = heads
        ordered = sorted(self._infos.values(), key=lambda info: info.depth)
        self._order = tuple(info.name for info in ordered)
        self._outputs = OUTPUT in wanted
        self._output_name = description.outputs[0].name if description.outputs else "output"
        self._normalise = Normalise(context.model.preprocessing, self.device)
        self.planes = planes_of(context.model.preprocessing)
        self.own_size = context.model.preprocessing.size
        self._fast: FastNetwork | None = None
        if isinstance(self._runtime, TorchRuntime):
            self._fast = fast_network(
                self._runtime, self._order, outputs=self._outputs, uncapped=True
            )
        self.side = (size, size) if self._takes(size) else self.own_size

    @property
    def infos(self) -> dict[str, Any]:
        """What is known of the layers."""
        return self._infos

    def values(self, pictures: Tensor, *, relu_gradient: bool = False) -> Values:
        """Values with their graph, by the fast copy of the network, to be climbed.

        The deepest layer goes on rising where a ReLU6 would cap it: there is no gradient at the
        cap, and pictures turn grey. `exact_values` says what a picture really reaches.

        Parameters
        ----------
        pictures
            (N, planes, *side) in 0..1.
        relu_gradient
            Let gradient of an objective that is climbed pass through ReLUs that pass none.
        """
        x = self._normalise(pictures)
        if self._fast is None:
            return self.exact_network_values(x)
        found = self._fast.trace(x, relu_gradient=relu_gradient)
        outputs = {self._output_name: found.get(output_key(self._output_name))}
        return self._by_image(found, outputs)

    def exact_values(self, pictures: Tensor) -> Values:
        """The same by the network as it was opened."""
        return self.exact_network_values(self._normalise(pictures))

    def exact_network_values(self, x: Tensor) -> Values:
        """Values for preprocessed input (N, C, H, W)."""
        until = None if self._outputs else self._order[-1]
        traced = self._runtime.trace(x, capture=list(self._order), until=until)
        return self._by_image(dict(traced.captured), traced.outputs)

    def _by_image(self, captured: dict[Any, Any], outputs: Any) -> Values:
        values: Values = {
            name: by_image(captured[name], self._infos[name], heads=name in self._heads)
            for name in self._order
        }
        if self._outputs:
            values[OUTPUT] = outputs[self._output_name].flatten(1).unbind(0)
        return values

    def _takes(self, size: int) -> bool:
        """Whether the network can be run on pictures of this size, found by running it."""
        if (size, size) == self.own_size:
            return True
        kinds = {info.kind.lower() for info in self._all_layers}
        if any(word in kind for kind in kinds for word in _FIXED_KINDS):
            return False
        try:
            probe = torch.full((1, self.planes, size, size), 0.5, device=self.device)
            with torch.no_grad():
                self.exact_values(probe)
        except (RuntimeError, ValueError, AssertionError):
            return False
        return True


def planes_of(preprocessing: Preprocessing) -> int:
    """Planes of a picture that a network can be shown: grey, RGB, or as many as it looks at."""
    return {"RGB": 3, "BGR": 3, "L": 1}.get(preprocessing.channels, len(preprocessing.mean))


class Normalise:
    """RGB, grey or planes in 0..1 to what a network expects."""

    def __init__(self, preprocessing: Preprocessing, device: str) -> None:
        self._turned = preprocessing.channels == "BGR"
        self._mean = torch.tensor(preprocessing.mean, device=device).reshape(1, -1, 1, 1)
        self._std = torch.tensor(preprocessing.std, device=device).reshape(1, -1, 1, 1)

    def __call__(self, pictures: Tensor) -> Tensor:
        """(N, planes, H, W) to (N, C, H, W): grey is repeated where a network wants it so."""
        if self._turned:
            pictures = pictures.flip(1)
        mean, std = self._mean.to(pictures.dtype), self._std.to(pictures.dtype)
        return (pictures - mean) / std
