"""What the app and the browser are told, and what nobody can make up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import subprocess
from pathlib import Path

import httpx2
import pytest

from fader.model.ruleset import Split
from fader.model.service import Exclusion, Tls, UnitSource, Version
from fader.model.share import WHOLE, Interval

from .envoy import free_port, gateway
from .http import apps, connect, get
from .worlds import HEADER, SECRET, live, local, shop, split, world

pytestmark = pytest.mark.slow


async def test_assignment_goes_to_the_app_and_the_browser() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        async with gateway(world(live(shop(port, v1.port, v2.port), split()))):
            answer = await get(port, "/own", ("x-user-id", "zoë"))
    assert answer.app == "v2"
    assert answer.seen("x-fader-unit") == ["zoë"]
    assert answer.seen("x-fader") == ["shop=v2"]
    assert answer.seen("baggage") == ["fader.shop=v2"]
    assert answer.one("x-fader") == "shop=v2", "the app's own x-fader header does not confuse"
    assert answer.one("vary") == "x-user-id, cookie"
    assert answer.one("server") == "v2"


async def test_nobody_else_speaks_of_fader() -> None:
    spoofed = [
        ("X-Fader", "shop=v2"),
        ("X-Fader-Unit", "root"),
        ("x-fader-anything", "1"),
        ("baggage", "fader.shop=v2"),
    ]
    envoys = [("x-envoy-retry-on", "5xx"), ("x-envoy-upstream-rq-timeout-ms", "1"), ("x-envoy-original-path", "/z")]
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split()))):
            answer = await get(port, "/slow", *spoofed, *envoys)
            trusting = shop(port, v1.port, v2.port, unit=(HEADER,), trust_baggage=True)
        async with gateway(world(live(trusting, split(0)))):
            trusted = await get(port, "/", ("baggage", "tenant=7"))
    assert (answer.status, answer.app) == (200, "v1")
    assert answer.seen("x-fader") == ["shop=v1"]
    assert answer.seen("x-fader-unit") == answer.seen("x-fader-anything") == []
    assert answer.seen("baggage") == ["fader.shop=v1"]
    assert [name for name, _ in json.loads(answer.body)["headers"] if name.startswith("x-envoy-")] == [
        "x-envoy-external-address"
    ]
    assert trusted.seen("baggage") == ["tenant=7", "fader.shop=v1"]


async def test_exclusions_go_to_the_baseline() -> None:
    exclude = (Exclusion(path="/healthz"), Exclusion(prefix="/static/"))
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, exclude=exclude)
        async with gateway(world(live(service, split()))) as running:
            paths = [
                "/healthz",
                "/healthz?deep=1",
                "/static/a.css",
                "//static/b",
                "/healthzz",
                "/static",
                "/x?/healthz",
            ]
            found = [(await get(port, path, ("x-user-id", "a"))).app for path in paths]
            new = await get(port, "/healthz")
            previewed = await get(port, "/healthz", ("x-fader-preview", SECRET))
            lines = await running.lines(9)
    assert found == ["v1", "v1", "v1", "v1", "v2", "v2", "v2"]
    assert (new.app, new.all("set-cookie")) == ("v1", [])
    assert previewed.app == "v1"
    assert [line["why"] for line in lines] == ["excluded"] * 4 + ["rollout"] * 3 + ["excluded"] * 2


async def test_a_preview_by_header_and_by_link() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        async with gateway(world(live(shop(port, v1.port, v2.port), split(0)))) as running:
            header = await get(port, "/", ("x-fader-preview", SECRET), ("x-user-id", "a"))
            wrong = await get(port, "/", ("x-fader-preview", SECRET[:-1]), ("x-user-id", "a"))
            cut = await get(port, f"/?fader_preview={SECRET[:-1]}", ("x-user-id", "a"))
            links = {}
            for query in ("{}", "a=1&{}", "{}&b=2", "a=1&{}&b=2"):
                path = "/items?" + query.format(f"fader_preview={SECRET}")
                link = await get(port, path, ("x-user-id", "a"))
                assert (link.status, link.one("cache-control")) == (307, "no-store")
                links[query] = link.one("location")
            pair, *attributes = link.one("set-cookie").split("; ")
            session = await get(port, "/items", ("x-user-id", "a"), ("cookie", f"theme=dark; {pair}; lang=en"))
            stranger = await get(port, "/items", ("cookie", pair))
            plain = await get(port, "/items", ("x-user-id", "a"), ("cookie", "theme=dark"))
            lines = await running.lines(10)
            log = running.layout.access_log.read_text() + running.log_text()
    assert header.app == session.app == stranger.app == "v2"
    assert wrong.app == cut.app == plain.app == "v1"
    assert links == {
        "{}": "/items",
        "a=1&{}": "/items?a=1",
        "{}&b=2": "/items?b=2",
        "a=1&{}&b=2": "/items?a=1&b=2",
    }
    assert attributes == ["Path=/", "Max-Age=28800", "HttpOnly", "SameSite=Lax"]
    assert session.seen("cookie") == ["theme=dark; fader_preview=; lang=en"]
    for answer in (header, session, stranger):
        assert SECRET not in answer.body.decode(), "the app never sees the secret"
    assert SECRET not in log
    assert [line["why"] for line in lines] == ["preview", "rollout", "rollout"] + ["preview"] * 6 + ["rollout"]
    assert {line["v"] for line in lines if line["why"] == "preview"} == {"v2"}


async def test_a_new_visitor_may_preview_too() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        async with gateway(world(live(shop(port, v1.port, v2.port), split(0)))):
            answer = await get(port, "/", ("x-fader-preview", SECRET))
            longer = await get(port, "/", ("cookie", f"fader_preview={SECRET}x"))
    assert answer.app == "v2"
    assert longer.app == "v2", "the secret is compared whole; what follows it does not matter"


def token(key: bytes, claims: dict[str, object]) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = part(json.dumps({"alg": "HS256", "kid": "k", "typ": "JWT"}).encode())
    body = part(json.dumps(claims).encode())
    return f"{head}.{body}." + part(hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest())


async def test_a_verified_claim_is_the_unit_and_a_forged_one_is_not(tmp_path: Path) -> None:
    key = b"k" * 32
    jwks = tmp_path / "jwks.json"
    secret = base64.urlsafe_b64encode(key).rstrip(b"=").decode()
    jwks.write_text(json.dumps({"keys": [{"kty": "oct", "k": secret, "alg": "HS256", "kid": "k"}]}))
    source = UnitSource("jwt", "sub", issuer="https://id.example", jwks=str(jwks))
    good = token(key, {"iss": "https://id.example", "sub": "alice"})
    cases = {
        good: ["alice"],
        token(b"x" * 32, {"iss": "https://id.example", "sub": "alice"}): ["bob"],
        token(key, {"iss": "https://other.example", "sub": "alice"}): ["bob"],
        token(key, {"iss": "https://id.example", "sub": "alice", "exp": 1_000}): ["bob"],
        token(key, {"iss": "https://id.example"}): ["bob"],
        "nonsense": ["bob"],
    }
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(source, HEADER))
        async with gateway(world(live(service, split()))):
            for held, expected in cases.items():
                answer = await get(port, "/", ("authorization", f"Bearer {held}"), ("x-user-id", "bob"))
                assert answer.status == 200
                assert answer.seen("x-fader-unit") == expected
            nobody = await get(port, "/")
            alone = await get(port, "/", ("authorization", f"Bearer {good}"))
    assert (nobody.app, nobody.seen("x-fader-unit")) == ("v1", [])
    assert alone.seen("authorization") == [f"Bearer {good}"], "the token is left for the app"
    assert alone.one("vary") == "authorization, x-user-id"


async def test_services_share_a_port_by_host_each_with_its_own_units() -> None:
    async with apps("shop1", "shop2", "docs1", "docs2") as (a, b, c, d):
        port = free_port()
        first = shop(port, a.port, b.port, hosts=("shop.example", "*.shop.example"))
        second = shop(
            port, c.port, d.port, name="docs", hosts=("docs.example",), unit=(UnitSource("header", "x-team"),)
        )
        async with gateway(world(live(first, split()), live(second))) as running:
            one = await get(port, "/", ("host", f"Shop.Example:{port}"), ("x-user-id", "u"))
            two = await get(port, "/", ("host", "docs.example"), ("x-team", "t"), ("x-user-id", "u"))
            three = await get(port, "/", ("host", "eu.shop.example"), ("x-user-id", "u"))
            none = await get(port, "/", ("host", "other.example"))
            lines = await running.lines(4)
    assert [one.app, two.app, three.app] == ["shop2", "docs1", "shop2"]
    assert (two.seen("x-fader-unit"), two.seen("x-fader")) == (["t"], ["docs=v1"])
    assert none.status == 404
    assert [(line["s"], line["u"], line["why"]) for line in lines] == [
        ("shop", "u", "rollout"),
        ("docs", "t", "none"),
        ("shop", "u", "rollout"),
        (None, None, None),
    ]


async def test_odd_names_work() -> None:
    async with apps("one", "two") as (one, two):
        port = free_port()
        service = shop(
            port,
            one.port,
            two.port,
            name="shop.eu/100%",
            versions=(Version("v1.0 (old)", local(one.port)), Version("v2.0:é", local(two.port))),
            baseline="v1.0 (old)",
        )
        active = Split("to.v2 50%", "v2.0:é", "salt", Interval(0, WHOLE), "connect", SECRET)
        async with gateway(world(live(service, active, "v1.0 (old)"))) as running:
            answer = await get(port, "/", ("x-user-id", "a"))
            (line,) = await running.lines(1)
    assert answer.app == "two"
    assert answer.seen("x-fader") == ["shop.eu/100%=v2.0:é"]
    assert answer.seen("baggage") == ["fader.shop.eu%2F100%25=v2.0%3A%C3%A9"]
    assert (line["s"], line["r"], line["why"]) == ("shop.eu/100%", "to.v2 50%", "rollout")


def _certificate(directory: Path, name: str) -> Tls:
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return Tls(str(cert), str(key))


async def test_tls_with_a_certificate_per_service_and_http_2(tmp_path: Path) -> None:
    async with apps("shop1", "docs1") as (a, b):
        port = free_port()
        first = shop(port, a.port, a.port, hosts=("shop.example",), tls=_certificate(tmp_path, "shop.example"))
        second = shop(
            port, b.port, b.port, name="docs", hosts=("docs.example",), tls=_certificate(tmp_path, "docs.example")
        )
        async with gateway(world(live(first), live(second))):
            for host, app in (("shop.example", "shop1"), ("docs.example", "docs1")):
                context = ssl.create_default_context(cafile=str(tmp_path / f"{host}.pem"))
                for http2 in (False, True):
                    async with httpx2.AsyncClient(verify=context, http2=http2) as client:
                        url = f"https://127.0.0.1:{port}/"
                        answer = await client.get(url, headers={"host": host}, extensions={"sni_hostname": host})
                    assert answer.json()["app"] == app
                    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
                    assert "Secure" in answer.headers["set-cookie"]


async def test_http_2_without_tls_and_an_http_2_upstream() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port, inside = free_port(), free_port()
        # Another listener of the same gateway is the HTTP/2 app.
        service = shop(port, v1.port, v2.port, versions=(Version("v1", local(inside), http2=True),), unit=(HEADER,))
        behind = shop(inside, v1.port, v2.port, name="behind", unit=(HEADER,))
        async with gateway(world(live(service), live(behind))) as running:
            async with httpx2.AsyncClient(http1=False, http2=True) as client:
                answer = await client.get(f"http://127.0.0.1:{port}/", headers={"x-user-id": "a"})
            stats = await running.stats("version/shop/v1.upstream_cx_http")
    assert (answer.http_version, answer.json()["app"]) == ("HTTP/2", "v1")
    assert stats["cluster.version/shop/v1.upstream_cx_http2_total"] == "1"


async def test_time_limits() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        limited = shop(port, v1.port, v2.port, timeout=0.2)
        async with gateway(world(live(limited))) as running:
            short = await get(port, "/slow", ("x-user-id", "a"))
            await running.apply(world(live(shop(port, v1.port, v2.port, idle_timeout=0.2))))
            idle = await get(port, "/slow", ("x-user-id", "a"))
            await running.apply(world(live(shop(port, v1.port, v2.port, timeout=0, idle_timeout=0))))
            endless = await get(port, "/slow", ("x-user-id", "a"))
    assert (short.status, idle.status, endless.status) == (504, 504, 200)


async def test_keep_alive_survives_every_change() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port)
        async with gateway(world(live(service))) as running, connect(port) as client:
            alice = [("x-user-id", "alice")]
            seen = [(await client.send("GET", "/", alice)).app]
            for change in (split(0), split(), None):
                await running.apply(world(live(service, change)))
                seen.append((await client.send("GET", "/", alice)).app)
            await running.apply(world(live(service, None, "v2")))
            seen.append((await client.send("GET", "/", alice)).app)
    assert seen == ["v1", "v1", "v2", "v1", "v2"]
