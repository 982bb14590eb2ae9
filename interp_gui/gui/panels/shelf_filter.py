"""What of the shelf is shown: words that are searched for, and tags."""

from collections import Counter
from collections.abc import Collection, Sequence

from interp_gui.core.session.document import ShelfItem


def matches(item: ShelfItem, search: str, tags: Collection[str] = ()) -> bool:
    """Whether an item bears all of some tags, and every word that is searched for.

    Parameters
    ----------
    search
        Words to be found in name, note, address, model or tags, in any case; `#dog` finds tags
        that begin so.
    tags
        Tags that the item must bear whole.
    """
    own = [tag.casefold() for tag in item.tags]
    if not all(tag.casefold() in own for tag in tags):
        return False
    text = " ".join((item.name, item.note, item.feature.text, item.model_name, *own)).casefold()
    return all(_found(word, text, own) for word in search.casefold().split())


def _found(word: str, text: str, tags: Sequence[str]) -> bool:
    if word.startswith("#"):
        return any(tag.startswith(word[1:]) for tag in tags)
    return word in text


def tag_counts(items: Sequence[ShelfItem]) -> list[tuple[str, int]]:
    """Every tag with how many items bear it, the most frequent first; the first writing counts."""
    written: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for item in items:
        for tag in item.tags:
            written.setdefault(tag.casefold(), tag)
            counts[tag.casefold()] += 1
    order = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return [(written[tag], counts[tag]) for tag in order]
