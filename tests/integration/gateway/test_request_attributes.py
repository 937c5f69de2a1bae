"""Conditions over a request: the running Envoy and `assign.evaluate` give every unit with every request the same."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from fader.assign.evaluate import Flags
from fader.gateway import texts
from fader.model.flag import Flag, Rule
from fader.model.request import RequestAttribute, RequestText
from fader.model.segment import Segment
from fader.model.service import UnitSource

from .envoy import free_port, gateway
from .http import Headers, apps, connect
from .test_flags import ON_OFF
from .test_headers import token
from .worlds import COOKIE, HEADER, live, shop, world

pytestmark = pytest.mark.slow

ATTRIBUTES = (
    RequestAttribute("country", RequestText("header", "x-country")),
    RequestAttribute("plan", RequestText("cookie", "plan")),
    RequestAttribute("source", RequestText("query", "utm_source")),
)
SEGMENTS = (
    Segment("beta", units=("unit-1", "unit-2", "Jörg")),
    Segment("europe", 'country in ["DE", "FR", "Österreich"]', ("unit-3",)),
    Segment("long", 'country == "US"', ("unit-4", "Jörg", "é" * 128, *(f"unit-{n}" for n in range(30, 5_000)))),
    Segment("both", 'segment("beta") || segment("europe") && !request.path.startsWith("/shop")'),
)
CONDITIONS = (
    'country == "US"',
    'country != "US"',
    '!(country == "US")',
    'country in ["DE", "FR", "é"]',
    '!(country in ["DE", "FR"])',
    'country == ""',
    "has(country)",
    "!has(country)",
    'country.startsWith("D") || country.endsWith("S")',
    'country.contains("")',
    '!country.contains("é")',
    'country.matches("^[A-Z]{2}$")',
    '!country.matches("^[^U]")',
    'country.matches("")',
    'country == "a%20b" || country == "50%"',
    'plan in ["pro", "team"]',
    'plan != "pro" && has(plan)',
    'plan.startsWith("te")',
    'source == "x y" || source == "x+y" || source == "é"',
    'source.matches("^[a-z ]+$") || source == "a&b=c"',
    '!has(source) || source == "a%20b"',
    'request.headers["x-country"] == "DE"',
    '!(request.headers["x-other"] in ["1", "2"])',
    'has(request.headers["x-other"]) && request.headers["x-other"] != ""',
    'request.headers["user-agent"].contains("Mobile")',
    'request.cookies["plan"] == "pro"',
    'request.cookies["beta"] == "1" || request.query["beta"] == "1"',
    'request.query.beta.matches("^(?:1|on|true)$")',
    'request.path == "/shop"',
    'request.path.startsWith("/shop/")',
    'request.path.endsWith(".png")',
    '!request.path.contains("admin")',
    'request.path.matches("^/shop/[0-9]+(?:/|$)")',
    'request.path == "/shop?beta=1"',
    'request.method in ["GET", "HEAD"]',
    'request.method != "GET"',
    'request.host == "shop.example"',
    'request.host.endsWith(".example") && !request.host.startsWith("shop")',
    'request.host.matches(":[0-9]+$")',
    'unit == "unit-1"',
    'unit != "unit-1"',
    'unit in ["", "unit-2"]',
    '!segment("beta")',
    'unit.startsWith("unit-") && !unit.endsWith("1")',
    'unit.matches("^$|3$")',
    'segment("both")',
    '!segment("both")',
    'segment("europe") ? plan == "pro" : request.method == "GET"',
    '(country == "US" ? plan == "pro" : !has(plan)) || unit == "Jörg"',
    'segment("long")',
    '!segment("long") || segment("beta")',
    'segment("long") && unit.endsWith("1")',
    "true && has(request.path)",
)
HEADERS: dict[str, tuple[str, ...]] = {
    "x-country": ("US", "DE", "FR", "", "é", "Österreich", "us", "a%20b", "50%", "D", "US,DE"),
    "x-other": ("1", "2", "", "3", "x" * 3000),
    "cookie": ("plan=pro", "plan=team; beta=1", 'beta="1"; plan=', "a=b; plan=free", "plan=pro; plan=team", "beta=0"),
    "user-agent": ("Mobile Safari", "curl/8"),
}
PATHS = (
    "/shop",
    "/shop/",
    "/shop/12/a.png",
    "/shop/12",
    "/admin/x",
    "/a%20b",
    "/shop/../shop/7",
    "//shop/1.png",
    "/%73hop",
)
QUERIES = (
    "", "?", "?beta=1", "?beta=0&beta=1", "?beta=on&utm_source=x%20y", "?utm_source=x+y", "?utm_source=%C3%A9",
    "?utm_source=", "?utm_source", "?utm_source=a%26b%3Dc", "?utm_source=a%2520b", "?%62eta=true",
    "?x=/shop&utm_source=abc",
)  # fmt: skip
HOSTS = ("shop.example", "www.example", "shop.example:8080", "Shop.Example")
UNITS = ("", "unit-1", "unit-2", "unit-3", "Jörg", "é" * 128, "é" * 200, *(f"unit-{n}" for n in range(4, 60)))
PATH_AS_SENT = {"/shop/../shop/7": "/shop/7", "//shop/1.png": "/shop/1.png", "/%73hop": "/shop"}


def flags_of(conditions: tuple[str, ...]) -> tuple[Flag, ...]:
    """Each condition twice: for all, and with a share."""
    whole = [Flag(f"w{n}", "boolean", ON_OFF, "off", "off", rules=(Rule("on", c),)) for n, c in enumerate(conditions)]
    some = [replace(f, name=f"s{f.name}", rules=(replace(f.rules[0], share=500_000, name="half"),)) for f in whole]
    return (*whole, *some)


def attributes(method: str, path: str, headers: Headers) -> dict[str, Any]:
    """What the reference says that a gateway knows of a request; written here once more, on purpose."""
    where, _, query = path.partition("?")
    first: dict[str, str] = {}
    cookies: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
        if name.lower() == "cookie":
            for pair in value.split("; "):
                key, _, text = pair.partition("=")
                cookies.setdefault(key, text.strip('"'))
    parameters: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        key, _, text = pair.partition("=")
        parameters.setdefault(unquote(key), unquote(text))
    request = {
        "path": PATH_AS_SENT.get(where, where),
        "method": method,
        "host": first.pop("host"),
        "headers": {name: value for name, value in first.items() if value},
        "cookies": {name: value for name, value in cookies.items() if value},
        "query": {name: value for name, value in parameters.items() if value},
    }
    own = {"country": request["headers"].get("x-country"), "plan": request["cookies"].get("plan")}
    return {**own, "source": request["query"].get("utm_source"), "request": request}


def drawn(seed: int, count: int) -> list[tuple[str, str, Headers]]:
    rng, found = random.Random(seed), []
    for _ in range(count):
        headers: Headers = [("host", rng.choice(HOSTS))]
        for name, values in HEADERS.items():
            # Now and then there are two of a name. (Of what Envoy joins itself, such as user-agent, at most one.)
            times = rng.choice((0, 1, 1, 1, 2)) if name != "user-agent" else rng.choice((0, 1))
            headers += [(rng.choice((name, name.title())), rng.choice(values)) for _ in range(times)]
        if unit := rng.choice(UNITS):
            headers.append(("x-user-id", unit))
        found.append((rng.choice(("GET", "POST", "DELETE")), rng.choice(PATHS) + rng.choice(QUERIES), headers))
    return found


async def disagreements(
    flags: tuple[Flag, ...], requests: list[tuple[str, str, Headers]], held: tuple[Flag, ...] = ()
) -> list[str]:
    """`held`: what the gateway has in place of `flags`."""
    names = tuple(flag.name for flag in flags)
    compiled, found = Flags(flags, SEGMENTS), []
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=names, attributes=ATTRIBUTES)
        ruleset = replace(world(live(service)), flags=held or flags, segments=SEGMENTS)
        async with gateway(ruleset), connect(port) as client:
            for method, path, headers in requests:
                (seen,) = (await client.send(method, path, headers)).seen("x-fader-flags")
                unit = dict(headers).get("x-user-id", "")
                known = attributes(method, path, headers)
                expected = [f"{name}={compiled.evaluate(name, unit, known).variant}" for name in names]
                for flag, got, want in zip(flags, seen.split(","), expected, strict=True):
                    if got != want:
                        found.append(f"{flag.rules[0].condition}: {got}, not {want}: {method} {path} {headers}")
    return found


async def test_2000_requests_with_a_hundred_flags_each() -> None:
    assert await disagreements(flags_of(CONDITIONS), drawn(7, 2_000)) == []


@pytest.mark.parametrize(
    ("condition", "broken"),
    [
        ('country == "US"', 'country.startsWith("US")'),
        ('country != "US"', '!has(country) || country != "US"'),
        ('request.path == "/shop"', 'request.path.startsWith("/shop")'),
        ('source == "x y"', 'source == "x%20y"'),
        ('unit != "unit-1"', 'unit != "unit-1" && unit != ""'),
    ],
)
async def test_the_table_finds_what_is_slightly_else(condition: str, broken: str) -> None:
    """A table that finds nothing proves nothing."""
    assert await disagreements(flags_of((condition,)), drawn(7, 500), held=flags_of((broken,)))


async def test_a_client_cannot_write_what_the_gateway_reads() -> None:
    """Neither by headers of fader's name nor by those of the filters' own."""
    flags = flags_of(('country == "US"', 'segment("beta")'))
    names = tuple(flag.name for flag in flags)
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER, COOKIE), flags=names, attributes=ATTRIBUTES)
        text = texts.state(ATTRIBUTES[0].text)
        spoofed: Headers = [
            *((name, "US") for name in (text, "fader.request.header", "x-fader-country", "country")),
            *(("x-fader-flags", "w0=on"), ("X-Fader-Flags", "w1=on"), ("x-fader-unit", "unit-1")),
        ]
        async with gateway(replace(world(live(service)), flags=flags, segments=SEGMENTS)), connect(port) as client:
            answer = await client.send("GET", "/", spoofed)
            assert answer.seen("x-fader-flags") == ["w0=off,w1=off,sw0=off,sw1=off"]
            assert answer.all("vary") == ["x-user-id, cookie,x-country"]


async def test_headers_that_are_joined_on_the_way_are_one_text() -> None:
    """Envoy joins several lines of a header of which the standard allows one."""
    flags = flags_of(('request.headers["user-agent"] == "a,b"',))[:1]
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), flags=("w0",))
        async with gateway(replace(world(live(service)), flags=flags)), connect(port) as client:
            answer = await client.send("GET", "/", [("user-agent", "a"), ("user-agent", "b")])
            assert answer.seen("x-fader-flags") == ["w0=on"]
            assert answer.seen("user-agent") == ["a,b"]


async def test_claims_of_a_verified_token(tmp_path: Path) -> None:
    """A forged one holds nothing. What is no text is the text that JSON has for it."""
    key, issuer, jwks = b"k" * 32, "https://id.example", tmp_path / "jwks.json"
    secret = base64.urlsafe_b64encode(key).rstrip(b"=").decode()
    jwks.write_text(json.dumps({"keys": [{"kty": "oct", "k": secret, "alg": "HS256", "kid": "k"}]}))
    claims = tuple(RequestAttribute(n, RequestText("claim", n, issuer, str(jwks))) for n in ("plan", "seats", "admin"))
    flags = flags_of(('plan in ["pro", "é"]', 'plan != "pro"', "has(plan)", 'seats == "5"', 'admin == "true"'))
    names = tuple(flag.name for flag in flags[:5])
    compiled = Flags(flags)
    tokens: tuple[tuple[str, dict[str, str]], ...] = (
        (token(key, {"iss": issuer, "plan": "pro"}), {"plan": "pro"}),
        (token(key, {"iss": issuer, "plan": "é", "seats": 5}), {"plan": "é", "seats": "5"}),
        (token(key, {"iss": issuer, "plan": "", "admin": True}), {"admin": "true"}),
        (token(b"x" * 32, {"iss": issuer, "plan": "pro", "admin": True}), {}),
        (token(key, {"iss": "https://other.example", "plan": "pro"}), {}),
        (token(key, {"iss": issuer, "plan": "pro", "exp": 1_000}), {}),
        ("nonsense", {}),
    )
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        unit = UnitSource("jwt", "sub", issuer=issuer, jwks=str(jwks))
        for sources in ((unit, COOKIE), (HEADER,)):
            service = shop(port, v1.port, v2.port, unit=sources, flags=names, attributes=claims)
            async with gateway(replace(world(live(service)), flags=flags)), connect(port) as client:
                for held, known in tokens:
                    answer = await client.send("GET", "/", [("authorization", f"Bearer {held}")])
                    expected = [f"{name}={compiled.evaluate(name, '', known).variant}" for name in names]
                    assert answer.seen("x-fader-flags") == [",".join(expected)], known
