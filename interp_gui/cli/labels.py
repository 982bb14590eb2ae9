"""Which class each label of the images at hand means, where nobody is there to confirm it."""

from collections.abc import Sequence

import msgspec

from interp_gui.cli.output import Output
from interp_gui.cli.targets import class_index
from interp_gui.core.class_mapping import confirmed, propose
from interp_gui.core.dataset import Dataset
from interp_gui.core.errors import InvalidValue, unknown_name
from interp_gui.core.model import ModelDescription

_NAMED = 5


def with_classes(
    dataset: Dataset | None,
    model: ModelDescription,
    chosen: Sequence[tuple[str, str]],
    output: Output,
    *,
    tell: bool,
) -> Dataset | None:
    """The images with the classes that their labels certainly mean, and those `chosen`.

    Parameters
    ----------
    chosen
        Pairs of a label and a class, by index or name.
    tell
        Whether to say which labels are left out, where the run is about that.

    Raises
    ------
    UnknownName
        A label or class of that name does not exist.
    InvalidValue
        There is no class of that index.
    """
    labels = dataset.labels if dataset is not None else ()
    count = model.class_count
    given: dict[str, int] = {}
    for label, name in chosen:
        if label not in labels:
            raise unknown_name("label", label, labels)
        given[label] = class_index(name, model)
        if given[label] >= count:
            raise InvalidValue(
                f"There is no class {given[label]}.",
                hint=f"The model's classes are 0 to {count - 1}." if count else "It has none.",
            )
    if dataset is None or not labels or not count:
        return dataset
    proposals = propose(labels, model.class_names, class_count=count)
    classes = confirmed(proposals) | given
    left = [each for each in proposals if each.label not in classes]
    if left and tell:
        named = ", ".join(
            f"'{each.label}'" + (f" (maybe {each.index}: {each.name})" if each.index is not None
                                 else "")
            for each in left[:_NAMED]
        )  # fmt: skip
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        output.note(
            f"Labels that stand for no class: {named}{more}. Say which with --class LABEL=CLASS."
        )
    return msgspec.structs.replace(dataset, classes=classes)
