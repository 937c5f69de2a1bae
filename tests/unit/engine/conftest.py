"""A control plane on in-memory stores and a simulated clock; the test plays the gateway and its users."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from fader.assign.bucket import chosen
from fader.engine.apply import Applier, Plan
from fader.engine.changes import Changes
from fader.engine.controller import Controller
from fader.engine.desk import Desk
from fader.engine.fleet import Fleet
from fader.engine.meters import Meters
from fader.engine.publish import Publisher
from fader.model.decision import Command, CommandName, Step
from fader.model.flag import Flag
from fader.model.report import EndpointHealth, GatewayReport, VersionCount
from fader.model.ruleset import LiveService, Ruleset
from fader.model.segment import Segment
from fader.model.service import Address
from fader.model.view import RolloutView
from fader.ports.events import Tracked
from fader.providers.memory import MemoryProviders
from fader.schema.document import load_document
from fader.storage.memory import MemoryStateStore
from fader.telemetry.memory import MemoryEventStore

FILE = Path(__file__).with_name("fader.yaml").read_text()


class FailingEvents(MemoryEventStore):
    """Fails to load while `why` says so."""

    why = ""

    def load(self) -> int:
        if self.why:
            raise OSError(self.why)
        return super().load()


class FailingStates(MemoryStateStore):
    """Saves, and fails to publish, while `why` says so: as if the process had died between the two. `broken`: steps
    cannot be read."""

    why = ""
    broken = False

    def since(self, rollout: str, seq: int) -> tuple[Step, ...]:
        if self.broken:
            raise OSError("disk")
        return super().since(rollout, seq)

    def publish(
        self, services: tuple[LiveService, ...], flags: tuple[Flag, ...] = (), segments: tuple[Segment, ...] = ()
    ) -> Ruleset:
        if self.why:
            raise OSError(self.why)
        return super().publish(services, flags, segments)


@dataclass
class World:
    """`error_rates` by version; a version in `dead` answers nobody; `silent` and `refuses` are the gateway's.

    `tracks`: by event and version, the share of requests after which the app tracks it. `thrown`: by version, the
    error that one of its requests in twenty throws. `sample`: each how many-th user is logged, and `p` what the lines
    say of it.
    """

    now: float = 1_000_000.0
    users: int = 400
    error_rates: dict[str, float] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    silent: bool = False
    refuses: str = ""
    requests: int = 0
    logged: int = 0
    tracks: dict[str, dict[str, float]] = field(default_factory=dict)
    thrown: dict[str, str] = field(default_factory=dict)
    sample: int = 1
    p: str = "1"

    def __post_init__(self) -> None:
        self.states, self.events = FailingStates(), FailingEvents()
        self.providers = MemoryProviders()
        self._chance, self._offset = Random(7), 0
        self.restart()

    def restart(self) -> None:
        """A new process on the same stores."""
        self.fleet, self.changes = Fleet(), Changes()
        self.publisher = Publisher(self.states)
        self.controller = Controller(
            self.states, self.events, self.fleet, self.publisher, self.changes, lambda: self.now
        )
        self.desk = Desk(
            self.states, self.events, self.fleet, self.controller, self.changes, lambda: self.now, self.probe
        )
        self.meters = Meters(self.states, self.providers, self.changes, lambda: self.now)
        self.applier = Applier(self.states, self.events, self.publisher, self.probe, lambda: self.now, self.providers)

    async def probe(self, address: Address) -> str:
        return "connection refused" if f"v{address.port - 9000}" in self.dead else ""

    async def apply(self, text: str = FILE) -> Plan:
        return await self.applier.apply(load_document(text, "fader.yaml"))

    async def ask(self, name: CommandName, rollout: str = "shop-v2", reason: str = "test") -> RolloutView:
        return await self.desk.command(rollout, Command(name, actor="ann", reason=reason))

    def users_ask(self, each: int = 1) -> None:
        """Every user asks, and the gateway logs it as it would."""
        live = next(s for s in self.publisher.current.services if s.service.name == "shop")
        lines = []
        for i in range(self.users * each):
            unit = f"user-{i % self.users}"
            split = live.split
            assigned = live.baseline
            if split and chosen(unit, split.salt, split.interval):
                assigned = split.candidate
            why = "rollout" if split else "none"
            for arm in split.beside if split else ():
                if split and chosen(unit, split.salt, arm.interval):
                    assigned, why = (live.baseline, "withdrawn") if arm.withdrawn else (arm.version, why)
            served = live.baseline if assigned in self.dead else assigned
            status = 500 if self._chance.random() < self.error_rates.get(served, 0.0) else 200
            line = {
                "t": self.now - self._chance.random() * 0.5,
                "u": unit,
                "s": "shop",
                "r": split.rollout if split else "",
                "v": assigned,
                "why": why,
                "w": served,
                "p": self.p,
                "c": status,
                "f": "-",
                "us": 10_000,
                "m": "GET",
                "path": "/",
            }
            if i % self.sample == 0:
                lines.append(json.dumps(line).encode() + b"\n")
            self._app_tracks(unit, served)
        self.requests += self.users * each
        self.logged += len(lines)
        body = b"".join(lines)
        self._offset = self.events.append("local", "segment", self._offset, body)

    def _app_tracks(self, unit: str, version: str) -> None:
        found = [
            Tracked(f"{self.now}-{unit}-{name}", name, unit, self.now, (("amount", 20.0),))
            for name, rates in self.tracks.items()
            if self._chance.random() < rates.get(version, 0.0)
        ]
        if version in self.thrown and self._chance.random() < 0.05:
            what = (("type", self.thrown[version]), ("route", "POST /checkout"), ("message", f"no key for {unit}"))
            found.append(Tracked(f"{self.now}-{unit}-error", "error", unit, self.now, what))
        self.events.track(tuple(found))

    def gateway_reports(self) -> None:
        current = self.publisher.current
        version = 0 if self.refuses else current.version
        endpoints = tuple(
            EndpointHealth("shop", v, f"127.0.0.1:900{v[1:]}", healthy=v not in self.dead) for v in ("v1", "v2", "v3")
        )
        report = GatewayReport(
            "local",
            self.now,
            1,
            900_000.0,
            version,
            self.now - 0.001,
            error=self.refuses,
            endpoints=endpoints,
            counts=(VersionCount("shop", "v1", "rollout", self.requests, 0),),
        )
        self.fleet.take(report, self.now)

    async def second(self, each: int = 1) -> None:
        """One second of life: users, report, tick."""
        self.now += 1.0
        if each:
            self.users_ask(each)
        if not self.silent:
            self.gateway_reports()
        await self.controller.tick()

    async def until(
        self, true: Callable[[RolloutView], bool], rollout: str = "shop-v2", seconds: int = 60
    ) -> RolloutView:
        for _ in range(seconds):
            await self.second()
            view = await self.desk.rollout(rollout)
            if true(view):
                return view
        raise AssertionError(f"not within {seconds} s: {view.headline} {view.waits}")


@pytest.fixture
async def world() -> World:
    made = World()
    await made.apply()
    made.gateway_reports()
    await made.second()
    return made
