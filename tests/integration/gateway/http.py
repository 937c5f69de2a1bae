"""A small HTTP/1.1 app and client over raw sockets: what is on the wire is what the tests see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Headers = list[tuple[str, str]]


@dataclass
class Answer:
    status: int
    headers: Headers
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def one(self, name: str) -> str:
        found = self.all(name)
        return found[0] if len(found) == 1 else f"<{len(found)} of {name}: {found}>"

    def seen(self, name: str) -> list[str]:
        """Values of a request header as they came to the app."""
        return [value for key, value in json.loads(self.body)["headers"] if key.lower() == name]

    @property
    def app(self) -> str:
        return str(json.loads(self.body)["app"])


async def read_head(reader: asyncio.StreamReader) -> tuple[str, Headers]:
    raw = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
    first, *rest = raw.split("\r\n")[:-2]
    return first, [(k, v) for k, _, v in (line.partition(": ") for line in rest)]


class Connection:
    """One keep-alive connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, method: str, path: str, headers: Headers, body: bytes = b"") -> Answer:
        fields = [*headers, *([("content-length", str(len(body)))] if body or method == "POST" else [])]
        if not any(name.lower() == "host" for name, _ in fields):
            fields.insert(0, ("host", "shop.example"))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields) + "\r\n"
        self.writer.write(head.encode("utf-8", "surrogateescape") + body)
        first, answered = await asyncio.wait_for(read_head(self.reader), 30)
        length = next((int(v) for k, v in answered if k.lower() == "content-length"), 0)
        chunked = any(k.lower() == "transfer-encoding" for k, _ in answered)
        content = b"" if chunked or method == "HEAD" else await self.reader.readexactly(length)
        return Answer(int(first.split(" ")[1]), answered, content)


@asynccontextmanager
async def connect(port: int, **options: object) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


async def get(port: int, path: str = "/", *headers: tuple[str, str], method: str = "GET", body: bytes = b"") -> Answer:
    async with connect(port) as connection:
        return await connection.send(method, path, list(headers), body)


@dataclass
class App:
    """Answers every request with what it saw, as JSON. `/status/N` answers N, `/sse` streams, `/slow` takes 0.8 s,
    an upgrade to websocket is accepted and echoed, `/own` has an own x-fader header."""

    name: str
    port: int = 0
    requests: int = 0
    fail: int = 0
    reset: bool = False
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[Any] | None] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Abruptly, as a killed process: open connections are cut."""
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0.02)  # who was let in just before has a handler then, and is cut off as the others
        for writer in list(self._writers):
            writer.transport.abort()
        await _end(self._tasks)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._tasks.add(asyncio.current_task())
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(asyncio.current_task())
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, headers = await read_head(reader)
        method, path, _ = first.split(" ")
        fields = {k.lower(): v for k, v in headers}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        self.requests += 1
        if self.reset:
            writer.transport.abort()
            return False
        if fields.get("upgrade", "").lower() == "websocket":
            return await self._websocket(reader, writer)
        if path == "/sse":
            return await self._events(writer)
        if path == "/slow":
            await asyncio.sleep(0.8)
        status = self.fail or (int(path.rpartition("/")[2]) if path.startswith("/status/") else 200)
        own = "x-fader: own=own\r\nx-fader-unit: own\r\n" if path == "/own" else ""
        seen = {"app": self.name, "method": method, "path": path, "headers": headers, "body": len(body)}
        content = b"" if method == "HEAD" else json.dumps(seen).encode("utf-8", "surrogateescape")
        writer.write(
            f"HTTP/1.1 {status} X\r\nserver: {self.name}\r\n{own}content-length: {len(content)}\r\n\r\n".encode()
        )
        writer.write(content)
        await writer.drain()
        return True

    async def _websocket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Not the framing, only the tunnel: bytes come back with the app's name before them."""
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        while data := await reader.read(1024):
            writer.write(self.name.encode() + b":" + data)
            await writer.drain()
        return False

    async def _events(self, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            event = f"data: {self.name}\n\n"
            writer.write(f"{len(event):x}\r\n{event}\r\n".encode())
            await writer.drain()
            await asyncio.sleep(0.1)


@asynccontextmanager
async def apps(*names: str) -> AsyncIterator[list[App]]:
    running = [App(name) for name in names]
    for app in running:
        await app.start()
    try:
        yield running
    finally:
        for app in running:
            await app.stop()


async def _end(tasks: set[asyncio.Task[Any] | None]) -> None:
    """No handler may outlive its loop."""
    ending = [task for task in tasks if task is not None]
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
