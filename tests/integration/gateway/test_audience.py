"""A rollout for an audience: who is outside keeps the baseline and is no evidence."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from fader.assign.bucket import bucket
from fader.model.flag import Flag, Forced, Rule
from fader.model.request import RequestAttribute, RequestText
from fader.model.ruleset import Ruleset, Split
from fader.model.segment import Segment
from fader.model.service import Exclusion, Service
from fader.model.share import WHOLE, Draw, Interval
from fader.model.state import Phase, RolloutState
from fader.rollout.ruleset import build
from fader.schema import load_document

from .envoy import free_port, gateway
from .http import Headers, apps, connect, get
from .test_flags import ON_OFF
from .worlds import COOKIE, HEADER, SECRET, live, shop, split, world

pytestmark = pytest.mark.slow

COUNTRY = RequestAttribute("country", RequestText("header", "x-country"))
STAFF = Segment("staff", units=("ann", "unit-0"))
AUDIENCE = 'country == "US" || segment("staff")'


def ruleset(service: Service, active: Split, audience: str = AUDIENCE) -> Ruleset:
    return replace(world(live(service, replace(active, audience=audience))), segments=(STAFF,))


async def test_inside_the_share_is_drawn_and_outside_is_the_baseline() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), attributes=(COUNTRY,))
        expected = []
        async with gateway(ruleset(service, split(WHOLE // 2))) as running, connect(port) as client:
            for n in range(200):
                unit = f"unit-{n}"
                for country in ("US", "DE", "", None):
                    headers: Headers = [("x-user-id", unit)]
                    headers += [("x-country", country)] if country is not None else []
                    answer = await client.send("GET", "/", headers)
                    inside = country == "US" or unit in STAFF.units
                    drawn = bucket(unit, "shop/shop-v2") < WHOLE // 2
                    assert answer.app == ("v2" if inside and drawn else "v1")
                    assert answer.all("vary") == ["x-user-id,x-country"]
                    expected.append((unit, answer.app, "rollout" if inside else "outside"))
            nobody = await client.send("GET", "/", [("x-country", "US")])
            lines = await running.lines(801)
    assert nobody.app == "v1"
    assert [(line["u"], line["v"], line["why"]) for line in lines[:-1]] == expected
    assert lines[-1]["why"] == "none"


async def test_the_first_request_of_a_visitor_is_in_the_audience_too() -> None:
    """Its unit is issued; and who is outside gets an id as well."""
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(COOKIE,), attributes=(COUNTRY,))
        service = replace(service, exclude=(Exclusion(path="/healthz"),))
        async with gateway(ruleset(service, split())) as running, connect(port) as client:
            us, de = [("x-country", "US")], [("x-country", "DE")]
            sent: list[tuple[str, Headers]] = [
                ("/", us), ("/", de), ("/", []), ("/healthz", us), ("/", [*de, ("x-fader-preview", SECRET)]),
                ("/", [("cookie", "fader_uid=known"), *us]), ("/", [("cookie", "fader_uid=known"), *de]),
            ]  # fmt: skip
            answers = [await client.send("GET", path, headers) for path, headers in sent]
            lines = await running.lines(len(sent))
    assert [a.app for a in answers] == ["v2", "v1", "v1", "v1", "v2", "v2", "v1"]
    whys = ["rollout", "outside", "outside", "excluded", "preview", "rollout", "outside"]
    assert [line["why"] for line in lines] == whys
    assert [len(a.all("set-cookie")) for a in answers] == [1, 1, 1, 0, 0, 0, 0]


async def test_a_share_is_still_a_runtime_value_and_a_segment_a_route() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), attributes=(COUNTRY,))
        async with gateway(ruleset(service, split(0))) as running, connect(port) as client:
            assert await running.apply(ruleset(service, split())) == ["rtds"]
            assert (await client.send("GET", "/", [("x-user-id", "ann")])).app == "v2"
            fewer = replace(ruleset(service, split()), segments=(replace(STAFF, units=("bob",)),))
            assert await running.apply(fewer) == ["rds"]
            assert (await client.send("GET", "/", [("x-user-id", "ann")])).app == "v1"


async def test_a_long_list_is_an_audience_and_a_flag_may_ask_for_it_too() -> None:
    long = Segment("staff", units=("ann", *(f"unit-{n}" for n in range(0, 2_000, 2))))
    on = Flag("f", "boolean", ON_OFF, "off", "off", rules=(Rule("on", '!segment("staff")'),))
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        for sources in ((HEADER,), (HEADER, COOKIE)):
            service = shop(port, v1.port, v2.port, unit=sources, flags=("f",))
            held = replace(ruleset(service, split(), 'segment("staff")'), segments=(long,), flags=(on,))
            async with gateway(held) as running, connect(port) as client:
                for n in range(40):
                    answer = await client.send("GET", "/", [("x-user-id", f"unit-{n}")])
                    assert (answer.app, answer.seen("x-fader-flags")) == (
                        ("v1", ["f=on"]) if n % 2 else ("v2", ["f=off"])
                    )
                nobody = await client.send("GET", "/", [])
                assert (nobody.app, nobody.seen("x-fader-flags")) == ("v1", ["f=on"])
                await running.apply(replace(held, segments=(replace(long, units=("unit-1", *long.units[30:])),)))
                assert [(await get(port, "/", ("x-user-id", f"unit-{n}"))).app for n in (0, 1)] == ["v1", "v2"]


async def test_units_that_are_named_have_their_version_whatever_else() -> None:
    """Whatever the share, the audience and a holdout; not where a path is excluded, and never as evidence."""
    named = replace(
        split(0),
        forced=(Forced("ann", "v2"), Forced("carl", "v1"), Forced("dora", "gone"), Forced("é" * 128, "v2")),
        holdouts=(Draw("holdout/all", Interval(0, WHOLE)),),
    )
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        for sources in ((HEADER,), (HEADER, COOKIE)):
            service = shop(port, v1.port, v2.port, unit=sources, exclude=(Exclusion(path="/healthz"),))
            async with gateway(ruleset(service, named, 'request.path == "/never"')) as running, connect(port) as client:
                sent = [("ann", "/"), ("carl", "/"), ("dora", "/"), ("é" * 128, "/"), ("eve", "/"), ("ann", "/healthz")]
                got = [(await client.send("GET", path, [("x-user-id", unit)])).app for unit, path in sent]
                assert got == ["v2", "v1", "v1", "v2", "v1", "v1"]
                whys = [line["why"] for line in await running.lines(len(sent))]
                assert whys == ["forced", "forced", "outside", "forced", "outside", "excluded"]


async def test_an_audience_that_cannot_be_told_is_nobody() -> None:
    """As a newer server might send one."""
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        for audience in ('semver(country) > semver("1")', 'segment("gone")', "!!"):
            async with gateway(ruleset(service, split(), audience)) as running, connect(port) as client:
                answer = await client.send("GET", "/", [("x-user-id", "ann")])
                assert (answer.app, (await running.lines(1))[0]["why"]) == ("v1", "outside")


async def test_the_howto() -> None:
    """The file of the page, its rollout in the first stage, and its two requests."""
    page = (Path(__file__).parents[3] / "docs" / "howto" / "audience.md").read_text()
    (yaml,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    asked = [shlex.split(line) for line in page.splitlines() if line.startswith("curl ")]
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        for old, new in ((":8080", port), (":9001", v1.port), (":9002", v2.port)):
            yaml = yaml.replace(old, f":{new}")
        document = load_document(yaml, "fader.yaml")
        (spec,) = document.rollouts
        state = RolloutState(spec.name, Phase.RAMPING, stage=0, share=spec.stages[0].share)
        services = build(document.services, ((spec, state, SECRET),))
        answers = []
        async with gateway(Ruleset(1, services, segments=document.segments)), connect(port) as client:
            for words in asked:
                headers = [tuple(word.split(": ")) for word in words if ": " in word]
                answers.append(await client.send("GET", words[-1].removeprefix("http://127.0.0.1:8080"), headers))
            admin = await client.send("GET", "/admin/", [("x-user-id", "lou"), ("x-country", "US")])
    said = re.findall(r"`x-fader: (shop=v.)`", page)
    assert [a.one("x-fader") for a in answers] == said == ["shop=v2", "shop=v1"]
    assert admin.app == "v1"
