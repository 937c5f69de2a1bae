"""Visitors against the real shop, without a gateway between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from fader.demo.crowd import Crowd
from fader.demo.process import Process
from fader.demo.tally import Tally

pytestmark = pytest.mark.slow

StartShop = Callable[..., Awaitable[tuple[Process, int]]]


async def until(crowd: Crowd, enough: Callable[[Tally], bool], limit: float = 60.0) -> Tally:
    """Let the crowd run until the tally is enough."""
    running = asyncio.create_task(crowd.run())
    try:
        async with asyncio.timeout(limit):
            while not enough(crowd.tally):
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    return crowd.tally


async def test_visitors_of_a_healthy_shop_fail_never(start_shop: StartShop) -> None:
    _, port = await start_shop()
    crowd = Crowd("127.0.0.1", port, visitors=50, rate=200, seed=1)
    tally = await until(crowd, lambda t: t.requests >= 400)
    assert (tally.failed, tally.failed_reads) == (0, 0)
    assert tally.by_version == {"v1": tally.requests}
    assert crowd.settled


async def test_failures_of_the_shop_are_counted(start_shop: StartShop) -> None:
    _, port = await start_shop("--version", "v2", "--error-rate", "0.3", "--seed", "2")
    tally = await until(Crowd("127.0.0.1", port, visitors=50, rate=200, seed=1), lambda t: t.requests >= 300)
    assert 0.15 < tally.failed / tally.requests < 0.45  # 0.3 expected, sd 0.026
    assert 0 < tally.failed_reads < tally.failed  # some of the orders and baskets fail too


async def test_a_shop_that_dies_leaves_reads_without_an_answer(start_shop: StartShop) -> None:
    shop, port = await start_shop()
    crowd = Crowd("127.0.0.1", port, visitors=50, rate=200, seed=1)

    def enough(tally: Tally) -> bool:
        if tally.requests > 100:
            shop.kill()
        return tally.failed_reads > 20

    tally = await until(crowd, enough)
    assert tally.by_version["v1"] > 50


async def test_more_than_can_be_served_is_skipped_and_not_piled_up(start_shop: StartShop) -> None:
    _, port = await start_shop("--slow-factor", "60")
    tally = await until(Crowd("127.0.0.1", port, visitors=10, rate=200, seed=1), lambda t: t.skipped > 50)
    assert tally.failed == 0


async def test_with_turnover_somebody_new_comes_for_somebody_who_leaves(start_shop: StartShop) -> None:
    _, port = await start_shop()
    kept = Crowd("127.0.0.1", port, visitors=50, rate=300, seed=1)
    moving = Crowd("127.0.0.1", port, visitors=50, rate=300, seed=1, turnover=0.2)
    for crowd in (kept, moving):
        await until(crowd, lambda t: t.requests >= 400)
    assert kept.arrived == 50
    assert 80 < moving.arrived < 170  # 50 at first, then one in five of 350 requests: 120 expected, sd 8


async def test_everybody_gets_one_cookie_and_brings_it_along() -> None:
    issued, strangers, open_ones, known = 0, 0, 0, set[bytes]()

    async def gate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Issues an id to whoever has none, as the gateway does."""
        nonlocal issued, strangers, open_ones
        open_ones += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                await reader.readexactly(int(fields.get(b"Content-Length", b"0")))
                extra = b""
                if b"Cookie" in fields:
                    known.add(fields[b"Cookie"])
                else:
                    strangers += 1
                    issued += 1
                    extra = b"set-cookie: fader_uid=u%d; Path=/; HttpOnly\r\n" % issued
                await asyncio.sleep(0.02)
                writer.write(b"HTTP/1.1 200 OK\r\n" + extra + b"content-length: 0\r\n\r\n")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        open_ones -= 1

    server = await asyncio.start_server(gate, "127.0.0.1", 0)
    crowd = Crowd("127.0.0.1", server.sockets[0].getsockname()[1], visitors=100, rate=300, seed=1)
    await until(crowd, lambda t: t.requests >= 500)
    server.close()
    async with asyncio.timeout(10):  # no handler may outlive its loop
        await asyncio.sleep(0.2)
        while open_ones:
            await asyncio.sleep(0.01)
    await server.wait_closed()
    assert strangers == 100
    assert len(known) > 60
    assert known <= {b"fader_uid=u%d" % n for n in range(1, 101)}
