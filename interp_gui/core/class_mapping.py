"""Which class of a model each label of a dataset stands for: proposed here, confirmed by people.

ImageNet's synset numbers and synonyms are those of WordNet 3.0 (Princeton University).
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache

import msgspec

from interp_gui.resources import resource_path

CLOSE = 0.8
"""Likeness of two names from which one is proposed for the other."""

_SYNSETS_FILE = "architectures/imagenet_synsets.tsv"
_NAMES_FILE = "architectures/imagenet_classes.txt"
_SYNSET = re.compile(r"n\d{8}(?=\D|$)")
_NUMBERED = re.compile(r"^\d+\s*[._\-\s]\s*(?=\D)")
_MOST_COMPARED = 20
_PLURALS = (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"),
    ("ss", "ss"), ("us", "us"), ("is", "is"), ("s", ""),
)  # fmt: skip
"""Endings, the first that fits; those that only look like a plural stay."""
_SHORTEST_STEM = 2

_Match = tuple[int, str, bool]
"""Class index, why, and whether that is certain."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What a label stands for.

    Parameters
    ----------
    index
        Class of the model; None where none fits.
    name
        Its name.
    why
        A sentence that says what the proposal rests on.
    certain
        False where a person has to look at it.
    """

    label: str
    index: int | None = None
    name: str = ""
    why: str = ""
    certain: bool = False


def propose(
    labels: Iterable[str], class_names: Sequence[str], *, class_count: int
) -> tuple[Proposal, ...]:
    """Propose a class for each label, in the order of the labels.

    By the class's name (whatever its case, spaces, underscores and hyphens), one of the synonyms
    that a name lists between commas, ImageNet's synset number or synonym where the classes are
    those of ImageNet, the class's index, and as uncertain ones a similar name, or where nothing
    else fits any label and there are as many labels as classes, their sorted order.

    Parameters
    ----------
    class_names
        Of the model; empty where it does not tell any.
    class_count
        Number of its classes.
    """
    wanted = list(dict.fromkeys(label for label in labels if label))
    names = [
        class_names[i] if i < len(class_names) else f"class {i}" for i in range(max(class_count, 0))
    ]
    found: dict[str, _Match] = {}
    for step in _steps(wanted, names, known=bool(class_names)):
        for label in wanted:
            if label not in found and (match := step(label)) is not None:
                found[label] = match
    _add_plurals(wanted, names, found)
    if not found and len(wanted) == len(names) and len(wanted) > 1:
        why = "As many labels as classes: taken in sorted order, as training from folders does."
        found = {label: (i, why, False) for i, label in enumerate(sorted(wanted))}
    else:
        _add_close(wanted, names, found)
        _doubt_ambiguous(names, found, known=bool(class_names))
    return _shared_named([_proposal(label, names, found.get(label)) for label in wanted])


def conflicts(proposals: Iterable[Proposal]) -> tuple[str, ...]:
    """A sentence for each class that several labels stand for."""
    by_class: dict[int, list[Proposal]] = defaultdict(list)
    for each in proposals:
        if each.index is not None:
            by_class[each.index].append(each)
    return tuple(
        f"{_listed(p.label for p in group)} all stand for '{group[0].name}'."
        if len(group) > 2
        else f"{_listed(p.label for p in group)} both stand for '{group[0].name}'."
        for group in by_class.values()
        if len(group) > 1
    )


def confirmed(proposals: Iterable[Proposal], *, uncertain: bool = False) -> dict[str, int]:
    """The mapping of the proposals that are certain, or of all of them: `Dataset.classes`."""
    return {
        each.label: each.index
        for each in proposals
        if each.index is not None and (each.certain or uncertain)
    }


def _steps(
    labels: list[str], names: list[str], *, known: bool
) -> list[Callable[[str], _Match | None]]:
    """Ways to find a class, the surest first."""
    exact = _by(names, lambda name: [name])
    folded = _by(names, lambda name: [_folded(name)])
    synonyms = _by(names, lambda name: [_folded(part) for part in name.split(",")])
    steps = [
        _step(exact, lambda label: label, "The same name."),
        _step(folded, _folded, "The same name, written otherwise."),
        _step(synonyms, _folded, "One of the names of '{name}'.", names),
    ]
    if _is_imagenet(names, known=known):
        numbers = {synset: [i] for i, (synset, _) in enumerate(_synsets())}
        lemmas = _by([text for _, text in _synsets()], lambda text: [
            _folded(part) for part in text.split(",")
        ])  # fmt: skip
        steps += [
            _step(numbers, _synset, "ImageNet's number of this class.", certain=known),
            _step(lemmas, _folded, "Another name of '{name}' in ImageNet.", names),
        ]
    steps.append(_index_step(labels, len(names)))
    steps.append(_step(synonyms, _unnumbered, "The same name behind a number."))
    return steps


def _step(
    table: Mapping[str, Sequence[int]],
    key: Callable[[str], str],
    why: str,
    names: Sequence[str] = (),
    *,
    certain: bool = True,
) -> Callable[[str], _Match | None]:
    def find(label: str) -> _Match | None:
        key_of = key(label)
        places = table.get(key_of, ()) if key_of else ()
        if not places:
            return None
        if len(places) > 1:
            rest = ", ".join(str(place) for place in places)
            return places[0], f"{len(places)} classes bear that name: {rest}.", False
        return places[0], why.format(name=names[places[0]] if names else ""), certain

    return find


def _index_step(labels: list[str], count: int) -> Callable[[str], _Match | None]:
    """Numbers as indices, where they fit; from 1 on where they run to the number of classes."""
    numbers = {label: int(label) for label in labels if label.isascii() and label.isdecimal()
               and len(label) < 10}  # fmt: skip
    whole = bool(numbers) and len(numbers) == len(labels)
    least, most = (min(numbers.values()), max(numbers.values())) if numbers else (0, 0)
    from_one = whole and least >= 1 and most == count

    def find(label: str) -> _Match | None:
        if label not in numbers:
            return None
        if from_one:
            return numbers[label] - 1, "The class's number, if they count from 1.", False
        if numbers[label] >= count:
            return None
        first_few = least == 1 and most == len(numbers)  # may as well count from 1
        sure = whole and (least == 0 or (most - least + 1 < count and not first_few))
        return numbers[label], "The class's index.", sure

    return find


def _doubt_ambiguous(names: list[str], found: dict[str, _Match], *, known: bool) -> None:
    """Mark as uncertain what is a name of another class too, one that no label surely stands for.

    ImageNet has 'crane' the bird and 'crane' the machine; lists of names call one of them so.
    """
    bearing = _by(names, lambda name: [_folded(part) for part in name.split(",")])
    if _is_imagenet(names, known=known):
        for i, (_, text) in enumerate(_synsets()):
            for part in text.split(","):
                bearing.setdefault(_folded(part), []).append(i)
    sure = {index for index, _, certain in found.values() if certain}
    for label, (index, why, certain) in list(found.items()):
        bearers = bearing.get(_folded(label)) or bearing.get(_singular(_folded(label)), [])
        other = next((i for i in bearers if i not in sure), None)
        if certain and other is not None:
            found[label] = index, f"{why} '{names[other]}' bears that name too.", False


def _add_plurals(labels: list[str], names: list[str], found: dict[str, _Match]) -> None:
    """Names in the plural for what is left, of classes that nothing surer stands for."""
    taken = {index for index, _, certain in found.values() if certain}
    singular = _by(names, lambda name: [_singular(_folded(part)) for part in name.split(",")])
    step = _step(
        singular,
        lambda label: _singular(_unnumbered(label) or _folded(label)),
        "The same name in the singular or the plural.",
    )
    for label in labels:
        match = step(label) if label not in found else None
        if match is not None and match[0] not in taken:
            found[label] = match


def _add_close(labels: list[str], names: list[str], found: dict[str, _Match]) -> None:
    """Similar names for what is left, each class that nothing surer stands for at most once."""
    left = [label for label in labels if label not in found]
    if not left:
        return
    taken = {index for index, _, certain in found.values() if certain}
    parts = [
        (i, _folded(part)) for i, name in enumerate(names) if i not in taken
        for part in name.split(",")
    ]  # fmt: skip
    holding: dict[str, list[int]] = defaultdict(list)
    for place, (_, text) in enumerate(parts):
        for piece in _pieces(text):
            holding[piece].append(place)
    offers: list[tuple[float, str, int]] = []
    for label in left:
        text = _unnumbered(label) or _folded(label)
        counts = Counter(place for piece in _pieces(text) for place in holding.get(piece, ()))
        for place, _ in counts.most_common(_MOST_COMPARED):
            index, name = parts[place]
            ratio = SequenceMatcher(None, text, name).ratio()
            if ratio >= CLOSE:
                offers.append((ratio, label, index))
    for ratio, label, index in sorted(offers, key=lambda offer: (-offer[0], offer[1], offer[2])):
        if label not in found and index not in taken:
            taken.add(index)
            found[label] = (index, f"Similar to '{names[index]}' ({ratio:.0%} alike).", False)


def _shared_named(proposals: list[Proposal]) -> tuple[Proposal, ...]:
    """The same, with those that stand for one class marked as uncertain."""
    holders: dict[int | None, list[str]] = defaultdict(list)
    for each in proposals:
        holders[each.index].append(each.label)
    return tuple(
        msgspec.structs.replace(
            each, certain=False,
            why=f"{each.why} {_listed(o for o in holders[each.index] if o != each.label)} "
            "would stand for it too.",
        )
        if each.index is not None and len(holders[each.index]) > 1
        else each
        for each in proposals
    )  # fmt: skip


def _proposal(label: str, names: list[str], match: _Match | None) -> Proposal:
    if match is None:
        return Proposal(label=label, why="No class has a similar name.")
    index, why, certain = match
    return Proposal(label=label, index=index, name=names[index], why=why, certain=certain)


def _by(names: Sequence[str], keys: Callable[[str], Iterable[str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        for key in dict.fromkeys(keys(name)):
            found.setdefault(key, []).append(i)
    return found


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s_\-]+", " ", plain).strip(" .'\"")


def _singular(text: str) -> str:
    """A folded name whose last word is in the singular, by the common English endings."""
    for ending, instead in _PLURALS:
        stem = text.removesuffix(ending)
        whole = ending == instead or len(stem.rpartition(" ")[2]) >= _SHORTEST_STEM
        if stem != text and whole:
            return stem + instead
    return text


def _unnumbered(text: str) -> str:
    """`001.Black_footed_Albatross` without its number; empty where there is none."""
    rest = _NUMBERED.sub("", text, count=1)
    rest = _SYNSET.sub("", rest, count=1) if _SYNSET.match(rest) else rest
    return _folded(rest) if rest != text else ""


def _synset(text: str) -> str:
    match = _SYNSET.match(text.strip().casefold())
    return match.group() if match else ""


def _pieces(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def _is_imagenet(names: Sequence[str], *, known: bool) -> bool:
    if len(names) != 1000:
        return False
    if not known:
        return True
    shipped = resource_path(_NAMES_FILE).read_text("utf-8").splitlines()
    same = sum(
        _folded(ours) in [_folded(part) for part in theirs.split(",")]
        for ours, theirs in zip(shipped, names, strict=True)
    )
    return same > 900  # lists differ in some names


@cache
def _synsets() -> tuple[tuple[str, str], ...]:
    lines = resource_path(_SYNSETS_FILE).read_text("utf-8").splitlines()
    pairs = (line.partition("\t") for line in lines)
    return tuple((synset, names) for synset, _, names in pairs)


def _listed(labels: Iterable[str]) -> str:
    quoted = [f"'{label}'" for label in labels]
    if len(quoted) == 1:
        return quoted[0]
    if len(quoted) > 4:
        quoted = [*quoted[:3], f"{len(quoted) - 3} more"]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"
