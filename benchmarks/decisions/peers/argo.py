"""Argo Rollouts: a success rate over the last minutes against a bare threshold, and a count of failures."""

from __future__ import annotations

from typing import Literal

from ..replay import Step
from ..stream import Requests


class Argo:
    """The example of its documentation: 20, 40, 60, 80 % for 10 minutes each; every 5 minutes the share of good
    requests of the last 5 must be 95 % at least; the rollout is aborted when more than `failure_limit` readings have
    failed, in all (a success does not forgive one). No requests at all fail the condition."""

    split: Literal["user", "request"] = "request"
    every = 5

    def __init__(self, failure_limit: int = 3, success: float = 0.95) -> None:
        self.failure_limit, self.success = failure_limit, success
        self.failures, self.looks = 0, 0

    @property
    def epoch(self) -> int:
        return self.looks // 2

    @property
    def share(self) -> float:
        return 0.2 * (self.epoch + 1)

    def look(self, minute: float, seen: Requests) -> Step:
        self.looks += 1
        total = int(seen.candidate.sum())
        good = total - int((seen.failed & seen.candidate).sum())
        self.failures += not (total and good / total >= self.success)
        if self.failures > self.failure_limit:
            return "stop"
        return "done" if self.epoch == 4 else "on"
