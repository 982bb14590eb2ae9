"""The Target as it is typed."""

from interp_gui.core.errors import InvalidValue, unknown_name
from interp_gui.core.model import ModelDescription
from interp_gui.core.target import Target


def parse_target(text: str, model: ModelDescription) -> Target:
    """Read `281`, `tabby`, `probability:tabby`, `tabby - tiger cat` (a logit difference) or
    `value:3` (one number of an output that gives no classes).

    Raises
    ------
    UnknownName
        No class is named so; near names are offered.
    InvalidValue
        Several classes bear that name, or there is no class of that index.
    """
    kind, _, rest = text.partition(":")
    if kind == "value" and rest.strip().isdecimal():
        return _value(int(rest), model)
    if kind in ("probability", "logit") and rest:
        target = Target(
            kind="probability" if kind == "probability" else "logit",
            index=class_index(rest, model),
        )
    elif " - " in text:
        one, _, other = text.partition(" - ")
        target = Target(
            kind="logit_difference", index=class_index(one, model),
            versus=class_index(other, model),
        )  # fmt: skip
    else:
        target = Target(index=class_index(text, model))
    target.check(model)
    return target


def _value(index: int, model: ModelDescription) -> Target:
    size = model.outputs[0].size if model.outputs else 0
    if size and not 0 <= index < size:
        raise InvalidValue(f"There is no value {index}.", hint=f"Values are 0 to {size - 1}.")
    return Target(kind="scalar", index=index).fitted(model)


def reference_image(text: str) -> str:
    """Path in `similarity:PATH`; empty for every other Target."""
    kind, _, rest = text.partition(":")
    return rest if kind == "similarity" else ""


def class_index(text: str, model: ModelDescription) -> int:
    """Index of a class by its index or name; UnknownName offers near names."""
    word = text.strip()
    if word.isdecimal():
        return int(word)
    named = [i for i, name in enumerate(model.class_names) if name.casefold() == word.casefold()]
    if len(named) > 1:
        raise InvalidValue(
            f"{len(named)} classes are named '{word}'.",
            hint=f"Give the index: {', '.join(str(i) for i in named)}.",
        )
    if not named:
        raise unknown_name("class", word, model.class_names)
    return named[0]
