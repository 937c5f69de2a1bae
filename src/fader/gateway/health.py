"""Which endpoints can answer, as soon as it can be known.

Envoy knows of failed health checks and of endpoints that it leaves out for a while; but without traffic and without
configured checks it knows nothing, and it leaves nobody out before several requests have failed. So every endpoint
to which Envoy has no open connection, or newly failed to make one, is asked by a TCP connection of ours. An endpoint
with open connections and no failure is alive and is left alone: a dead process holds no connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from fader.gateway.names import version_cluster
from fader.gateway.probe import SILENT, Probe
from fader.model.report import EndpointHealth
from fader.model.ruleset import Ruleset
from fader.model.service import Address

#: A busy endpoint may be slow to accept once; it is unhealthy when this many probes in a row got nothing.
SILENCES = 2


class HealthWatch:
    """Remembers the counts of the look before, to see what is new."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._failures: dict[tuple[str, str], int] = {}
        self._silences: dict[tuple[str, str], int] = {}

    async def look(self, ruleset: Ruleset, clusters: Mapping[str, Any]) -> tuple[EndpointHealth, ...]:
        """The health of each endpoint of the ruleset, given Envoy's `/clusters?format=json`."""
        known = {status["name"]: status.get("host_statuses", []) for status in clusters.get("cluster_statuses", [])}
        looks = [self._endpoint(service, version, host) for service, version, host in _hosts(ruleset, known)]
        found = tuple(await asyncio.gather(*looks))
        living = {(f"{e.service}/{e.version}", e.address) for e in found}
        self._failures = {key: value for key, value in self._failures.items() if key in living}
        self._silences = {key: value for key, value in self._silences.items() if key in living}
        return found

    async def _endpoint(self, service: str, version: str, host: dict[str, Any] | Address) -> EndpointHealth:
        if isinstance(host, Address):
            # Envoy has no host for it: the name does not resolve, or the cluster is not there yet.
            why = await self._probe(host.host, host.port)
            return EndpointHealth(service, version, str(host), healthy=not why, reason=why)
        socket = host["address"]["socket_address"]
        address = Address(socket["address"], socket["port_value"])
        key = (f"{service}/{version}", str(address))
        counts = {stat["name"]: int(stat.get("value", 0)) for stat in host.get("stats", [])}
        failures = counts.get("cx_connect_fail", 0)
        failed_newly = failures > self._failures.get(key, 0)
        self._failures[key] = failures
        reason = _envoys_reason(host.get("health_status", {}))
        if not reason and (failed_newly or not counts.get("cx_active")):
            reason = await self._probe(address.host, address.port)
            self._silences[key] = self._silences.get(key, 0) + 1 if reason == SILENT else 0
            if reason == SILENT and self._silences[key] < SILENCES:
                reason = ""
        return EndpointHealth(service, version, str(address), healthy=not reason, reason=reason)


def _hosts(
    ruleset: Ruleset, known: Mapping[str, list[dict[str, Any]]]
) -> Iterator[tuple[str, str, dict[str, Any] | Address]]:
    for live in ruleset.services:
        for version in live.service.versions:
            hosts = known.get(version_cluster(live.service.name, version.name), [])
            for host in hosts or version.endpoints:
                yield live.service.name, version.name, host


def _envoys_reason(status: Mapping[str, Any]) -> str:
    if status.get("failed_active_health_check"):
        return "timed out in its health check" if status.get("failed_active_hc_timeout") else "fails its health check"
    if status.get("failed_outlier_check"):
        return "left out by Envoy after failures in a row"
    return ""
