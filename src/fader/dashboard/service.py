"""GET /services and /services/{name}: the versions, whether they answer, what they get and how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fader.clock import Clock
from fader.dashboard import traffic
from fader.dashboard.live import Snapshot
from fader.dashboard.overview import SILENT, line, listed
from fader.dashboard.templating import Templates
from fader.dashboard.traffic import Column, Frame, Heat, Line
from fader.model.report import GatewayReport
from fader.model.service import Version
from fader.model.traffic import VersionTraffic
from fader.ports.control import Control, ServiceView

REGIONS = ("head", "versions", "traffic", "rollouts")
#: Rows of the table behind the pictures: so many columns of a picture make one.
TABLE = 6
#: Rollouts of the service that its page lists.
SHOWN = 20
#: Versions in the pictures; the table above them has all.
DRAWN = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`healthy`: None where no gateway has said lately. `why`: what is wrong, and which gateway says so."""

    address: str
    healthy: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class VersionLine:
    """`rate`, `failed`: requests per second and the part that failed over the last minute; None: not known.
    `half`, `most`: the median and the 95th percentile of their durations in ms."""

    version: Version
    arm: str
    endpoints: tuple[Endpoint, ...]
    rate: float | None
    failed: float | None
    half: float | None
    most: float | None
    traffic: VersionTraffic


@dataclass(frozen=True, slots=True)
class TableRow:
    at: float
    cells: tuple[VersionCell, ...]


@dataclass(frozen=True, slots=True)
class VersionCell:
    requests: int | None
    errors: int
    half: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Pictures:
    frame: Frame
    top: float
    lines: tuple[Line, ...]
    heats: tuple[Heat, ...]
    versions: tuple[str, ...]
    table: tuple[TableRow, ...]


def arm(view: ServiceView, version: str) -> str:
    return "cand" if version == view.candidate else "base" if version == view.baseline else "other"


def endpoints(service: str, version: Version, reports: Sequence[GatewayReport], now: float) -> tuple[Endpoint, ...]:
    """What the gateways that report say; without any, what the file names, unknown."""
    seen: dict[str, list[tuple[str, bool, str]]] = {}
    for report in reports:
        if now - report.at > SILENT:
            continue
        for e in report.endpoints:
            if (e.service, e.version) == (service, version.name):
                seen.setdefault(e.address, []).append((report.gateway, e.healthy, e.reason or "down"))
    if not seen:
        return tuple(Endpoint(str(address), None, "no gateway has reported on it") for address in version.endpoints)
    found = []
    for address, said in sorted(seen.items()):
        down = [f"{gateway}: {reason}" for gateway, healthy, reason in said if not healthy]
        found.append(Endpoint(address or "no address", not down, ", ".join(down)))
    return tuple(found)


def version_lines(view: ServiceView, reports: Sequence[GatewayReport], now: float) -> tuple[VersionLine, ...]:
    """The baseline first, then the candidate, then the others as the file has them."""
    made = []
    for version, its in zip(view.service.versions, view.traffic, strict=True):
        last = traffic.recent(its, now)
        made.append(
            VersionLine(
                version=version,
                arm=arm(view, version.name),
                endpoints=endpoints(view.service.name, version, reports, now),
                rate=last.rate if last else None,
                failed=last.errors / last.requests if last and last.requests else None,
                half=traffic.quantile(last.bins, 0.5) if last else None,
                most=traffic.quantile(last.bins, 0.95) if last else None,
                traffic=its,
            )
        )
    return tuple(sorted(made, key=lambda line: ("base", "cand", "other").index(line.arm)))


def pictures(view: ServiceView, now: float) -> Pictures:
    """Of baseline and candidate, and of the busiest others that had requests lately."""
    shown = traffic.frame(view.traffic, now)
    named = {t.version: (arm(view, t.version), traffic.columns(t, shown)) for t in view.traffic}
    kept = {v: c for v, (a, c) in named.items() if a != "other" or any(x.requests for x in c)}
    busy = {v: sum(x.requests for x in c) for v, c in kept.items()}
    order = sorted(kept, key=lambda v: (("base", "cand", "other").index(named[v][0]), -busy[v]))[:DRAWN]
    drawn, arms = {v: kept[v] for v in order}, {v: named[v][0] for v in order}
    top, lines = traffic.lines(drawn, arms)
    return Pictures(
        frame=shown,
        top=top,
        lines=lines,
        heats=traffic.heats(drawn, arms),
        versions=tuple(order),
        table=table([kept[v] for v in order], shown),
    )


def table(versions: Sequence[Sequence[Column]], shown: Frame) -> tuple[TableRow, ...]:
    """The numbers behind the pictures, latest first; spans that no report covers are left out."""
    made = []
    for first in reversed(range(0, traffic.COLUMNS, TABLE)):
        parts = [[c for c in columns if first <= c.index < first + TABLE] for columns in versions]
        if any(parts):
            made.append(TableRow(shown.since + first * shown.grain, tuple(map(_cell, parts))))
    return tuple(made)


def _cell(parts: Sequence[Column]) -> VersionCell:
    bins = traffic.added(*(c.bins for c in parts))
    return VersionCell(
        requests=sum(c.requests for c in parts) if parts else None,
        errors=sum(c.errors for c in parts),
        half=traffic.quantile(bins, 0.5),
        most=traffic.quantile(bins, 0.95),
    )


class Services:
    def __init__(self, control: Control, templates: Templates, clock: Clock) -> None:
        self._control, self._templates, self._clock = control, templates, clock

    async def list(self) -> Snapshot:
        """Raises Unavailable."""
        now = self._clock()
        reports = await self._control.gateways()
        services = [(view, version_lines(view, reports, now)) for view in await self._control.services()]
        html = self._templates.render("services_list.html", services=services)
        return Snapshot(title="Services · fader", at=now, regions={"services": html})

    async def snapshot(self, name: str) -> Snapshot:
        """Raises NotFound, Unavailable."""
        now = self._clock()
        view = await self._control.service(name)
        ranked = listed(view.rollouts, now)
        context = {
            "view": view,
            "versions": version_lines(view, await self._control.gateways(), now),
            "pictures": pictures(view, now),
            "rollouts": [line(v) for v in ranked[:SHOWN]],
            "total": len(ranked),
        }
        regions = {r: self._templates.render(f"service_{r}.html", **context) for r in REGIONS}
        return Snapshot(title=f"{name} · fader", at=now, regions=regions)
