from hypothesis import given
from hypothesis import strategies as st

from interp_gui.core.folders import natural_key
from interp_gui.core.natural import natural_order

names = st.text(st.sampled_from("ab0129 ._-Éß"), max_size=12)


def test_numbers_count_as_numbers_and_case_does_not():
    texts = ["img10", "Img2", "img1.png", "img", "a\0b10", "a\0b9", "a1\0b"]
    assert [texts[i] for i in natural_order(texts)] == [
        "a\0b9", "a\0b10", "a1\0b", "img", "img1.png", "Img2", "img10",
    ]  # fmt: skip


@given(st.lists(names, max_size=12))
def test_the_order_is_that_of_the_keys(texts):
    expected = sorted(range(len(texts)), key=lambda i: natural_key(texts[i]))
    assert natural_order(texts).tolist() == expected


def test_nothing_and_numbers_without_end():
    assert natural_order([]).tolist() == []
    assert natural_order(["9" * 400, "1" + "0" * 400, "0" * 300]).tolist() == [2, 0, 1]
