"""WebSocket and server-sent events: they pass, they fail over, and they end with their version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from .envoy import DRAIN_SECONDS, free_port, gateway
from .http import apps, get, read_head
from .worlds import HEADER, live, shop, split, world

pytestmark = pytest.mark.slow

ALICE = "x-user-id: alice\r\n"
UPGRADE = "upgrade: websocket\r\nconnection: upgrade\r\n"
EVENTS = "accept: text/event-stream\r\n"


@asynccontextmanager
async def stream(port: int, path: str, fields: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: shop.example\r\n{fields}\r\n".encode())
        first, _ = await asyncio.wait_for(read_head(reader), 10)
        assert first.split(" ")[1] in {"101", "200"}, first
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"hello")
    return await asyncio.wait_for(reader.read(100), 10)


async def test_a_rollback_closes_the_candidates_streams_and_no_others() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with (
            gateway(world(live(service, split()))) as running,
            stream(port, "/ws", ALICE + UPGRADE) as candidate,
            stream(port, "/ws", UPGRADE) as baseline,
            stream(port, "/sse", ALICE + EVENTS) as events,
            stream(port, "/sse", EVENTS) as old_events,
        ):
            assert await said(*candidate) == b"v2:hello"
            assert await said(*baseline) == b"v1:hello"
            assert b"data: v2" in await asyncio.wait_for(events[0].read(100), 10)
            await running.apply(world(live(service, split(0))))
            assert await said(*candidate) == b"v2:hello", "a pause or a share of 0 closes nothing"
            await running.apply(world(live(service)))
            assert await asyncio.wait_for(candidate[0].read(100), 20) == b""
            async with asyncio.timeout(20):
                while await events[0].read(1000):
                    pass
            await asyncio.sleep(DRAIN_SECONDS + 1)
            assert await said(*baseline) == b"v1:hello"
            assert b"data: v1" in await asyncio.wait_for(old_events[0].read(100), 10)
            async with stream(port, "/ws", ALICE + UPGRADE) as again:
                assert await said(*again) == b"v1:hello"


async def test_completion_keeps_the_streams_of_the_new_baseline() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with (
            gateway(world(live(service, split()))) as running,
            stream(port, "/ws", ALICE + UPGRADE) as candidate,
            stream(port, "/ws", UPGRADE) as old,
        ):
            await running.apply(world(live(service, None, "v2")))
            assert await asyncio.wait_for(old[0].read(100), 20) == b""
            assert await said(*candidate) == b"v2:hello"


async def test_streams_of_a_dead_candidate_go_to_the_baseline() -> None:
    async with apps("v1", "v2") as (v1, _v2):
        port = free_port()
        service = shop(port, v1.port, free_port(), unit=(HEADER,))
        async with gateway(world(live(service, split()))):
            async with stream(port, "/ws", ALICE + UPGRADE) as socket:
                assert await said(*socket) == b"v1:hello"
            async with stream(port, "/sse", ALICE + EVENTS) as events:
                assert b"data: v1" in await asyncio.wait_for(events[0].read(100), 10)
            post = await get(
                port, "/", ("x-user-id", "alice"), ("accept", "text/event-stream"), method="POST", body=b"1"
            )
            assert (post.status, post.app) == (200, "v1")


async def test_streams_outlive_the_time_limit_of_requests() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), timeout=0.3)
        async with (
            gateway(world(live(service))),
            stream(port, "/sse", EVENTS) as events,
            stream(port, "/ws", UPGRADE) as socket,
        ):
            await asyncio.sleep(1)
            await asyncio.wait_for(events[0].read(1000), 10)
            assert b"data: v1" in await asyncio.wait_for(events[0].read(1000), 10)
            assert await said(*socket) == b"v1:hello"
