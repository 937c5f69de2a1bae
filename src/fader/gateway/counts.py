"""Exact counts by version out of Envoy's statistics (Prometheus text, because there the tags are written out)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from fader.model.report import VersionCount

#: What to ask Envoy for.
PATTERN = "^fader"
#: Upper bound in ms of what lies above the last bucket: finite, because JSON has no infinity.
ENDLESS = 1e9
_SAMPLE = re.compile(r"^(?P<name>envoy_fader_\w+)\{(?P<tags>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)
_TAG = re.compile(r'(\w+)="([^"]*)"')
_REQUESTS = "envoy_fader_requests"
_LATENCY = "envoy_fader_latency_us"


@dataclass(slots=True)
class _Cell:
    requests: int = 0
    errors: int = 0
    latency_us_sum: int = 0
    bins: list[tuple[float, int]] = field(default_factory=list)


def version_counts(text: str) -> tuple[VersionCount, ...]:
    """One count a service, assigned version and reason, sorted. Errors are answers of 500 and above. The sum of
    latencies is Envoy's, which knows two significant digits of each.
    """
    cells: dict[str, _Cell] = {}
    for match in _SAMPLE.finditer(text):
        tags = dict(_TAG.findall(match["tags"]))
        # A request that met no route (an unknown host, a bad request) belongs to nobody.
        if tags.get("cell", "-").count("/") != 2:
            continue
        cell = cells.setdefault(tags["cell"], _Cell())
        value = float(match["value"])
        if match["name"] == _REQUESTS:
            cell.requests += int(value)
            if int(tags.get("code", 0)) >= 500:
                cell.errors += int(value)
        elif match["name"] == f"{_LATENCY}_sum":
            cell.latency_us_sum += int(value)
        elif match["name"] == f"{_LATENCY}_bucket":
            cell.bins.append((ENDLESS if tags["le"] == "+Inf" else float(tags["le"]) / 1000, int(value)))
    return tuple(_count(name, cell) for name, cell in sorted(cells.items()))


def _count(name: str, cell: _Cell) -> VersionCount:
    service, version, reason = map(unquote, name.split("/"))
    bins: list[tuple[float, int]] = []
    below = 0
    for bound, cumulative in sorted(cell.bins):
        if cumulative > below:
            bins.append((bound, cumulative - below))
        below = cumulative
    return VersionCount(service, version, reason, cell.requests, cell.errors, cell.latency_us_sum, tuple(bins))
