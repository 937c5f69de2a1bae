"""The real shop, in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.integration.sdk.conftest import Server
from tests.unit.sdk.test_tracker import TOKENS, serving

from fader.demo.connection import Answer, Pool
from fader.demo.crowd import request_bytes
from fader.demo.process import Process, shop_app
from fader.demo.visitor import PRODUCTS, Visit, Visitor
from fader.errors import Unavailable
from fader.model.metric import Metric
from fader.model.share import Interval
from fader.ports.events import Cell, CellMetric, Tracked
from fader.telemetry.memory import MemoryEventStore

pytestmark = pytest.mark.slow

StartShop = Callable[..., Awaitable[tuple[Process, int]]]


async def ask(pool: Pool, method: str, path: str, body: str = "", cookies: str = "") -> Answer:
    return await pool.ask(request_bytes("shop", Visit(method, path, body), cookies))


async def test_pages_basket_and_order(start_shop: StartShop) -> None:
    _, port = await start_shop("--version", "v2")
    pool = Pool("127.0.0.1", port)
    visitor = Visitor()
    statuses = [(await ask(pool, "GET", path)).status for path in ("/", "/product/1", f"/product/{PRODUCTS}")]
    assert statuses == [200, 200, 200]
    assert (await ask(pool, "GET", f"/product/{PRODUCTS + 1}")).status == 404
    assert (await ask(pool, "POST", "/order")).status == 409

    for product in (3, 4):
        visit = Visit("POST", "/basket", f"product={product}")
        answer = await ask(pool, visit.method, visit.path, visit.body, visitor.cookie_header)
        visitor.saw(visit, answer.status, answer.set_cookies)
    assert (visitor.cookies, visitor.basket) == ({"basket": "3.4"}, 2)

    order = Visit("POST", "/order")
    answer = await ask(pool, order.method, order.path, cookies=visitor.cookie_header)
    visitor.saw(order, answer.status, answer.set_cookies)
    assert (answer.status, answer.version, visitor.cookies, visitor.basket) == (200, "v2", {}, 0)
    pool.close()


@pytest.mark.parametrize("product", ["", "0", "11", "x", "%C2%B2", "-1"])
async def test_what_is_no_product_is_refused(start_shop: StartShop, product: str) -> None:
    _, port = await start_shop()
    pool = Pool("127.0.0.1", port)
    assert (await ask(pool, "POST", "/basket", f"product={product}")).status == 422
    assert (await ask(pool, "POST", "/order", cookies=f"basket={product or 'y'}")).status == 409
    pool.close()


async def test_pages_say_what_they_do_to_people_and_nothing_else_does(start_shop: StartShop) -> None:
    _, port = await start_shop("--appeal", "0.18", "--confusion", "0.16")
    pool = Pool("127.0.0.1", port)
    for path in ("/", "/product/3", "/support"):
        answer = await ask(pool, "GET", path)
        assert (answer.status, answer.appeal, answer.confusion) == (200, 0.18, 0.16)
    for path in ("/healthz", "/nothing"):
        answer = await ask(pool, "GET", path)
        assert (answer.appeal, answer.confusion) == (None, None)
    pool.close()


async def test_an_order_is_reported_for_whom_the_gateway_names(start_shop: StartShop, tmp_path: Path) -> None:
    store = MemoryEventStore()
    token = tmp_path / "events-token"
    token.write_text(f"{TOKENS.events}\n")
    with serving(store) as url:
        _, port = await start_shop("--version", "v2", "--events", url, "--token-file", str(token))
        pool = Pool("127.0.0.1", port)
        for unit in (b"", b"x-fader-unit: ann\r\n"):
            request = request_bytes("shop", Visit("POST", "/order"), "basket=3.4")
            answer = await pool.ask(request.replace(b"User-Agent", unit + b"User-Agent"))
            assert answer.status == 200
        pool.close()
        async with asyncio.timeout(30):
            while not store.load():
                await asyncio.sleep(0.05)
        revenue = Metric("revenue", "mean", "higher", value="amount", event="order")
        store.track((Tracked("1", "exposure", "ann", time.time() - 60, rollout="shop-v2", version="v2"),))
        cell = Cell("shop-v2", 1, 0, "shop", "v2", "s", Interval(0, 1), (CellMetric(revenue),), time.time() - 99)
        store.open_cell(cell)
        store.load()
        (found,) = store.evidence(*cell.key)
    assert (found.candidate.units, found.candidate.events) == (1, pytest.approx(36.0))  # (18.5 + 21.5) less 10 %


async def test_the_new_form_is_for_those_to_whom_the_flag_gives_it(start_shop: StartShop, tmp_path: Path) -> None:
    server, key = Server(tmp_path), tmp_path / "server-key"
    key.write_text("server-key\n")
    server.start()
    try:
        server.ask("/v1/apply", {"text": "flags: {checkout: {units: {on: [ann]}}}"})
        _, port = await start_shop("--flags", server.url, "--key-file", str(key), "--form-error-rate", "1")
        pool = Pool("127.0.0.1", port)
        order = request_bytes("shop", Visit("POST", "/order"), "basket=3.4")

        async def status(unit: bytes) -> int:
            return (await pool.ask(order.replace(b"User-Agent", unit + b"User-Agent"))).status

        async with asyncio.timeout(30):
            while await status(b"x-fader-unit: ann\r\n") != 500:  # until the flag has come
                await asyncio.sleep(0.05)
        assert [await status(unit) for unit in (b"x-fader-unit: bob\r\n", b"")] == [200, 200]
        assert (await ask(pool, "POST", "/basket", "product=3")).status == 200
        pool.close()
    finally:
        server.stop()


async def test_errors_come_at_their_rate_and_never_at_the_health_check(start_shop: StartShop) -> None:
    _, port = await start_shop("--error-rate", "0.5", "--seed", "1")
    pool = Pool("127.0.0.1", port)
    statuses = [a.status for a in await asyncio.gather(*(ask(pool, "GET", "/") for _ in range(200)))]
    health = [a.status for a in await asyncio.gather(*(ask(pool, "GET", "/healthz") for _ in range(50)))]
    pool.close()
    assert set(statuses) == {200, 500}
    assert 60 < statuses.count(500) < 140  # 100 expected, sd 7
    assert set(health) == {200}


async def test_the_slow_factor_slows(start_shop: StartShop) -> None:
    """Sleeping is the floor: a busy machine makes answers later, never sooner."""
    _, port = await start_shop("--slow-factor", "10", "--seed", "1")
    pool = Pool("127.0.0.1", port)
    began = time.monotonic()
    for _ in range(5):
        await ask(pool, "GET", "/")
    taken = time.monotonic() - began
    pool.close()
    assert taken > 0.8  # 5 x 10 x 40 ms would be 2 s; the fast shop needs a tenth


async def test_a_killed_shop_answers_nobody_and_its_end_is_told(start_shop: StartShop) -> None:
    shop, port = await start_shop()
    shop.kill()
    await shop.stop(10.0)
    while shop.running:
        await asyncio.sleep(0.01)
    pool = Pool("127.0.0.1", port)
    assert (await ask(pool, "GET", "/")).status == 0
    assert "shop ended (exit code -9)" in str(shop.ended())


async def test_a_shop_that_cannot_start_says_why(tmp_path: Path) -> None:
    shop = await Process.start("shop", tmp_path / "log", str(shop_app()), "--error-rate", "3")
    while shop.running:
        await asyncio.sleep(0.05)
    ended = shop.ended()
    assert isinstance(ended, Unavailable)
    assert "a rate lies between 0 and 1" in str(ended)
