"""Adam on one tensor, with a state that can be saved and restored exactly."""

from typing import Any

import torch
from torch import Tensor

from interp_gui.core.errors import InvalidValue

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8


class Ascent:
    """Coefficients on their way up, with Adam's moments and one random generator an image.

    Parameters
    ----------
    coefficients
        (N, …) start; moved to `device`.
    generators
        One an image, on the CPU.

    Attributes
    ----------
    steps
        How many were taken.
    """

    def __init__(
        self, coefficients: Tensor, generators: list[torch.Generator], *, device: str = "cpu"
    ) -> None:
        self.coefficients = coefficients.to(device).requires_grad_(True)
        self.generators = generators
        self.steps = 0
        self._first = torch.zeros_like(self.coefficients, requires_grad=False)
        self._second = torch.zeros_like(self.coefficients, requires_grad=False)

    def climb(self, gradient: Tensor, rate: float) -> None:
        """One step of Adam (Kingma and Ba 2015) up the gradient."""
        self.steps += 1
        with torch.no_grad():
            self._first.lerp_(gradient, 1 - FIRST_DECAY)
            self._second.mul_(SECOND_DECAY).addcmul_(gradient, gradient, value=1 - SECOND_DECAY)
            root = (self._second / (1 - SECOND_DECAY**self.steps)).sqrt_().add_(EPSILON)
            size = rate / (1 - FIRST_DECAY**self.steps)
            self.coefficients.addcdiv_(self._first, root, value=size)

    def state(self) -> dict[str, Any]:
        """All that the following steps depend on, as numpy arrays and numbers."""
        return {
            "steps": self.steps,
            "coefficients": self.coefficients.detach().cpu().numpy().copy(),
            "first": self._first.cpu().numpy().copy(),
            "second": self._second.cpu().numpy().copy(),
            "generators": torch.stack([g.get_state() for g in self.generators]).numpy(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; one of another shape raises InvalidValue."""
        tensors = {k: torch.tensor(state[k]) for k in ("coefficients", "first", "second")}
        if any(t.shape != self.coefficients.shape for t in tensors.values()):
            raise InvalidValue("The saved state belongs to pictures of another number or size.")
        with torch.no_grad():
            self.coefficients.copy_(tensors["coefficients"])
            self._first.copy_(tensors["first"])
            self._second.copy_(tensors["second"])
        for generator, saved in zip(self.generators, state["generators"], strict=True):
            generator.set_state(torch.tensor(saved, dtype=torch.uint8))
        self.steps = int(state["steps"])
