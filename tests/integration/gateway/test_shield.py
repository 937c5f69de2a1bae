"""A dead or failing candidate, per shield: who sees it, and who does not."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fader.model.rollout import Shield
from fader.model.ruleset import Ruleset
from fader.model.service import Address, HealthCheck, Tls, Version

from .envoy import free_port, gateway
from .http import apps, connect, get
from .worlds import HEADER, live, local, shop, split, world

pytestmark = pytest.mark.slow

ALICE = ("x-user-id", "alice")


async def outcomes(shield: Shield, failure: str) -> dict[str, tuple[int, str]]:
    """Status and the answering app of a GET and a POST that are assigned to the failing candidate."""
    async with apps("v1", "v2") as (v1, v2):
        port, dead = free_port(), free_port()
        service = shop(port, v1.port, dead if failure == "refused" else v2.port, unit=(HEADER,))
        v2.reset = failure == "reset"
        v2.fail = 500 if failure == "500" else 0
        async with gateway(world(live(service, split(shield=shield)))):
            found = {}
            for method in ("GET", "POST"):
                answer = await get(port, "/", ALICE, method=method, body=b"1" if method == "POST" else b"")
                app = answer.app if answer.body.startswith(b"{") else ""
                assert answer.one("x-fader") == "shop=v2", "assigned, whoever served"
                found[method] = (answer.status, app)
    return found


@pytest.mark.parametrize(
    ("shield", "failure", "safe", "unsafe"),
    [
        ("connect", "refused", (200, "v1"), (200, "v1")),
        ("connect", "reset", (200, "v1"), (503, "")),
        ("connect", "500", (500, "v2"), (500, "v2")),
        ("errors", "refused", (200, "v1"), (200, "v1")),
        ("errors", "reset", (200, "v1"), (503, "")),
        ("errors", "500", (200, "v1"), (500, "v2")),
        ("off", "refused", (503, ""), (503, "")),
        ("off", "reset", (503, ""), (503, "")),
        ("off", "500", (500, "v2"), (500, "v2")),
    ],
)
async def test_who_answers(shield: Shield, failure: str, safe: tuple[int, str], unsafe: tuple[int, str]) -> None:
    assert await outcomes(shield, failure) == {"GET": safe, "POST": unsafe}


async def test_a_candidate_killed_under_load_costs_no_get() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        done: list[tuple[int, str]] = []
        stop = asyncio.Event()

        async def client(name: int) -> None:
            async with connect(port) as connection:
                while not stop.is_set():
                    answer = await connection.send("GET", "/", [("x-user-id", f"u{name}")])
                    done.append((answer.status, answer.app))

        async with gateway(world(live(service, split()))) as running:
            clients = [asyncio.create_task(client(n)) for n in range(32)]
            await until(lambda: len(done) > 1_000)
            before = len(done)
            await v2.stop()
            await until(lambda: len(done) > before + 2_000)
            stop.set()
            await asyncio.gather(*clients)
            lines = await running.lines(len(done))
            await v2.start()
    assert [status for status, _ in done if status != 200] == []
    assert {app for _, app in done[:500]} == {"v2"}
    assert {app for _, app in done[-500:]} == {"v1"}
    rescued = [line for line in lines if line["w"] != line["v"]]
    assert len(rescued) == sum(app == "v1" for _, app in done), "the log tells served from assigned, every time"


async def until(true: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


async def test_a_candidate_that_comes_back_is_used_again() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split()))):
            await v2.stop()
            for _ in range(20):
                assert (await get(port, "/", ALICE)).app == "v1"
            await v2.start()
            async with asyncio.timeout(30):
                while (await get(port, "/", ALICE)).app != "v2":
                    await asyncio.sleep(0.1)


async def test_errors_of_the_candidate_do_not_eject_it_unless_the_shield_hides_them() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        v2.fail = 500
        async with gateway(world(live(service, split()))) as running:
            async with connect(port) as client:
                seen = [(await client.send("GET", "/", [ALICE])).app for _ in range(60)]
            assert seen == ["v2"] * 60
            await running.apply(world(live(service, split(shield="errors"))))
            asked = v2.requests
            async with connect(port) as client:
                seen = [(await client.send("GET", "/", [ALICE])).app for _ in range(60)]
            assert seen == ["v1"] * 60
            assert v2.requests - asked < 60, "ejected, so no longer asked first each time"


async def test_several_endpoints_share_the_load_and_cover_for_each_other() -> None:
    async with apps("a", "b", "v2") as (a, b, v2):
        port = free_port()
        versions = (Version("v1", local(a.port, b.port)), Version("v2", local(v2.port)))
        service = shop(port, a.port, v2.port, versions=versions, unit=(HEADER,))
        async with gateway(world(live(service))):
            seen = {(await get(port, "/", ALICE)).app for _ in range(40)}
            await a.stop()
            after = [await get(port, "/", ALICE, method="POST") for _ in range(20)]
            await a.start()
    assert seen == {"a", "b"}
    assert {(answer.status, answer.app) for answer in after} == {(200, "b")}


async def test_health_checks_take_an_unhealthy_candidate_out() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        check = HealthCheck("/", interval=0.1, timeout=0.5)
        service = shop(port, v1.port, v2.port, unit=(HEADER,), health=check)
        async with gateway(world(live(service, split()))) as running:
            await answered_by(port, "v2")
            v2.fail = 503
            await answered_by(port, "v1")
            async with asyncio.timeout(30):  # those of the candidate may be written before
                while not (found := [row for row in await running.lines(2) if row["w"] == "v1"]):
                    await asyncio.sleep(0.05)
            line = found[0]
            v2.fail = 0
            await answered_by(port, "v2")
    assert (line["v"], line["w"], line["f"]) == ("v2", "v1", "-"), "the flags say nothing"


async def answered_by(port: int, app: str) -> None:
    async with asyncio.timeout(30):
        while (await get(port, "/", ALICE, method="POST")).app != app:
            await asyncio.sleep(0.05)


async def test_the_baseline_is_tried_even_when_it_looks_unhealthy() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, health=HealthCheck("/status/500", 0.1, 0.5))
        async with gateway(world(live(service))) as running:
            async with asyncio.timeout(20):
                while (await running.stats("version/shop/v1.health_check.failure"))[
                    "cluster.version/shop/v1.health_check.failure"
                ] in {"0", "1", "2"}:
                    await asyncio.sleep(0.05)
            assert (await get(port, "/")).app == "v1"


async def test_a_name_that_does_not_resolve_harms_nobody_else() -> None:
    async with apps("v1", "other") as (v1, other):
        port, second = free_port(), free_port()
        lost = (Version("v1", (Address("localhost", v1.port),)), Version("v2", (Address("nowhere.invalid", 80),)))
        first = shop(port, v1.port, v1.port, versions=lost, unit=(HEADER,))
        async with gateway(world(live(first, split()), live(shop(second, other.port, other.port, name="other")))):
            assert (await get(port, "/", ALICE)).app == "v1", "the candidate is not there: the baseline answers"
            assert (await get(second, "/")).app == "other"


async def test_upstream_tls_is_verified_where_there_are_authorities(tmp_path: Path) -> None:
    """A second gateway plays the app with TLS."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=app", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    async with apps("behind", "plain") as (behind, plain):
        port, inside = free_port(), free_port()
        secured = shop(inside, behind.port, behind.port, name="app", tls=Tls(str(cert), str(key)))

        def front(host: str, *more: Address) -> Ruleset:
            versions = (Version("v1", (Address(host, inside, tls=True), *more)), Version("v2", local(plain.port)))
            return world(live(shop(port, 1, 1, versions=versions, unit=(HEADER,))))

        async with gateway(world(live(secured))):
            async with gateway(front("localhost"), ca=str(cert)):
                assert (await get(port, "/", ALICE)).app == "behind"
            async with gateway(front("127.0.0.1"), ca=str(cert)):
                assert (await get(port, "/", ALICE)).status == 503, "the certificate is for another name"
            async with gateway(front("127.0.0.1")):
                assert (await get(port, "/", ALICE)).app == "behind", "nobody to verify against"
            async with gateway(front("localhost", *local(plain.port)), ca=str(cert)):
                assert {(await get(port, "/", ALICE)).app for _ in range(30)} == {"behind", "plain"}
