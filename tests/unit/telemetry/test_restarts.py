"""When an instance begins, and what it counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fader.model.evidence import Restart
from fader.telemetry.restarts import KEPT, SLOTS, UNITS, restarts

slots = st.dictionaries(st.integers(0, 1500), st.tuples(st.integers(0, 150), st.integers(0, 150)), max_size=60)


def test_an_hour_or_two_hundred_units() -> None:
    assert restarts({}) == ()
    assert restarts({0: (100, 99), 59: (0, 0)}) == ()
    assert restarts({0: (100, 100)}) == (Restart(1, 0, 0),)
    assert restarts({0: (100, 100), 1: (3, 4)}) == (Restart(1, 3, 4),)
    assert restarts({0: (1, 1), 60: (3, 4)}) == (Restart(1, 3, 4),)
    assert restarts({0: (1, 1), 185: (3, 4)}) == (Restart(1, 3, 4), Restart(2, 3, 4), Restart(3, 3, 4))


def test_the_newest_are_kept_and_numbers_keep_rising() -> None:
    found = restarts(dict.fromkeys(range(100), (100, 100)))
    assert [r.number for r in found] == list(range(37, 101))
    assert found[-2:] == (Restart(99, 100, 100), Restart(100, 0, 0))


@given(slots)
def test_when_an_instance_begins_is_blind_to_the_arms(given_slots: dict[int, tuple[int, int]]) -> None:
    turned = {slot: (b, c) for slot, (c, b) in given_slots.items()}
    assert restarts(turned) == tuple(Restart(r.number, r.baseline, r.candidate) for r in restarts(given_slots))


@given(slots, st.integers(0, 1500))
def test_what_comes_later_moves_no_beginning(given_slots: dict[int, tuple[int, int]], now: int) -> None:
    past = {slot: n for slot, n in given_slots.items() if slot < now}
    assert len(restarts(past)) <= len(restarts(given_slots))
    later = {slot: n for slot, n in given_slots.items() if slot >= now}
    candidates = sum(c for c, _ in later.values())
    before, after = ({r.number: r.candidate for r in restarts(s)} for s in (past, given_slots))
    for number in before.keys() & after.keys():
        assert after[number] == before[number] + candidates


@given(slots)
def test_instances_are_nested_and_bounded(given_slots: dict[int, tuple[int, int]]) -> None:
    found = restarts(given_slots)
    assert len(found) <= KEPT
    assert [r.number for r in found] == sorted({r.number for r in found})
    sizes = [r.candidate + r.baseline for r in found]
    assert sizes == sorted(sizes, reverse=True)
    if found and found[-1].number:
        assert sizes[-1] < UNITS
    assert len(restarts({0: (1, 0), SLOTS - 1: (1, 0)})) == 0
