"""The running Envoy and `assign.evaluate` give every unit the same variants, and the app gets them in one header."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fader.assign.evaluate import Flags
from fader.model.flag import Flag, Forced, Move, Prerequisite, Rule, Variant
from fader.model.request import RequestAttribute, RequestText
from fader.model.ruleset import Ruleset, Split
from fader.model.segment import Segment
from fader.model.service import Exclusion, Service
from fader.model.share import WHOLE, Interval

from .envoy import free_port, gateway
from .http import apps, connect, get
from .worlds import COOKIE, HEADER, SECRET, live, shop, split, world

pytestmark = pytest.mark.slow

ON_OFF = (Variant("on", True), Variant("off", False))
BETA = Segment("beta", units=("unit-1", "unit-2", "Jörg"))
STAFF = Segment("staff", 'segment("beta") || unit == "unit-3"', ("unit-4", "é" * 128))
FLAGS = (
    Flag("share", "boolean", ON_OFF, "off", "off", rules=(Rule("on", share=300_000, name="first"),)),
    Flag(
        "ladder",
        "string",
        (Variant("a", "1"), Variant("b", "2"), Variant("c.1", "3"), Variant("none", "")),
        "none",
        "none",
        rules=(
            Rule("a", 'segment("beta")', 500_000, "half"),
            Rule("b", 'segment("staff") && unit in ["unit-1", "unit-2", "unit-4"]'),
            Rule("c.1", share=250_000, name="quarter"),
            Rule("a", share=250_000, name="another"),
        ),
    ),
    Flag("named", "boolean", ON_OFF, "off", "off", forced=(Forced("unit-5", "on"), Forced("é" * 128, "on"))),
    Flag(
        "exception",
        "boolean",
        ON_OFF,
        "off",
        "off",
        rules=(Rule("on", 'segment("staff")', 0, "nobody"), Rule("on")),
        forced=(Forced("unit-6", "off"),),
    ),
    Flag(
        "closed", "boolean", ON_OFF, "on", "off", enabled=False, rules=(Rule("on"),), forced=(Forced("unit-1", "on"),)
    ),
    Flag("static", "boolean", ON_OFF, "on", "off"),
)
NAMES = tuple(flag.name for flag in FLAGS)
UNITS = ["Jörg", "é" * 128, "é" * 200, "x" * 256, "x" * 300, *(f"unit-{n}" for n in range(500))]


def expected(flags: tuple[Flag, ...], unit: str, names: tuple[str, ...] = NAMES) -> str:
    compiled = Flags(flags, (BETA, STAFF))
    return ",".join(f"{name}={compiled.evaluate(name, unit, {}).variant}" for name in names)


def ruleset(service: Service, flags: tuple[Flag, ...] = FLAGS, *active: Split) -> Ruleset:
    return replace(world(live(service, *active)), flags=flags, segments=(BETA, STAFF))


def switched(name: str, **fields: object) -> tuple[Flag, ...]:
    return tuple(replace(flag, **fields) if flag.name == name else flag for flag in FLAGS)


async def test_envoy_and_python_agree() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=NAMES)
        async with gateway(ruleset(service)) as running:
            for flags in (FLAGS, switched("share", rules=(Rule("on", share=700_000, name="first"),))):
                await running.apply(ruleset(service, flags))
                async with connect(port) as client:
                    for unit in UNITS:
                        answer = await client.send("GET", "/", [("x-user-id", unit)])
                        assert answer.seen("x-fader-flags") == [expected(flags, unit)], unit
                    # Without a unit nobody is in a share or a list.
                    assert (await client.send("GET", "/", [])).seen("x-fader-flags") == [expected(flags, "")]


async def test_a_switch_and_a_share_are_runtime_values_alone() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=NAMES)
        async with gateway(ruleset(service)) as running, connect(port) as client:
            for flags in (
                switched("static", enabled=False),
                switched("closed", enabled=True),
                switched("share", rules=(Rule("on", share=1, name="first"),)),
                FLAGS,
            ):
                assert await running.apply(ruleset(service, flags)) == ["rtds"]
                for unit in ("", "unit-1", "unit-7"):
                    answer = await client.send("GET", "/", [("x-user-id", unit)])
                    assert answer.seen("x-fader-flags") == [expected(flags, unit)]


async def test_a_flag_that_is_sent_no_more_is_never_off_before_it_is_gone() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("static", "share"))
        fewer = replace(service, flags=("share",))
        async with gateway(ruleset(service)) as running:
            assert await running.apply(ruleset(fewer)) == ["rds", "rtds"]
            assert (await get(port, "/", ("x-user-id", "u"))).seen("x-fader-flags") == [
                expected(FLAGS, "u", ("share",))
            ]
            assert await running.apply(ruleset(replace(service, flags=()))) == ["rds", "rtds"]
            assert (await get(port, "/", ("x-user-id", "u"))).seen("x-fader-flags") == []


async def test_what_a_client_sends_under_this_name_is_removed() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        spoofed = (("x-fader-flags", "static=off,share=on"), ("X-Fader-Flags", "named=on"), ("x-user-id", "u"))
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("static",))
        async with gateway(ruleset(service)) as running:
            answer = await get(port, "/", *spoofed)
            assert answer.seen("x-fader-flags") == ["static=on"]
            await running.apply(ruleset(replace(service, flags=())))
            assert (await get(port, "/", *spoofed)).seen("x-fader-flags") == []


async def test_every_route_sends_the_flags_of_the_same_unit() -> None:
    """Also the first request, whose id is issued; a preview; an excluded path; a sampled service."""
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(COOKIE,), flags=NAMES, sample=500_000)
        service = replace(service, exclude=(Exclusion(prefix="/static/"),))
        async with gateway(ruleset(service, FLAGS, split(WHOLE // 2))):
            for path, *headers in (("/",), ("/", ("x-fader-preview", SECRET)), ("/static/logo.png",)):
                for _ in range(10):
                    answer = await get(port, path, *headers)
                    (unit,) = answer.seen("x-fader-unit")
                    assert answer.seen("x-fader-flags") == [expected(FLAGS, unit)]
                    assert answer.all("vary") == ["cookie"]


async def test_unknown_is_said_and_not_guessed() -> None:
    """A flag that this gateway cannot decide, as a newer server might send: no variant is made up."""
    needs = replace(FLAGS[0], name="needs", rules=(Rule("on", 'country == "US"'),))
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("needs", "gone", "static"))
        async with gateway(ruleset(service, (*FLAGS, needs))):
            answer = await get(port, "/", ("x-user-id", "u"))
            assert answer.seen("x-fader-flags") == ["needs=,gone=,static=on"]


OWN = "fader-flag.static=on,fader-flag.named=off"


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ([], []),
        (["tenant=7"], ["tenant=7"]),
        (["tenant=7;ttl=5 , user=%20a"], ["tenant=7;ttl=5 , user=%20a"]),
        (["fader-flag.static=off"], []),
        (["fader-flag.static=off,fader-flag.x=1;p=2, fader.shop=v9"], []),
        (["fader-flag.static=off, tenant=7"], ["tenant=7"]),
        (["tenant=7, fader-flag.static=off,fader-flag.named , user=b,fader.shop =v9;x"], ["tenant=7, user=b"]),
        (["a=1", "fader-flag.static=off", "b=2"], ["a=1,b=2"]),
        (["fader.docs=v3,fader.shop2=v1,xfader-flag.a=1,a=fader-flag.b"],) * 2,
        (["FADER-FLAG.static=off"],) * 2,
        (["a=" + "x" * 8000],) * 2,
        (["a=" + "x" * 9000], []),
    ],
)
async def test_flags_in_the_baggage_beside_that_of_a_trusted_caller(came: list[str], kept: list[str]) -> None:
    """Of what comes in, what only this gateway may say goes; keys are told apart by case, as the standard has it."""
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        names = ("static", "named")
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=names, flags_as="baggage", trust_baggage=True)
        async with gateway(ruleset(service)):
            answer = await get(port, "/", ("x-user-id", "u"), *(("baggage", value) for value in came))
            assert answer.seen("baggage") == [*kept, f"fader.shop=v1,{OWN}"]
            assert answer.seen("x-fader-flags") == []


async def test_flags_in_both_and_no_baggage_of_strangers() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        names = ("static", "named", "gone")
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=names, flags_as="both")
        async with gateway(ruleset(service)) as running:
            strange = ("baggage", "tenant=7,fader-flag.static=off")
            answer = await get(port, "/", ("x-user-id", "u"), strange)
            assert answer.seen("baggage") == [f"fader.shop=v1,{OWN},fader-flag.gone="]
            assert answer.seen("x-fader-flags") == ["static=on,named=off,gone="]
            # A trusted caller's own flags pass where the service sends none.
            await running.apply(ruleset(replace(service, flags=(), trust_baggage=True)))
            assert (await get(port, "/", strange)).seen("baggage") == [strange[1], "fader.shop=v1"]


REQUIRED = (
    Flag("base", "boolean", ON_OFF, "off", "off", rules=(Rule("on", share=600_000, name="most"),)),
    Flag(
        "middle",
        "string",
        tuple(Variant(v, v) for v in ("a", "b", "c")),
        "c",
        "c",
        rules=(Rule("a", share=400_000, name="some"), Rule("b", share=400_000, name="more")),
        requires=(Prerequisite("base", ("on",)),),
    ),
    Flag(
        "top",
        "boolean",
        ON_OFF,
        "on",
        "off",
        forced=(Forced("unit-1", "on"),),
        requires=(Prerequisite("middle", ("a", "b")), Prerequisite("base", ("on",))),
    ),
)


async def test_a_flag_that_requires_others_that_are_not_sent() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("top", "middle"))
        async with gateway(ruleset(service, REQUIRED)) as running, connect(port) as client:
            closed = tuple(replace(flag, enabled=flag.name != "base") for flag in REQUIRED)
            for flags, written in ((REQUIRED, []), (closed, ["rtds"]), (REQUIRED, ["rtds"])):
                assert await running.apply(ruleset(service, flags)) == written
                for unit in ("", *UNITS):
                    answer = await client.send("GET", "/", [("x-user-id", unit)] if unit else [])
                    assert answer.seen("x-fader-flags") == [expected(flags, unit, ("top", "middle"))], unit


async def test_a_flag_whose_prerequisite_cannot_be_decided_is_unknown() -> None:
    needs = replace(REQUIRED[0], rules=(Rule("on", 'country == "US"'),))
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("top", "middle", "static"))
        async with gateway(ruleset(service, (needs, *REQUIRED[1:], *FLAGS))):
            answer = await get(port, "/", ("x-user-id", "unit-1"))
            assert answer.seen("x-fader-flags") == ["top=,middle=,static=on"]


async def test_a_flag_that_is_rolled_out_to_an_audience() -> None:
    move = Move(
        "base-on", "on", "base/base-on", Interval(900_000, 500_000), audience='segment("many") && plan != "free"'
    )
    flag = Flag("base", "boolean", ON_OFF, "off", "off", rules=(Rule("on", 'unit == "unit-5"'),), move=move)
    after = replace(flag, name="after", rules=(), move=None, default="on", requires=(Prerequisite("base", ("on",)),))
    many = Segment("many", units=tuple(f"unit-{n}" for n in range(100)))
    compiled = Flags((flag, after), (many,))
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        plan = RequestAttribute("plan", RequestText("cookie", "plan"))
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("after", "base"), attributes=(plan,))
        held = replace(world(live(service)), flags=(flag, after), segments=(many,))
        async with gateway(held), connect(port) as client:
            for unit in ("", *(f"unit-{n}" for n in range(200))):
                for known in ({}, {"plan": "free"}, {"plan": "pro"}):
                    headers = [("cookie", f"plan={value}") for value in known.values()]
                    headers += [("x-user-id", unit)] if unit else []
                    wanted = [f"{name}={compiled.evaluate(name, unit, known).variant}" for name in ("after", "base")]
                    assert (await client.send("GET", "/", headers)).seen("x-fader-flags") == [",".join(wanted)]
