"""The access log reaches the server whole and once, whatever is killed on the way."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from .conftest import Visitor
from .control import ControlPlane
from .gateway import Gateway, until
from .shop import EVERYBODY, Shop

pytestmark = pytest.mark.slow


async def visit(visitor: Visitor, store: Shop, units: list[str]) -> None:
    for unit in units:
        await visitor.get(store.url, unit)


async def test_lines_arrive_once_across_deaths_restarts_and_rotations(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY // 2))
    settings = {"segment_bytes": 6_000}
    agent = gw.agent(**settings)
    await gw.applied(1)
    units = [f"unit-{number}" for number in range(600)]
    traffic = asyncio.create_task(visit(visitor, store, units))
    for turn in range(4):
        await until(lambda at=turn: len(plane.lines) > 100 * at, "some lines")
        if turn % 2:
            await plane.down()
        else:
            # The server takes a batch and its answer is lost: the batch comes again.
            plane.forget_answers = 1
        agent.kill()
        agent.wait(10)
        await asyncio.sleep(0.1)
        agent = gw.agent(**settings)
        if turn % 2:
            await plane.up()
    await traffic
    await until(lambda: len([line for line in plane.lines if str(line["u"]).startswith("unit-")]) >= 600, "all lines")
    got = [line["u"] for line in plane.lines if str(line["u"]).startswith("unit-")]
    assert sorted(map(str, got)) == sorted(units)
    assert len(plane.segments) > 1, "more than one, however few there are when all goes fast"
    # What the server holds whole is not kept at the gateway.
    await until(lambda: not list((gw.directory / "spool").glob("*.log")), "the shipped segments are deleted")


async def test_ids_arrive_as_envoy_got_them(plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor) -> None:
    plane.publish(store.ruleset(1))
    gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v1")
    for unit in ("köln", "日本", "😀", 'quo"te\\'):
        reader, writer = await asyncio.open_connection("127.0.0.1", store.listen)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-user-id: " + unit.encode() + b"\r\n\r\n")
        assert b" 200 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
    await until(lambda: {"köln", "日本", "😀", 'quo"te\\'} <= {line["u"] for line in plane.lines}, "the ids")


async def test_lines_cut_off_by_a_kill_harm_no_other(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1))
    agent = gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v1")
    await until(lambda: plane.lines, "a line")
    agent.kill()
    agent.wait(10)
    # As if Envoy had been killed in the middle of a write.
    os.kill(gw.envoy, signal.SIGKILL)
    with (gw.directory / "access.log").open("ab") as file:
        file.write(b'{"u":"cut')
    gw.agent()
    await visitor.until(store.url, "v1")
    await visitor.get(store.url, "after")

    def raw() -> list[bytes]:
        return [line for name in sorted(plane.segments) for line in bytes(plane.segments[name]).split(b"\n") if line]

    await until(lambda: any(b'"after"' in line for line in raw()), "the line after")
    broken = [line for line in raw() if not line.endswith(b"}")]
    assert broken == [b'{"u":"cut']
    assert all(json.loads(line) for line in raw() if line not in broken)


async def test_a_full_spool_drops_the_oldest_and_says_so(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1))
    agent = gw.agent(spool_limit=60_000)
    await gw.applied(1)
    await visitor.until(store.url, "v1")
    await until(lambda: plane.lines, "a line")
    await plane.down()
    units = [f"unit-{number}" for number in range(500)]
    await visit(visitor, store, units)
    await until(lambda: "the spool is full" in gw.log, "lines dropped")

    def spooled() -> int:
        return sum(path.stat().st_size for path in (gw.directory / "spool").glob("*.log"))

    await until(lambda: spooled() <= 60_000, "the bound")
    # A restart forgets nothing of what was lost.
    agent.kill()
    agent.wait(10)
    gw.agent(spool_limit=60_000)
    plane.reports.clear()
    await plane.up()
    await until(lambda: any(line["u"] == units[-1] for line in plane.lines), "the newest lines")
    got = [str(line["u"]) for line in plane.lines if str(line["u"]).startswith("unit-")]
    assert len(set(got)) == len(got) < 500
    await until(lambda: plane.reports[-1].dropped_lines == 500 - len(got), "the loss reported")
    assert got == units[-len(got) :]


async def test_a_stop_finishes_slow_requests_and_ships_their_lines(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1))
    store.v1.slow = 1.5
    agent = gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v1")
    slow = [asyncio.create_task(visitor.get(f"{store.url}/slow", f"slow-{number}")) for number in range(5)]
    before = store.v1.requests
    await until(lambda: store.v1.requests >= before + 5 or store.v1.requests >= 6, "the requests are under way")
    assert await gw.stop(agent) == 0
    assert await asyncio.gather(*slow) == ["v1"] * 5
    assert {f"slow-{number}" for number in range(5)} <= {str(line["u"]) for line in plane.lines}


async def test_a_stop_does_not_wait_for_ever(plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor) -> None:
    plane.publish(store.ruleset(1))
    store.v1.slow = 600
    agent = gw.agent(drain=1.0)
    await gw.applied(1)
    await visitor.until(store.url, "v1")
    endless = asyncio.create_task(visitor.get(f"{store.url}/slow"))
    await until(lambda: store.v1.requests >= 2, "the request is under way")
    assert await gw.stop(agent) == 0
    with pytest.raises(Exception, match=r"disconnected|Read|closed|reset"):
        await endless
