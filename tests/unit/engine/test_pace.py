"""What costs much is done seldom enough to stay within its part of the time."""

from __future__ import annotations

from fader.engine.pace import Pace


def test_it_is_free_again_when_the_time_used_is_its_part_of_what_passed() -> None:
    pace = Pace(part=0.02)
    assert pace.free(100.0)
    pace.ran(100.0, 0.2)
    assert not pace.free(109.9)
    assert pace.free(110.0)


def test_what_is_done_although_it_is_not_free_counts_too() -> None:
    pace = Pace(part=0.02)
    for _ in range(3):  # three pages that are looked at for the first time
        pace.ran(100.0, 0.2)
    assert not pace.free(129.9)
    assert pace.free(130.0)


def test_a_rest_is_not_saved_up() -> None:
    pace = Pace(part=0.02)
    pace.ran(1000.0, 0.2)
    assert not pace.free(1009.9)
