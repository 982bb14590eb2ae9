"""What kind of answer a network gives, guessed from its head and what its file says."""

from typing import cast, get_args

from interp_gui.core.errors import InvalidValue, unknown_name
from interp_gui.core.model import OutputInfo, OutputKind

PROBLEM_TYPES = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "scalar",
}
"""`problem_type` of a Hugging Face config, and the kind of output that it means."""


def guess_output(
    size: int, *, embedding: bool = False, is_map: bool = False, hint: str = "", chosen: str = ""
) -> tuple[OutputInfo, tuple[str, ...]]:
    """The output, and sentences on how its kind was found where that is not plain.

    Parameters
    ----------
    size
        Numbers an image (channels, for a map).
    embedding
        Whether the network ends in its features.
    is_map
        Whether it answers for places of the image.
    hint
        Kind that a config names; empty if none.
    chosen
        Kind that the user chose; empty if none.

    Raises
    ------
    UnknownName
        There is no kind of the name chosen.
    InvalidValue
        The kind chosen makes no sense for an output of this size.
    """
    kind, note = _guess(size, embedding=embedding, is_map=is_map, hint=hint)
    if chosen:
        kinds = get_args(OutputKind)
        if chosen not in kinds:
            raise unknown_name("kind of output", chosen, kinds)
        if chosen == "softmax" and size == 1:
            raise InvalidValue(
                "One number is no choice between classes.",
                hint="Its output may be 'scalar' or 'sigmoid'.",
            )
        kind, note = cast(OutputKind, chosen), ""
    return OutputInfo(kind=kind, size=size), (note,) if note else ()


def _guess(size: int, *, embedding: bool, is_map: bool, hint: str) -> tuple[OutputKind, str]:
    if is_map:
        return "map", ""
    if embedding:
        return "embedding", (
            "It has no head: its output is taken as an embedding, which can be compared with that "
            "of other images and has no classes."
        )
    if hint in get_args(OutputKind) and not (hint == "softmax" and size == 1):
        note = f"Its output is {_WORDS[hint]}, as the file says." if hint != "softmax" else ""
        return cast(OutputKind, hint), note
    if size == 1:
        return "scalar", (
            "Its one output is taken as a plain number; where it stands for yes or no, choose "
            "'sigmoid'."
        )
    return "softmax", ""


_WORDS = {
    "softmax": "one of several classes (softmax)",
    "sigmoid": "a yes or no for each class (sigmoid)",
    "scalar": "a plain number",
    "embedding": "an embedding",
    "map": "a map",
}
