import numpy as np
import pytest

from interp_gui.core.model import Preprocessing
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import Picture, Table
from interp_gui.gui.report.kept import KeptResults, kept_of


@pytest.fixture
def kept(state):
    return kept_of(state)


def picture(title="A unit"):
    return Picture(key=title, title=title, pixels=np.zeros((4, 4, 3), np.uint8))


def numbers():
    return Table(key="numbers", title="Numbers", columns=("a",), cells=((1,),))


def recipe():
    identity = ModelIdentity(name="net.pth", weights_sha256="a" * 64, architecture="n", library="t")
    return Recipe(analysis="activation-maps", model=identity, preprocessing=Preprocessing())


def ids(kept):
    return [item.id for item in kept.items]


def test_one_store_serves_a_window_and_its_pinned_views(state):
    class Pinned:
        shared = state

    assert kept_of(state) is kept_of(state) is kept_of(Pinned())
    assert isinstance(kept_of(state), KeptResults)


def test_keeping_holds_result_recipe_companions_model_and_time(kept, state, qtbot):
    shown, beside = picture(), numbers()
    with qtbot.waitSignal(kept.changed):
        made = kept.keep(shown, recipe(), (shown, beside))
    (item,) = kept.items
    assert item.id == made
    assert item.result is shown
    assert item.companions == (beside,)
    assert item.model_name == "net.pth"
    assert item.included
    assert item.kept.endswith("+00:00")
    assert kept.holds(shown)
    assert not kept.holds(beside)


def test_a_result_is_kept_once(kept, state):
    shown = picture()
    first = kept.keep(shown, None)
    assert kept.keep(shown, None) == first
    assert len(kept.items) == 1
    assert state.undo.count() == 1


def test_every_change_is_taken_back_and_done_again(kept, state):
    one, two, three = (kept.keep(picture(name), None) for name in ("one", "two", "three"))
    changes = (
        lambda: kept.move((three,), 0),
        lambda: kept.update(two, note="Look here"),
        lambda: kept.update(one, included=False),
        lambda: kept.remove((two, three)),
    )
    states = [kept.items]
    for change in changes:
        change()
        assert kept.items != states[-1]
        states.append(kept.items)
    for was in reversed(states[:-1]):
        state.undo.undo()
        assert kept.items == was
    for then in states[1:]:
        state.undo.redo()
        assert kept.items == then


def test_titles_say_what_undo_would_take_back(kept, state):
    one = kept.keep(picture("A unit"), None)
    assert state.undo.undoText() == "keep A unit"
    kept.update(one, included=False)
    assert state.undo.undoText() == "untick A unit"
    kept.update(one, note="x")
    assert state.undo.undoText() == "edit the note on A unit"
    kept.remove([one])
    assert state.undo.undoText() == "remove A unit from the report"


def test_typing_a_note_is_one_step(kept, state):
    one = kept.keep(picture(), None)
    for text in ("a", "ab", "abc"):
        kept.update(one, note=text)
    state.undo.undo()
    assert kept.item(one).note == ""
    state.undo.redo()
    assert kept.item(one).note == "abc"


def test_moving_keeps_the_order_of_what_moves(kept):
    a, b, c, d = (kept.keep(picture(name), None) for name in "abcd")
    kept.move({d, b}, 0)
    assert ids(kept) == [b, d, a, c]
    kept.move((b,), 4)
    assert ids(kept) == [d, a, c, b]


def test_what_changes_nothing_is_no_step(kept, state):
    one = kept.keep(picture(), None)
    kept.keep(picture(), None)
    before = state.undo.count()
    kept.move((one,), 0)
    kept.move((one,), 1)
    kept.update(one, note="")
    kept.update("nobody", note="x")
    kept.remove(("nobody",))
    kept.move(("nobody",), 0)
    assert state.undo.count() == before


def test_the_head_of_the_report_is_undone_field_by_field(kept, state):
    for text in ("M", "My", "My report"):
        kept.write_head(title=text)
    kept.write_head(author="A. Person")
    kept.write_head(author="A. Person")
    assert state.undo.count() == 2
    state.undo.undo()
    assert (kept.head.title, kept.head.author) == ("My report", "")
    state.undo.undo()
    assert kept.head.title == ""
    state.undo.redo()
    head = kept.head
    kept.restore(())
    assert kept.head.title == ""
    kept.restore((), head)
    assert kept.head.title == "My report"


def test_restoring_is_no_step(kept, state):
    kept.keep(picture(), None)
    held, count = kept.items, state.undo.count()
    kept.restore(())
    assert kept.items == ()
    kept.restore(held)
    assert kept.items == held
    assert state.undo.count() == count
