"""What each rule did over many runs of a scenario, and where fader hurts more users than a peer does."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from .replay import Replay, Result
from .rules import RULES
from .scenarios import HORIZON, SCENARIOS
from .stream import Change, Stream

HEALTHY = "healthy"


@dataclass(frozen=True)
class Job:
    """Runs `first` up to `last` of one candidate in one scenario."""

    scenario: str
    candidate: str
    first: int
    last: int
    seed: int


def work(job: Job) -> dict[str, list[Result]]:
    """By rule. Every rule and every candidate meets the same users: the stream depends on scenario and run alone."""
    scenario = SCENARIOS[job.scenario]
    change = scenario.bad.get(job.candidate, Change())
    found: dict[str, list[Result]] = {name: [] for name in RULES}
    for run in range(job.first, job.last):
        stream = Stream(scenario.world, (job.seed, list(SCENARIOS).index(job.scenario), run), HORIZON)
        for name, make in RULES.items():
            found[name].append(Replay(stream, change).run(make(stream)))
    return found


@dataclass(frozen=True)
class Healthy:
    """`rolled_back` with its standard error; `completed` within the horizon, `hours` to 100 % in the median."""

    runs: int
    rolled_back: float
    error: float
    completed: float
    hours: float


@dataclass(frozen=True)
class Bad:
    """`caught`: stopped at all; `hurt`: median and 90th percentile of users hurt, those of runs not caught included."""

    runs: int
    caught: float
    hurt: float
    hurt_most: float


def healthy(results: list[Result]) -> Healthy:
    stopped = float(np.mean([r.stopped < inf for r in results]))
    done = [r.completed for r in results if r.completed < inf]
    error = sqrt(stopped * (1 - stopped) / len(results))
    median = float(np.median([r.completed for r in results]))
    return Healthy(len(results), stopped, error, len(done) / len(results), median / 60)


def bad(results: list[Result]) -> Bad:
    hurt = [r.hurt for r in results]
    caught = float(np.mean([r.stopped < inf for r in results]))
    return Bad(len(results), caught, float(np.median(hurt)), float(np.quantile(hurt, 0.9)))


@dataclass(frozen=True)
class Outcomes:
    """Of one scenario: by rule, the healthy candidate and each bad one by its name."""

    healthy: dict[str, Healthy]
    bad: dict[str, dict[str, Bad]]

    def worse(self, ours: str = "fader") -> list[str]:
        """Where a rule that rolls back no fewer healthy candidates does not hurt more users in the median."""
        found = []
        for candidate, rows in self.bad.items():
            for rule, row in rows.items():
                if rule.startswith("fader") or self.healthy[rule].rolled_back < self.healthy[ours].rolled_back:
                    continue
                if row.hurt <= rows[ours].hurt:
                    found.append(f"{rule}, {candidate}: {row.hurt:.0f} against {rows[ours].hurt:.0f}")
        return found

    def unbeaten(self, fixed: str = "fader", adaptive: str = "fader, auto") -> list[str]:
        """Where the adaptive ramp hurts more users than the fixed one, or comes later to 100 %, in the median."""
        before, after = self.healthy[fixed], self.healthy[adaptive]
        found = [f"to 100 % in {hours(after)} against {hours(before)}"] if after.hours > before.hours else []
        for candidate, rows in self.bad.items():
            if rows[adaptive].hurt > rows[fixed].hurt:
                found.append(f"{candidate}: {rows[adaptive].hurt:.0f} against {rows[fixed].hurt:.0f}")
        return found


def hours(row: Healthy) -> str:
    return f"{row.hours:.1f} h" if row.hours < inf else f"> {HORIZON // 60} h"
