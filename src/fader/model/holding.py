"""Which buckets a candidate held, and from when on."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.share import Interval


@dataclass(frozen=True, slots=True)
class Holding:
    """From `at` until the rollout's next holding its candidate has the units in `interval`."""

    rollout: str
    attempt: int
    at: float
    interval: Interval
