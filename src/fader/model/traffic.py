"""What the versions of a service answered, counted by the gateways: every request, none sampled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """One span of time from `at` on, of which the gateways' reports cover `seconds`.

    `latency_bins`: (upper bound in ms, count), not cumulative, by bound.
    """

    at: float
    seconds: float
    requests: int = 0
    errors: int = 0
    latency_bins: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class VersionTraffic:
    """`slots`: oldest first, all versions of a service alike; a span that no report covers is not among them.
    `requests` and `errors`: since the gateways' Envoys started."""

    version: str
    slots: tuple[Slot, ...] = ()
    requests: int = 0
    errors: int = 0
