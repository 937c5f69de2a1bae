"""GrowthBook's monitored ramp ("safe rollout"): an asymptotic confidence sequence, judged at the end of each step."""

from __future__ import annotations

from math import log, sqrt
from typing import Literal

from ..replay import Step
from ..stream import Requests, Stream
from .ratio import Estimate, PerUser


class GrowthBook:
    """Steps of 1, 5, 10, 25 and 50 % against a control of the same size; each early step takes a tenth of the plan,
    the last the rest. A plan of one day with hourly snapshots is kinder than its defaults (a week, every 6 hours).

    A guardrail is lost when the one-sided sequence at .05 (tuned to 5,000 users) excludes "no harm", the larger arm
    has 150 events, neither arm has none, and the change is at least 0.5 % of the control. It is acted on when the
    step's time is over. Evidence is added up over the steps.
    """

    split: Literal["user", "request"] = "user"
    every = 60
    steps = (0.01, 0.05, 0.10, 0.25, 0.50)
    alpha, tuned, floor, least = 0.05, 5000.0, 150.0, 0.005

    def __init__(self, stream: Stream, plan: float = 1440.0) -> None:
        self.ends = [plan * x for x in (0.1, 0.2, 0.3, 0.4, 1.0)]
        self.epoch, self.place = 0, stream.place
        users = stream.world.users
        self.metrics = {"errors": PerUser(users), "latency": PerUser(users)}

    @property
    def share(self) -> float:
        return self.steps[self.epoch]

    def look(self, minute: float, seen: Requests) -> Step:
        share = self.share
        inside = seen.where((seen.place < share) | ((seen.place >= 0.5) & (seen.place < 0.5 + share)))
        self.metrics["errors"].add(inside, inside.failed)
        self.metrics["latency"].add(inside, inside.ms)
        if minute < self.ends[self.epoch]:
            return "on"
        candidate = self.place < share
        control = (self.place >= 0.5) & (self.place < 0.5 + share)
        if any(self._lost(m.compare(candidate, control)) for m in self.metrics.values()):
            return "stop"
        if self.epoch + 1 == len(self.steps):
            return "done"
        self.epoch += 1
        return "on"

    def _lost(self, e: Estimate | None) -> bool:
        if e is None or max(e.totals) < self.floor or min(e.totals) <= 0 or e.d < self.least * e.control:
            return False
        n = float(sum(e.units))
        r2 = (-2 * log(2 * self.alpha) + log(-2 * log(2 * self.alpha) + 1)) / self.tuned
        spread = n * e.v * 2 * (n * r2 + 1) / (n * n * r2)
        return e.d > sqrt(spread * log(1 + sqrt(n * r2 + 1) / (2 * self.alpha)))
