"""One image under edits: passes that share what lies before the first of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from interp_gui.analyses.asked import check_number, main_output, see
from interp_gui.core.analysis import Context
from interp_gui.core.edit import Edit, EditStack
from interp_gui.core.errors import MissingAbility
from interp_gui.core.images import image_sha256
from interp_gui.core.runtime import CaptureLike, Forward
from interp_gui.core.target import Target

if TYPE_CHECKING:
    from interp_gui.runtimes.prefix import CachedPrefix

Row = NDArray[np.float64]
PREFIX_BYTES = 64 * 2**20
"""So much is kept at most of what lies before the edits, for each image."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What of an image stays the same whatever the edits of the network are.

    Parameters
    ----------
    batch
        (1, C, h, w), the changed image where it is changed.
    prefix
        What lies before the edits, once they have run.
    before
        Main output of the unedited network for the unchanged image, as many numbers as outputs.
    base
        The same for the changed image.
    """

    batch: NDArray[np.float32]
    prefix: "CachedPrefix"
    before: Row
    base: Row


@dataclass(frozen=True, kw_only=True)
class Answering:
    """What every pass of one image has in common.

    Parameters
    ----------
    target
        The Target, its class fixed by the unedited answer; None where nobody chose one and the
        model has no classes.
    """

    context: Context
    path: str
    sha256: str
    kept: Kept
    target: Target | None
    key: tuple[Any, ...]

    def run(
        self,
        edits: Sequence[Edit],
        *,
        capture: Sequence[CaptureLike] = (),
        further: Mapping[tuple[str, str], NDArray[np.float32]] = {},
    ) -> Forward:
        """One pass under some edits; `further` are sources beside those of the run."""
        sources = {**self.context.sources, **further}
        prefix = self.kept.prefix
        try:
            return prefix.forward(capture=capture, edits=EditStack(tuple(edits)), sources=sources)
        finally:
            self.keep()

    def row(self, found: Forward) -> Row:
        """The main output of a pass, as many numbers as outputs."""
        return row_of(self.context, found)

    def value(self, row: Row) -> float | None:
        """The Target of an answer; None where there is no Target."""
        return None if self.target is None else float(self.target.evaluate(row[None])[0])

    def keep(self) -> None:
        """Leave what was found out for the next request."""
        size = 2 * self.kept.batch.nbytes + self.kept.prefix.kept_bytes
        self.context.lasting.put(self.context.model, self.key, self.kept, size_bytes=size)


def row_of(context: Context, found: Forward) -> Row:
    """The main output of the first image of a pass; an output with places is its mean over them."""
    outputs, name = found.outputs, main_output(context)
    rows = outputs[name] if name in outputs else next(iter(outputs.values()))
    row = np.asarray(rows[0], np.float64)
    return np.atleast_1d(row if row.ndim < 2 else row.reshape(len(row), -1).mean(axis=1))


def answering(context: Context, path: str) -> Answering:
    """Read an image and run it without edits, unless that is still at hand.

    Raises
    ------
    ImageProblem
        It cannot be read.
    InvalidValue
        The unedited answer is not a number.
    """
    sha256 = image_sha256(path)
    changes = tuple(e for e in context.inputs.edits.active_image_edits if e.image == sha256)
    key = ("intervene", sha256, changes, main_output(context))
    kept: Kept | None = context.lasting.get(context.model, key)
    if kept is None:
        kept = _read(context, path, changed=bool(changes))
    check_number(kept.before)
    target = asked_target(context)
    found = Answering(
        context=context, path=path, sha256=sha256, kept=kept, key=key,
        target=None if target is None else target.fixed(kept.before),
    )  # fmt: skip
    found.keep()
    return found


def asked_target(context: Context) -> Target | None:
    """The Target, with the class open; None where nobody chose one and there are no classes."""
    target = context.inputs.target
    try:
        target.check(context.model.description)
    except MissingAbility:
        if target.chosen:
            raise
        return None
    return target


def _read(context: Context, path: str, *, changed: bool) -> Kept:
    from interp_gui.runtimes.prefix import CachedPrefix

    unchanged = replace(context, inputs=msgspec.structs.replace(context.inputs, edits=EditStack()))
    batch = see(unchanged, path).batch
    before = base = row_of(context, context.model.forward(batch))
    if changed:
        batch = see(context, path).batch
        base = row_of(context, context.model.forward(batch))
    prefix = CachedPrefix(context.model, batch, limit_bytes=PREFIX_BYTES)
    return Kept(batch=batch, prefix=prefix, before=before, base=base)
