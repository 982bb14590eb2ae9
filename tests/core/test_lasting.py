"""What is kept between requests: bounded, by owner, and gone with it."""

import gc
import weakref

from interp_gui.core.lasting import Lasting


class Owner:
    __hash__ = None  # as of dataclasses that compare by value

    def __eq__(self, other):
        return True


def test_values_are_told_apart_by_owner_and_key():
    kept, one, other = Lasting(), Owner(), Owner()
    kept.put(one, "a", 1, size_bytes=10)
    kept.put(other, "a", 2, size_bytes=10)
    assert (kept.get(one, "a"), kept.get(other, "a"), kept.get(one, "b")) == (1, 2, None)
    kept.put(one, "a", 3, size_bytes=30)
    assert kept.get(one, "a") == 3
    assert kept.held_bytes == 40


def test_the_one_not_used_for_longest_goes():
    kept, owner = Lasting(limit_bytes=100), Owner()
    for key in "abc":
        kept.put(owner, key, key, size_bytes=40)
        kept.get(owner, "a")
    assert [kept.get(owner, key) for key in "abc"] == ["a", None, "c"]
    kept.put(owner, "large", 1, size_bytes=1000)
    assert kept.get(owner, "large") == 1
    assert kept.held_bytes == 1000


def test_what_belongs_to_an_owner_goes_with_it():
    kept, owner, other = Lasting(), Owner(), Owner()
    held = Owner()
    gone = weakref.ref(held)
    kept.put(owner, "a", held, size_bytes=1)
    kept.put(other, "a", 1, size_bytes=1)
    kept.forget(owner)
    del held
    gc.collect()
    assert gone() is None
    assert kept.get(other, "a") == 1
    kept.put(owner, "a", 1, size_bytes=1)
    assert kept.get(owner, "a") is None
    ended = weakref.ref(owner)
    del owner
    gc.collect()
    assert ended() is None
    kept.clear()
    assert kept.held_bytes == 0
