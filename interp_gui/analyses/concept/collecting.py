"""Which examples there are, by content: neither their order nor their files' names matter."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.concept.settings import WITH, WITHOUT
from interp_gui.core.analysis import Context, Progress
from interp_gui.core.errors import ImageProblem, InvalidValue
from interp_gui.core.examples import Example
from interp_gui.core.images import image_sha256

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One example.

    Parameters
    ----------
    group
        Number of its group: items of one group, and items cut from one image, share it.
    """

    path: str
    sha256: str
    box: Box | None
    group: int
    positive: bool

    @property
    def name(self) -> str:
        """File name, with a mark where only a part is meant."""
        name = self.path.replace("\\", "/").split("/")[-1]
        return f"{name} (part)" if self.box is not None else name


@dataclass(frozen=True)
class Collected:
    """The examples of both sides in an order of content."""

    items: tuple[Item, ...]
    broken: dict[int, str]
    repeated: int = 0

    @property
    def labels(self) -> NDArray[np.bool_]:
        """(N,) whether each is one of those with."""
        return np.array([item.positive for item in self.items], bool)

    @property
    def groups(self) -> NDArray[np.int64]:
        """(N,) group numbers."""
        return np.array([item.group for item in self.items], np.int64)

    def keeping(self, kept: Iterable[Item], broken: dict[int, str]) -> "Collected":
        """Without those that could not be read."""
        return Collected(tuple(kept), broken, self.repeated)


def collect(context: Context) -> Generator[Progress, None, Collected]:
    """All examples with their hashes; those that are the same are taken once.

    Raises
    ------
    InvalidValue
        A side is empty, or the same example stands on both.
    """
    sides = {heading: context.inputs.examples.get(heading, ()) for heading in (WITH, WITHOUT)}
    check_sides(len(sides[WITH]), len(sides[WITHOUT]))
    found: dict[tuple[str, Box | None], tuple[Example, bool]] = {}
    broken: dict[int, str] = {}
    repeated = 0
    total = len(sides[WITH]) + len(sides[WITHOUT])
    linked = _Linked()
    for place, (heading, example) in enumerate(
        (heading, example) for heading, examples in sides.items() for example in examples
    ):
        context.check()
        yield Progress(done=place, total=total, text="Identifying examples")
        try:
            sha256 = image_sha256(example.path)
        except ImageProblem as problem:
            broken[place] = problem.message
            continue
        key, positive = (sha256, example.box), heading == WITH
        if example.group:
            linked.join(f"image {sha256}", f"group {example.group}")
        if key not in found:
            found[key] = (example, positive)
        elif found[key][1] != positive:
            name = example.path.replace("\\", "/").split("/")[-1]
            raise InvalidValue(
                f"'{name}' is an example with and an example without at once.",
                hint="Take it away from one side.",
            )
        else:
            repeated += 1
    keys = sorted(found, key=lambda key: (key[0], key[1] or ()))
    numbers: dict[str, int] = {}
    items = []
    for sha256, box in keys:
        example, positive = found[sha256, box]
        group = numbers.setdefault(linked.root(f"image {sha256}"), len(numbers))
        items.append(
            Item(path=example.path, sha256=sha256, box=box, group=group, positive=positive)
        )
    collected = Collected(tuple(items), broken, repeated)
    check_sides(int(collected.labels.sum()), int((~collected.labels).sum()), broken=broken)
    return collected


def check_sides(positive: int, negative: int, *, broken: dict[int, str] | None = None) -> None:
    """Raise InvalidValue where a side has no example."""
    for count, what in ((positive, "with"), (negative, "without")):
        if not count:
            reason = next(iter((broken or {}).values()), "")
            raise InvalidValue(
                f"There is no example {what} the concept{' that can be read' if reason else ''}.",
                hint=reason or f"Give images, or parts of images, {what} it.",
            )


class _Linked:
    """Names that belong together (union-find)."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def root(self, name: str) -> str:
        while (above := self._parents.get(name, name)) != name:
            name = above
        return name

    def join(self, one: str, other: str) -> None:
        first, second = self.root(one), self.root(other)
        if first != second:
            self._parents[first] = second
