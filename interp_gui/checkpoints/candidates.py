"""Architectures that take the same tensors as they are shown: what differs, and why this rank."""

from collections.abc import Callable, Sequence

from torch import nn

from interp_gui.checkpoints.differences import differences, seeing, seen_otherwise
from interp_gui.checkpoints.match import Match
from interp_gui.checkpoints.probing import Build, Group, distance
from interp_gui.checkpoints.ranking import named_in
from interp_gui.checkpoints.scoring import Hits
from interp_gui.core.errors import UnknownArchitecture
from interp_gui.core.model import Preprocessing
from interp_gui.core.opening import Candidate

Seeing = Callable[[Match], Preprocessing]

_MOST_ALTERNATIVES = 6


def described(
    groups: Sequence[Group],
    beyond: Sequence[Match],
    scores: Sequence[Hits | None],
    sees: Seeing,
    *,
    file_name: str,
) -> tuple[Candidate, ...]:
    """One candidate a group, the best on labelled images first, else in their order.

    Parameters
    ----------
    beyond
        Candidates that were not tried.
    scores
        Right answers of each group's first member; empty where there are no labelled images.
    """
    every = [match for one in groups for match in one.matches]
    named = named_in(file_name, every)
    shown = list(scores) or [None] * len(groups)
    order = sorted(range(len(groups)), key=lambda i: (-_share(shown[i]), i))
    first = groups[order[0]].first if order else None
    found = []
    for i in order:
        one, probed = groups[i], groups[i].first
        why = []
        hits = shown[i]
        if hits is not None:
            why.append(f"answers {int(hits.sum())} of {len(hits)} labelled images right")
        if any(match.architecture.name in named for match in one.matches):
            why.append("the file's name names it")
        if probed.problem:
            why.append(f"it could not be run: {probed.problem}")
        match = probed.match
        differs: tuple[str, ...] = ()
        if first is not None and probed is not first:
            differs = (
                *differences(first.module, probed.module),
                *seen_otherwise(sees(first.match), sees(match)),
            )
            if not differs:
                a, b = first.outputs(first.size), probed.outputs(first.size)
                apart = distance(a, b) if a is not None and b is not None else float("inf")
                how = f" (by {apart:.1g} of their deviation)" if apart < float("inf") else ""
                differs = (f"answers otherwise{how}, by what its code does",)
        found.append(
            Candidate(
                architecture=match.architecture.name,
                library=match.library,
                same=tuple(each.name for each in one.matches[1:]),
                differs=differs,
                why="; ".join(why) or _place_why(match, one is groups[0], len(one.members)),
                input=seeing(sees(match)),
                score=None if hits is None else float(hits.mean()),
                certain=match.certain,
            )
        )
    found += [
        Candidate(
            architecture=match.architecture.name,
            library=match.library,
            why="not tried: too many take these tensors",
            input=seeing(sees(match)),
            certain=match.certain,
        )
        for match in beyond
    ]
    return tuple(found)


def uncertain(matches: Sequence[Match], sees: Seeing) -> tuple[Candidate, ...]:
    """Candidates that only order and shapes of tensors speak for."""
    return tuple(
        Candidate(
            architecture=match.architecture.name,
            library=match.library,
            why="only the order and the shapes of its tensors agree: equal-shaped ones may be "
            "exchanged",
            input=seeing(sees(match)),
            certain=False,
        )
        for match in matches
    )


def alternatives(
    chosen: Match,
    others: Sequence[Match],
    build: Build,
    sees: Seeing,
    *,
    alike: Sequence[Sequence[str]] = (),
    check: Callable[[], None] = lambda: None,
) -> tuple[Candidate, ...]:
    """Others that take the same tensors and are made otherwise than the one that was decided on.

    They are built and compared, not run; those in which nothing differs are left out, but where
    it is known that they answer otherwise.

    Parameters
    ----------
    alike
        Names of those that were found to answer alike, as far as that is known: each such group
        is one alternative, and that of the chosen one is none.
    """
    named = {match.name: match for match in others if match is not chosen}
    groups = [tuple(n for n in names if n in named) for names in alike if chosen.name not in names]
    known = {name for names in alike for name in names}
    groups = [names for names in groups if names]
    groups += [(name,) for name in named if name not in known]
    if not groups:
        return ()
    module = build(chosen)
    found = []
    for names in groups[:_MOST_ALTERNATIVES]:
        check()
        match = named[names[0]]
        other = _built(match, build)
        if other is None:
            continue
        made = differences(module, other)
        if not made and match.name in known:
            made = ("answers otherwise, by what its code does",)
        if made:
            found.append(
                Candidate(
                    architecture=match.architecture.name,
                    library=match.library,
                    same=names[1:],
                    differs=(*made, *seen_otherwise(sees(chosen), sees(match))),
                    why=_usual_why(match),
                    input=seeing(sees(match)),
                    certain=match.certain,
                )
            )
    return tuple(found)


def _built(match: Match, build: Build) -> nn.Module | None:
    try:
        return build(match)
    except UnknownArchitecture:
        return None  # not with the installed libraries


def _share(hits: Hits | None) -> float:
    return float(hits.mean()) if hits is not None else -1.0


def _place_why(match: Match, first: bool, networks: int) -> str:
    """Why a candidate of which nothing more is known stands where it does."""
    if first and networks > 1:
        return f"{networks} networks in use compute this"
    if first:
        return "the plain one of them, by its name"
    return f"a variant that {match.library} has"


def _usual_why(match: Match) -> str:
    return f"{match.library}'s {match.architecture.name} takes all of its tensors"
