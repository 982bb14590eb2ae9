"""An ONNX graph as a torch module: every node a submodule, run in the order of the graph."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


class Scope(nn.Module):
    """Holds the modules of nodes whose names begin alike; it is never called."""


@dataclass(frozen=True)
class Step:
    """One node: where its module is, what it is called with, and what it returns.

    Parameters
    ----------
    path
        Of the module.
    inputs, outputs
        Names of values; an output that nobody asks for has an empty one.
    spread
        Paths of modules that pass on one output each, for nodes with several.
    """

    path: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    spread: tuple[str, ...] = ()


class OnnxModule(nn.Module):
    """A graph in which every node can be found, read and changed like any other module.

    Parameters
    ----------
    feed
        Name of the value that the images become.
    results
        Names of the values that are returned: a tensor, or a tuple where there are several.
    """

    def __init__(self, feed: str, results: Sequence[str]) -> None:
        super().__init__()
        self.feed = feed
        self.results = tuple(results)
        self.steps: list[Step] = []
        self._last_use: list[tuple[str, ...]] = []
        self._fixed: tuple[str, ...] = ()

    def put(self, path: str, module: nn.Module) -> None:
        """Place a module at a path, making the scopes above it."""
        parent: nn.Module = self
        *above, name = path.split(".")
        for part in above:
            child = parent._modules.get(part)
            if child is None:
                child = Scope()
                parent.add_module(part, child)
            parent = child
        before = parent._modules.get(name)
        if before is not None:
            for key, child in before.named_children():
                module.add_module(key, child)
        parent.add_module(name, module)

    def hold(self, name: str, value: Tensor) -> None:
        """Keep a constant that is an input of a step or a result as it is."""
        self.register_buffer(f"value_{len(self._fixed)}", value, persistent=False)
        self._fixed = (*self._fixed, name)

    def finish(self, steps: Iterable[Step]) -> None:
        """Set the order of execution, and with it when each value is used last."""
        self.steps = list(steps)
        kept, seen, last = set(self.results), set[str](), []
        for step in reversed(self.steps):
            own = [n for n in (*step.inputs, *step.outputs) if n and n not in seen | kept]
            last.append(tuple(dict.fromkeys(own)))
            seen.update(own)
        self._last_use = list(reversed(last))

    def forward(self, images: Tensor) -> Any:
        """Run the graph."""
        values: dict[str, Any] = {self.feed: images}
        for index, name in enumerate(self._fixed):
            values[name] = self._buffers[f"value_{index}"]
        for step, done in zip(self.steps, self._last_use, strict=True):
            # By path, not by reference: faster copies of a network exchange modules.
            result = self.get_submodule(step.path)(*[values[name] for name in step.inputs])
            if step.spread:
                for name, value, path in zip(step.outputs, result, step.spread, strict=False):
                    if name:
                        values[name] = self.get_submodule(path)(value)
            else:
                first = result[0] if isinstance(result, tuple) else result
                values[next(name for name in step.outputs if name)] = first
            for name in done:
                values.pop(name, None)
        found = tuple(values[name] for name in self.results)
        return found[0] if len(found) == 1 else found
