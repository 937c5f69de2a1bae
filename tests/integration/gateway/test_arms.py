"""Further arms at the running Envoy: the units that Python says, no more and no fewer, and the candidate's unmoved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fader.assign.bucket import bucket, chosen
from fader.model.arm import Arm
from fader.model.ruleset import Split
from fader.model.service import Address, Version
from fader.model.share import WHOLE, Interval

from .envoy import free_port, gateway
from .http import apps
from .test_assignment import assign, ids
from .worlds import HEADER, live, shop, split, world

pytestmark = pytest.mark.slow

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "bucket.json").read_text())
SHARE = 200_000


def beside(start: int, *withdrawn: str) -> Split:
    arms = [(version, (start + k * SHARE) % WHOLE) for k, version in enumerate(("v3", "v4"), start=1)]
    return replace(
        split(SHARE, start),
        beside=tuple(Arm(version, Interval(at, SHARE), version in withdrawn) for version, at in arms),
    )


def expected(unit: str, held: Split) -> str:
    if chosen(unit, held.salt, held.interval):
        return held.candidate
    for arm in held.beside:
        if chosen(unit, held.salt, arm.interval):
            return "v1" if arm.withdrawn else arm.version
    return "v1"


@pytest.mark.parametrize("start", [0, 300_000, 700_000], ids=["plain", "the last arm wraps", "an arm lies at 0"])
async def test_each_unit_gets_the_arm_that_python_says(start: int) -> None:
    units = [f"user-{n}" if n % 3 else f"kündin-{n}-日本" for n in range(2_000)]
    async with apps("v1", "v2", "v3", "v4") as (v1, v2, v3, v4):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        more = (Version(name, (Address("127.0.0.1", app.port),)) for name, app in (("v3", v3), ("v4", v4)))
        service = replace(service, versions=(*service.versions, *more))
        async with gateway(world(live(service, split(SHARE, start)))) as running:
            requests = [*ids(*units), [], [("x-user-id", "")]]
            alone = await assign(port, requests)
            for held in (beside(start), beside(start, "v3"), beside(start)):
                await running.apply(world(live(service, held)))
                got = await assign(port, requests)
                assert got[:-2] == [expected(unit, held) for unit in units]
                assert got[-2:] == ["v1", "v1"]
                assert [v == "v2" for v in got] == [v == "v2" for v in alone], "the candidate's units stay"
            await running.apply(world(live(service, split(SHARE + 100_000, start))))
            after = await assign(port, requests)
            assert set(after) == {"v1", "v2"}, "after the stage nobody has a further arm"
            assert all(v == "v2" for v, before in zip(after, alone, strict=True) if before == "v2")


async def test_the_golden_vectors_hold_for_an_arm() -> None:
    async with apps("v1", "v2", "v3") as (v1, v2, v3):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        third = Version("v3", (Address("127.0.0.1", v3.port),))
        service = replace(service, versions=(*service.versions, third))
        async with gateway(world(live(service, split(0)))) as running:
            for row in VECTORS["vectors"][:12]:
                number = bucket(row["unit"], row["salt"])
                candidate = split(1, (number - 1) % WHOLE, salt=row["salt"])
                held = replace(candidate, beside=(Arm("v3", Interval(number, 1)),))
                await running.apply(world(live(service, held)))
                assert await assign(port, ids(row["unit"])) == ["v3"], row["name"]


async def test_what_was_withdrawn_says_so_in_the_log() -> None:
    unit = next(f"u{n}" for n in range(1000) if bucket(f"u{n}", "shop/shop-v2") in Interval(SHARE, SHARE))
    async with apps("v1", "v2", "v3", "v4") as (v1, v2, v3, v4):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        more = (Version(name, (Address("127.0.0.1", app.port),)) for name, app in (("v3", v3), ("v4", v4)))
        service = replace(service, versions=(*service.versions, *more))
        async with gateway(world(live(service, beside(0)))) as running:
            await assign(port, ids(unit))
            await running.apply(world(live(service, beside(0, "v3"))))
            await assign(port, ids(unit))
            lines = await running.lines(2)
    assert [(line["v"], line["why"]) for line in lines] == [("v3", "rollout"), ("v1", "withdrawn")]
