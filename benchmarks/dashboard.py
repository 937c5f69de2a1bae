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
from urllib.parse import urlencode

import httpx2
import uvicorn
from sqlalchemy import event
from starlette.applications import Starlette

import fader.dashboard
from access_log import report
from dashboard_year import (
    FLAGS,
    METRICS,
    MOVED,
    NOW,
    POINTS,
    ROUNDS,
    SERVICES,
    SHARES,
    fill,
    gateway,
    judgements,
    name_of,
)
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
from fader.model.decision import Decision
from fader.model.service import Address
from fader.model.state import ACTIVE
from fader.model.view import Point
from fader.notify.memory import MemoryMessenger
from fader.ports.events import Exposure
from fader.ports.states import StateStore
from fader.providers.memory import MemoryProviders
from fader.storage.database import open_sqlite
from fader.storage.sql import SqlStateStore
from fader.telemetry.memory import MemoryEventStore


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
