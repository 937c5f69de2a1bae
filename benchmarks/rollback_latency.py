"""From the decision to roll back to the last request that reaches the candidate, at a given rate of requests.

The decision is the moment at which the control plane publishes the new ruleset; the last request is timed when it
*arrives at the candidate*, so what is measured is more than what is asked for. Every part is a process of its own:
visitors, both versions, the agent, Envoy, and this one, which stands for the control plane.

    python benchmarks/rollback_latency.py [--rounds 12] [--rate 2000] [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import msgspec

from fader.model.report import GatewayReport
from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.share import WHOLE, Interval

RESULT = Path(__file__).parent / "results" / "rollback_latency.md"
GOAL_MS = 50.0
CONNECTIONS = 20
#: How long after a decision the candidate is watched; seconds.
WATCH = 0.75
_AGENT = """
import asyncio, sys
from pathlib import Path
from fader.gateway.agent import AgentConfig, run_agent
root = Path(sys.argv[1])
config = AgentConfig(root / "gw", sys.argv[2], root / "token", verbosity="warning", drain=1.0)
sys.exit(asyncio.run(run_agent(config)))
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def serve_app(port: int, last: Synchronized[float]) -> None:
    """A version: notes when its last request arrived."""

    class App(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            last.value = time.time()
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.write(answer * data.count(b"\r\n\r\n"))

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(App, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(main())


def visit(port: int, rate: float, done: Synchronized[int], failed: Synchronized[int]) -> None:
    """Visitors on keep-alive connections; each request has its time, whatever the ones before it took."""

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        pause = CONNECTIONS / rate
        due = time.perf_counter() + pause * number / CONNECTIONS
        turn = 0
        while True:
            due += pause
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            turn += 1
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nx-user-id: u%d-%d\r\n\r\n" % (number, turn % 500))
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            await reader.readexactly(size)
            done.value += 1
            if b" 200 " not in head[:16]:
                failed.value += 1

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))

    asyncio.run(main())


class ControlPlane:
    """The three endpoints, as little as can be."""

    def __init__(self) -> None:
        self.report: GatewayReport | None = None
        self.lines = 0
        self._ruleset = b""
        self._version = 0
        self._changed = asyncio.Event()
        self._held: dict[str, int] = {}

    def publish(self, ruleset: Ruleset) -> None:
        self._ruleset, self._version = msgspec.json.encode(ruleset), ruleset.version
        self._changed.set()
        self._changed = asyncio.Event()

    async def serve(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._connection, "127.0.0.1", port, limit=1 << 22)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = {key.lower(): value for key, _, value in (line.partition(": ") for line in head.split("\r\n"))}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                status, answer = await self._answer(head.split(" ")[1], body)
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        writer.close()

    async def _answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        path, _, query = target.partition("?")
        values = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        if path.endswith("/ruleset"):
            changed = self._changed
            if int(values["have"]) == self._version:
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), float(values["wait"]))
            return (304, b"") if int(values["have"]) == self._version else (200, self._ruleset)
        if path.endswith("/lines"):
            self.lines += body.count(b"\n")
            held = self._held[values["segment"]] = int(values["offset"]) + len(body)
            return 200, json.dumps({"held": held}).encode()
        self.report = msgspec.json.decode(body, type=GatewayReport)
        return 204, b""

    async def in_force(self, version: int) -> float:
        """When the gateway said so."""
        async with asyncio.timeout(30):
            while not (self.report and self.report.applied_version == version and not self.report.error):
                await asyncio.sleep(0.001)
        return time.time()


@dataclass(frozen=True)
class Round:
    last_ms: float
    acknowledged_ms: float


def ruleset(version: int, listen: int, v1: int, v2: int, share: int | None) -> Ruleset:
    service = Service(
        name="shop",
        listen=Address("127.0.0.1", listen),
        unit=(UnitSource("header", "x-user-id"),),
        versions=(
            Version("v1", (Address("127.0.0.1", v1),)),
            Version("v2", (Address("127.0.0.1", v2),)),
        ),
        baseline="v1",
    )
    split = Split("shop-v2", "v2", "shop/shop-v2", Interval(0, share), "connect", "secret") if share else None
    return Ruleset(version, (LiveService(service, "v1", split),))


async def measure(root: Path, rounds: int, rate: float) -> tuple[list[Round], float, int]:
    """The rounds, the rate reached, and how many requests failed."""
    plane_port, listen, v1, v2 = (free_port() for _ in range(4))
    (root / "token").write_text("benchmark")
    seen = {port: multiprocessing.Value("d", 0.0) for port in (v1, v2)}
    done, failed = multiprocessing.Value("q", 0), multiprocessing.Value("q", 0)
    children: list[multiprocessing.Process] = [
        multiprocessing.Process(target=serve_app, args=(port, last), daemon=True) for port, last in seen.items()
    ]
    for child in children:
        child.start()
    plane = ControlPlane()
    server = await plane.serve(plane_port)
    plane.publish(ruleset(1, listen, v1, v2, WHOLE // 2))
    agent = subprocess.Popen([sys.executable, "-c", _AGENT, str(root), f"http://127.0.0.1:{plane_port}"])
    measured: list[Round] = []
    try:
        await plane.in_force(1)
        visitors = multiprocessing.Process(target=visit, args=(listen, rate, done, failed), daemon=True)
        visitors.start()
        children.append(visitors)
        await asyncio.sleep(1.0)
        begin, before = time.perf_counter(), done.value
        for number in range(rounds):
            version = 2 + 2 * number
            last = seen[v2]
            if time.time() - last.value > 0.5:
                raise RuntimeError("the candidate gets no traffic")
            decided = time.time()
            plane.publish(ruleset(version, listen, v1, v2, None))
            acknowledged = await plane.in_force(version)
            await asyncio.sleep(max(0.0, decided + WATCH - time.time()))
            measured.append(Round(max(0.0, last.value - decided) * 1e3, (acknowledged - decided) * 1e3))
            plane.publish(ruleset(version + 1, listen, v1, v2, WHOLE // 2))
            await plane.in_force(version + 1)
            await asyncio.sleep(0.75)
        reached = (done.value - before) / (time.perf_counter() - begin)
        return measured, reached, failed.value
    finally:
        for child in reversed(children):
            child.terminate()
        agent.send_signal(signal.SIGTERM)
        await asyncio.to_thread(agent.wait, 30)
        server.close()


def text(rounds: list[Round], rate: float, reached: float, failed: int) -> str:
    last = sorted(r.last_ms for r in rounds)
    known = sorted(r.acknowledged_ms for r in rounds)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return "\n".join(
        [
            "# From the decision to roll back to the last request at the candidate",
            "",
            f"{len(rounds)} rounds at {reached:,.0f} requests/s (asked for {rate:,.0f}), half of them to the "
            f"candidate; {failed} requests failed.",
            "",
            "| ms after the decision | median | max |",
            "|---|---|---|",
            f"| last request arrives at the candidate (goal: at most {GOAL_MS:g}) "
            f"| {statistics.median(last):.1f} | {last[-1]:.1f} |",
            f"| control plane knows that the whole ruleset is in force "
            f"| {statistics.median(known):.1f} | {known[-1]:.1f} |",
            "",
            "Each round: " + ", ".join(f"{r.last_ms:.1f}" for r in rounds) + " ms.",
            "",
            f"Machine: {os.cpu_count()} CPUs, {platform.machine()}, {platform.system()} {platform.release()}, "
            f"Python {platform.python_version()}; everything on this one machine, "
            f"whose load was {os.getloadavg()[0]:.1f} at the end. Commit {commit.stdout.strip()}.",
            "Run again: `python benchmarks/rollback_latency.py --write`.",
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="fader-b-"))
    try:
        rounds, reached, failed = asyncio.run(measure(root, given.rounds, given.rate))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    result = text(rounds, given.rate, reached, failed)
    print(result)
    if given.write:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(result)
    return 0 if max(r.last_ms for r in rounds) <= GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
