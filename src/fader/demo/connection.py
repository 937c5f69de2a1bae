"""HTTP/1.1 over kept-alive connections, as thin as it can be: a thousand requests a second on a part of a core."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import httptools


@dataclass(slots=True)
class Answer:
    """`status` 0: the connection broke, or nothing came in time. `appeal`, `confusion`: what the page says that it
    does to people; None where the answer is no page."""

    status: int = 0
    set_cookies: list[str] = field(default_factory=list)
    version: str = ""
    appeal: float | None = None
    confusion: float | None = None


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.open = False
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._answer = Answer()

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request and wait for the whole answer."""
        if self._transport is None or not self.open:
            return Answer()
        self._answer = Answer()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio calls these
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without inheriting from it
        self.open = True

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._answer = Answer()
            self.close()
            self._done()

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._answer = Answer()  # half an answer is none
        self._done()

    # httptools calls these
    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.lower()
        if key == b"set-cookie":
            self._answer.set_cookies.append(value.decode("latin-1"))
        elif key == b"x-shop-version":
            self._answer.version = value.decode("latin-1")
        elif key == b"x-shop-appeal":
            self._answer.appeal = float(value)
        elif key == b"x-shop-confusion":
            self._answer.confusion = float(value)

    def on_message_complete(self) -> None:
        parser = self._parser
        if parser is None or (status := parser.get_status_code()) < 200:
            return
        self._answer.status = status
        if not parser.should_keep_alive():
            self.close()
        self._done()

    def _done(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(self._answer)


class Pool:
    """Connections to one address, opened when needed and used again, the last used first."""

    def __init__(self, host: str, port: int, patience: float = 10.0) -> None:
        self._host, self._port, self._patience = host, port, patience
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()

    async def ask(self, request: bytes) -> Answer:
        """Never raises for what the network does: an answer of status 0 says that there was none."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._patience):
                connection = self._take() or await self._connect()
                answer = await connection.ask(request)
        except (OSError, TimeoutError):
            answer = Answer()
            if connection is not None:
                connection.close()
        if connection is not None:
            if connection.open:
                self._idle.append(connection)
            else:
                self._all.discard(connection)
        return answer

    def close(self) -> None:
        for connection in self._all:
            connection.close()
        self._all.clear()
        self._idle.clear()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
            self._all.discard(connection)
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, self._host, self._port)
        self._all.add(connection)
        return connection
