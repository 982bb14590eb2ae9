"""The graph of an exported program as a torch module, run by an interpreter of our own.

Every operator is looked up in a list of those that only compute. Strings of the file are names in
tables and never Python: expressions, guards and constraints are not read at all.
"""

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from interp_gui.checkpoints.exported_archive import DTYPES, Archive
from interp_gui.checkpoints.exported_layers import own_module
from interp_gui.checkpoints.exported_operators import ALLOWED, ARITHMETIC, WITHOUT_EFFECT
from interp_gui.checkpoints.exported_origins import Operated, read_origins
from interp_gui.core.origin import ATTRIBUTE

MOST_NODES = 100_000
MOST_ELEMENTS = 1 << 28
LARGEST_NUMBER = 1 << 63
"""No size, nor what is computed with sizes, is larger."""

_LARGEST_POWER = 64

_ATEN = "torch.ops.aten."
_DEEPEST = 32
_PART = re.compile(r"^[A-Za-z0-9_]{1,100}$")
_MAKERS = frozenset(("full", "zeros", "ones", "new_zeros", "new_ones", "new_full", "new_empty",
                     "arange", "linspace", "eye", "repeat", "tile", "expand", "broadcast_to",
                     "constant_pad_nd", "pad", "one_hot"))  # fmt: skip
_VIEWS = frozenset(("view", "reshape", "slice", "select", "transpose", "permute", "t", "expand",
                    "unsqueeze", "squeeze", "narrow", "split", "split_with_sizes", "chunk",
                    "unbind", "alias", "detach", "flatten", "unflatten", "contiguous", "to",
                    "diagonal", "movedim", "swapaxes", "unfold", "expand_as", "view_as", "mT",
                    "numpy_T", "index_put", "broadcast_to", "type_as"))  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "floordiv": operator.floordiv,
    "truediv": operator.truediv, "mod": operator.mod, "neg": operator.neg, "pow": operator.pow,
    "getitem": operator.getitem, "eq": operator.eq, "ne": operator.ne, "lt": operator.lt,
    "le": operator.le, "gt": operator.gt, "ge": operator.ge, "and_": operator.and_,
    "or_": operator.or_, "not_": operator.not_, "trunc": math.trunc, "max": max, "min": min,
    "float": float, "int": int,
}  # fmt: skip


class Refused(Exception):
    """A graph that is not run; the text says why."""


class Scope(nn.Module):
    """Holds the operations and weights of a module of the original network; it is never called."""


class Operation(nn.Module):
    """One operator, called with its arguments."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__()
        self.name = name
        self._function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute."""
        return self._function(*args, **kwargs)


@dataclass(frozen=True)
class _Name:
    """An argument that is the value of this name."""

    name: str


@dataclass(frozen=True, kw_only=True)
class _Step:
    path: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[str, ...]
    listed: bool
    writes: str
    sized: bool


class ExportedNetwork(nn.Module):
    """An exported program: operations at the paths of the modules that they came from.

    Weights bear the names that they had in the original network.
    """

    def __init__(self, archive: Archive) -> None:
        super().__init__()
        graph = archive.program["graph_module"]["graph"]
        signature = archive.program["graph_module"]["signature"]
        self._tensors = archive.tensors
        self._weights: dict[str, str] = {}
        self._constants: dict[str, Any] = {}
        self.feed = self._read_inputs(signature["input_specs"], archive)
        self.results = tuple(_results(signature["output_specs"]))
        nodes = graph["nodes"]
        if len(nodes) > MOST_NODES:
            raise Refused(f"it has {len(nodes)} operations")
        forbidden = sorted({_text(n["target"]) for n in nodes if not _allowed(_text(n["target"]))})
        if forbidden:
            raise Refused(
                "it asks for operators that are not known to compute and do no more: "
                + ", ".join(forbidden[:6])
            )
        operations: list[Operated] = []
        self._steps = list(self._read_steps(nodes, operations))
        setattr(self, ATTRIBUTE, read_origins(operations, self.results))
        self._tensors = {}
        # torch's own modules hold theirs, and may be exchanged by faster copies of the network
        used = {
            name for step in self._steps for name in _names([*step.args, *step.kwargs.values()])
        }
        used |= set(self.results)
        self._over = _last_uses(self._steps, self.results)
        self._weights = {name: key for name, key in self._weights.items() if name in used}
        # counters of batch norms that the program does not hold
        for child in self.modules():
            if isinstance(child, nn.BatchNorm2d):
                child.num_batches_tracked = None

    def forward(self, images: torch.Tensor) -> Any:
        """Run the graph."""
        values: dict[str, Any] = {**self._constants, self.feed: images}
        for name, key in self._weights.items():
            path, _, last = key.rpartition(".")
            values[name] = getattr(self.get_submodule(path), last)

        def known(argument: Any) -> Any:
            if isinstance(argument, _Name):
                return values[argument.name]
            if isinstance(argument, list):
                return [known(item) for item in argument]
            return images.device if isinstance(argument, torch.device) else argument

        most = MOST_ELEMENTS * max(1, len(images))
        for step, over in zip(self._steps, self._over, strict=True):
            module = self.get_submodule(step.path)
            args = [known(a) for a in step.args]
            kwargs = {k: known(v) for k, v in step.kwargs.items()}
            if step.sized:
                _check_sizes([*args, *kwargs.values()])
            result = module(*args, **kwargs)
            if step.writes:
                values[step.writes] = result
            found = list(result) if step.listed else [result]
            if any(isinstance(each, torch.Tensor) and each.numel() > most for each in found):
                raise ValueError("a tensor of that size is not made")
            values.update((n, v) for n, v in zip(step.outputs, found, strict=False) if n)
            for name in over:
                values.pop(name, None)
        outputs = tuple(values[name] for name in self.results)
        return outputs[0] if len(outputs) == 1 else outputs

    def _read_inputs(self, specs: list[Any], archive: Archive) -> str:
        feeds = []
        for spec in specs:
            ((kind, own),) = spec.items()
            if kind in ("parameter", "buffer", "tensor_constant"):
                key = _text(own[{"tensor_constant": "tensor_constant_name"}.get(
                    kind, f"{kind}_name")])  # fmt: skip
                self._weights[_text(own["arg"]["name"])] = key
                self._put_weight(key, archive, parameter=kind == "parameter")
            elif kind == "user_input" and "as_tensor" in own["arg"]:
                feeds.append(_text(own["arg"]["as_tensor"]["name"]))
            elif kind == "constant_input":
                ((_, value),) = own["value"].items()
                self._constants[_text(own["name"])] = value
            else:
                raise Refused(f"it has an input of kind '{_text(kind)[:40]}'")
        if len(feeds) != 1:
            raise Refused(f"it takes {len(feeds)} inputs, and images are one")
        return feeds[0]

    def _put_weight(self, key: str, archive: Archive, *, parameter: bool) -> None:
        path, _, name = key.rpartition(".")
        parent = self._scope(path)
        if not _PART.match(name) or name in parent._modules:
            raise Refused("a weight has an unusual name")
        if name in parent._parameters or name in parent._buffers:
            return
        value = archive.tensors[key]
        if parameter and value.is_floating_point():
            parent.register_parameter(name, nn.Parameter(value, requires_grad=False))
        elif hasattr(parent, name):
            raise Refused("a weight has an unusual name")
        else:
            parent.register_buffer(name, value)

    def _scope(self, path: str) -> nn.Module:
        parent: nn.Module = self
        parts = path.split(".") if path else []
        if len(parts) > _DEEPEST:
            raise Refused("its modules lie too deep")
        for part in parts:
            if not _PART.match(part):
                raise Refused("a module has an unusual name")
            child = parent._modules.get(part)
            if child is None:
                if hasattr(parent, part):
                    raise Refused("a module has an unusual name")
                child = Scope()
                parent.add_module(part, child)
            parent = child
        return parent

    def _read_steps(self, nodes: list[Any], operations: list[Operated]) -> Iterator[_Step]:
        paths = [_module_of(node) for node in nodes]
        counts = Counter(paths)
        holders = {p[: m.start()] for p in paths for m in re.finditer(r"\.", p)}
        taken: Counter[str] = Counter()
        maker: dict[str, str] = {}
        for node, path in zip(nodes, paths, strict=True):
            target = _text(node["target"])
            name, _, overload = target.removeprefix(_ATEN).partition(".")
            if name in WITHOUT_EFFECT:
                continue
            function, written = _function(target, name, overload)
            args = tuple(_argument(i["arg"]) for i in node["inputs"] if i.get("kind", 1) != 2)
            kwargs = {
                _text(i["name"]): _argument(i["arg"]) for i in node["inputs"] if i.get("kind") == 2
            }
            kwargs = {k: v for k, v in kwargs.items() if k not in ("layout", "pin_memory")}
            _refuse_training(name, node["inputs"])
            first = args[0].name if args and isinstance(args[0], _Name) else ""
            base = name.rstrip("_")
            if written and (not first or maker.get(first, "") in _VIEWS or first in self._weights):
                raise Refused(f"'{name}' writes into a part of another value")
            outputs, listed = _outputs(node["outputs"])
            maker.update(dict.fromkeys(outputs, base))
            alone = counts[path] == 1 and path and path not in holders
            where = path if alone else self._free(path, base, taken)
            module = None
            if alone:
                module = own_module(base, node["inputs"], self._weights, path, self._tensors)
            self._put_operation(where, module or Operation(base, function))
            operations.append(Operated(
                stack=_text(node.get("metadata", {}).get("nn_module_stack", "")), address=where,
                operator=base, taken=frozenset(_names([*args, *kwargs.values()])), given=outputs,
            ))  # fmt: skip
            yield _Step(
                path=where,
                args=args[:1] if module is not None else args,
                kwargs={} if module is not None else kwargs,
                outputs=outputs, listed=listed, writes=first if written else "",
                sized=base in _MAKERS,
            )  # fmt: skip

    def _free(self, path: str, base: str, taken: Counter[str]) -> str:
        parent = self._scope(path)
        while True:
            key = f"{path}.{base}" if path else base
            taken[key] += 1
            name = base if taken[key] == 1 and path else f"{base}_{taken[key] - 1}"
            if name not in parent._modules and not hasattr(parent, name):
                return f"{path}.{name}" if path else name

    def _put_operation(self, path: str, module: nn.Module) -> None:
        above, _, name = path.rpartition(".")
        parent = self._scope(above)
        before = parent._modules.get(name)
        if before is None and hasattr(parent, name):
            raise Refused("a module has an unusual name")
        if before is not None:
            for key, value in before._parameters.items():
                module.register_parameter(key, value)
            for key, buffer in before._buffers.items():
                module.register_buffer(key, buffer)
        parent.add_module(name, module)


def _last_uses(steps: list[_Step], results: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Which values no later step needs, step by step: held on to, they would fill the memory."""
    needed = set(results)
    over: list[tuple[str, ...]] = []
    for step in reversed(steps):
        mine = {*_names([*step.args, *step.kwargs.values()]), *step.outputs}
        if step.writes:
            mine.add(step.writes)
        over.append(tuple(sorted(mine - needed)))
        needed |= mine
    return over[::-1]


def _names(arguments: Any) -> Iterator[str]:
    for argument in arguments:
        if isinstance(argument, _Name):
            yield argument.name
        elif isinstance(argument, list):
            yield from _names(argument)


def _allowed(target: str) -> bool:
    if target in ARITHMETIC:
        return True
    if not target.startswith(_ATEN):
        return False
    name, _, overload = target.removeprefix(_ATEN).partition(".")
    if "out" in overload:
        return False
    return name in ALLOWED or name.removesuffix("_") in ALLOWED or name in WITHOUT_EFFECT


def _function(target: str, name: str, overload: str) -> tuple[Callable[..., Any], bool]:
    """What an operator is computed by, and whether the original writes into its first input."""
    if target in ARITHMETIC:
        return partial(_computed, ARITHMETIC[target]), False
    written = name.endswith("_") and name not in ALLOWED
    own = name.removesuffix("_") if written else name
    packet = getattr(torch.ops.aten, own)
    if overload not in packet.overloads():
        raise Refused(f"'{own}' has no form '{overload[:40]}' here")
    return getattr(packet, overload), written


def _computed(name: str, *args: Any) -> Any:
    """What is computed with sizes: numbers, none of them beyond what a size can be."""
    numbers = args[1:] if name == "getitem" else args
    for each in numbers:
        if not isinstance(each, int | float) or abs(each) > LARGEST_NUMBER:
            raise ValueError("a size is no number, or an impossible one")
    if name == "getitem" and not isinstance(args[0], list | tuple | torch.Tensor):
        raise ValueError("there is nothing to choose from")
    if name == "pow" and abs(args[-1]) > _LARGEST_POWER:
        raise ValueError("a size is no number, or an impossible one")
    return _FUNCTIONS[name](*args)


def _refuse_training(name: str, inputs: list[Any]) -> None:
    for given in inputs:
        training = given["name"] in ("train", "training", "use_input_stats")
        if training and given["arg"].get("as_bool") is True and "instance" not in name:
            raise Refused("it was exported in training mode")


def _argument(argument: Any) -> Any:
    ((kind, value),) = argument.items()
    if kind == "as_none":
        return None
    if kind == "as_tensor":
        return _Name(_text(value["name"]))
    if kind == "as_tensors":
        return [_Name(_text(v["name"])) for v in value]
    if kind == "as_optional_tensors":
        return [_argument(v) for v in value]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        ((inner, found),) = value.items()
        return _Name(_text(found)) if inner == "as_name" else found
    if kind in ("as_sym_ints", "as_sym_bools"):
        return [_argument({kind[:-1]: v}) for v in value]
    if kind in ("as_int", "as_float", "as_bool", "as_ints", "as_floats", "as_bools"):
        return value
    if kind == "as_string":
        return _text(value)
    if kind == "as_scalar_type":
        if value not in DTYPES:
            raise Refused("it makes numbers of a kind that is not known")
        return DTYPES[value]
    if kind == "as_memory_format":
        return {1: torch.contiguous_format, 2: torch.channels_last}.get(
            value, torch.preserve_format
        )
    if kind == "as_layout":
        return torch.strided
    if kind == "as_device":
        return torch.device("cpu")
    raise Refused(f"an operation is given something of kind '{_text(kind)[:40]}'")


def _outputs(outputs: list[Any]) -> tuple[tuple[str, ...], bool]:
    if len(outputs) == 1 and "as_tensors" in outputs[0]:
        return tuple(_text(v["name"]) for v in outputs[0]["as_tensors"]), True
    names = []
    for output in outputs:
        found = _argument(output)
        names.append(found.name if isinstance(found, _Name) else "")
    return tuple(names), len(names) > 1


def _results(specs: list[Any]) -> Iterator[str]:
    for spec in specs:
        ((kind, own),) = spec.items()
        if kind != "user_output":
            raise Refused("it changes its weights or inputs while it runs")
        if "as_tensor" in own["arg"]:
            yield _text(own["arg"]["as_tensor"]["name"])


def _module_of(node: Any) -> str:
    """Path of the module that an operation came from, empty where that is not known."""
    stack = node.get("metadata", {}).get("nn_module_stack", "")
    last = _text(stack).split(";")[-1].split(",") if stack else []
    path = last[1] if len(last) > 1 else ""
    path = re.sub(r"@\d+$", "", path)
    parts = path.split(".") if path else []
    return path if parts and all(_PART.match(p) for p in parts) and len(parts) < _DEEPEST else ""


def _check_sizes(values: list[Any]) -> None:
    """Refuse to make something enormous out of a few numbers."""
    for value in values:
        sizes = value if isinstance(value, list) else [value]
        whole = [abs(v) for v in sizes if isinstance(v, int) and not isinstance(v, bool)]
        if whole and math.prod(max(v, 1) for v in whole) > MOST_ELEMENTS:
            raise ValueError("a tensor of that size is not made")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("a name is no text")
    return value
