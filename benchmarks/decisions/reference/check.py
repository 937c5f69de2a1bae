"""One figure: what it should be, what it is, and what is tolerated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from ..stream import Flags, Floats

Runs = dict[str, Floats]


@dataclass(frozen=True)
class Check:
    """`reference` as it is shown; `measured` must lie in [low, high]."""

    what: str
    reference: str
    measured: float
    low: float
    high: float
    runs: int = 0

    @property
    def holds(self) -> bool:
        return self.low <= self.measured <= self.high


@dataclass(frozen=True)
class Study:
    """`run` is one shard of a simulation and gives arrays by name; `conclude` looks at those of all shards together."""

    title: str
    shards: int
    run: Callable[[int], Runs]
    conclude: Callable[[Runs], list[Check]]


def false_alarms(what: str, alarmed: Floats, nominal: float, reference: str = "") -> Check:
    """At most the nominal rate and three standard errors of the simulation. `alarmed`: when, inf for never."""
    runs = len(alarmed)
    most = nominal + 3 * sqrt(nominal * (1 - nominal) / runs)
    return Check(
        f"{what}: false alarms", reference or f"≤ {nominal}", float(np.isfinite(alarmed).mean()), 0, most, runs
    )


def median(what: str, values: Floats, reference: float) -> Check:
    """Within 15 %."""
    found = float(np.median(values))
    return Check(f"{what}: median", f"{reference:g}", found, 0.85 * reference, 1.15 * reference, len(values))


def sooner(what: str, values: Floats, reference: float) -> Check:
    """No later than the reference and 15 %."""
    found = float(np.median(values))
    return Check(f"{what}: median", f"≤ {reference:g}", found, 0, 1.15 * reference, len(values))


def detected(what: str, values: Floats, reference: float) -> Check:
    """No fewer than the reference, less three standard errors."""
    least = reference - 3 * sqrt(max(reference * (1 - reference), 0.01) / len(values))
    return Check(f"{what}: found", f"≥ {reference:g}", float(np.isfinite(values).mean()), least, inf, len(values))


def exact(what: str, value: float, reference: float) -> Check:
    return Check(what, f"{reference:.6f}", value, reference - 1e-6, reference + 1e-6)


def first(hit: Flags) -> Floats:
    """1-based position along the last axis at which each row is first true; inf for never."""
    return np.where(hit.any(-1), hit.argmax(-1) + 1.0, np.inf)
