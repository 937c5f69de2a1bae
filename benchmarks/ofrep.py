"""What evaluating one flag over OFREP costs the server, beside an empty POST route of the same server in the same run.

    python benchmarks/ofrep.py [--seconds 5] [--rounds 5]

The server is fader's own, with all that it does beside (uvicorn, one process, state in memory); the same load goes in
turns to OFREP's single evaluation with a server key, and to two routes that read the body and answer `{}` without
asking who asks: one of Starlette, in which fader's other routes are written, and one of bare ASGI, which is the least
that an answer costs here. The load is wrk with keep-alive; CPU is user + system time of the server's process.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

import access_log
from fader.api.auth import Tokens
from fader.app.server import build
from fader.model.flag import Flag, Rule, Variant
from fader.storage.memory import MemoryStateStore
from fader.telemetry.memory import MemoryEventStore
from gateway_overhead import CONNECTIONS, Round, cpu_seconds, free_port, wait_for

GOAL_RATIO, GOAL_RATE = 0.6, 15_000
KEY = "benchmark-server-key"
ON_OFF = (Variant("on", True), Variant("off", False))
RULE = Rule("on", 'country == "US"', 100_000, "us")

#: 1,000 units, a third of them in the US; made before, so that the load costs little.
LOAD = """
local requests, n = {}, 0
function init(args)
  for i = 1, 1000 do
    local body = '{"context":{"targetingKey":"user-' .. i .. '","country":"' .. (i % 3 == 0 and "US" or "DE") .. '"}}'
    local headers = {["authorization"] = "Bearer KEY", ["content-type"] = "application/json"}
    requests[i] = wrk.format("POST", nil, headers, body)
  end
end
function request()
  n = n % 1000 + 1
  return requests[n]
end
""".replace("KEY", KEY)
#: Where a request goes, by what is said of it.
WAYS = {
    "OFREP, 10 flags": (10, "/ofrep/v1/evaluate/flags/flag-3"),
    "OFREP, 10,000 flags": (10_000, "/ofrep/v1/evaluate/flags/flag-3"),
    "an empty route of Starlette": (10, "/empty"),
    "an empty route of bare ASGI": (10, "/bare"),
}


async def empty(request: Request) -> Response:
    await request.body()
    return Response(b"{}", media_type="application/json")


async def bare(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def serve(port: int, flags: int) -> None:
    states = MemoryStateStore()
    made = tuple(Flag(f"flag-{number}", "boolean", ON_OFF, "off", "off", rules=(RULE,)) for number in range(flags))
    states.apply((), (), made)
    states.publish((), made)
    tokens = Tokens("operator", "gateway", "events", KEY, "client")
    fader = build(states, MemoryEventStore(), tokens, frozenset({"127.0.0.1"}))
    others: dict[str, ASGIApp] = {"/bare": bare, "/empty": Router([Route("/empty", empty, methods=["POST"])])}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await others.get(scope.get("path", ""), fader)(scope, receive, send)

    logging.disable(logging.CRITICAL)
    config = uvicorn.Config(
        app, "127.0.0.1", port, loop="uvloop", http="httptools", access_log=False, log_config=None, server_header=False
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(uvicorn.Server(config).serve())


def load(port: int, pid: int, path: str, seconds: int, script: Path) -> Round:
    before = cpu_seconds(pid)
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(script)]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True)
    used = cpu_seconds(pid) - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"the run is not valid: {done.stdout}")
    words = done.stdout.split()
    requests, rate = int(words[words.index("requests") - 1]), float(words[words.index("Requests/sec:") + 1])
    return Round(requests, rate, used / requests * 1e6)


def measure(script: Path, seconds: int, rounds: int) -> dict[str, list[Round]]:
    ports = {flags: free_port() for flags, _ in WAYS.values()}
    servers = {f: multiprocessing.Process(target=serve, args=(port, f), daemon=True) for f, port in ports.items()}
    for server in servers.values():
        server.start()
    try:
        for port in ports.values():
            wait_for(port)
        found: dict[str, list[Round]] = {name: [] for name in WAYS}
        for turn in range(rounds + 1):
            for name, (flags, path) in WAYS.items():
                pid = servers[flags].pid
                assert pid is not None
                one = load(ports[flags], pid, path, seconds if turn else 1, script)
                if turn:  # the first warms up
                    found[name].append(one)
        return found
    finally:
        for server in servers.values():
            server.terminate()
            server.join(20)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if not shutil.which("wrk"):
        print("skipped: wrk is not on this machine")
        return 0
    directory = Path(tempfile.mkdtemp(prefix="fader-bench-"))
    try:
        script = directory / "load.lua"
        script.write_text(LOAD)
        found = measure(script, given.seconds, given.rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    cpu = {name: statistics.median(r.cpu_us for r in rounds) for name, rounds in found.items()}
    ours, many, starlette, least = cpu.values()
    rows = []
    for name, micros in cpu.items():
        rows.append(
            f"| {name} | {micros:.1f} | {1e6 / micros:,.0f} | {starlette / micros:.2f} | {least / micros:.2f} |"
        )
    access_log.report(
        "ofrep",
        "Evaluating a flag over OFREP",
        0,
        [
            "| POST | server's CPU per request, µs | requests/s of a core | of Starlette's | of the bare one's |",
            "|---|---:|---:|---:|---:|",
            *rows,
        ],
        [
            f"Goals: {GOAL_RATE:,} requests/s of a core, {GOAL_RATIO} of an empty route. Medians of {given.rounds} "
            f"rounds of {given.seconds} s that took turns; wrk with {CONNECTIONS} keep-alive connections, 1,000 units.",
            f"By the number of flags: {many / ours:.2f} times as much for one of 10,000 as for one of 10.",
        ],
    )
    return 0 if starlette / many >= GOAL_RATIO and 1e6 / many >= GOAL_RATE else 1


if __name__ == "__main__":
    sys.exit(main())
