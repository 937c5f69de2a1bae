"""Changes under traffic: which files they touch, and that no request meets half of one."""

from __future__ import annotations

import asyncio
import json

import pytest

from fader.gateway.plan import plan_writes
from fader.gateway.resources import render
from fader.model.ruleset import Ruleset
from fader.model.service import Version

from .envoy import Gateway, free_port, gateway, write
from .http import apps, connect, get
from .worlds import HEADER, live, local, shop, split, world

pytestmark = pytest.mark.slow


class Traffic:
    """Eight clients that never stop; the apps that answered, and every status that is not 200."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.apps: list[str] = []
        self.bad: list[int] = []
        self._stop = asyncio.Event()
        self._clients: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Traffic:
        self._clients = [asyncio.create_task(self._client(n)) for n in range(8)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._clients)

    async def _client(self, number: int) -> None:
        async with connect(self.port) as connection:
            while not self._stop.is_set():
                answer = await connection.send("GET", "/", [("x-user-id", f"u{number}")])
                if answer.status == 200:
                    self.apps.append(answer.app)
                else:
                    self.bad.append(answer.status)

    async def more(self, count: int = 200) -> set[str]:
        """Who answered the next requests."""
        start = len(self.apps)
        async with asyncio.timeout(30):
            while len(self.apps) + len(self.bad) < start + count:
                await asyncio.sleep(0.01)
        return set(self.apps[start:])


async def test_a_whole_life_under_traffic() -> None:
    async with apps("v1", "v2", "v3") as (v1, v2, v3):
        port = free_port()
        versions = (Version("v1", local(v1.port)), Version("v2", local(v2.port)), Version("v3", local(v3.port)))
        service = shop(port, v1.port, v2.port, unit=(HEADER,), versions=versions)
        async with gateway(world(live(service))) as running, Traffic(port) as traffic:
            assert await traffic.more() == {"v1"}
            start = await running.apply(world(live(service, split(0))))
            assert start == ["rtds", "cds", "lds", "rds"]
            for share in (50_000, 500_000):
                assert await running.apply(world(live(service, split(share)))) == ["rtds"]
            await running.apply(world(live(service, split())))
            await traffic.more()
            assert await traffic.more() == {"v2"}
            assert await running.apply(world(live(service, split(0)))) == ["rtds"], "a rollback is one small file"
            await traffic.more(20)
            assert await traffic.more() == {"v1"}
            await running.apply(world(live(service, split())))
            await traffic.more(20)
            mark = len(traffic.apps)
            done = await running.apply(world(live(service, None, "v2")))
            assert done[0] != "rtds", "the share stays until the routes know the new baseline"
            await traffic.more()
            assert set(traffic.apps[mark:]) == {"v2"}, "completion takes nobody back, not for a moment"
            await running.apply(world(live(service)))
            await traffic.more(20)
            assert await traffic.more() == {"v1"}
        assert traffic.bad == []


async def test_a_rollback_is_in_force_before_anything_else() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split()))) as running, Traffic(port) as traffic:
            await traffic.more()
            steps = plan_writes(running.resources, render(world(live(service)), running.layout))
            assert steps[0].file is not None
            write(steps[0].file)
            await running.acknowledged(steps[0].file)
            await traffic.more(20)
            assert await traffic.more() == {"v1"}
            await running.apply(world(live(service)))
        assert traffic.bad == []


async def test_a_service_comes_and_goes_beside_another() -> None:
    async with apps("v1", "v2", "w1") as (v1, v2, w1):
        port, second = free_port(), free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        other = shop(second, w1.port, w1.port, name="other")
        async with gateway(world(live(service))) as running, Traffic(port) as traffic:
            await running.apply(world(live(service), live(other)))
            async with asyncio.timeout(20):
                while not await listens(second):
                    await asyncio.sleep(0.02)
            assert (await get(second, "/")).app == "w1"
            await running.apply(world(live(service)))
            async with asyncio.timeout(20):
                while await listens(second):
                    await asyncio.sleep(0.1)
            await traffic.more()
        assert traffic.bad == []
        assert set(traffic.apps) == {"v1"}


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_what_envoy_refuses_changes_nothing() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split()))) as running:
            routes = f"rds-127_0_0_1_{port}.json"
            for name, field, value in (
                ("rtds.json", "layer", 3),
                ("cds.json", "connect_timeout", "-1s"),
                ("cds.json", "circuit_breakers", "yes"),
                ("lds.json", "address", {}),
                (routes, "virtual_hosts", [{"name": "empty", "domains": []}]),
                (routes, "virtual_hosts", [{"name": "half"}, 7]),
            ):
                await refused(running, name, field, value)
                answer = await get(port, "/", ("x-user-id", "a"))
                assert (answer.status, answer.app) == (200, "v2"), name
            await running.apply(world(live(service)))
            assert (await get(port, "/", ("x-user-id", "a"))).app == "v1", "a good file after a bad one is taken"


async def refused(running: Gateway, name: str, field: str, value: object) -> None:
    before = sum(map(int, (await running.stats("update_(rejected|failure)$")).values()))
    path = running.directory / name
    bad = json.loads(path.read_text())
    bad["version_info"] = "bad"
    bad["resources"][0][field] = value
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(bad))
    temporary.rename(path)
    async with asyncio.timeout(10):
        while sum(map(int, (await running.stats("update_(rejected|failure)$")).values())) == before:
            await asyncio.sleep(0.02)
    assert "bad" not in (await running.stats("version_text")).values()


async def test_a_port_that_is_taken_is_refused_not_shared() -> None:
    async with apps("v1", "v2") as (v1, v2):
        ruleset: Ruleset = world(live(shop(v1.port, v1.port, v2.port)))
        async with gateway(ruleset) as running:
            async with asyncio.timeout(10):
                while "cannot bind" not in running.log_text():
                    await asyncio.sleep(0.02)


async def test_the_admin_socket_is_private_and_answers_only_what_is_needed() -> None:
    async with apps("v1", "v2") as (v1, v2), gateway(world(live(shop(free_port(), v1.port, v2.port)))) as running:
        assert running.layout.admin.stat().st_mode & 0o777 == 0o600
        status = {
            path: (await running.admin(path, "POST"))[0]
            for path in ("/quitquitquit", "/logging?level=debug", "/runtime_modify?a=1", "/memory", "/reopen_logs")
        }
    assert status == {
        "/quitquitquit": 403,
        "/logging?level=debug": 403,
        "/runtime_modify?a=1": 403,
        "/memory": 403,
        "/reopen_logs": 200,
    }


async def test_a_killed_envoy_serves_from_the_files_as_they_lie_there() -> None:
    units = [f"u{n}" for n in range(40)]
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split(500_000)))) as running:
            before = [(await get(port, "/", ("x-user-id", unit))).app for unit in units]
            await running.restart_after_kill()
            after = [(await get(port, "/", ("x-user-id", unit))).app for unit in units]
            streamed = await get(port, "/", ("upgrade", "websocket"), ("connection", "upgrade"))
    assert before == after
    assert set(before) == {"v1", "v2"}
    assert streamed.status == 101, "the inner listeners find their old sockets in the way and replace them"
