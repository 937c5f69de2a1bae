from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from fader.demo.connection import Answer, Pool
from fader.demo.crowd import request_bytes
from fader.demo.process import Process, free_port, shop_app
from fader.demo.visitor import Visit

#: Starts the real shop with these options and gives its process and port.
StartShop = Callable[..., Awaitable[tuple[Process, int]]]


async def ask(port: int, method: str, path: str, body: str = "", cookies: str = "") -> Answer:
    pool = Pool("127.0.0.1", port)
    try:
        return await pool.ask(request_bytes("shop", Visit(method, path, body), cookies))
    finally:
        pool.close()


@pytest.fixture
async def start_shop(tmp_path: Path) -> AsyncIterator[StartShop]:
    shops: list[Process] = []

    async def start(*options: str) -> tuple[Process, int]:
        port = free_port(0)
        log = tmp_path / f"shop-{len(shops)}.log"
        shop = await Process.start("shop", log, str(shop_app()), "--port", str(port), *options)
        shops.append(shop)
        for _ in range(300):
            if not shop.running:
                raise shop.ended()
            if (await ask(port, "GET", "/healthz")).status == 200:
                return shop, port
            await asyncio.sleep(0.1)
        raise TimeoutError(log.read_text())

    yield start
    for shop in shops:
        await shop.stop(10.0)
