"""Whom a rollout has reached: by stage and version, and by segment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageReach:
    """Units that were seen in a stage: with the candidate, the baseline, each further arm, and with two of them."""

    stage: int
    candidate: int
    baseline: int
    crossed: int = 0
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentReach:
    """Of the units that a segment lists: `listed` in all, `exposed` to the candidate, `harmed` among those. `more`:
    whether a condition puts others into it too, who are not counted: only the apps know whom it holds for."""

    segment: str
    listed: int
    exposed: int
    harmed: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """`sampled`: whether the stages count the units of a sample alone. `uncounted`: segments that list nobody (for whom
    their condition holds is known only in the apps) or too many; `many`: the latter of them."""

    stages: tuple[StageReach, ...] = ()
    segments: tuple[SegmentReach, ...] = ()
    uncounted: tuple[str, ...] = ()
    sampled: bool = False
    many: tuple[str, ...] = ()

    def of(self, stage: int) -> StageReach | None:
        return next((s for s in self.stages if s.stage == stage), None)
