"""A whole fader as a user runs it: two versions, `fader up`, a real Envoy. Everything is on loopback and is ended."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n%s"
FAILURE = ANSWER.replace(b"200 OK", b"500 Internal Server Error")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Versions:
    """Two upstreams, v1 and v2, that answer with their name; those in `failing` with a 500."""

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.ports: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        servers = [self._loop.run_until_complete(self._serve(name)) for name in ("v1", "v2")]
        self._ready.set()
        self._loop.run_forever()
        for server in servers:
            server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _serve(self, name: str) -> asyncio.Server:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write((FAILURE if name in self.failing else ANSWER) % name.encode())
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        self.ports[name] = server.sockets[0].getsockname()[1]
        return server

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


class Rig:
    """`fader up` over the two versions, with the given rollout; a client for its API and its gateway."""

    def __init__(self, folder: Path, rollout: str, versions: Versions) -> None:
        self.data = folder / "d"
        self.port, self.api_port = free_port(), free_port()
        self.file = folder / "fader.yaml"
        self.file.write_text(
            f"""\
services:
  shop:
    listen: 127.0.0.1:{self.port}
    unit: [{{header: x-user-id}}, {{cookie: fader_uid, issue: true}}]
    versions: {{v1: "http://127.0.0.1:{versions.ports["v1"]}", v2: "http://127.0.0.1:{versions.ports["v2"]}"}}
    baseline: v1
metrics:
  errors: {{kind: proportion, of: requests, where: "status >= 500", better: lower}}
{rollout}"""
        )
        self.process: subprocess.Popen[bytes] | None = None

    def up(self, *, empty: bool = False) -> None:
        """`empty`: without the file, so that nothing is applied."""
        command = [sys.executable, "-m", "fader.cli.entry", "up", "--data-dir", str(self.data)]
        given = [] if empty else ["-f", str(self.file)]
        with (self.data.parent / "up.log").open("ab") as log:
            self.process = subprocess.Popen([*command, *given, "--port", str(self.api_port)], stdout=log, stderr=log)
        if empty:
            self.until(lambda: self.api("GET", "/v1/rollouts"), "the server answers")
        else:
            self.until(lambda: self.get("alice")[0] == 200, "the gateway serves")

    def until(self, true: Callable[[], Any], what: str, within: float = 60.0) -> Any:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException, LookupError, ValueError):
                if value := true():
                    return value
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"not seen within {within} s: {what}\n{self.logs()}")

    def logs(self) -> str:
        files = [self.data.parent / "up.log", *sorted((self.data / "logs").glob("*.log"))]
        return "\n".join(f"--- {f.name}\n" + f.read_text(errors="replace")[-3000:] for f in files if f.exists())

    def get(self, unit: str, path: str = "/", timeout: float = 5.0) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"x-user-id": unit} if unit else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def api(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=20)
        token = (self.data / "token").read_text().strip()
        try:
            connection.request(
                method, path, json.dumps(body) if body is not None else None, {"Authorization": f"Bearer {token}"}
            )
            answer = connection.getresponse()
            parsed = json.loads(answer.read() or b"null")
            if answer.status >= 400:
                raise ValueError(f"{answer.status}: {parsed}")
            return parsed
        finally:
            connection.close()

    def pids(self) -> dict[str, int]:
        """The processes by part: server, agent, envoy."""
        found = {"envoy": self.api("GET", "/v1/rollouts")["gateways"][0]["envoy_pid"]}
        assert self.process is not None
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                if parent == self.process.pid and words[3] in ("server", "agent"):
                    found[words[3]] = int(entry.name)
        return found

    def down(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(45)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None


@pytest.fixture
def versions() -> Iterator[Versions]:
    upstreams = Versions()
    yield upstreams
    upstreams.close()


@pytest.fixture
def rig(versions: Versions, tmp_path: Path) -> Iterator[Callable[[str], Rig]]:
    """`rig(rollout_yaml)` gives a fader that is up."""
    rigs: list[Rig] = []

    def start(rollout: str) -> Rig:
        rigs.append(Rig(tmp_path, rollout, versions))
        rigs[-1].up()
        return rigs[-1]

    yield start
    for started in rigs:
        started.down()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
