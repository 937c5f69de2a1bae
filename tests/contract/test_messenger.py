"""One suite for every messenger: the in-memory twin, and HTTP against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest

from fader.model.channel import Channel, Notice
from fader.notify.http import HttpMessenger
from fader.notify.memory import MemoryMessenger
from fader.ports.messenger import Messenger

NOTICE = Notice("shop-v2-4-1764000000000", "held", 1_764_000_000.0, "shop-v2 was held at 5 %: <b>errors</b> rose")


@dataclass
class Receiver:
    """Where a channel leads to. `taken`: the sentences that it has; `refuses`: says no from now on."""

    messenger: Messenger
    channel: Channel
    taken: Callable[[], list[str]]
    refuses: Callable[[], None]


@dataclass
class Web:
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = await reader.readexactly(length)
        if self.status == 200:
            self.bodies.append(body)
        writer.write(f"HTTP/1.1 {self.status} x\r\ncontent-length: 7\r\nconnection: close\r\n\r\nno room".encode())
        await writer.drain()
        writer.close()

    def refuse(self) -> None:
        self.status = 503


@pytest.fixture(params=["memory", "http"])
async def receiver(request: pytest.FixtureRequest) -> AsyncIterator[Receiver]:
    channel = Channel("oncall", "webhook", ("held",))
    if request.param == "memory":
        memory = MemoryMessenger()
        channel = replace(channel, url="http://hooks/s3cret")
        yield Receiver(
            memory,
            channel,
            lambda: [notice.sentence for _, notice in memory.taken],
            lambda: memory.down.update(oncall="answered with HTTP 503: no room"),
        )
        return
    web = Web()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/s3cret"
    http = HttpMessenger(environment={"URL": url})
    try:
        channel = Channel("oncall", "webhook", ("held",), url_env="URL")
        yield Receiver(http, channel, lambda: [json.loads(b)["data"]["sentence"] for b in web.bodies], web.refuse)
    finally:
        await http.close()
        server.close()
        await server.wait_closed()


async def test_what_is_sent_is_taken_once(receiver: Receiver) -> None:
    assert await receiver.messenger.send(receiver.channel, NOTICE) == ""
    assert receiver.taken() == [NOTICE.sentence]


async def test_what_is_refused_says_why_and_is_not_taken(receiver: Receiver) -> None:
    receiver.refuses()
    assert await receiver.messenger.send(receiver.channel, NOTICE) == "answered with HTTP 503: no room"
    assert receiver.taken() == []


async def test_where_it_is_tells_no_secret(receiver: Receiver) -> None:
    assert receiver.messenger.place(receiver.channel)
    assert "s3cret" not in receiver.messenger.place(receiver.channel)
    assert receiver.messenger.trouble(receiver.channel) == ""
