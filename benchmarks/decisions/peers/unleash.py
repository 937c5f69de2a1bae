"""Unleash: milestones by the clock, and a safeguard that watches the whole application."""

from __future__ import annotations

from typing import Literal

from ..replay import Step
from ..stream import HISTORY, Requests, Stream


class Unleash:
    """5, 10, 25, 50 % for 5 hours each (the form's default), then everybody. Two safeguards over the last hour, both
    versions together: more errors than twice the usual number, or a p95 of 1.2 times the usual one, switch the flag
    off. (The form's default threshold is 0: the first error of anybody. Somebody who knows the service has set these.)
    """

    split: Literal["user", "request"] = "user"
    every = 5
    steps, length = (0.05, 0.10, 0.25, 0.50), 300.0
    many, slow = 2.0, 1.2

    def __init__(self, stream: Stream) -> None:
        self.epoch = 0
        usual = float(stream.prone @ stream.rates) * HISTORY
        self.errors, self.ms = self.many * usual, self.slow * stream.slow_ms
        #: (requests, errors, requests slower than the safeguard allows for 5 %) of each look in the last hour.
        self.hour: list[tuple[int, int, int]] = []

    @property
    def share(self) -> float:
        return self.steps[self.epoch]

    def look(self, minute: float, seen: Requests) -> Step:
        part = len(seen), int(seen.failed.sum()), int((seen.ms > self.ms).sum())
        self.hour = [*self.hour, part][-HISTORY // self.every :]
        requests, errors, slow = (sum(column) for column in zip(*self.hour, strict=True))
        if errors > self.errors:
            return "stop"
        # A whole hour only: over a few requests the quantile of any service jumps.
        if len(self.hour) * self.every >= HISTORY and slow > 0.05 * requests:
            return "stop"
        if minute < self.length * (self.epoch + 1):
            return "on"
        if self.epoch + 1 == len(self.steps):
            return "done"
        self.epoch += 1
        return "on"
