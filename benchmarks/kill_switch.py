"""From a kill switch to the last stale answer, over clients that follow the server's stream, on this one machine.

    python benchmarks/kill_switch.py [--clients 200 1000] [--real 20] [--flags 100] [--rounds 200]

The clock starts before the request that switches the flag is sent. A real `Client` counts when evaluating the flag in
its process gives the new answer; the others are sockets that count when the change has arrived. Real ones share one
process, the sockets another; the server is a third, on a state file of its own, as `fader up` starts it. In the same
run a gateway hands the flag to an app in a header, under 500 requests a second: there the last stale answer is the last
request that arrives at the app with the old variant. Every switch must reach everybody: one that is missed fails the
run. In the end all connections are cut at once and the gateway's agent is killed, three switches are made meanwhile,
and everybody must come back to the last one.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import math
import multiprocessing
import os
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import access_log
from fader.sdk import Client
from gateway_overhead import cpu_seconds, free_port, wait_for
from handed_flag import ADOPTED, Gateway, Handed, last_stale, visits

#: p99 of the last stale answer, ms, by the number of clients.
GOALS = {200: 150.0, 1_000: 400.0}
PAUSE = 0.5
PATIENCE = 30.0
FLAG = "checkout"


class Server:
    """`fader server` in a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "fader.cli.entry", "server", "--data-dir", str(directory)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        wait_for(self.port)
        self._token = (directory / "token").read_text().strip()
        self.key = (directory / "server-key").read_text().strip()

    def apply(self, flags: int, services: str) -> None:
        rule = "{rules: [{variant: on, when: 'country == \"US\"'}]}"
        names = [FLAG, *(f"flag-{number}" for number in range(flags - 1))]
        self.ask("/v1/apply", {"text": "\n".join([f"{services}flags:", *(f"  {name}: {rule}" for name in names)])})

    def ask(self, path: str, body: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self._token}"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise SystemExit(f"{path}: {answer.status} {answer.read().decode()}")
        connection.close()

    def switch(self, on: bool) -> float:
        """When it was asked for, on the machine's monotonic clock."""
        begun = time.monotonic()
        self.ask(f"/v1/flags/{FLAG}/{'on' if on else 'off'}", {"reason": "benchmark"})
        return begun

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)


class Follower:
    """One socket. `times`: when each change arrived, in order."""

    def __init__(self, port: int, key: str) -> None:
        self._request = f"GET /v1/sdk/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        self._port, self._text, self.last, self.times = port, b"", "", list[float]()
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        resume = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        self.socket.sendall((self._request + resume + "\r\n").encode())
        self._text = b""

    def read(self) -> None:
        received = self.socket.recv(1 << 20)
        now = time.monotonic()
        if not received:
            raise SystemExit("the server ended a stream")
        *events, self._text = (self._text + received).split(b"\n\n")
        for event in events:
            if b"\nid: " in event:
                self.last = event.rpartition(b"\nid: ")[2].partition(b"\n")[0].decode()
            if b"event: change\n" in event:
                self.times.append(now)


def sockets(port: int, key: str, count: int, boss: Connection) -> None:
    followers = [Follower(port, key) for _ in range(count)]
    selector = selectors.DefaultSelector()
    for follower in followers:
        selector.register(follower.socket, selectors.EVENT_READ, follower)

    def pump() -> None:
        for found, _ in selector.select(0.05):
            found.data.read()

    while not all(follower.last for follower in followers):
        pump()
    boss.send("ready")
    while True:
        pump()
        if not boss.poll():
            continue
        if boss.recv() == "end":
            break
        for follower in followers:
            selector.unregister(follower.socket)
            follower.socket.close()
        boss.send("cut")
        boss.recv()
        for follower in followers:
            follower.connect()
            selector.register(follower.socket, selectors.EVENT_READ, follower)
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        pump()
    boss.send([(follower.times, int(follower.last.partition("-")[0])) for follower in followers])


def clients(port: int, key: str, count: int, boss: Connection) -> None:
    times: list[list[float]] = [[] for _ in range(count)]
    made = [Client(f"http://127.0.0.1:{port}", key) for _ in range(count)]
    for client in made:
        client.ready(PATIENCE)

    def hear(client: Client, mine: list[float]) -> None:
        on = [client.boolean(FLAG, default=False, unit="ann", attributes={"country": "US"})]

        def heard(news: str) -> None:
            answer = client.boolean(FLAG, default=False, unit="ann", attributes={"country": "US"})
            if news == "changed" and answer is not on[0]:
                on[0] = answer
                mine.append(time.monotonic())

        client.listen(heard)

    for client, mine in zip(made, times, strict=True):
        hear(client, mine)
    boss.send("ready")
    while boss.recv() != "end":
        for client in made:
            cut(client)
        boss.send("cut")
        boss.recv()
    time.sleep(1.0)
    boss.send([(mine, client.version) for mine, client in zip(times, made, strict=True)])
    for client in made:
        client.close()


def cut(client: Client) -> None:
    """As a network does."""
    followed: Any = client._source
    followed._socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def crew(server: Server, count: int, real: int) -> Iterator[list[Connection]]:
    pipes, children = [], []
    for target, share in ((sockets, count - real), (clients, real)):
        mine, theirs = multiprocessing.Pipe()
        child = multiprocessing.Process(target=target, args=(server.port, server.key, share, theirs), daemon=True)
        child.start()
        children.append(child)
        pipes.append(mine)
    try:
        yield pipes
    finally:
        for child in children:
            child.terminate()
            child.join(PATIENCE)


@contextmanager
def visitors(server: Server, gateway: Gateway, flags: int) -> Iterator[Connection]:
    """Once the gateway serves the app, and the app is visited."""
    mine, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=visits, args=(gateway.listen, gateway.app, theirs), daemon=True)
    child.start()
    mine.recv()
    try:
        server.apply(flags, gateway.service(FLAG))
        gateway.start()
        gateway.serves()
        mine.send("begin")
        yield mine
    finally:
        child.terminate()
        child.join(PATIENCE)
        gateway.stop()


@dataclass(frozen=True)
class Measured:
    """Milliseconds: of each client in each round, and of the last one in each round; `handed`: of the gateway's app in
    each round; `back`: until the last client that was cut was up to date, and `adopted`: until the app was, from the
    start of the new agent. `cpu`: of the server for one switch."""

    each: list[float]
    last: list[float]
    handed: list[float]
    back: float
    adopted: float
    cpu: float


def measure(server: Server, gateway: Gateway, flags: int, count: int, real: int, rounds: int) -> Measured:
    with visitors(server, gateway, flags) as app, crew(server, count, real) as pipes:
        for pipe in pipes:
            pipe.recv()
        time.sleep(1.0)
        before, begun = cpu_seconds(server.pid), []
        for number in range(rounds):
            begun.append(server.switch(on=bool(number % 2)))
            time.sleep(PAUSE)
        cpu = (cpu_seconds(server.pid) - before) / rounds * 1e3
        gateway.kill()
        for pipe in pipes:
            pipe.send("cut")
            pipe.recv()
        begun += [server.switch(on=bool(number % 2)) for number in range(rounds, rounds + 3)]
        for pipe in pipes:
            pipe.send("return")
        time.sleep(3.0)
        begun.append(time.monotonic())
        gateway.start()
        time.sleep(ADOPTED)
        app.send("end")
        handed: Handed = app.recv()
        for pipe in pipes:
            pipe.send("end")
        seen: list[tuple[list[float], int]] = [one for pipe in pipes for one in pipe.recv()]
    if len({version for _, version in seen}) != 1:
        raise SystemExit("somebody did not come back to the last ruleset")
    if any(len(times) <= rounds for times, _ in seen):
        raise SystemExit("a switch was missed")
    wanted = ["on" if number % 2 else "off" for number in range(rounds)]
    waited = last_stale([one for one in handed if one[0] < begun[rounds]], begun[:rounds], wanted)
    adopted = last_stale(handed, begun[-1:], ["on" if (rounds + 2) % 2 else "off"])
    waits = [[(times[number] - begun[number]) * 1e3 for times, _ in seen] for number in range(rounds)]
    back = max(times[-1] for times, _ in seen) - begun[rounds + 2]
    return Measured(
        [wait for of_round in waits for wait in of_round],
        [max(w) for w in waits],
        [wait * 1e3 for wait in waited],
        back * 1e3,
        adopted[0] * 1e3,
        cpu,
    )


def share(values: list[float], percent: float) -> float:
    """The percentile by the nearest rank."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[200, 1_000])
    parser.add_argument("--real", type=int, default=20)
    parser.add_argument("--flags", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    logging.getLogger("fader.sdk").setLevel(logging.ERROR)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    found: dict[int, Measured] = {}
    busy = os.getloadavg()[0]
    for count in given.clients:
        directory = Path(tempfile.mkdtemp(prefix="fader-bench-"))
        server = Server(directory)
        try:
            gateway = Gateway(directory, f"http://127.0.0.1:{server.port}")
            found[count] = measure(server, gateway, given.flags, count, given.real, given.rounds)
        finally:
            server.stop()
            shutil.rmtree(directory, ignore_errors=True)
    written(given, found, busy)
    met = [max(share(m.last, 99), share(m.handed, 99)) <= GOALS.get(count, float("inf")) for count, m in found.items()]
    return 0 if all(met) else 1


def written(given: argparse.Namespace, found: dict[int, Measured], busy: float) -> None:
    rows = []
    for count, m in found.items():
        goal = f"{GOALS[count]:g}" if count in GOALS else ""
        paths = (
            ("one client", m.each, "", ""),
            ("the last client", m.last, goal, f"{m.back:.0f}"),
            ("an app behind the gateway", m.handed, goal, f"{m.adopted:.0f}"),
        )
        for path, waits, aim, back in paths:
            figures = " | ".join(f"{f:.0f}" for f in (share(waits, 50), share(waits, 99), max(waits)))
            rows.append(f"| {count:,} | {path} | {figures} | {aim} | {back} |")
    access_log.report(
        "kill_switch",
        "From a kill switch to the last stale answer",
        0,
        [
            "| clients | path | p50 | p99 | max | goal of p99 | back |",
            "|---:|---|---:|---:|---:|---:|---:|",
            *rows,
        ],
        [
            f"Milliseconds from before the request to switch; {given.rounds} switches, {given.flags:,} flags. "
            f"{given.real} of the clients are `Client`s and count when their own answer is the new one; the others are "
            "sockets that count when the change has arrived. Behind the gateway it is the last request, of 500 a "
            "second, that arrives at the app with the old variant. All of it in one run: server, agent, Envoy, app and "
            f"clients share this machine, whose load average was {busy:.1f} before: what else it does is in the tail.",
            f"One switch takes the server {' and '.join(f'{m.cpu:.0f} ms' for m in found.values())} of CPU.",
            "In the end all connections were cut at once, the gateway's agent was killed, and three switches made "
            "meanwhile: `back` is from the last of them until the last client was up to date, and from the start of a "
            "new agent until the app was. No switch was missed.",
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
