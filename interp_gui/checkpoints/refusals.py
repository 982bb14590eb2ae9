"""What is said of weights that fit no architecture, or not the one that was asked for."""

import msgspec

from interp_gui.checkpoints import recognition
from interp_gui.checkpoints.likely_kinds import likely_kind
from interp_gui.checkpoints.match import InFile, Tensors
from interp_gui.core.errors import UnknownArchitecture
from interp_gui.core.opening import KeyReport, OpenChoice, OpenQuestion

HINT = (
    "Classification architectures of torchvision and timm are known; for a network of your own, "
    "give the Python file that defines it (--code FILE.py). 'My model does not open' in the "
    "documentation says more."
)

_SHOWN_KEYS = 3
_LEAST_LIKENESS = 0.2


def named_as(report: KeyReport, in_file: InFile) -> KeyReport:
    """The same with tensors of the file under the names that they have there."""
    names = in_file.names
    return msgspec.structs.replace(
        report,
        unexpected=tuple(names.get(key, key) for key in report.unexpected),
        reshaped=tuple(
            msgspec.structs.replace(each, key=names.get(each.key, each.key))
            for each in report.reshaped
        ),
    )


def does_not_fit(
    tensors: Tensors, question: OpenQuestion, *, in_file: InFile = InFile()
) -> UnknownArchitecture:
    """No architecture takes these tensors: the nearest is named with all that differs.

    Parameters
    ----------
    question
        Its reports name tensors as they are called in the file.
    """
    asking = msgspec.structs.replace(question, code=True)
    found = question.nearest[0] if question.nearest else None
    if found is None or found.likeness < _LEAST_LIKENESS:
        keys = ", ".join([in_file.names.get(key, key) for key in tensors][:_SHOWN_KEYS])
        sentence = f"The weights in '{question.file}' are of no known architecture" + (
            f" (they are named {keys}, …)." if keys else "."
        )
        names: tuple[str, ...] = ()
    else:
        sentence = (
            f"The weights in '{question.file}' fit no known architecture; nearest is "
            f"{found.architecture}, with {_differences(found)}."
        )
        names = (found.architecture,)
    shapes = {key: tuple(value.shape) for key, value in tensors.items()}
    likely = likely_kind(shapes, question.file, whole=in_file.shapes)
    if likely is not None:
        sentence = f"{sentence.removesuffix('.')}. They look like {likely.words}."
    hint = HINT if likely is None else likely.hint
    asking = msgspec.structs.replace(asking, sentence=sentence, hint=likely.hint if likely else "")
    return UnknownArchitecture(sentence, hint=hint, candidates=names, question=asking)


def does_not_fit_asked(
    choice: OpenChoice, tensors: Tensors, question: OpenQuestion, *, in_file: InFile = InFile()
) -> UnknownArchitecture:
    """The architecture asked for does not take these tensors: all that differs is reported.

    Raises
    ------
    UnknownName
        There is no architecture of that name.
    """
    shapes = {key: tuple(value.shape) for key, value in tensors.items()}
    report = named_as(recognition.compare(shapes, *choice.split()), in_file)
    sentence = (
        f"The weights in '{question.file}' are not those of {report.library}:"
        f"{report.architecture}: {_differences(report)}."
    )
    return UnknownArchitecture(
        sentence,
        hint="Open it without naming an architecture to see which ones fit.",
        candidates=(report.architecture,),
        question=msgspec.structs.replace(
            question, sentence=sentence, nearest=(report, *question.nearest), code=True
        ),
    )


def _differences(found: KeyReport) -> str:
    parts = [
        f"{len(keys)} tensor{'s' if len(keys) > 1 else ''} {word} ({_some(keys)})"
        for word, keys in (
            ("missing", found.missing),
            ("unexpected", found.unexpected),
            ("of another shape", _reshaped(found)),
        )
        if keys
    ]
    return ", ".join(parts) or "tensors that disagree in size"


def _reshaped(found: KeyReport) -> tuple[str, ...]:
    if len(found.reshaped) > _SHOWN_KEYS:
        return tuple(each.key for each in found.reshaped)
    return tuple(
        f"{each.key}: {_extent(each.found)} instead of {_extent(each.expected)}"
        for each in found.reshaped
    )


def _extent(shape: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in shape) or "one number"


def _some(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:_SHOWN_KEYS]) + (", …" if len(keys) > _SHOWN_KEYS else "")
