"""Layers grouped by module path. Free of Qt."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from interp_gui.core.layer import LayerInfo


@dataclass
class Node:
    """A group, a layer, or both (a block whose output is a layer and that holds others)."""

    title: str
    path: str = ""
    layer: LayerInfo | None = None
    children: list["Node"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        """The node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def layer_tree(layers: Iterable[LayerInfo]) -> list[Node]:
    """Nest layers by the parts of their module paths, in order of execution.

    Groups with a single member are merged with it, and a member that is only a number keeps its
    group's name (`features.14`), because a bare number says nothing.
    """
    root = Node("")
    for layer in layers:
        path, mark, rest = _split(layer.name)
        if layer.virtual:
            # A site within a module stands below it, as its children do.
            path, _, site = layer.name.rpartition("/")
            path, mark, rest = f"{path}./{site}", "", ""
        parts = path.split(".") if path else [layer.name]
        node = root
        for depth, part in enumerate(parts):
            last = depth + 1 == len(parts)
            name = part + (mark + rest if last else "")
            full = ".".join([*parts[:depth], name]).replace("./", "/")
            found = next((child for child in node.children if child.path == full), None)
            if found is None:
                found = Node(name, full)
                node.children.append(found)
            node = found
        node.layer = layer
    return [_merged(child, "") for child in root.children]


def _split(name: str) -> tuple[str, str, str]:
    for i, letter in enumerate(name):
        if letter in "#/":
            return name[:i], letter, name[i + 1 :]
    return name, "", ""


def _merged(node: Node, group: str) -> Node:
    while node.layer is None and len(node.children) == 1:
        child = node.children[0]
        joint = "" if child.title.startswith("/") else "."
        title = f"{node.title}{joint}{child.title}"
        node = Node(title, child.path, child.layer, child.children)
    if node.title[:1].isdigit() and group:
        node.title = f"{group}.{node.title}"
    own = node.title.rsplit(".", 1)[-1] if not node.title[-1:].isdigit() else node.title
    node.children = [_merged(child, own) for child in node.children]
    return node


def shape_text(layer: LayerInfo) -> str:
    """Extents of a layer's value: `320 × 7 × 7`."""
    return " × ".join(str(n) for n in layer.shape)
