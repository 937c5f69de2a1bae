from __future__ import annotations

from pathlib import Path

import pytest

from fader.gateway.spool import Spool, count_lines


class Clock:
    def __init__(self, now: float = 1_700_000_000.25) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def spool(log: Path, clock: Clock | None = None, **settings: float) -> Spool:
    return Spool(log, log.parent / "spool", clock=clock or Clock(), **settings)


def names(made: Spool) -> list[str]:
    return [segment.name for segment in made.segments()]


def test_nothing_is_a_segment_until_something_is_written(log: Path) -> None:
    made = spool(log)
    assert made.segments() == []
    log.write_bytes(b"")
    assert made.segments() == []


def test_the_growing_file_has_its_name_from_the_beginning(log: Path) -> None:
    made = spool(log)
    log.write_bytes(b"a\n")
    before = names(made)
    made.rotate()
    log.write_bytes(b"b\n")
    assert names(made)[:1] == before
    assert names(made) == sorted(set(names(made)))
    assert len(names(made)) == 2


def test_names_are_times_and_sort_by_age_even_when_the_clock_goes_back(log: Path) -> None:
    clock = Clock()
    made = spool(log, clock)
    for step in (0.0, 0.0, -3600.0, 5000.0):
        clock.now += step
        log.write_bytes(b"a\n")
        made.rotate()
    log.write_bytes(b"a\n")
    assert names(made) == sorted(set(names(made)))
    assert names(made)[0] == "20231114T221320.250000-0001"
    assert names(made)[1] == "20231114T221320.250000-0002"


def test_a_restart_keeps_names_offsets_and_counts(log: Path) -> None:
    made = spool(log)
    log.write_bytes(b"a\nb\n")
    made.acknowledge(names(made)[0], 2, 1)
    again = spool(log, Clock(1_800_000_000.0))
    assert names(again) == names(made)
    assert again.segments()[0].held == 2
    assert again.shipped_lines == 1


def test_a_restart_between_the_rename_and_the_new_name(log: Path) -> None:
    made = spool(log)
    log.write_bytes(b"a\n")
    name = names(made)[0]
    log.rename(log.parent / "spool" / f"{name}.log")
    log.write_bytes(b"b\n")
    again = spool(log)
    assert names(again)[0] == name
    assert len(set(names(again))) == 2


def test_a_lost_record_costs_nothing_but_counts(log: Path) -> None:
    made = spool(log)
    log.write_bytes(b"a\nb\n")
    made.acknowledge(names(made)[0], 2, 1)
    (log.parent / "spool" / "held.json").write_bytes(b'{"held":')
    again = spool(log)
    assert names(again) == names(made)
    assert again.segments()[0].held == 0


def test_a_closed_segment_may_grow_until_it_is_finished(log: Path) -> None:
    made = spool(log)
    log.write_bytes(b"a\n")
    made.rotate()
    assert made.waiting()
    assert not made.reopened()
    assert [segment.final for segment in made.segments()] == [False]
    made.acknowledge(names(made)[0], 2, 1)
    assert len(made.segments()) == 1, "it may still grow"
    log.write_bytes(b"")
    assert made.reopened()
    made.finish()
    assert not made.waiting()
    assert [segment.final for segment in made.segments()] == [True]
    made.acknowledge(names(made)[0], 2, 0)
    assert made.segments() == []


def test_a_line_that_was_cut_off_is_closed(log: Path) -> None:
    made = spool(log)
    log.write_bytes(b'{"a":1}\n{"b')
    made.rotate()
    made.finish()
    assert made.segments()[0].path.read_bytes() == b'{"a":1}\n{"b\n'
    made.finish()
    assert made.segments()[0].path.read_bytes() == b'{"a":1}\n{"b\n'


def test_the_oldest_are_dropped_beyond_the_limit_and_their_unsent_lines_counted(log: Path) -> None:
    made = spool(log, limit=20)
    for content in (b"aaa\nbbb\n", b"ccc\nddd\n", b"eee\nfff\n"):
        log.write_bytes(content)
        made.rotate()
        made.finish()
    made.acknowledge(names(made)[0], 4, 1)
    kept = names(made)[1:]
    assert made.bound() == 1, "one line of the first segment was sent already"
    assert names(made) == kept
    assert made.dropped_lines == 1
    assert made.bound() == 0
    assert spool(log, limit=20).dropped_lines == 1


def test_the_growing_segment_is_never_dropped(log: Path) -> None:
    made = spool(log, limit=4)
    log.write_bytes(b"aaa\nbbb\nccc\n")
    assert made.bound() == 0
    assert made.due(), "but it is closed early, so that the limit is kept"


def test_a_segment_is_due_by_size_or_age(log: Path) -> None:
    log.write_bytes(b"aaa\n")
    assert not spool(log).due()
    assert spool(log, segment_bytes=4).due()
    assert spool(log, segment_age=0.0).due()


def test_lines_are_counted_from_an_offset_on(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\nbb\nccc\n")
    assert [count_lines(path, since) for since in (0, 2, 5, 9)] == [3, 2, 1, 0]
