"""Envoy's answers about itself → what the gateway reports: exact counts per version, and which endpoints answer."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from fader.model.report import EndpointHealth, VersionCount

#: Path on the admin socket whose answer `version_counts` reads.
COUNTS_PATH = "/stats/prometheus?usedonly&filter=%5Efader"
#: Path on the admin socket whose answer `endpoint_health` reads.
HEALTH_PATH = "/clusters?format=json"

_SAMPLE = re.compile(r"^envoy_fader_(requests|errors|latency_us_bucket|latency_us_sum)\{(.*)\} (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_MICROSECONDS = 1000.0
#: Service, version, reason.
_Cell = tuple[str, str, str]
#: Envoy's word for a failed check → ours.
_REASONS = {
    "failed_active_health_check": "health check failed",
    "failed_outlier_check": "not reachable",
    "failed_active_degraded_check": "degraded",
    "pending_active_hc": "not checked yet",
    "active_hc_timeout": "health check timed out",
}


def version_counts(prometheus: str) -> tuple[VersionCount, ...]:
    """One per (service, version, reason), sorted. Lines of other statistics and of requests that no service got
    are passed over. The sum of latencies is Envoy's, right to a few percent; histograms lag by up to five seconds."""
    requests: dict[_Cell, int] = defaultdict(int)
    errors: dict[_Cell, int] = defaultdict(int)
    sums: dict[_Cell, float] = defaultdict(float)
    cumulative: dict[_Cell, dict[float, int]] = defaultdict(lambda: defaultdict(int))
    for kind, labels, value in _samples(prometheus):
        if not (cell := _cell(labels.get("route", ""))):
            continue
        if kind == "requests":
            requests[cell] += int(value)
        elif kind == "errors":
            errors[cell] += int(value)
        elif kind == "latency_us_sum":
            sums[cell] += value
        else:
            cumulative[cell][float(labels["le"]) / _MICROSECONDS] += int(value)
    return tuple(
        VersionCount(*cell, requests[cell], errors[cell], round(sums[cell]), _apart(cumulative[cell]))
        for cell in sorted(requests)
    )


def _cell(route: str) -> _Cell | None:
    """Service, version and reason of the name of a route (see access_log.route_name). The rollouts of a service
    follow one another on the same version: they are one count."""
    try:
        fields = json.loads(f"{{{route}}}")
        return fields["s"], fields["v"], fields["why"]
    except (ValueError, KeyError):
        return None


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.splitlines():
        if found := _SAMPLE.match(line):
            kind, labels, value = found.groups()
            yield kind, {name: _ESCAPED.sub(r"\1", text) for name, text in _LABEL.findall(labels)}, float(value)


def _apart(cumulative: Mapping[float, int]) -> tuple[tuple[float, int], ...]:
    """Cumulative buckets as counts of their own; the last bound is infinity."""
    bins, below = [], 0
    for bound, count in sorted(cumulative.items()):
        bins.append((bound, count - below))
        below = count
    return tuple(bins)


def endpoint_health(clusters: str) -> tuple[EndpointHealth, ...]:
    """Each endpoint of each version, as Envoy sees it. Raises ValueError when `clusters` is not JSON."""
    found = []
    for cluster in json.loads(clusters).get("cluster_statuses", []):
        kind, _, name = str(cluster.get("name", "")).partition("/")
        if kind != "version":
            continue
        service, _, version = name.partition("/")
        hosts = cluster.get("host_statuses", [])
        if not hosts:
            found.append(EndpointHealth(unquote(service), unquote(version), "", False, "the name does not resolve"))
        found += [_endpoint(unquote(service), unquote(version), host) for host in hosts]
    return tuple(found)


def _endpoint(service: str, version: str, host: dict[str, Any]) -> EndpointHealth:
    socket = host.get("address", {}).get("socket_address", {})
    name = str(socket.get("address", ""))
    address = f"[{name}]:{socket.get('port_value', 0)}" if ":" in name else f"{name}:{socket.get('port_value', 0)}"
    status = host.get("health_status", {})
    reasons = [words for key, words in _REASONS.items() if status.get(key)]
    return EndpointHealth(service, version, address, not reasons, ", ".join(reasons))
