"""What to do about a job whose engine ended."""

import pytest

from interp_gui.engine.failures import ending, lost


@pytest.mark.parametrize(("code", "down", "wanted", "unwanted"), [
    (-11, False, "starts anew", "Restart"),
    (-9, False, "Close other models", "Restart"),
    (-9, False, "run this again, and it goes on from what was kept", "Restart"),
    (-9, True, "it goes on from what was kept", "starts anew"),
    (-9, True, "Restart the engine", "starts anew"),
    (3, True, "Restart the engine", "starts anew"),
])  # fmt: skip
def test_the_hint_fits_what_happened(code, down, wanted, unwanted):
    hint = lost(ending(code), "", down=down).hint
    assert wanted in hint
    assert unwanted not in hint


def test_a_file_that_ended_the_engine_is_named():
    hint = lost(ending(-9), "", opening="big.pt").hint
    assert hint.startswith("'big.pt' is not opened again")


def test_who_killed_the_engine_is_not_known_and_not_claimed():
    """Somebody who kills it by hand is not told that memory ran out."""
    told = ending(-9)
    assert "by somebody, or by the system because memory ran out" in told
    assert "most likely" not in told
