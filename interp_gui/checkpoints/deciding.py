"""Which of several architectures that take a file's tensors it is opened as."""

from interp_gui.checkpoints.formats import CheckpointFile
from interp_gui.checkpoints.index import imagenet_classes
from interp_gui.checkpoints.match import Decision, Hints, Match, Recognition, Tensors, Wishes
from interp_gui.checkpoints.published import Origin, find_origin
from interp_gui.core.errors import UnknownArchitecture
from interp_gui.core.opening import KeyReport, OpenQuestion

_IMAGENET_CLASSES = 1000
_SHOWN_KEYS = 3
_LEAST_LIKENESS = 0.2


def decide(
    recognition: Recognition,
    tensors: Tensors,
    *,
    file: CheckpointFile,
    weights_sha256: str,
    hints: Hints,
    wishes: Wishes,
) -> Decision:
    """The architecture that a file is opened as.

    Raises
    ------
    UnknownArchitecture
        None fits, or several do and nothing decides; its `question` says what would.
    UnknownName
        The architecture that was asked for is not known.
    """
    question = OpenQuestion(
        path=str(file.path), file=file.path.name, weights_sha256=weights_sha256,
        nearest=recognition.nearest, choice=wishes.choice,
    )  # fmt: skip
    library, asked = wishes.choice.split()
    for match in recognition.matches:
        if (asked == match.architecture.name and library in ("", match.library)) or not asked:
            origin = find_origin(file, match)
            return Decision(
                match=match,
                preprocessing=origin.preprocessing,
                class_names=_class_names(match, origin),
                notes=(*origin.notes, *_twin_notes(match, origin)),
            )
    raise _does_not_fit(file.path.name, recognition.nearest, tensors, question)


def _class_names(match: Match, origin: Origin) -> tuple[str, ...]:
    if match.classes != _IMAGENET_CLASSES:
        return ()
    if origin.weights is not None and not origin.weights.classes:
        return ()
    return imagenet_classes()


def _twin_notes(match: Match, origin: Origin) -> tuple[str, ...]:
    twins = match.architecture.twins
    if not twins or origin.weights is not None:
        return ()
    return (
        f"Names and shapes cannot tell it from {' or '.join(twins)}; "
        f"it was opened as torchvision's {match.architecture.name}.",
    )


def _does_not_fit(
    file_name: str, nearest: tuple[KeyReport, ...], tensors: Tensors, question: OpenQuestion
) -> UnknownArchitecture:
    hint = "Every classification architecture of torchvision can be opened, with its own names."
    found = nearest[0] if nearest else None
    if found is None or found.likeness < _LEAST_LIKENESS:
        keys = ", ".join(list(tensors)[:_SHOWN_KEYS])
        return UnknownArchitecture(
            f"The weights in '{file_name}' are of no known architecture"
            + (f" (they are named {keys}, …)." if keys else "."),
            hint=hint,
            question=question,
        )
    parts = [
        f"{len(keys)} tensor{'s' if len(keys) > 1 else ''} {word} ({_some(keys)})"
        for word, keys in (
            ("missing", found.missing),
            ("unexpected", found.unexpected),
            ("of another shape", tuple(each.key for each in found.reshaped)),
        )
        if keys
    ]
    return UnknownArchitecture(
        f"The weights in '{file_name}' fit no known architecture; nearest is "
        f"{found.architecture}, with {', '.join(parts) or 'tensors that disagree in size'}.",
        hint=hint,
        candidates=(found.architecture,),
        question=question,
    )


def _some(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:_SHOWN_KEYS]) + (", …" if len(keys) > _SHOWN_KEYS else "")
