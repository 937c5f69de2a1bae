"""What has been done to rollouts, flags and the configuration, by whom and why: the history without the evidence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One step of one rollout, one switch of a flag, or one apply. `reason` is fader's sentence, `said` what the person
    wrote, "" without one.

    `before` and `share`: the candidate's share in ppm before the step and after it. `flag`: the one that the rollout
    moves, "" where it moves a service. Of a switch, `flag` is what was switched, `rollout` is "", `seq` counts the
    switches of all flags, and the shares are 0. Of an apply, both names are "", `seq` counts the applies from -1 down,
    so that no two records have the same place, and the shares are 0.
    """

    rollout: str
    seq: int
    at: float
    event: str
    actor: str
    reason: str
    said: str
    attempt: int
    before: int
    share: int
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records: those that agree with every field that is set. Times in [since, until); 0 is open."""

    rollout: str = ""
    actor: str = ""
    event: str = ""
    since: float = 0.0
    until: float = 0.0
    flag: str = ""

    def takes(self, record: Record) -> bool:
        return (
            self.rollout in ("", record.rollout)
            and self.flag in ("", record.flag)
            and self.actor in ("", record.actor)
            and self.event in ("", record.event)
            and self.since <= record.at
            and (not self.until or record.at < self.until)
        )


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands among all: a page begins beside one, so that its address holds while records come."""

    at: float
    rollout: str
    seq: int


def place(record: Record) -> Place:
    return Place(record.at, record.rollout, record.seq)


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that occur in the records, sorted."""

    rollouts: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
