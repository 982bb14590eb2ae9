"""What to do about a job whose engine ended."""

import pytest

from interp_gui.engine.failures import ending, lost


@pytest.mark.parametrize(("code", "down", "wanted", "unwanted"), [
    (-11, False, "starts anew", "Restart"),
    (-9, False, "Close other models", "Restart"),
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
