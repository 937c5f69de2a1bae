"""LaunchDarkly's guarded rollout, as a mixture sequential probability ratio test: its own level is not published."""

from __future__ import annotations

from math import log
from typing import Literal

from ..replay import Step
from ..stream import Requests, Stream
from .ratio import Estimate, PerUser


class LaunchDarkly:
    """5, 10, 25, 50 % for an hour each, looked at every 5 minutes; a regression is a two-sided test at .05 on the
    absolute difference that points to the worse side. Fewer than 100 users on a version at the end of a stage extend
    the stage once, then the rollout is reverted. Each stage is judged by itself."""

    split: Literal["user", "request"] = "user"
    every = 5
    steps, length = (0.05, 0.10, 0.25, 0.50), 60.0
    alpha, least = 0.05, 100
    #: Prior spread of the effect, as a share of the control's value.
    spreads: dict[str, float] = {"errors": 1.0, "latency": 0.1}  # noqa: RUF012

    def __init__(self, stream: Stream) -> None:
        self.stream, self.epoch, self.began, self.extended = stream, -1, 0.0, False
        self._next(0.0)

    @property
    def share(self) -> float:
        return self.steps[self.epoch]

    def _next(self, minute: float) -> None:
        self.epoch, self.began, self.extended = self.epoch + 1, minute, False
        self.metrics = {name: PerUser(self.stream.world.users) for name in self.spreads}

    def look(self, minute: float, seen: Requests) -> Step:
        mine = seen.where(seen.epoch == self.epoch)
        self.metrics["errors"].add(mine, mine.failed)
        self.metrics["latency"].add(mine, mine.ms)
        on = self.stream.place < self.share
        found = {name: metric.compare(on, ~on) for name, metric in self.metrics.items()}
        if any(self._regressed(name, e) for name, e in found.items()):
            return "stop"
        if minute - self.began < self.length * (2 if self.extended else 1):
            return "on"
        if any(e is None or min(e.units) < self.least for e in found.values()):
            if self.extended:
                return "stop"
            self.extended = True
            return "on"
        if self.epoch + 1 == len(self.steps):
            return "done"
        self._next(minute)
        return "on"

    def _regressed(self, name: str, e: Estimate | None) -> bool:
        if e is None or e.d <= 0 or e.v <= 0 or e.control <= 0 or min(e.units) < self.least:
            return False
        tau2 = (self.spreads[name] * e.control) ** 2
        ratio = 0.5 * log(e.v / (e.v + tau2)) + e.d**2 * tau2 / (2 * e.v * (e.v + tau2))
        return ratio >= log(1 / self.alpha)
