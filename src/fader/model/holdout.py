"""Units that no rollout reaches, and what the difference to all others came to."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.rollout import Outcome
from fader.model.share import Draw
from fader.model.verdict import Reading


@dataclass(frozen=True, slots=True)
class Holdout:
    """As it is applied. `rollouts`: those that it keeps its units out of; () is all. `metrics`: what it is read on."""

    name: str
    draw: Draw
    rollouts: tuple[str, ...] = ()
    metrics: tuple[Outcome, ...] = ()

    @property
    def share(self) -> int:
        """In ppm."""
        return self.draw.interval.width


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric that is summed for a holdout, as its `number`-th. `since`: units enter from then on; `until`: when its
    definition changed, 0 while it holds. `threshold`: of a quantile, the value above which events are counted."""

    outcome: Outcome
    number: int
    since: float
    until: float = 0.0
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class HoldoutState:
    """How a holdout is followed. It begins when it is first seen as applied, and anew, as another `attempt`, when it is
    drawn otherwise or comes back. `until`: when it left the file, 0 while it holds."""

    name: str
    draw: Draw
    attempt: int
    since: float
    until: float = 0.0
    measured: tuple[Measured, ...] = ()
    rollouts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricReading:
    """Everybody else against those held out, on one metric, of what units did since `since` (0: not measured yet).
    `sentence` says all of it. `threshold` as in `Measured`."""

    outcome: Outcome
    reading: Reading
    sentence: str
    since: float = 0.0
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class HoldoutView:
    """What people are shown. `share` in ppm; `held` and `others`: units seen since the first metric is measured;
    `log_e_ratio`: natural log of the e-value against their ratio being that of the share, and `mismatch` whether that
    is disproved: then nothing is read. `headline`: one sentence."""

    name: str
    share: int
    rollouts: tuple[str, ...]
    since: float
    until: float
    held: int
    others: int
    log_e_ratio: float
    mismatch: bool
    headline: str
    readings: tuple[MetricReading, ...] = ()
