"""Flags that rollouts move, weights, layers and holdouts: the running Envoy answers as `evaluate` does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fader.assign.evaluate import Flags
from fader.assign.pieces import reweighted
from fader.assign.reach import reached
from fader.model.arm import Arm
from fader.model.flag import Flag, HeldOut, Move, Rule, Variant
from fader.model.request import RequestAttribute, RequestText
from fader.model.ruleset import Ruleset
from fader.model.service import Service
from fader.model.share import WHOLE, Draw, Interval

from .envoy import free_port, gateway
from .http import apps, connect
from .worlds import HEADER, live, shop, split, world

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
