"""Where a rollout stands. The stage is an index kept here, never inferred from traffic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fader.model.verdict import Plan


class Phase(StrEnum):
    PENDING = "pending"  # applied, not started: nobody gets the candidate
    LEARNING = "learning"  # share 0: the baseline's latency is being learnt
    RAMPING = "ramping"  # at a stage: baking, judged every tick
    AWAITING = "awaiting"  # the stage has passed; a person must approve
    PAUSED = "paused"  # a person stopped the ramp; the share stays
    HELD = "held"  # fader stopped the ramp (harm with on_harm: hold, undecided too long); a person must act
    COMPLETED = "completed"  # everybody has the candidate; it is the baseline now
    ROLLED_BACK = "rolled_back"  # fader pulled the plug
    ABORTED = "aborted"  # a person pulled the plug


#: Phases in which the rollout holds its service: a second start is refused.
ACTIVE = frozenset({Phase.LEARNING, Phase.RAMPING, Phase.AWAITING, Phase.PAUSED, Phase.HELD})
ENDED = frozenset({Phase.COMPLETED, Phase.ROLLED_BACK, Phase.ABORTED})


@dataclass(frozen=True, slots=True)
class Basis:
    """What was frozen of one metric at the end of learning, from the baseline alone.

    `rate`: baseline share of events (proportion) or 1-q (quantile); scales the prior of the normal tests.
    `threshold`: x_q in the unit of the value, for a quantile; 0 otherwise.
    """

    metric: str
    rate: float
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A further arm that was taken out of the experiment `at` a time, and the sentence that says why."""

    version: str
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class RolloutState:
    """`revision` rises by one with each save (compare-and-swap). Times are seconds since 1970 UTC.

    `stage` indexes spec.stages, -1 while pending or learning. `share` is the width in ppm that the candidate
    holds now, starting at bucket `start`. `stage_since` is when the share of this stage was decided.
    `cause` says in one sentence why the last step happened; `resume_to` is the phase before a pause.
    `shares`: of an adaptive ramp, the share of each stage so far in ppm; () for one whose stages the spec names.
    `spent`: of an adaptive ramp, the users hurt in the stages that are behind it, by estimate.
    `plan`: of the experiment, frozen at the end of learning. `withdrawn`: its further arms that did harm.
    """

    rollout: str
    phase: Phase = Phase.PENDING
    revision: int = 0
    attempt: int = 1
    stage: int = -1
    share: int = 0
    start: int = 0
    started_at: float = 0.0
    stage_since: float = 0.0
    ended_at: float = 0.0
    bases: tuple[Basis, ...] = ()
    cause: str = ""
    resume_to: Phase | None = None
    shares: tuple[int, ...] = ()
    spent: float = 0.0
    plan: Plan | None = None
    withdrawn: tuple[Withdrawal, ...] = ()

    @property
    def out(self) -> frozenset[str]:
        """The versions that were withdrawn in this attempt."""
        return frozenset(w.version for w in self.withdrawn)
