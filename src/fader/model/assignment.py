"""What one unit is assigned, and what it was."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.share import Interval


@dataclass(frozen=True, slots=True)
class Assignment:
    """Of one service, or of one `flag` under a rollout, now. `rollout` and `bucket` only while a rollout is active,
    whose candidate holds `interval`. `version` is a variant of the flag, if there is one.

    `reason` is one sentence. `since`: from when on the unit has had this version, by the history; 0: always.
    """

    service: str
    version: str
    reason: str
    since: float = 0.0
    rollout: str = ""
    candidate: str = ""
    bucket: int | None = None
    interval: Interval | None = None
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """A span in which the unit had a rollout's candidate. `until` 0: it has not been taken back."""

    rollout: str
    service: str
    version: str
    attempt: int
    bucket: int
    since: float
    until: float = 0.0
    flag: str = ""


@dataclass(frozen=True, slots=True)
class UnitView:
    """`stays`: in rollouts that have ended and in earlier attempts, latest first. `without`: how many rollouts ended
    and never gave it their candidate."""

    unit: str
    assignments: tuple[Assignment, ...]
    stays: tuple[Stay, ...]
    without: int
