"""Objectives as text: what an optimised picture is to make large.

::

    sum     = product { ("+" | "-") product }
    product = signed { "*" signed }
    signed  = "-" signed | primary
    primary = NUMBER | "(" sum ")" | "feature" | KIND [ "(" SUBJECT { "," OPTION "=" NUMBER } ")" ]
    KIND    = "channel" | "neuron" | "layer" | "logit" | "direction"

`SUBJECT` is a feature (`features.14:7`), the word `feature` for the one that was asked for, or,
for `logit`, a class by index or name (quoted where it holds a comma or a bracket). A kind without
brackets applies to the feature that was asked for. Example:
``channel(features.14:7) - 0.5*logit(281)``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from interp_gui.core.errors import InvalidValue

ObjectiveKind = Literal["feature", "channel", "neuron", "layer", "logit", "direction"]
REQUESTED = "feature"
DEFAULT_POWER = 2.0

_OPTIONS: dict[str, tuple[str, ...]] = {"neuron": ("y", "x"), "direction": ("p",)}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>[-+*()]))"
)
_SUBJECT = re.compile(r"""\(\s*(?P<body>(?:"[^"]*"|[^()"])*)\)""")
_OPTION = re.compile(r"^(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>[^=]*)$")


@dataclass(frozen=True)
class Term:
    """One thing to make large.

    Parameters
    ----------
    kind
        `channel`: mean over positions. `neuron`: one position. `layer`: mean square. `logit`:
        output before the softmax. `direction`: projection times a power of the cosine.
        `feature`: whichever of these suits the feature that was asked for.
    subject
        Text of a feature or of a class; `feature` for the one that was asked for.
    y, x
        Position of a neuron on the layer's grid; None for the centre.
    power
        Power of the cosine of a direction.
    """

    kind: ObjectiveKind
    subject: str = REQUESTED
    y: int | None = None
    x: int | None = None
    power: float = DEFAULT_POWER

    def __str__(self) -> str:
        if self == Term("feature"):
            return REQUESTED
        options = "" if self.y is None else f", y={self.y}, x={self.x}"
        if self.power != DEFAULT_POWER:
            options += f", p={self.power!r}"
        quoted = f'"{self.subject}"' if re.search(r"[,()=]", self.subject) else self.subject
        return f"{self.kind}({quoted}{options})"


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Negative:
    """Minus an objective."""

    of: "Objective"

    def __str__(self) -> str:
        return f"-{_bracketed(self.of)}"


@dataclass(frozen=True)
class Binary:
    """Sum, difference or product of two objectives."""

    sign: Literal["+", "-", "*"]
    left: "Objective"
    right: "Objective"

    def __str__(self) -> str:
        return f"{_bracketed(self.left)} {self.sign} {_bracketed(self.right)}"


Objective = Term | Number | Negative | Binary


def terms(objective: Objective) -> Iterator[Term]:
    """All terms, from left to right."""
    match objective:
        case Term():
            yield objective
        case Negative(of):
            yield from terms(of)
        case Binary(_, left, right):
            yield from terms(left)
            yield from terms(right)


def parse_objective(text: str) -> Objective:
    """Read the text form; InvalidValue says at which position it goes wrong."""
    return _Parser(text).parse()


def _bracketed(objective: Objective) -> str:
    return f"({objective})" if isinstance(objective, Binary | Negative) else str(objective)


@dataclass(frozen=True)
class _Token:
    kind: Literal["number", "name", "sign", "subject", "end"]
    text: str
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split())
        self._next = 0

    def parse(self) -> Objective:
        objective = self._sum()
        if self._peek.kind != "end":
            raise self._wrong(self._peek)
        if not any(terms(objective)):
            raise InvalidValue(
                f"The objective '{self._text}' depends on nothing in the network.",
                hint="Name a feature or a class, as in channel(features.14:7) or logit(281).",
            )
        return objective

    def _split(self) -> Iterator[_Token]:
        at, text = 0, self._text
        end = len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                raise self._wrong(_Token("sign", text[at], at))
            kind = match.lastgroup or ""
            start, at = match.start(kind), match.end()
            if kind == "name":
                yield _Token("name", match[kind], start)
                inner = _SUBJECT.match(text, at)
                if inner is not None:
                    yield _Token("subject", inner["body"], inner.start("body"))
                    at = inner.end()
                elif text[at:].lstrip().startswith("("):
                    at = text.index("(", at)
                    raise self._wrong(_Token("sign", "(", at), "a closing bracket")
            else:
                yield _Token("number" if kind == "number" else "sign", match[kind], start)
        yield _Token("end", "", end)

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += token.kind != "end"
        return token

    def _sum(self) -> Objective:
        left = self._product()
        while self._peek.text in ("+", "-") and self._peek.kind == "sign":
            sign: Literal["+", "-"] = "+" if self._take().text == "+" else "-"
            left = Binary(sign, left, self._product())
        return left

    def _product(self) -> Objective:
        left = self._signed()
        while self._peek == _Token("sign", "*", self._peek.at):
            self._take()
            left = Binary("*", left, self._signed())
        return left

    def _signed(self) -> Objective:
        if self._peek == _Token("sign", "-", self._peek.at):
            self._take()
            return Negative(self._signed())
        return self._primary()

    def _primary(self) -> Objective:
        token = self._take()
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "name":
            return self._term(token)
        if token.text == "(":
            inner = self._sum()
            closing = self._take()
            if closing.text != ")":
                raise self._wrong(closing, "a closing bracket")
            return inner
        raise self._wrong(token)

    def _term(self, token: _Token) -> Term:
        kinds: dict[str, ObjectiveKind] = {kind: kind for kind in get_args(ObjectiveKind)}
        if token.text not in kinds:
            raise self._wrong(token, f"one of {', '.join(kinds)}")
        kind = kinds[token.text]
        if self._peek.kind != "subject" or kind == REQUESTED:
            return Term(kind)
        inner = self._take()
        subject, options = self._arguments(inner, kind)
        if ("y" in options) != ("x" in options):
            raise self._wrong(inner, "both y and x")
        place = [int(options[name]) if name in options else None for name in ("y", "x")]
        return Term(kind, subject, place[0], place[1], options.get("p", DEFAULT_POWER))

    def _arguments(self, token: _Token, kind: str) -> tuple[str, dict[str, float]]:
        """Split `features.14:7,9, y=3, x=4`: the commas of a feature belong to it."""
        options: dict[str, float] = {}
        quoted = re.match(r'\s*"(?P<text>[^"]*)"', token.text)
        rest = token.text[quoted.end() :] if quoted else token.text
        parts = rest.split(",")
        while parts and (match := _OPTION.match(parts[-1].strip())):
            options[match["name"]] = self._number(token, kind, match["name"], match["value"])
            parts.pop()
        subject = quoted["text"] if quoted else ",".join(parts).strip()
        if not subject or (quoted and "".join(parts).strip()):
            raise self._wrong(token, "a feature or a class")
        return subject, options

    def _number(self, token: _Token, kind: str, name: str, value: str) -> float:
        allowed = _OPTIONS.get(kind, ())
        if name not in allowed:
            known = f"{kind} takes {' and '.join(allowed) or 'no options'}"
            raise self._wrong(token, known)
        try:
            number = float(value)
        except ValueError:
            raise self._wrong(token, f"a number for {name}") from None
        whole = name in ("y", "x")
        if not 0 <= number < 1e6 or (whole and number != int(number)):
            raise self._wrong(token, f"{name} of 0 or more")
        return number

    def _wrong(self, token: _Token, expected: str = "") -> InvalidValue:
        found = f"'{token.text}'" if token.text else "the end"
        wanted = f"; expected: {expected}" if expected else ""
        return InvalidValue(
            f"The objective '{self._text}' is wrong at position {token.at + 1}, "
            f"at {found}{wanted}.",
            hint="Write for example channel(features.14:7) - 0.5*logit(281).",
        )
