"""A flag that a running Envoy hands to an app in a header, and what the app is handed, request by request."""

from __future__ import annotations

import asyncio
import bisect
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from gateway_overhead import free_port, wait_for

#: Seconds from one request of the visitor to the next.
EVERY = 0.002
PATIENCE = 30.0
#: Seconds in which an agent takes over the Envoy of another.
ADOPTED = 6.0

#: When a request arrived at the app, on the machine's monotonic clock, and what its header said.
Handed = list[tuple[float, str]]


class Gateway:
    """`fader agent` and its Envoy, over a server whose data is in `directory`."""

    def __init__(self, directory: Path, server: str) -> None:
        self.app, self.listen = free_port(), free_port()
        self._command = [sys.executable, "-m", "fader.cli.entry", "agent", "--data-dir", str(directory)]
        self._command += ["--server", server]
        self._orphan = False
        self._agent: subprocess.Popen[bytes] | None = None

    def service(self, flag: str) -> str:
        return (
            f"services:\n  web:\n    listen: 127.0.0.1:{self.listen}\n    unit: [{{header: x-user-id}}]\n"
            f'    versions: {{v1: "http://127.0.0.1:{self.app}"}}\n    baseline: v1\n    flags: [{flag}]\n'
            "    attributes: {country: x-country}\n"
        )

    def start(self) -> None:
        self._agent = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._orphan = False

    def serves(self) -> None:
        wait_for(self.listen)

    def kill(self) -> None:
        """The agent; Envoy goes on with what it has, until another agent takes it over."""
        self._end(signal.SIGKILL)
        self._orphan = True

    def stop(self) -> None:
        """Agent and Envoy, also one whose agent was killed."""
        if self._orphan:
            self.start()
            time.sleep(ADOPTED)
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._agent:
            self._agent.send_signal(how)
            self._agent.wait(PATIENCE)
            self._agent = None


class App(asyncio.Protocol):
    """It knows of nothing but the header."""

    def __init__(self, handed: Handed) -> None:
        self._handed = handed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        for request in data.split(b"\r\n\r\n")[:-1]:
            flags = request.partition(b"\r\nx-fader-flags: ")[2].partition(b"\r\n")[0].decode()
            self._handed.append((at, flags.partition("=")[2]))
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


def visits(listen: int, app: int, boss: Connection) -> None:
    """App and visitor, in a process of their own, until told to end; then what the app was handed."""
    asyncio.run(_visits(listen, app, boss))


async def _visits(listen: int, app: int, boss: Connection) -> None:
    handed: Handed = []
    server = await asyncio.get_running_loop().create_server(lambda: App(handed), "127.0.0.1", app)
    boss.send("ready")
    boss.recv()
    reader, writer = await asyncio.open_connection("127.0.0.1", listen)
    due = time.monotonic()
    while not boss.poll():
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nx-user-id: ann\r\nx-country: US\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        due = max(due + EVERY, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
    boss.recv()
    writer.close()
    server.close()
    boss.send(handed)


def last_stale(handed: Handed, begun: list[float], wanted: list[str]) -> list[float]:
    """Seconds from each switch to the last request before the next one that was handed something else than what was
    switched to; 0 where none was. Raises SystemExit for a switch that did not arrive."""
    times = [at for at, _ in handed]
    waits = []
    for begin, end, want in zip(begun, [*begun[1:], float("inf")], wanted, strict=True):
        between = handed[bisect.bisect_left(times, begin) : bisect.bisect_left(times, end)]
        if not between or between[-1][1] != want:
            raise SystemExit("a switch did not come to the gateway before the next one")
        waits.append(max((at - begin for at, variant in between if variant != want), default=0.0))
    return waits
