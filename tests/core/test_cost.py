import pytest

from interp_gui.core.cost import Cost, duration_text, size_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (45, "45 s"), (100, "2 min"), (2400, "40 min"), (5400, "1.5 h"),
     (7200, "2 h"), (40_000, "11 h"), (400_000, "5 days")],
)  # fmt: skip
def test_times_are_told_in_their_largest_unit(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(12, "12 B"), (850_000, "850 kB"), (1_200_000_000, "1.2 GB"), (2 * 10**12, "2 TB")],
)
def test_sizes_are_told_in_their_largest_unit(size, text):
    assert size_text(size) == text


def test_a_cost_says_time_and_disk():
    cost = Cost(seconds=2400, disk_bytes=1_200_000_000)
    assert cost.text == "About 40 min, writes about 1.2 GB"
    assert cost.sentence == "This takes about 40 min and writes about 1.2 GB."
    assert Cost(seconds=70).sentence == "This takes about 70 s."
    assert Cost(seconds=0.3).text == "Less than a second"


@pytest.mark.parametrize(
    ("cost", "asks"),
    [
        (Cost(seconds=59), False),
        (Cost(seconds=61), True),
        (Cost(seconds=1, disk_bytes=10**9), False),
        (Cost(seconds=1, disk_bytes=10**9 + 1), True),
    ],
)
def test_only_what_is_long_or_large_is_asked_about(cost, asks):
    assert cost.is_long() is asks
    assert not Cost(seconds=61).is_long(after_s=120)
