import pytest
from hypothesis import given
from hypothesis import strategies as st

from interp_gui.gui.palette.fuzzy import Query

LETTERS = st.text(st.sampled_from("abcF.14 _-"), max_size=12)


def within(word, text):
    rest = iter(text)
    return all(letter in rest for letter in word)


@given(LETTERS, LETTERS)
def test_a_text_fits_exactly_if_each_word_is_in_it_in_order(typed, text):
    match = Query(typed).match(text)
    fits = all(within(word, text.lower()) for word in typed.lower().split())
    assert (match is not None) == fits


@given(LETTERS, LETTERS)
def test_the_letters_that_are_marked_are_those_that_were_typed(typed, text):
    match = Query(typed).match(text)
    if match is None:
        return
    assert list(match.positions) == sorted(set(match.positions))
    marked = {text[at].lower() for at in match.positions}
    assert marked == set(typed.lower()) - {" "}


@given(st.text(max_size=20), st.text(max_size=20))
def test_letters_of_any_language_do_no_harm(typed, text):
    match = Query(typed).match(text)
    if match is not None:
        assert all(0 <= at < len(text) for at in match.positions)


@pytest.mark.parametrize(
    ("typed", "better", "worse"),
    [
        ("open", "Open model…", "Reopen the last one"),
        ("flw", "Filter layer wall", "Followed"),
        ("f14", "features.14", "features.1.conv.4"),
        ("14", "features.14", "features.1.4"),
        ("log", "Log", "Panels: Log"),
        ("unit", "Unit", "Open unit page"),
        ("om", "Open model…", "Zoom"),
        ("ri", "Remove all images", "Sprite"),
        ("tab", "tabby", "stable"),
    ],
)
def test_what_is_meant_comes_first(typed, better, worse):
    query = Query(typed)
    assert query.match(better).score > query.match(worse).score


def test_words_come_in_any_order():
    assert Query("model open").match("Open model…") is not None
    assert Query("open zebra").match("Open model…") is None
    assert Query("").match("anything").score == 0
