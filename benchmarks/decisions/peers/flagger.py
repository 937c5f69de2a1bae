"""Flagger: two thresholds each minute, and a count of failed checks that nothing resets."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..replay import Step
from ..stream import Requests


class Flagger:
    """The sample of its documentation: every minute, success rate at least 99 % and p99 at most 500 ms over the last
    minute; 10 failed checks in all roll back, at the next tick; else the weight rises by 2 % up to 50 %, then
    everybody. A failed check, or no data, keeps the weight."""

    split: Literal["user", "request"] = "request"
    every = 1
    step, most, threshold = 0.02, 0.50, 10
    success, duration = 0.99, 500.0

    def __init__(self) -> None:
        self.epoch, self.failed = 1, 0

    @property
    def share(self) -> float:
        return min(self.most, self.step * self.epoch)

    def look(self, minute: float, seen: Requests) -> Step:
        if self.failed >= self.threshold:
            return "stop"
        if not self._healthy(seen):
            self.failed += 1
            return "on"
        if self.share >= self.most:
            return "done"
        self.epoch += 1
        return "on"

    def _healthy(self, seen: Requests) -> bool:
        mine = seen.candidate
        if not mine.any() or 1 - seen.failed[mine].mean() < self.success:
            return False
        return bool(np.quantile(seen.ms[mine], 0.99) <= self.duration)
