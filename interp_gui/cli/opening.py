"""What can be said about a file on the command line before it opens, and what it asks back."""

import argparse
import os
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from interp_gui.cli.output import columns

if TYPE_CHECKING:
    from interp_gui.core.opening import FileReport, KeyReport, OpenChoice, OpenQuestion

_SHOWN_KEYS = 5
_SHOWN_NAMES = 12
_MIB = 1 << 20


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Options that decide what a checkpoint is opened as."""
    parser.add_argument(
        "--arch",
        metavar="LIBRARY:NAME",
        default="",
        help="the architecture, where several take the same tensors (asked once, then remembered)",
    )
    parser.add_argument(
        "--weights", metavar="NAME", default="", help="which of several sets of weights in the file"
    )
    parser.add_argument(
        "--head",
        metavar="LAYER",
        action="append",
        default=[],
        help="what stands at each place of its head that the tensors do not tell, in order: relu, "
        "gelu, …, none; repeat for several",
    )
    parser.add_argument(
        "--output",
        metavar="KIND",
        default="",
        help="what its output is: softmax, sigmoid, scalar, embedding or map (guessed)",
    )
    parser.add_argument(
        "--stubs",
        action="store_true",
        help="reach the tensors of a file that holds foreign classes by reading inert stand-ins "
        "in their place; nothing foreign runs",
    )
    parser.add_argument(
        "--code",
        metavar="FILE.py",
        default="",
        help="Python file that defines the network; run only with --trust-code",
    )
    parser.add_argument(
        "--trust-code",
        metavar="SHA256",
        default="",
        help="run the file of --code if its hash is this: it runs with all your rights",
    )
    parser.add_argument(
        "--code-class", metavar="NAME", default="", help="class or function that makes the network"
    )


def choice_of(options: argparse.Namespace) -> "OpenChoice":
    """What was decided on the command line."""
    from interp_gui.core.opening import OpenChoice

    choice = OpenChoice(
        architecture=options.arch,
        weights=options.weights,
        head=tuple(part for text in options.head for part in text.split(",") if part),
        output=options.output,
        stubs=options.stubs,
        code=os.path.abspath(options.code) if options.code else "",
        code_sha256=options.trust_code,
        code_class=options.code_class,
    )
    choice.split()
    return choice


def question_document(question: "OpenQuestion") -> dict[str, Any]:
    """What has to be decided, as JSON; nothing of it is abridged."""
    import msgspec

    return {
        "candidates": [
            {
                "architecture": each.architecture,
                "library": each.library,
                "differs": list(each.differs),
                "why": each.why,
                "same": list(each.same),
                "score": each.score,
                "input": each.input,
                "certain": each.certain,
            }
            for each in question.candidates
        ],
        "nearest": [msgspec.to_builtins(each) for each in question.nearest],
        "weights": list(question.weights),
        "head": msgspec.to_builtins(question.head),
        "weights_sha256": question.weights_sha256,
    }


def question_lines(question: "OpenQuestion", words: Sequence[str]) -> Iterator[str]:
    """What has to be decided, for people, with what to type.

    Parameters
    ----------
    words
        The command line that asked.
    """
    again = shlex.join(["interp-gui", *_without_choice(words)])
    arch = question.choice.architecture
    if question.candidates:
        arch = question.candidates[0].name
        yield from columns(list(_candidate_rows(question)))
        yield ""
        if question.head is None:
            yield "To choose one:"
            yield f"  {again} --arch {arch}"
    for report in question.nearest:
        yield from _key_lines(report)
    if question.head is not None:
        answers = ["relu" for _ in question.head.gaps]
        yield f"Its head: {', '.join(question.head.layers)}"
        yield f"At each '?' may stand {', '.join(question.head.options)}."
        both = " a network and" if question.candidates else ""
        yield f"To choose{both} what stands there:"
        chosen = f" --arch {arch}" if arch else ""
        yield f"  {again}{chosen} --head {','.join(answers)}"
    if len(question.weights) > 1:
        yield f"Sets of weights (--weights): {', '.join(question.weights)}"


def _candidate_rows(question: "OpenQuestion") -> Iterator[tuple[str, str, str]]:
    yield "network", "right", "in what it differs from the first"
    for each in question.candidates:
        score = "" if each.score is None else f"{each.score:.0%}"
        first, *rest = (*each.differs, each.why)
        yield each.name, score, first
        for line in rest:
            yield "", "", line
        if each.same:
            yield "", "", f"computes the same: {', '.join(each.same)}"


def _key_lines(report: "KeyReport") -> Iterator[str]:
    yield (
        f"Nearest: {report.library}:{report.architecture} "
        f"({report.likeness:.0%} of its tensors agree)"
    )
    reshaped = [
        f"{each.key} ({_extent(each.found)} instead of {_extent(each.expected)})"
        for each in report.reshaped
    ]
    for word, keys in (
        ("missing", list(report.missing)),
        ("unexpected", list(report.unexpected)),
        ("of another shape", reshaped),
    ):
        if keys:
            more = f", and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
            yield f"  {len(keys)} {word}: {', '.join(keys[:_SHOWN_KEYS])}{more}"


def report_lines(report: "FileReport") -> list[str]:
    """What a file is, without having opened it."""
    facts = [("file", report.path)]
    if report.format:
        facts.append(("format", report.title or report.format))
    if report.size_bytes:
        facts.append(("size", f"{report.size_bytes / _MIB:,.1f} MiB"))
    if report.needed_bytes:
        free = f" of {report.free_bytes / _MIB:,.0f} MiB free" if report.free_bytes else ""
        facts.append(("memory to open it", f"about {report.needed_bytes / _MIB:,.0f} MiB{free}"))
    if report.sha256:
        facts.append(("sha256", report.sha256))
    if len(report.files) > 1:
        facts.append(("files", ", ".join(report.files)))
    if report.foreign:
        names = [f"{one.name}{' (dangerous)' if one.dangerous else ''}" for one in report.foreign]
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        facts.append(("asks for", ", ".join(names[:_SHOWN_NAMES]) + more))
    lines = columns(facts)
    lines += [f"note: {note}" for note in report.notes]
    if report.problem:
        lines.append(
            f"It is not opened: {report.problem}{f' {report.hint}' if report.hint else ''}"
        )
    return lines


def _without_choice(words: Sequence[str]) -> list[str]:
    """The words without an architecture and head chosen before."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in ("--arch", "--head"):
            skip = True
        elif not word.startswith(("--arch=", "--head=")):
            kept.append(word)
    return kept


def _extent(shape: Sequence[int]) -> str:
    return " × ".join(str(side) for side in shape) or "one number"
