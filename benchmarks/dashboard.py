"""What the dashboard costs: server time per page, live pages, and the size of its assets.

    python benchmarks/dashboard.py [--rollouts N] [--readers N] [--seconds S] [--seed S]

A state file of SQLite with a year of rollouts on 40 services: one active on each, the others ended, each with its
attempts, steps (with the evidence they rest on) and chart points; the controller's last look at each is put in place.
Pages are asked for in-process, over ASGI. Open live pages are read by another process over loopback while every
active rollout changes once a second, as it does when the controller ticks; the CPU is that of the server's process.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import multiprocessing
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import httpx2
import uvicorn
from sqlalchemy import event
from starlette.applications import Starlette

import fader.dashboard
from access_log import report
from fader.app.installation import in_memory
from fader.dashboard import pages
from fader.dashboard.templating import prepare
from fader.engine.apply import Applier
from fader.engine.changes import Changes
from fader.engine.controller import Controller, Seen
from fader.engine.desk import Desk
from fader.engine.flag_desk import FlagDesk
from fader.engine.fleet import Fleet
from fader.engine.notifier import Notifier
from fader.engine.publish import Publisher
from fader.gateway.bootstrap import LATENCY_BUCKETS
from fader.model.channel import Channel
from fader.model.decision import Command, Decision, Step
from fader.model.evidence import Evidence, MetricEvidence
from fader.model.flag import Flag, Rule, Variant
from fader.model.metric import Comparison, Margin, Metric
from fader.model.report import EndpointHealth, GatewayReport, VersionCount
from fader.model.rollout import Experiment, Guardrail, Outcome, RolloutSpec, Stage
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.settings import Settings
from fader.model.state import ACTIVE, Basis, Phase, RolloutState
from fader.model.summary import ArmSummary, Histogram
from fader.model.verdict import Judgement, Verdict
from fader.model.view import Point
from fader.model.written import Written
from fader.notify.memory import MemoryMessenger
from fader.ports.events import Exposure
from fader.ports.states import Entry, StateStore
from fader.providers.memory import MemoryProviders
from fader.storage.database import open_sqlite
from fader.storage.sql import SqlStateStore
from fader.telemetry.memory import MemoryEventStore

NOW = 1_764_000_000.0
YEAR = 365 * 86_400.0
SERVICES = 40
POINTS = 300
#: Times that each page is asked for.
ROUNDS = 40
SHARES = (10_000, 50_000, 100_000, 250_000, 500_000, 1_000_000)
METRICS = (
    Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),)),
    Metric("checkout-errors", "proportion", where=(Comparison("path", "==", "/checkout"),)),
    Metric("latency", "quantile", value="duration_ms", q=0.95),
)
GUARDRAILS = tuple(Guardrail(m, Margin("relative", 0.1)) for m in METRICS)


FLAGS = tuple(
    Flag(
        f"flag-{i:03}",
        "boolean",
        (Variant("on", True), Variant("off", False)),
        "off",
        "off",
        rules=tuple(Rule("on", f'country == "US" && plan in ["a", "b", "{k}"]', 100_000, f"r{k}") for k in range(3)),
    )
    for i in range(2_000)
)
#: The flag that the last rollout moves; all others move services.
MOVED = FLAGS[7].name
SETTINGS = Settings(tuple(Channel(f"channel-{i}", "webhook", ("held",), "https://hooks.example.com") for i in range(5)))


def name_of(i: int) -> str:
    """As long as a name may be."""
    return f"rollout-{i:04}-of-a-release-whose-name-is-as-long-as-names-may-be-here"[:63]


def service(i: int) -> Service:
    versions = tuple(Version(f"v{n}", (Address("127.0.0.1", 9000 + n),)) for n in range(1, 4))
    return Service(
        f"service-{i:02}", Address("127.0.0.1", 8000 + i), (UnitSource("header", "x-user-id"),), versions, "v1"
    )


def judgements(chance: Random) -> tuple[Judgement, ...]:
    return tuple(
        Judgement(
            m.name,
            Verdict.SAFE,
            candidate_rate=0.0031 + chance.random() * 1e-4,
            baseline_rate=0.003 + chance.random() * 1e-5,
            rise=0.0001 + chance.random() * 1e-4,
            low=-0.001 - chance.random() * 1e-4,
            high=0.0012 + chance.random() * 1e-4,
            log_e_harm=chance.random(),
            harm_threshold=5.1,
            log_e_safe=5.2,
            safe_threshold=5.1,
            margin=0.02,
            candidate_units=4000 + chance.randrange(1000),
            baseline_units=40_000,
            candidate_first=12,
            baseline_first=118,
            candidate_value=182.0,
            baseline_value=180.0,
        )
        for m in METRICS
    )


def evidence(at: float, stage: int, chance: Random) -> Evidence:
    def arm() -> ArmSummary:
        return ArmSummary(*(chance.randrange(1, 100_000) for _ in range(5)))

    def values() -> Histogram:
        return Histogram(tuple(range(60)), tuple(chance.randrange(1, 5000) for _ in range(60)))

    return Evidence(at, stage, tuple(MetricEvidence(m.name, arm(), arm(), values(), values()) for m in METRICS))


def steps(spec: RolloutSpec, began: float, *, active: bool, chance: Random) -> list[Step]:
    """One attempt that was rolled back, then one that completed or goes on."""
    made: list[Step] = []
    state, at = RolloutState(spec.name), began

    def step(name: str, by: str = "fader", **changes: Any) -> None:
        nonlocal state, at
        after = replace(state, revision=state.revision + 1, cause=f"{name} of {spec.name}", **changes)
        asked = Command("start", by, "the release of this week") if by != "fader" else None
        reason = f"{spec.candidate} goes from one share to the next of users: every guardrail is proven less worse"
        seen = None if asked else evidence(at, state.stage, chance)
        judged = () if asked else judgements(chance)
        made.append(Step(after.revision, spec.name, at, spec, state, after, name, reason, by, asked, seen, judged))
        state, at = after, at + chance.uniform(600, 1200)

    bases = tuple(Basis(m.name, 0.003, 180.0) for m in METRICS)
    who = chance.choice(("ann", "bob", "carl", "ci", "dashboard"))
    for attempt in (1, 2):
        step("start" if attempt == 1 else "retry", who, phase=Phase.LEARNING, attempt=attempt, stage=-1, started_at=at)
        last = 3 if active or attempt == 1 else 5
        for stage in range(last):
            changes: dict[str, Any] = {
                "phase": Phase.RAMPING,
                "stage": stage,
                "share": SHARES[stage],
                "stage_since": at,
                "bases": bases,
            }
            step("advance", **changes)
            if stage == 1:
                step("pause", who, phase=Phase.PAUSED)
                step("resume", who, phase=Phase.RAMPING)
        if attempt == 1:
            step("harm", phase=Phase.ROLLED_BACK, share=0, ended_at=at)
        elif not active:
            step("complete", phase=Phase.COMPLETED, stage=5, share=1_000_000, ended_at=at)
    return made


def points(began: float, chance: Random) -> tuple[Point, ...]:
    """The charts of an attempt of three stages, cumulative as they are."""
    return tuple(
        Point(began + 8.0 * i, m.name, i * 3 // POINTS, SHARES[i * 3 // POINTS], *(chance.random() for _ in range(6)))
        for i in range(POINTS)
        for m in METRICS
    )


def fill(states: StateStore, rollouts: int, seed: int) -> int:
    """Returns the number of steps."""
    chance = Random(seed)
    services = tuple(service(i) for i in range(SERVICES))
    stages = tuple(Stage(s, 600.0) for s in SHARES)
    specs = [
        RolloutSpec(name_of(i), services[i % SERVICES].name, "v1", "v2", stages, GUARDRAILS) for i in range(rollouts)
    ]
    specs[0] = RolloutSpec(name_of(0), "", "off", "on", stages, GUARDRAILS, flag=MOVED)
    # Some hold an experiment: the last one of each fifth service.
    for i in range(rollouts - SERVICES, rollouts, 5):
        outcome = Outcome(METRICS[0], Margin("relative", 0.1))
        specs[i] = replace(specs[i], outcomes=(outcome,), experiment=Experiment(SHARES[2], 86_400.0, "errors"))
    entries = tuple(Entry(spec, RolloutState(spec.name), "secret") for spec in specs)
    states.apply(services, entries, FLAGS, settings=SETTINGS)
    states.write(Written("".join(f"# line {i} of what was written by hand\n" for i in range(12_000)), at=NOW))
    total = 0
    for i, spec in enumerate(specs):
        active = i >= rollouts - SERVICES
        began = NOW - 20_000 if active else NOW - YEAR + i * (YEAR - 86_400 * 3) / rollouts
        made = steps(spec, began, active=active, chance=chance)
        for step in made:
            states.save(step)
        states.put_points(spec.name, points(made[-1].after.started_at, chance))
        total += len(made)
    return total


def gateway(second: int) -> GatewayReport:
    bins = tuple((b / 1000, 40 * second + i) for i, b in enumerate((*LATENCY_BUCKETS, 1e12)))
    names = [(f"service-{i:02}", v) for i in range(SERVICES) for v in ("v1", "v2")]
    return GatewayReport(
        "edge",
        NOW - 3600 + second,
        1,
        NOW - YEAR,
        1,
        NOW - 60,
        endpoints=tuple(EndpointHealth(s, v, "127.0.0.1:9001", healthy=True) for s, v in names),
        counts=tuple(VersionCount(s, v, "rollout", 900 * second, second, latency_bins=bins) for s, v in names),
    )


class Board:
    """The dashboard over a store, with the gateways' last hour and the controller's last look in place."""

    def __init__(self, states: StateStore) -> None:
        self.fleet, self.changes, self.states = Fleet(), Changes(), states
        publisher, events = Publisher(states), MemoryEventStore()
        publisher.publish()
        self.controller = Controller(states, events, self.fleet, publisher, self.changes, lambda: NOW)
        self.applier = Applier(states, events, publisher, probe, lambda: NOW, MemoryProviders())
        self.flags = FlagDesk(states, publisher, lambda: NOW)
        self.notifier = Notifier(states, MemoryMessenger(), self.changes.tell, lambda: NOW)
        self.desk = Desk(states, events, self.fleet, self.controller, self.changes, lambda: NOW, probe)
        for second in range(0, 3601, 5):
            self.fleet.take(gateway(second), NOW - 3600 + second)
        chance = Random(1)
        for entry in states.entries():
            decision = Decision(entry.state, waits=("errors: about 4 min more at this rate",))
            self.controller.seen[entry.spec.name] = Seen(
                replace(decision, judgements=judgements(chance)), exposure=Exposure(4000, 12, NOW - 9000)
            )

    def app(self) -> Starlette:
        @asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            ticks = asyncio.create_task(self.tick())
            yield
            ticks.cancel()

        return Starlette(
            routes=pages.routes(self.desk, self.flags, self.applier, in_memory, self.notifier, lambda: NOW),
            lifespan=lifespan,
        )

    async def tick(self) -> None:
        """What a tick of the controller changes of the active rollouts; what it computes is not done here."""
        chance = Random(2)
        active = [e for e in self.states.entries() if e.state.phase in ACTIVE]
        for second in range(10**9):
            for entry in active:
                seen = self.controller.seen[entry.spec.name]
                exposure = replace(seen.exposure, units=seen.exposure.units + 7)
                decision = replace(seen.decision, judgements=judgements(chance))
                self.controller.seen[entry.spec.name] = replace(seen, decision=decision, exposure=exposure)
                if second % 2 == 0:
                    made = (
                        Point(NOW + second, m.name, 2, SHARES[2], *(chance.random() for _ in range(6))) for m in METRICS
                    )
                    self.states.put_points(entry.spec.name, tuple(made))
                self.changes.tell(entry.spec.name, figures=True)
            await asyncio.sleep(1.0)


async def probe(_address: Address) -> str:
    return ""


async def page_times(path: Path, rollouts: int) -> list[str]:
    """One row per page: the first answer over a store just opened, then the others."""
    active = name_of(rollouts - 1)
    asked: dict[str, tuple[str, str, dict[str, str]]] = {
        "overview": ("GET", "/", {}),
        "overview, one group, page 5": ("GET", "/?group=ended&page=5", {}),
        "rollout": ("GET", f"/rollouts/{active}", {}),
        "service": ("GET", "/services/service-07", {}),
        "services": ("GET", "/services", {}),
        "rollout, its picture": ("GET", f"/rollouts/{active}/card.png", {}),
        "flags": ("GET", "/flags", {}),
        "flag": ("GET", "/flags/flag-007", {}),
        "metrics": ("GET", "/metrics-defined", {}),
        "metric": ("GET", "/metrics-defined/latency", {}),
        "settings": ("GET", "/settings", {}),
        "flag, with a rollout": ("GET", f"/flags/{MOVED}", {}),
        "flag, one unit explained": ("GET", f"/flags/{MOVED}?unit=user-42&attributes=country%3DUS", {}),
        "rollout of a flag": ("GET", f"/rollouts/{name_of(0)}", {}),
        "experiments": ("GET", "/experiments", {}),
        "configuration": ("GET", "/configuration", {}),
        "signing in": ("GET", "/login", {}),
        "unit": ("POST", "/units", {"unit": "user-42"}),
        "audit": ("GET", "/audit", {}),
        "audit, filtered": ("GET", "/audit?actor=ann&event=start&from=2025-03-01", {}),
        "audit, all of it as CSV": ("GET", "/audit.csv", {}),
    }
    prepare()  # as the server does while it starts
    table = [
        f"| page | first, CPU ms | **CPU ms** | median ms | worst of {ROUNDS}, ms | KB | compressed KB |",
        "|:---|---:|---:|---:|---:|---:|---:|",
    ]
    for title, (method, address, form) in asked.items():
        states = SqlStateStore(open_sqlite(path))
        board = Board(states)
        app = Starlette(
            routes=pages.routes(board.desk, board.flags, board.applier, in_memory, board.notifier, lambda: NOW)
        )
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://fader") as http:
            spent, used, body = [], [], b""
            for _ in range(ROUNDS + 1):
                began, cpu_began = time.perf_counter(), time.process_time()
                answer = await http.request(method, address, content=urlencode(form))
                spent.append((time.perf_counter() - began) * 1000)
                used.append((time.process_time() - cpu_began) * 1000)
                assert answer.status_code == 200, answer.text
                body = answer.content
        states.close()
        rest = spent[1:]
        table.append(
            f"| {title} | {used[0]:.0f} | **{statistics.median(used[1:]):.0f}** | {statistics.median(rest):.0f} "
            f"| {max(rest):.0f} | {len(body) / 1000:.0f} | {len(gzip.compress(body)) / 1000:.0f} |"
        )
        print(table[-1], flush=True)
    return table


def serve(path: str, port: int) -> None:
    board = Board(SqlStateStore(open_sqlite(Path(path))))
    config = uvicorn.Config(
        board.app(), host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="error", access_log=False
    )
    uvicorn.Server(config).run()


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def read(http: httpx2.AsyncClient, address: str, heard: list[int]) -> None:
    async with http.stream("GET", address) as answer:
        async for chunk in answer.aiter_bytes():
            heard[0] += chunk.count(b"event: page")
            heard[1] += len(chunk)


async def watched(port: int, pid: int, addresses: list[str], seconds: float) -> tuple[float, list[int]]:
    """Per cent of a core that the server uses while these pages are open, and what they heard meanwhile."""
    heard = [0, 0]
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None, limits=limits) as http:
        readers = [asyncio.create_task(read(http, a, heard)) for a in addresses]
        await asyncio.sleep(5)
        heard[:] = [0, 0]
        before, began = cpu(pid), time.monotonic()
        await asyncio.sleep(seconds)
        used = 100 * (cpu(pid) - before) / (time.monotonic() - began)
        told = list(heard)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return used, told


def live_rows(path: Path, rollouts: int, readers: int, seconds: float) -> list[str]:
    many = [name_of(rollouts - 1 - i % SERVICES) for i in range(readers)]
    mixed = ["/live", f"/rollouts/{many[0]}/live", "/services/service-07/live", "/audit/live"]
    cases = {
        "none": [],
        f"{readers} of one rollout": [f"/rollouts/{many[0]}/live"] * readers,
        f"{readers} of the overview": ["/live"] * readers,
        f"{readers} of {SERVICES} rollouts": [f"/rollouts/{name}/live" for name in many],
        f"{readers}, a quarter each of overview, rollout, service, audit": [mixed[i % 4] for i in range(readers)],
    }
    table = [
        "| open live pages | CPU, % of a core | above none | pages told per second | KB/s |",
        "|:---|---:|---:|---:|---:|",
    ]
    port, idle = 17_070, 0.0
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(str(path), port), daemon=True)
    server.start()
    assert server.pid is not None
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx2.get(f"http://127.0.0.1:{port}/login")
                break
            except httpx2.HTTPError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        for title, addresses in cases.items():
            used, (told, size) = asyncio.run(watched(port, server.pid, addresses, seconds))
            idle = idle or used
            table.append(
                f"| {title} | {used:.1f} | {used - idle:.1f} | {told / seconds:.0f} | {size / seconds / 1000:.0f} |"
            )
            print(table[-1], flush=True)
    finally:
        server.terminate()
        server.join()
    return table


def assets() -> str:
    static = Path(fader.dashboard.__file__).parent / "static"
    files = [f for f in static.rglob("*") if f.suffix in (".js", ".css", ".svg")]
    packed = sum(len(gzip.compress(f.read_bytes())) for f in files)
    return (
        f"All assets together: {sum(f.stat().st_size for f in files) / 1000:.0f} KB, {packed / 1000:.0f} KB compressed."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=500)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        engine = open_sqlite(path)
        # Filling need not survive a power failure.
        event.listen(engine, "checkout", lambda connection, *_: connection.execute("PRAGMA synchronous=OFF"))
        states = SqlStateStore(engine)
        total = fill(states, options.rollouts, options.seed)
        states.close()
        size = path.stat().st_size / 1e6
        table = asyncio.run(page_times(path, options.rollouts))
        live = live_rows(path, options.rollouts, options.readers, options.seconds)
    notes = [
        *live,
        "",
        f"{options.rollouts:,} rollouts of a year on {SERVICES} services, one active on each; {len(FLAGS)} flags; "
        f"{total:,} steps with "
        f"their evidence, {POINTS} chart points of each of {len(METRICS)} metrics per rollout; a state file of "
        f"{size:,.0f} MB. `first` is the first answer over a store just opened; on a busy machine the CPU columns are "
        "the steadier ones. While pages are open every active rollout changes once a second; "
        f"{options.seconds:.0f} s each. {assets()}",
    ]
    report("dashboard", "Server time of the pages, and what open ones cost", options.seed, [*table, ""], notes)


if __name__ == "__main__":
    main()
