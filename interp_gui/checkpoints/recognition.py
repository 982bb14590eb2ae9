"""Which architectures a set of named shapes belongs to.

The index of each library is compared as a whole, as arrays; only architectures whose differences
might be other classes, channels, image sizes or a head of one's own are then looked at closely.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from interp_gui.checkpoints.index import Shapes
from interp_gui.checkpoints.index_files import Index, Numbers, all_indexes, load_index
from interp_gui.checkpoints.match import Hints, Match, Recognition, Renaming, Tensors
from interp_gui.checkpoints.matching import match_architecture, own_names, report
from interp_gui.checkpoints.orders import find_by_order
from interp_gui.checkpoints.prefixes import WRAPPERS
from interp_gui.core.errors import unknown_name
from interp_gui.core.opening import KeyReport

_SHOWN_NEAREST = 3
_PLAIN_TRANSFORMERS = ("vit_", "deit_", "deit3_")
_SIZES = re.compile(r"_(window\d+_)?\d{3}(?=_|$)")
"""The image size in an architecture's name."""


@dataclass(frozen=True)
class _Counts:
    """For each table of an index: tensors that a file lacks, has in another shape, has as is."""

    absent: Numbers
    reshaped: Numbers
    same: Numbers


def recognise(shapes: Mapping[str, tuple[int, ...]], *, hints: Hints = Hints()) -> Recognition:
    """Every architecture that takes these tensors; the nearest ones if none does.

    Tried in turn, until something fits: the names as they are; the names below the part of a
    network that wrappers are called like too; the names as tested maps turn them into a library's;
    the order of the shapes, which only proposes (`Match.certain` is False).

    Parameters
    ----------
    hints
        What is named there comes first among the matches; nothing matches by it alone.
    """
    own = own_names(shapes)
    matches = find_matches(own, hints=hints) or _averaging(own, hints)
    if not matches:
        for renaming in _put_back(own):
            found = find_matches(dict(renaming.shapes), hints=hints, library=renaming.target)
            matches += tuple(replace(each, renaming=renaming) for each in found)
    if not matches:
        for renaming in _renamings(shapes):
            found = find_matches(own_names(renaming.shapes), hints=hints, library=renaming.target)
            matches += tuple(replace(each, renaming=renaming) for each in found)
    if matches:
        return Recognition(matches=matches)
    return Recognition(matches=find_by_order(own, all_indexes()), nearest=nearest(own))


def find_matches(
    own: Shapes, *, hints: Hints = Hints(), library: str = ""
) -> tuple[Match, ...]:  # fmt: skip
    """Every architecture whose names and shapes these are (as `own_names` gives them).

    Parameters
    ----------
    library
        The only one to look at; all where it is empty.
    """
    wanted = hints.preprocessing.size if hints.preprocessing is not None else None
    found = []
    for index in all_indexes():
        if library and index.library != library:
            continue
        for place in _possible(own, index):
            match = match_architecture(own, index.at(place), index.library, wanted=wanted)
            if match is not None:
                found.append(match)

    hinted_name = hints.architecture.partition(".")[0]  # without the tag of its weights

    def named(match: Match) -> bool:
        same = match.architecture.name == hinted_name
        return same and hints.library in ("", match.library)

    return tuple(sorted(_without_resized(found, named), key=lambda match: not named(match)))


def _without_resized(found: list[Match], named: Callable[[Match], bool]) -> list[Match]:
    """Leave out the same network listed for another image size, where one stands for it.

    A `vit_base_patch16_384` that is built for 224 pixels is a `vit_base_patch16_224`.
    """
    kept: dict[tuple[str, str], Match] = {}
    rest = []
    for match in sorted(found, key=_is_resized):
        family = (match.library, _SIZES.sub("", match.architecture.name))
        if not _is_resized(match) or named(match):
            rest.append(match)
        elif family in kept:
            continue
        else:
            rest.append(match)
        kept[family] = match
    order = {match.name: place for place, match in enumerate(found)}
    return sorted(rest, key=lambda match: (_is_resized(match), order[match.name]))


def _is_resized(match: Match) -> bool:
    return bool(match.architecture.size_option) and (
        match.architecture.size_option in match.config
    )  # fmt: skip


def nearest(own: Shapes, count: int = _SHOWN_NEAREST) -> tuple[KeyReport, ...]:
    """In what the shapes depart from the architectures that have most in common with them."""
    ranked = []
    for index in all_indexes():
        counts = _count(own, index)
        likeness = counts.same / np.maximum(1, len(own) + counts.absent)
        for table in np.argsort(-likeness, kind="stable")[:count]:
            if counts.same[table]:
                ranked.append((float(likeness[table]), index, int(table)))
    ranked.sort(key=lambda each: -each[0])
    reports = [
        report(own, index.at(index.members[table][0]), index.library)
        for _, index, table in ranked[: 2 * count]
    ]
    reports.sort(key=lambda each: (-each.likeness, _departures(each)))
    return tuple(reports[:count])


def compare(shapes: Mapping[str, tuple[int, ...]], library: str, name: str) -> KeyReport:
    """In what the shapes depart from one architecture.

    Parameters
    ----------
    library
        Empty for whichever has it.

    Raises
    ------
    UnknownName
        There is no such library or architecture.
    """
    own = own_names(shapes)
    indexes = [each for each in all_indexes() if library in ("", each.library)]
    if not indexes:
        raise unknown_name("library", library, [each.library for each in all_indexes()])
    holding = next((each for each in indexes if name in each.names), indexes[-1])
    if name not in holding.names:
        raise unknown_name("architecture", name, [n for each in indexes for n in each.names])
    return report(own, holding.architecture(name), holding.library)


def architecture_match(library: str, name: str) -> Match:
    """A match for an architecture as its library builds it, without any file.

    Raises
    ------
    UnknownName
        There is no such architecture.
    """
    architecture = load_index(library).architecture(name)
    found = match_architecture(architecture.tensors, architecture, library)
    assert found is not None, "every architecture takes its own tensors"
    return found


def _departures(report: KeyReport) -> int:
    return len(report.missing) + len(report.unexpected) + len(report.reshaped)


def _renamings(shapes: Mapping[str, tuple[int, ...]]) -> tuple[Renaming, ...]:
    try:
        from interp_gui.checkpoints.keymaps import renamings
    except ImportError:
        return ()
    return tuple(renamings(shapes))


def _averaging(own: Shapes, hints: Hints) -> tuple[Match, ...]:
    """Plain transformers of timm that classify the mean of the tokens, as a tuned MAE does.

    Their last norm then comes behind the mean, under a name of its own.
    """
    if "norm.weight" in own or not {"fc_norm.weight", "fc_norm.bias"} <= own.keys():
        return ()
    usual = {key.removeprefix("fc_") if key.startswith("fc_norm.") else key: shape
             for key, shape in own.items()}  # fmt: skip
    return tuple(
        replace(match, config={**match.config, "global_pool": "avg"})
        for match in find_matches(usual, hints=hints, library="timm")
        if match.architecture.name.startswith(_PLAIN_TRANSFORMERS)
    )


def _put_back(own: Shapes) -> Iterator[Renaming]:
    """Names with what looked like a wrapper's prefix, and is a part of some networks.

    Where a network has no head, all of its names may begin with `encoder.`.
    """
    for index in all_indexes():
        known = index.name_numbers
        parts = {name.partition(".")[0] for name in known if "." in name}
        for part in sorted(WRAPPERS & parts):
            names = {key: f"{part}.{key}" if f"{part}.{key}" in known else key for key in own}
            count = sum(key != name for key, name in names.items())
            if count <= len(own) // 2 or len(set(names.values())) < len(names):
                continue
            yield Renaming(
                name=f"they belong to the part '{part}'", source="", target=index.library,
                shapes={names[key]: shape for key, shape in own.items()},
                convert=partial(_renamed, names),
            )  # fmt: skip


def _renamed(names: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> Tensors:
    return {names.get(key, key): value for key, value in tensors.items()}


def _possible(own: Shapes, index: Index) -> list[int]:
    """Architectures whose body might be this one, by how many tensors differ."""
    counts = _count(own, index)
    absent, reshaped = index.slack
    tables = np.array(index.tables)
    enough = counts.same[tables] > 0
    few = (counts.absent[tables] <= absent) & (counts.reshaped[tables] <= reshaped)
    return [int(place) for place in np.flatnonzero(few & enough)]


def _count(own: Shapes, index: Index) -> _Counts:
    names, kinds = index.numbered(own)
    missing = -2
    known = np.full(len(index.tensor_names), missing, np.int32)
    known[names] = kinds
    found = known[index.rows]
    absent = np.add.reduceat(found == missing, index.starts, dtype=np.int32)
    same = np.add.reduceat(found == index.kinds, index.starts, dtype=np.int32)
    return _Counts(absent, (index.lengths - absent - same).astype(np.int32), same)
