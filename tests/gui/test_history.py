from hypothesis import given
from hypothesis import strategies as st

from interp_gui.gui.history import LIMIT, History, Visit

steps = st.lists(st.one_of(st.integers(0, 5), st.sampled_from(("back", "forward"))), max_size=60)


@given(steps)
def test_behaves_as_a_list_with_a_cursor(steps):
    history, visits, at = History(), [], -1
    for step in steps:
        if step == "back":
            at = max(0, at - 1) if visits else at
            history.back()
        elif step == "forward":
            at = min(len(visits) - 1, at + 1)
            history.forward()
        else:
            place = Visit(layer=str(step))
            if not visits or visits[at] != place:
                visits = [*visits[: at + 1], place]
                at = len(visits) - 1
            history.visit(place)
        assert history.current == (visits[at] if visits else None)
        assert history.can_back == (at > 0)
        assert history.can_forward == (0 <= at < len(visits) - 1)


def test_the_oldest_visits_fall_out():
    history = History()
    for i in range(LIMIT + 50):
        history.visit(Visit(layer=str(i)))
    while history.back():
        pass
    assert history.current == Visit(layer="50")
    assert history.length == LIMIT
