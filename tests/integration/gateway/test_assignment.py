"""The running Envoy and `bucket()` in Python assign alike."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from fader.assign.bucket import bucket, chosen
from fader.model.share import WHOLE, Interval

from .envoy import Gateway, free_port, gateway
from .http import Headers, apps, get
from .worlds import COOKIE, HEADER, live, shop, split, world

pytestmark = pytest.mark.slow

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "bucket.json").read_text())
SHARES = (0, 10_000, 50_000, 500_000, WHOLE)
_ASSIGNED = re.compile(rb"\r\nx-fader: shop=(v\d)\r\n")


async def assign(port: int, requests: list[Headers]) -> list[str]:
    """The assigned version of each, by response header; pipelined over four connections."""
    parts = [requests[n::4] for n in range(4)]
    found = await asyncio.gather(*(_pipeline(port, part) for part in parts))
    return [found[n % 4][n // 4] for n in range(len(requests))]


async def _pipeline(port: int, requests: list[Headers], batch: int = 100) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found: list[str] = []
    try:
        for start in range(0, len(requests), batch):
            some = requests[start : start + batch]
            for headers in some:
                fields = "".join(f"{k}: {v}\r\n" for k, v in headers)
                writer.write(
                    f"HEAD / HTTP/1.1\r\nhost: shop.example\r\n{fields}\r\n".encode("utf-8", "surrogateescape")
                )
            seen = b""
            while seen.count(b"\r\n\r\n") < len(some):
                chunk = await asyncio.wait_for(reader.read(65536), 30)
                assert chunk, "the gateway closed the connection"
                seen += chunk
            found += [m.decode() for m in _ASSIGNED.findall(seen)]
    finally:
        writer.close()
    assert len(found) == len(requests)
    return found


def ids(*units: str) -> list[Headers]:
    return [[("x-user-id", unit)] for unit in units]


def test_python_agrees_with_the_golden_vectors() -> None:
    assert len(VECTORS["vectors"]) >= 30
    for row in VECTORS["vectors"]:
        assert bucket(row["unit"], row["salt"]) == row["bucket"], row["name"]


async def test_the_running_envoy_agrees_with_the_golden_vectors() -> None:
    """For each vector the interval of that one bucket, and everything but that one."""
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split(0)))) as running:
            for row in VECTORS["vectors"]:
                for start, width, expected in (
                    (row["bucket"], 1, "v2"),
                    ((row["bucket"] + 1) % WHOLE, WHOLE - 1, "v1"),
                ):
                    await running.apply(world(live(service, split(width, start, salt=row["salt"]))))
                    assert await assign(port, ids(row["unit"])) == [expected], row["name"]


async def grow(running: Gateway, port: int, start: int, units: list[str]) -> None:
    service = running.resources.ruleset.services[0].service
    requests = [*ids(*units), [], [("x-user-id", "")]]
    before: set[str] = set()
    for share in SHARES:
        written = await running.apply(world(live(service, split(share, start))))
        assert set(written) <= {"rtds"}
        versions = await assign(port, requests)
        expected = {unit for unit in units if chosen(unit, "shop/shop-v2", Interval(start, share))}
        got = {unit for unit, version in zip(units, versions, strict=False) if version == "v2"}
        assert got == expected
        assert versions[-2:] == ["v1", "v1"], "a missing and an empty header get the baseline at every share"
        assert before <= got, "nobody leaves the candidate as the share grows"
        before = got
    assert before == set(units)


@pytest.mark.parametrize("start", [0, 300_000, 970_000], ids=["plain", "plain elsewhere", "wraps from 3 % on"])
async def test_five_thousand_ids_at_every_share(start: int) -> None:
    units = [f"user-{n}" if n % 3 else f"kündin-{n}-日本" for n in range(5_000)]
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split(0, start)))) as running:
            await grow(running, port, start, units)


async def test_sources_are_asked_in_order_and_empty_is_absent() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port)
        async with gateway(world(live(service, split(0)))):
            both = await get(port, "/", ("x-user-id", "alice"), ("cookie", "a=b; fader_uid=bob; c=d"))
            cookie = await get(port, "/", ("x-user-id", ""), ("cookie", 'fader_uid="bob"'))
            lines = await get(port, "/", ("cookie", "a=b"), ("cookie", "fader_uid=carol"))
    assert both.seen("x-fader-unit") == ["alice"]
    assert cookie.seen("x-fader-unit") == ["bob"]
    assert lines.seen("x-fader-unit") == ["carol"]
    assert both.all("set-cookie") == cookie.all("set-cookie") == lines.all("set-cookie") == []


async def test_a_new_visitor_gets_a_cookie_and_keeps_the_version() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port)
        async with gateway(world(live(service, split(500_000)))):
            versions = []
            for _ in range(40):
                first = await get(port, "/")
                cookie, *attributes = first.one("set-cookie").split("; ")
                assert attributes == ["Path=/", "Max-Age=31536000", "HttpOnly", "SameSite=Lax"]
                unit = cookie.removeprefix("fader_uid=")
                assert first.seen("x-fader-unit") == [unit]
                assert (first.app == "v2") == chosen(unit, "shop/shop-v2", Interval(0, 500_000))
                again = await get(port, "/", ("cookie", cookie))
                assert again.app == first.app
                assert again.all("set-cookie") == []
                versions.append(first.app)
    assert set(versions) == {"v1", "v2"}


async def test_long_ids_are_cut_at_256_bytes_everywhere() -> None:
    whole = "x" * 255 + "é"
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split(0)))) as running:
            await get(port, "/", ("x-user-id", "a" * 300))
            await get(port, "/", ("x-user-id", whole))
            first, second = await running.lines(2)
    assert first["u"] == "a" * 256
    assert bucket(whole, "s") == bucket(whole + "more", "s")
    assert len(second["u"]) >= 255


async def test_with_continuity_a_visitor_who_signs_in_stays_who_they_were() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        sources = (HEADER, replace(COOKIE, continuity=True))
        service = shop(port, v1.port, v2.port, unit=sources)
        signed_in = ("x-user-id", "ann")
        async with gateway(world(live(service, split(WHOLE // 2)))):
            for _ in range(20):
                first = await get(port, "/")
                (visitor,) = first.seen("x-fader-unit")
                cookie = ("cookie", first.one("set-cookie").split(";")[0])
                for headers in ((cookie,), (cookie, signed_in), (signed_in, cookie)):
                    again = await get(port, "/", *headers)
                    assert (again.seen("x-fader-unit"), again.app) == ([visitor], first.app)
                    assert again.all("set-cookie") == []
            # On a device without the cookie, or with an empty one, the user is known by name and gets none.
            for headers in ((signed_in,), (signed_in, ("cookie", "fader_uid="))):
                named = await get(port, "/", *headers)
                assert (named.seen("x-fader-unit"), named.all("set-cookie")) == (["ann"], [])
                assert named.one("vary") == "cookie, x-user-id"


async def test_without_continuity_who_signs_in_is_the_user() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        async with gateway(world(live(shop(port, v1.port, v2.port), split()))):
            answer = await get(port, "/", ("cookie", "fader_uid=visitor"), ("x-user-id", "ann"))
            assert answer.seen("x-fader-unit") == ["ann"]
