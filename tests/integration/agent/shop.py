"""Two versions of a small app, and the rulesets that speak of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.service import Address, Service, Tls, UnitSource, Version
from fader.model.share import WHOLE, Interval


class App:
    """Answers with its name. `/slow` takes `slow` seconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.slow = 1.0
        self.requests = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any] | None] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As when the process is killed: open connections are cut."""
        if self._server:
            self._server.close()
            await asyncio.sleep(0.02)  # who was let in just before has a handler then, and is cut off as the others
            for writer in list(self._writers):
                writer.transport.abort()
            await _end(self._tasks)
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._tasks.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                if head.split(b" ", 2)[1] == b"/slow":
                    await asyncio.sleep(self.slow)
                body = self.name.encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(asyncio.current_task())
            writer.close()


class Shop:
    def __init__(self, listen: int, v1: App, v2: App) -> None:
        self.listen, self.v1, self.v2 = listen, v1, v2

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listen}"

    def ruleset(self, version: int, share: int | None = None, *, also: int = 0, certificate: str = "") -> Ruleset:
        """`share` in ppm; None: no rollout. `also`: a second service on that port, with that TLS certificate."""
        split = None
        if share is not None:
            split = Split("shop-v2", "v2", "shop/shop-v2", Interval(0, share), "connect", "preview-secret")
        services = [LiveService(self._service("shop", self.listen), "v1", split)]
        if also:
            services.append(LiveService(self._service("other", also, certificate), "v1"))
        return Ruleset(version, tuple(services))

    def _service(self, name: str, listen: int, certificate: str = "") -> Service:
        return Service(
            name=name,
            listen=Address("127.0.0.1", listen),
            unit=(UnitSource("header", "x-user-id"),),
            versions=(
                Version("v1", (Address("127.0.0.1", self.v1.port),)),
                Version("v2", (Address("127.0.0.1", self.v2.port),)),
            ),
            baseline="v1",
            tls=Tls(certificate, certificate) if certificate else None,
        )


EVERYBODY = WHOLE


@asynccontextmanager
async def shop(listen: int) -> AsyncIterator[Shop]:
    v1, v2 = App("v1"), App("v2")
    await v1.start()
    await v2.start()
    try:
        yield Shop(listen, v1, v2)
    finally:
        await v1.stop()
        await v2.stop()


async def _end(tasks: set[asyncio.Task[Any] | None]) -> None:
    """No handler may outlive its loop."""
    ending = [task for task in tasks if task is not None]
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
