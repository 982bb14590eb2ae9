"""The text form of objectives."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.errors import InvalidValue
from interp_gui.core.objective import (
    Binary,
    Negative,
    Number,
    Term,
    parse_objective,
    terms,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("channel", Term("channel")),
        ("feature", Term("feature")),
        ("channel(features.14:7)", Term("channel", "features.14:7")),
        ("channel(features.14:3,9)", Term("channel", "features.14:3,9")),
        ("channel(features.14:3-6)", Term("channel", "features.14:3-6")),
        ("neuron(layer1.0.relu#1:7, y=3, x=4)", Term("neuron", "layer1.0.relu#1:7", 3, 4)),
        ("direction(a.b:v/0123, p=4)", Term("direction", "a.b:v/0123", power=4.0)),
        ('logit("tabby, tabby cat")', Term("logit", "tabby, tabby cat")),
        ("logit(great grey owl)", Term("logit", "great grey owl")),
        ("layer(features.3/in)", Term("layer", "features.3/in")),
        ("-feature", Negative(Term("feature"))),
        (
            "channel(a:1) - 0.5*logit(281)",
            Binary("-", Term("channel", "a:1"), Binary("*", Number(0.5), Term("logit", "281"))),
        ),
        (
            "feature - layer + 2e-1",
            Binary("+", Binary("-", Term("feature"), Term("layer")), Number(0.2)),
        ),
        (
            "(feature + 1) * -neuron",
            Binary("*", Binary("+", Term("feature"), Number(1)), Negative(Term("neuron"))),
        ),
    ],
)
def test_reads(text, expected):
    assert parse_objective(text) == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("channel(a:1) +", 15),
        ("channel(a:1", 8),
        ("chanel(a:1)", 1),
        ("feature feature", 9),
        ("feature ) ", 9),
        ("(feature", 9),
        ("feature & 2", 9),
        ("2 * * feature", 5),
        ("channel()", 9),
        ("channel(a:1, y=2)", 9),
        ("neuron(a:1, y=2)", 8),
        ("neuron(a:1, y=2.5, x=1)", 8),
        ("direction(a:1, p=much)", 11),
    ],
)
def test_says_where_it_goes_wrong(text, position):
    with pytest.raises(InvalidValue, match=f"position {position},"):
        parse_objective(text)


def test_an_objective_depends_on_the_network():
    with pytest.raises(InvalidValue, match="depends on nothing"):
        parse_objective("2 * 3")


_terms = st.one_of(
    st.just(Term("feature")),
    st.builds(
        Term,
        st.sampled_from(["channel", "neuron", "layer", "direction"]),
        st.sampled_from(["feature", "features.14:7", "a#1/in:3,9"]),
    ),
    st.builds(lambda y, x: Term("neuron", "a:1", y, x), st.integers(0, 99), st.integers(0, 99)),
    st.builds(lambda p: Term("direction", "a:1", power=p), st.floats(0, 9)),
    st.builds(lambda s: Term("logit", s), st.sampled_from(["3", "tabby", "tabby, tabby cat"])),
)
_objectives = st.recursive(
    _terms,
    lambda inner: st.one_of(
        st.builds(Negative, inner),
        st.builds(Binary, st.sampled_from("+-*"), inner, inner),
        st.builds(Binary, st.just("*"), st.builds(Number, st.floats(0, 1e6)), inner),
    ),
    max_leaves=8,
)


@given(_objectives)
def test_text_of_an_objective_reads_back(objective):
    assert parse_objective(str(objective)) == objective
    assert all(isinstance(term, Term) for term in terms(objective))


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(InvalidValue):
        parse_objective(text)
