"""From a stack of edits to new weights of a torch network."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from interp_gui.core.edit import EditStack
from interp_gui.core.edit_reference import edited_axis
from interp_gui.core.errors import InterpError
from interp_gui.core.layer import Address, LayerInfo
from interp_gui.core.runtime import Array
from interp_gui.runtimes.baking.affine import Affine, affine_of
from interp_gui.runtimes.baking.arithmetic import Sheet, into_maker, into_readers
from interp_gui.runtimes.baking.attention import AttentionSite, attention_site
from interp_gui.runtimes.baking.outcome import (
    AGREEMENT,
    Baked,
    NotBakeable,
    Outcome,
    difference,
    outcome_of_images,
    text_of,
)
from interp_gui.runtimes.baking.tracing import Traced, Value, trace
from interp_gui.runtimes.hooks import plain_attention
from interp_gui.runtimes.torch_runtime import TorchRuntime

TRACED = 2
"""Images of the pass that is looked at."""


@dataclass
class _Group:
    """Edits of one and the same value, in the order in which they act."""

    edits: list[tuple[int, Affine]]
    site: Value | AttentionSite
    axis: int


def bake_weights(
    runtime: TorchRuntime,
    stack: EditStack,
    batch: Array,
    *,
    check: Callable[[], None] = lambda: None,
) -> Baked:
    """Write the edits in force into weights, as far as they can be, and compare.

    Parameters
    ----------
    batch
        Preprocessed images (N, C, H, W), N ≥ 1: on them the new weights have to answer as the
        edited network does.
    check
        Called between steps; what it raises ends the work.

    Returns
    -------
    Every active edit with what became of it. Those that cannot be baked are left out of the
    weights and of the comparison alike.
    """
    module = runtime.module
    traced = trace(module, runtime.tensor(batch[:TRACED]))
    check()
    failed: dict[int, str] = {}
    groups = _groups(runtime, stack, batch, traced, failed)
    sheet = Sheet(traced)
    how: dict[int, str] = {}
    edited = [g.site for g in groups if isinstance(g.site, Value)]
    # from the last value to the first: a constant may pass layers whose own edits come first then
    for group in sorted(groups, key=lambda g: -g.site.at):
        check()
        sheet = _written(sheet, group, edited, how, failed)
    changes = {name: value.to(_held(module, name)) for name, value in sheet.new.items()}
    outcomes = tuple(
        Outcome(index=i, text=text_of(stack, i), how=how.get(i, ""), why=failed.get(i, ""))
        for i in stack.live
    )
    found = Baked(outcomes=(*outcomes, *outcome_of_images(stack)), changes=changes)
    twin = with_weights(module, changes)
    off, precision = agreement(runtime, twin, found.stack(stack), batch, check=check)
    return replace(found, difference=off, precision=precision, images=len(batch))


def agreement(
    runtime: TorchRuntime,
    twin: nn.Module,
    stack: EditStack,
    batch: Array,
    *,
    check: Callable[[], None] = lambda: None,
) -> tuple[float, str]:
    """How far a baked network is from the edited one, and the precision of the comparison.

    Where single precision does not show agreement, both are computed in double precision, the new
    weights as they were rounded: some networks turn the last bit of a sum into more than the bound.
    """
    off = compare(runtime, twin, stack, batch, check=check)
    if off <= AGREEMENT or runtime.dtype != torch.float32 or runtime.device.startswith("mps"):
        return off, "single"
    check()
    double = TorchRuntime(
        copy.deepcopy(runtime.module).double(), runtime.description, device=runtime.device
    )
    return min(
        off, compare(double, copy.deepcopy(twin).double(), stack, batch, check=check)
    ), "double"


def compare(
    runtime: TorchRuntime,
    twin: nn.Module,
    stack: EditStack,
    batch: Array,
    *,
    check: Callable[[], None] = lambda: None,
) -> float:
    """How far a network is from the edited one, image by image (`outcome.difference`)."""
    largest = 0.0
    for image in batch:
        check()
        with torch.no_grad(), plain_attention():
            answers = runtime.named_outputs(twin(runtime.tensor(image[None])))
        found = {name: value.cpu().numpy() for name, value in answers.items()}
        wanted = runtime.forward(image[None], edits=stack).outputs
        largest = max(largest, difference(found, wanted))
    return largest


def with_weights(module: nn.Module, changes: Mapping[str, Tensor]) -> nn.Module:
    """A copy of a network with some of its weights changed."""
    twin = copy.deepcopy(module).eval().requires_grad_(False)
    held = {**dict(twin.named_parameters()), **dict(twin.named_buffers())}
    for name, value in changes.items():
        held[name].data.copy_(value)
    return twin


def _held(module: nn.Module, name: str) -> Tensor:
    path, _, last = name.rpartition(".")
    found: Tensor = getattr(module.get_submodule(path), last)
    return found


def _groups(
    runtime: TorchRuntime, stack: EditStack, batch: Array, traced: Traced, failed: dict[int, str]
) -> list[_Group]:
    by_value: dict[Any, _Group] = {}
    order = {layer.name: place for place, layer in enumerate(runtime.description.layers)}

    def place(index: int) -> tuple[int, int]:
        return order.get(str(Address.parse(stack.edits[index].feature.layer)), 0), index

    for index in sorted(stack.live, key=place):
        edit = stack.edits[index]
        info = runtime.layer(edit.feature.layer)
        edit.feature.check(info)
        try:
            axis = _axis(edit, info)
            change = affine_of(edit, info.shape[axis - 1])
            site, key = _site(runtime, info, axis, batch, traced)
        except NotBakeable as problem:
            failed[index] = str(problem)
            continue
        if isinstance(site, AttentionSite):
            change = site.whole(change, of_heads=axis == len(info.shape) - 1)
            axis = 0
        group = by_value.setdefault((key, axis), _Group([], site, axis))
        group.edits.append((index, change))
        if isinstance(site, Value):
            group.site = site if site.at >= group.site.at else group.site
    return list(by_value.values())


def _axis(edit: Any, info: LayerInfo) -> int:
    if Address.parse(info.name).site == "pattern":
        raise NotBakeable("an attention pattern is computed anew from every image")
    try:
        return edited_axis(edit, info.axes) + 1
    except InterpError as problem:
        raise NotBakeable(problem.message.rstrip(".").lower()) from None


def _site(
    runtime: TorchRuntime, info: LayerInfo, axis: int, batch: Array, traced: Traced
) -> tuple[Value | AttentionSite, Any]:
    address = Address.parse(info.name)
    value = traced.values.get(str(address))
    if value is not None:
        return value, (id(value.tensor), value.within)
    images = batch[:TRACED]
    held = runtime.forward(images, capture=[info.name]).captured[info.name]
    if address.site in ("q", "k", "v", "z"):
        return attention_site(traced, info, axis, held), info.name
    for call in reversed(traced.calls):
        for tensor in call.gives:
            if tuple(tensor.shape) == held.shape and np.array_equal(tensor.cpu().numpy(), held):
                return Value(tensor, call.index + 1), (id(tensor), None)
    raise NotBakeable(f"'{info.name}' is no value that the network itself computes")


def _written(
    sheet: Sheet, group: _Group, edited: list[Value], how: dict[int, str], failed: dict[int, str]
) -> Sheet:
    """The sheet with a group's edits in it: all of them, or those that can be written alone."""
    chosen = group.edits
    try:
        return _attempt(sheet, group, chosen, edited, how)
    except NotBakeable as problem:
        if len(chosen) == 1:
            failed[chosen[0][0]] = str(problem)
            return sheet
    alone: list[tuple[int, Affine]] = []
    for each in chosen:
        try:
            _attempt(sheet, group, [each], edited, {})
            alone.append(each)
        except NotBakeable as problem:
            failed[each[0]] = str(problem)
    try:
        return _attempt(sheet, group, alone, edited, how) if alone else sheet
    except NotBakeable as problem:
        failed.update({index: f"together with the others there, {problem}" for index, _ in alone})
        return sheet


def _attempt(
    sheet: Sheet, group: _Group, edits: Sequence[tuple[int, Affine]], edited: list[Value],
    how: dict[int, str],
) -> Sheet:  # fmt: skip
    change = edits[0][1]
    for _, later in edits[1:]:
        change = change.then(later)
    own = sheet.copy()
    if not change.mixes and not change.moves:
        how.update({index: "it changes nothing" for index, _ in edits})
        return own
    if isinstance(group.site, AttentionSite):
        told = _told("in", group.site.write(own, change))
    else:
        own, told = _into_value(own, group.site, group.axis, change, edited)
    how.update({index: told for index, _ in edits})
    return own


def _into_value(
    sheet: Sheet, value: Value, axis: int, change: Affine, edited: list[Value]
) -> tuple[Sheet, str]:
    """By what makes the value if that can be, else by all that read it."""
    first = ""
    if value.within is None:
        own = sheet.copy()
        try:
            return own, _told(
                "in what makes it", into_maker(own, value, axis, change, edited=edited)
            )
        except NotBakeable as problem:
            first = str(problem)
    own = sheet.copy()
    try:
        return own, _told("in what reads it", into_readers(own, value, axis, change))
    except NotBakeable as problem:
        raise NotBakeable(f"{first}; {problem}" if first else str(problem)) from None


def _told(where: str, names: Sequence[str]) -> str:
    return f"{where}: {', '.join(names)}" if names else where
