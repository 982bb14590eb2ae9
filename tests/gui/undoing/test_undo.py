"""Steps that are done, undone, merged and refused."""

import pytest

from interp_gui.core.errors import InvalidValue
from interp_gui.gui.undoing.stack import UndoStack


@pytest.fixture
def stack(qapp):
    stack = UndoStack()
    yield stack
    stack.deleteLater()


@pytest.fixture
def box(stack):
    """A value with a setter that can be undone."""

    class Box:
        value = 0

        def set(self, value, **options):
            before = self.value
            stack.change(
                f"set {value}",
                lambda: setattr(self, "value", value),
                lambda: setattr(self, "value", before),
                **options,
            )

    return Box()


def test_do_undo_redo(stack, box):
    box.set(3)
    box.set(5)
    assert box.value == 5
    assert stack.undoText() == "set 5"
    stack.undo()
    assert box.value == 3
    assert stack.redoText() == "set 5"
    stack.undo()
    assert box.value == 0
    assert not stack.canUndo()
    stack.redo()
    stack.redo()
    assert box.value == 5


def test_steps_of_one_slider_merge_and_are_called_by_the_last(stack, box):
    for value in (1, 2, 3):
        box.set(value, merge="slider")
    assert stack.count() == 1
    assert stack.undoText() == "set 3"
    stack.undo()
    assert box.value == 0
    stack.redo()
    assert box.value == 3


def test_a_sealed_step_takes_no_more(stack, box):
    box.set(1, merge="slider")
    stack.seal()
    box.set(2, merge="slider")
    assert stack.count() == 2
    stack.undo()
    assert box.value == 1


def test_other_sliders_do_not_merge(stack, box):
    box.set(1, merge="one")
    box.set(2, merge="other")
    box.set(3, merge="one")
    assert stack.count() == 3


def test_what_follows_from_a_change_is_no_step_of_its_own(stack, box):
    def do():
        box.set(7)

    def back():
        box.set(0)

    stack.change("outer", do, back)
    assert stack.count() == 1
    assert box.value == 7
    stack.undo()
    assert box.value == 0
    assert not stack.canUndo()
    assert stack.canRedo()
    stack.redo()
    assert box.value == 7


def test_a_step_that_cannot_be_undone_any_more_says_so_and_goes(stack, box):
    refused = []
    stack.refused.connect(refused.append)

    def gone():
        raise InvalidValue("The model is closed.")

    box.set(1)
    stack.change("change the input", lambda: None, gone)
    stack.undo()
    assert [str(p.message) for p in refused] == ["The model is closed."]
    assert stack.undoText() == "set 1"
    stack.undo()
    assert box.value == 0


def test_a_step_that_fails_at_once_is_not_remembered(stack, box):
    refused = []
    stack.refused.connect(refused.append)

    def gone():
        raise InvalidValue("No.")

    stack.change("impossible", gone, lambda: None)
    assert refused
    assert stack.count() == 0
    box.set(2)  # the stack still works
    assert box.value == 2
    assert stack.count() == 1


def test_clearing_forgets_steps_and_what_would_merge(stack, box):
    box.set(1, merge="slider")
    stack.clear()
    assert not stack.canUndo()
    box.set(2, merge="slider")
    stack.undo()
    assert box.value == 1


def test_lists_begin_with_a_capital_and_menus_do_not(stack, box):
    box.set(3, merge="slider")
    box.set(4, merge="slider")
    assert stack.text(0) == "Set 4"
    assert stack.undoText() == "set 4"
    stack.undo()
    assert stack.redoText() == "set 4"
