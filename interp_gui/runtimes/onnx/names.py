"""Addresses for the values of an ONNX graph, from what the exporter tells of its modules."""

import ast
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

_SCOPES = "pkg.torch.onnx.name_scopes"
_NOWHERE = "_empty_nn_module_stack_from_metadata_hook"
"""What the exporter writes where it has lost the module."""
_NOT_LEGAL = re.compile(r"[#/:\s.]+")
_NUMBER = re.compile(r"\d+")
_LONGEST = 120  # characters of one part
_DEEPEST = 24  # parts


def names_of_nodes(nodes: Iterable[Any]) -> dict[str, str]:
    """One address a node output; see `graph.names_of`."""
    paths: list[tuple[str, ...]] = []
    counts: Counter[tuple[str, ...]] = Counter()
    nodes = list(nodes)
    for node in nodes:
        scope, label = _place(node)
        path = (*scope, label or node.op_type)
        if not label:
            counts[path] += 1
            if counts[path] > 1:
                path = (*scope, f"{node.op_type}_{counts[path] - 1}")
            elif not scope:
                path = (f"{node.op_type}_0",)
        paths.append(path)
    return _told_apart(nodes, paths)


def _told_apart(nodes: list[Any], paths: list[tuple[str, ...]]) -> dict[str, str]:
    groups = {path[:depth] for path in paths for depth in range(1, len(path))}
    taken: set[tuple[str, ...]] = set()
    names: dict[str, str] = {}
    for node, path in zip(nodes, paths, strict=True):
        own = path
        if own in groups:  # a group of other nodes bears this name
            own = (*path, node.op_type)
        base, count = own, 0
        while own in taken or own in groups:
            count += 1
            own = (*base[:-1], f"{base[-1]}_{count}")
        taken.add(own)
        groups.update(own[:depth] for depth in range(1, len(own)))
        outputs = [name for name in node.output if name]
        for position, name in enumerate(node.output):
            if name:
                parts = own if len(outputs) == 1 else (*own, str(position))
                names[name] = ".".join(parts)
    return names


def _place(node: Any) -> tuple[tuple[str, ...], str]:
    """Path of the module and the node's own name there; that is empty where it has none."""
    scope = _module_of(node)
    if scope is not None:
        return scope, ""
    text = str(node.name) or next((str(o) for o in node.output if "/" in o), "")
    text = text.partition(";")[0]  # names of fused nodes, one after the other
    parts = _merged([part for part in text.split("/") if part.strip()])
    if not parts or _NUMBER.fullmatch(parts[-1]):
        return tuple(parts[:-1]), ""
    if not node.name:
        return tuple(parts[:-1]), ""
    return tuple(parts[:-1]), parts[-1]


def _module_of(node: Any) -> tuple[str, ...] | None:
    """What torch's newer exporter writes beside a node: the modules around it, outermost first."""
    for entry in node.metadata_props:
        if entry.key != _SCOPES or len(entry.value) > 100 * _LONGEST:
            continue
        try:
            scopes = ast.literal_eval(entry.value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        if not isinstance(scopes, list) or len(scopes) < 2 or not isinstance(scopes[-2], str):
            return None
        path = tuple(_legal(part) for part in scopes[-2].split(".") if part)[:_DEEPEST]
        return () if path[:1] == (_NOWHERE,) else path
    return None


def _merged(parts: list[str]) -> list[str]:
    """Parts of a slashed name as a module path.

    Torch's older exporter repeats the parent in the names of numbered children:
    `/features/features.1/conv/conv.0/Conv` lies in `features.1.conv.0`.
    """
    path: list[str] = []
    last = ""
    for part in parts[-_DEEPEST:]:
        own = part.removeprefix(f"{last}.") if last else part
        path += [_legal(piece) for piece in own.split(".") if piece]
        last = part
    return path[-_DEEPEST:]


def _legal(part: str) -> str:
    return _NOT_LEGAL.sub("_", part)[:_LONGEST] or "_"
