"""What a gateway tells the control plane about itself, once a second and at once after a change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    service: str
    version: str
    address: str
    healthy: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VersionCount:
    """Exact counts since Envoy started, by *assigned* version; `reason` is rollout, preview, excluded, forced, outside,
    withdrawn or none.

    `latency_bins`: (upper bound in ms, count), not cumulative.
    """

    service: str
    version: str
    reason: str
    requests: int
    errors: int
    latency_us_sum: int = 0
    latency_bins: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayReport:
    gateway: str
    at: float
    envoy_pid: int
    envoy_started_at: float
    applied_version: int
    applied_at: float
    error: str = ""
    endpoints: tuple[EndpointHealth, ...] = ()
    counts: tuple[VersionCount, ...] = ()
    spool_bytes: int = 0
    shipped_lines: int = 0
    dropped_lines: int = 0
