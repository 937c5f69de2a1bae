"""Flags that rollouts move, weights, layers and holdouts: the running Envoy answers as `evaluate` does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fader.assign.evaluate import Flags
from fader.assign.pieces import reweighted
from fader.assign.reach import reached
from fader.model.arm import Arm
from fader.model.flag import Flag, HeldOut, Move, Prerequisite, Rule, Variant
from fader.model.request import RequestAttribute, RequestText
from fader.model.ruleset import Ruleset
from fader.model.service import Exclusion, Service
from fader.model.share import WHOLE, Draw, Interval
from fader.telemetry.given import told
from fader.telemetry.line import read

from .envoy import free_port, gateway
from .http import apps, connect
from .worlds import HEADER, SECRET, live, shop, split, world

pytestmark = pytest.mark.slow

ABC = (Variant("a", "A"), Variant("b", "B"), Variant("c", "C"))
COUNTRY = RequestAttribute("country", RequestText("header", "x-country"))
LAYER = Draw("layer/front", Interval(300_000, 500_000))
HOLDOUTS = (Draw("holdout/q4", Interval(0, 200_000)), Draw("holdout/few", Interval(0, 50_000)))
RULES = (Rule("b", 'unit == "unit-7"'), Rule("a", share=100_000, name="some"))


def moved(name: str, interval: Interval, **more: object) -> Flag:
    move = Move(f"{name}-rollout", "b", f"{name}/{name}-rollout", interval, **more)
    return Flag(name, "string", ABC, "a", "c", rules=RULES, move=move)


def flags(width: int) -> tuple[Flag, ...]:
    return (
        moved("plain", Interval(0, width)),
        moved("wraps", Interval(900_000, width)),
        moved("arms", Interval(0, width // 3), beside=(Arm("c", Interval(WHOLE // 2, width // 3)),)),
        moved("meant", Interval(0, width), audience='country == "US"'),
        moved("layered", Interval(0, width), layer=LAYER, holdouts=HOLDOUTS),
        Flag("weighted", "string", ABC, "b", "c", split=reweighted((), {"b": 500_000, "a": 499_999, "c": 1})),
        replace(moved("held", Interval(0, width)), default="b", held=(HeldOut(HOLDOUTS[0], "c"),)),
        replace(moved("off", Interval(0, width)), enabled=False),
    )


NAMES = tuple(flag.name for flag in flags(1))


def ruleset(service: Service, width: int) -> Ruleset:
    return replace(world(live(service)), flags=flags(width))


def expected(width: int, unit: str, country: str) -> str:
    compiled = Flags(flags(width))
    attributes = {"country": country} if country else {}
    return ",".join(f"{name}={compiled.evaluate(name, unit, attributes).variant}" for name in NAMES)


async def test_envoy_moves_the_same_units() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=NAMES, attributes=(COUNTRY,))
        async with gateway(ruleset(service, 0)) as running, connect(port) as client:
            for width in (0, 1, 250_000, 600_000):
                changed = await running.apply(ruleset(service, width))
                assert changed in ([], ["rtds"]), "a share is a runtime value alone"
                for n in range(0, 400, 4 if width < 2 else 1):
                    unit, country = f"unit-{n}" if n else "", ("US", "DE", "")[n % 3]
                    headers = [("x-user-id", unit)] if unit else []
                    headers += [("x-country", country)] if country else []
                    answer = await client.send("GET", "/", headers)
                    assert answer.seen("x-fader-flags") == [expected(width, unit, country)], (width, unit)


async def test_the_log_tells_whom_a_rollout_gave_what() -> None:
    """What comes out of the lines is what `evaluate` says, request by request: who got a variant by a rule, by default,
    in a holdout or while the flag was off was given it by no rollout."""
    sent = (*flags(400_000), replace(moved("hidden", Interval(0, WHOLE)), requires=(Prerequisite("off", ("a",)),)))
    names = tuple(flag.name for flag in sent if flag.name != "layered")
    compiled, wanted = Flags(sent), []
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=names, attributes=(COUNTRY,), exposures="gateway")
        service = replace(service, exclude=(Exclusion("/healthz"),))
        async with (
            gateway(replace(world(live(service, split(300_000))), flags=sent)) as running,
            connect(port) as client,
        ):
            for n in range(500):
                unit, country = f"unit-{n}" if n else "", ("US", "DE", "")[n % 3]
                headers = [("x-fader-given", "plain-rollout=b:denied"), ("x-country", country or "FR")]
                await client.send("GET", "/", [*headers, *([("x-user-id", unit)] if unit else [])])
                for name in names:
                    answer = compiled.evaluate(name, unit, {"country": country or "FR"})
                    if answer.rollout:
                        wanted.append((unit, answer.rollout, answer.variant))
            await client.send("GET", "/healthz", [("x-user-id", "unit-1")])
            preview = [("x-user-id", "unit-1"), ("x-fader-preview", SECRET)]
            assert (await client.send("GET", "/", preview)).app == "v2"
            await running.lines(502)
            log = running.layout.access_log.read_bytes()
    lines, broken = read(log)
    assert (len(lines), broken) == (502, 0)
    assert [(e.u, e.r, e.v) for e in told(lines)] == wanted
    assert {rollout for _, rollout, _ in wanted} == {
        f"{n}-rollout" for n in ("plain", "wraps", "arms", "meant", "held")
    }
    assert {variant for _, rollout, variant in wanted if rollout == "arms-rollout"} == {"a", "b", "c"}


async def test_the_rollout_that_is_told_is_the_one_that_decided() -> None:
    """While one rollout of a flag follows another, under load: no line mixes them."""
    first, second = moved("plain", Interval(0, WHOLE)), moved("plain", Interval(0, WHOLE))
    assert second.move
    second = replace(second, move=replace(second.move, rollout="another", candidate="c", salt="plain/another"))
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("plain",), exposures="gateway")
        worlds = [replace(world(live(service)), flags=(flag,)) for flag in (first, second, replace(first, move=None))]
        async with gateway(worlds[0]) as running, connect(port) as client:
            asking = True

            async def ask() -> int:
                count = 0
                while asking:
                    await client.send("GET", "/", [("x-user-id", f"other-{count}")])
                    count += 1
                return count

            task = asyncio.create_task(ask())
            for n in range(1, 9):
                await asyncio.sleep(0.05)
                await running.apply(worlds[n % 3])
            asking = False
            await running.lines(await task)
            lines, _ = read(running.layout.access_log.read_bytes())
    given = {(e.r, e.v) for e in told(lines)}
    assert given >= {("plain-rollout", "b"), ("another", "c")}
    assert given <= {("plain-rollout", "b"), ("another", "c"), ("plain-rollout", "a"), ("another", "a")}


async def test_nothing_is_told_where_the_app_does() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("plain",))
        ruleset = replace(world(live(service)), flags=(moved("plain", Interval(0, WHOLE)),))
        async with gateway(ruleset) as running, connect(port) as client:
            await client.send("GET", "/", [("x-user-id", "ann")])
            (line,) = await running.lines(1)
    assert line["x"] == ""


async def test_layers_and_holdouts_keep_units_out_of_a_services_rollout() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        active = replace(split(WHOLE), layer=LAYER, holdouts=HOLDOUTS)
        reaches = reached(LAYER, HOLDOUTS)
        got = []
        async with gateway(world(live(service, active))) as running, connect(port) as client:
            for n in range(300):
                answer = await client.send("GET", "/", [("x-user-id", f"unit-{n}")])
                got.append((answer.app, "rollout" if answer.app == "v2" else "outside"))
            lines = await running.lines(300)
    assert got == [("v2", "rollout") if reaches(f"unit-{n}") else ("v1", "outside") for n in range(300)]
    assert [(line["v"], line["why"]) for line in lines] == got
    assert 60 < sum(app == "v2" for app, _ in got) < 180
