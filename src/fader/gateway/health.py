"""Which endpoints can answer, as soon as it can be known.

Envoy knows of failed health checks and of endpoints that it leaves out for a while; but without traffic and without
configured checks it knows nothing, and it leaves nobody out before several requests have failed. So every endpoint
to which Envoy has no open connection, or newly failed to make one, is asked by a TCP connection of ours. An endpoint
with open connections and no failure is alive and is left alone: a dead process holds no connection.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec

from fader.gateway.counts import endpoint_health
from fader.gateway.probe import SILENT, Probe
from fader.model.report import EndpointHealth

#: A busy endpoint may be slow to accept once; it is unhealthy when this many probes in a row got nothing.
SILENCES = 2


class _Stat(msgspec.Struct):
    name: str
    value: int | str = 0


class _Socket(msgspec.Struct):
    address: str = ""
    port_value: int = 0


class _Address(msgspec.Struct):
    socket_address: _Socket = msgspec.field(default_factory=_Socket)


class _Host(msgspec.Struct):
    address: _Address = msgspec.field(default_factory=_Address)
    stats: list[_Stat] = []


class _Cluster(msgspec.Struct):
    name: str
    host_statuses: list[_Host] = []


class _Clusters(msgspec.Struct):
    cluster_statuses: list[_Cluster] = []


class HealthWatch:
    """Remembers the look before, to see what is new."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._failures: dict[tuple[str, int], int] = {}
        self._silences: dict[tuple[str, int], int] = {}

    async def look(self, clusters: str) -> tuple[EndpointHealth, ...]:
        """The health of each endpoint of each version, given Envoy's `/clusters?format=json`.

        Raises ValueError when that cannot be read.
        """
        suspects = self._suspects(msgspec.json.decode(clusters, type=_Clusters))
        found = endpoint_health(clusters)
        asked = [
            self._ask(health, suspects[health.address])
            for health in found
            if health.healthy and health.address in suspects
        ]
        answers = dict(await asyncio.gather(*asked))
        return tuple(answers.get(health, health) for health in found)

    def _suspects(self, clusters: _Clusters) -> dict[str, tuple[str, int]]:
        """Endpoints, as reported and as address and port, of which nothing good is known."""
        suspects: dict[str, tuple[str, int]] = {}
        failures: dict[tuple[str, int], int] = {}
        for cluster in clusters.cluster_statuses:
            for host in cluster.host_statuses:
                place = host.address.socket_address.address, host.address.socket_address.port_value
                counts = {stat.name: int(stat.value) for stat in host.stats}
                failures[place] = failures.get(place, 0) + counts.get("cx_connect_fail", 0)
                if not counts.get("cx_active") or failures[place] > self._failures.get(place, 0):
                    name = f"[{place[0]}]" if ":" in place[0] else place[0]
                    suspects[f"{name}:{place[1]}"] = place
        self._failures = failures
        self._silences = {place: times for place, times in self._silences.items() if place in suspects.values()}
        return suspects

    async def _ask(self, health: EndpointHealth, place: tuple[str, int]) -> tuple[EndpointHealth, EndpointHealth]:
        reason = await self._probe(*place)
        if reason == SILENT:
            self._silences[place] = self._silences.get(place, 0) + 1
            if self._silences[place] < SILENCES:
                return health, health
        else:
            self._silences.pop(place, None)
        return health, replace(health, healthy=not reason, reason=reason)
