from interp_gui.engine.crashes import RESPAWN_WINDOW_S, RESPAWNS, Crashes


def test_too_many_in_a_short_time_are_the_end():
    now = [0.0]
    crashes = Crashes(lambda: now[0])
    assert all(crashes.another() for _ in range(RESPAWNS))
    assert not crashes.another()
    now[0] = RESPAWN_WINDOW_S + 1
    assert crashes.another(), "those of long ago no longer count"


def test_a_restart_by_hand_begins_anew():
    crashes = Crashes(lambda: 0.0)
    for _ in range(RESPAWNS + 1):
        crashes.another()
    crashes.forget()
    assert crashes.another()
