"""The gateways as they last reported themselves."""

from __future__ import annotations

from fader.engine.traffic import Traffic
from fader.model.evidence import GatewayEvidence
from fader.model.report import GatewayReport

#: A gateway that has been silent for longer is gone, not late: it no longer holds anything up. Seconds.
FORGOTTEN = 3600.0


class Fleet:
    def __init__(self) -> None:
        self._reports: dict[str, GatewayReport] = {}
        self._heard: dict[str, float] = {}
        self._down: dict[tuple[str, str], float] = {}
        self._applied: dict[str, tuple[int, float]] = {}
        self.traffic = Traffic()

    def take(self, report: GatewayReport, now: float) -> None:
        """Keep a report. `now` is our own clock: a gateway's clock says when it applied, never whether it lives."""
        self._reports[report.gateway] = report
        self._heard[report.gateway] = now
        self.traffic.take(report, now)
        for name in [n for n, at in self._heard.items() if now - at > FORGOTTEN]:
            del self._heard[name], self._reports[name]
        for version in {(e.service, e.version) for r in self._reports.values() for e in r.endpoints}:
            if self._alive(*version):
                self._down.pop(version, None)
            else:
                self._down.setdefault(version, now)

    def _alive(self, service: str, version: str) -> bool:
        """A version is down only when every gateway that knows it sees no healthy endpoint."""
        return any(
            e.healthy
            for r in self._reports.values()
            for e in r.endpoints
            if (e.service, e.version) == (service, version)
        )

    def reports(self) -> tuple[GatewayReport, ...]:
        return tuple(self._reports.values())

    def applied(self, version: int) -> float:
        """When the last gateway had put a ruleset of at least this version in force; 0 while one has not."""
        if not self._reports or any(r.applied_version < version for r in self._reports.values()):
            return 0.0
        return max(r.applied_at for r in self._reports.values())

    def evidence(self, service: str, candidate: str) -> GatewayEvidence:
        """The fleet as one: the slowest gateway counts, and the first error."""
        if not self._reports:
            return GatewayEvidence()
        reports = self._reports.values()
        return GatewayEvidence(
            reported_at=min(self._heard.values()),
            applied_version=min(r.applied_version for r in reports),
            applied_at=max(r.applied_at for r in reports),
            error=next((f"{r.gateway}: {r.error}" for r in reports if r.error), ""),
            candidate_down_since=self._down.get((service, candidate), 0.0),
        )
