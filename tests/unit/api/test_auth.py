"""The door: tokens, sessions, Host and Origin."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fader.api import auth
from fader.api.allowance import Allowance

TOKENS = auth.Tokens("operator-token", "gateway-token", "events-token", "server-key", "client-key")
HERE = "http://127.0.0.1:7070"


async def anything(request: Request) -> Response:
    return PlainTextResponse(request.state.actor)


def browser(base: str = HERE, tokens: auth.Tokens = TOKENS, guests: Allowance | None = None) -> httpx2.AsyncClient:
    app = Starlette(
        routes=[
            *auth.routes(tokens),
            Route("/login", anything),
            Route("/v1/gateway/report", anything, methods=["POST"]),
            Route("/{path:path}", anything, methods=["GET", "POST", "DELETE"]),
        ]
    )
    guarded = auth.Guard(app, tokens, frozenset({"127.0.0.1", "localhost"}), guests)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(guarded), base_url=base)


async def log_in(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/login", json={"token": TOKENS.operator}, headers={"origin": HERE})
    assert answer.status_code == 204


BEARER = {"authorization": "Bearer operator-token"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/health", {}, 200),
        ("GET", "/login", {}, 200),
        ("GET", "/static/app.css", {}, 200),
        ("GET", "/v1/rollouts", {}, 401),
        ("GET", "/v1/rollouts", {"authorization": "Bearer wrong"}, 401),
        ("GET", "/v1/rollouts", {"authorization": "Basic operator-token"}, 401),
        ("GET", "/v1/rollouts", BEARER, 200),
        ("GET", "/v1/rollouts?token=operator-token", {}, 401),
        ("POST", "/v1/rollouts/a/abort", {}, 401),
        ("POST", "/v1/rollouts/a/abort", BEARER, 200),
        ("POST", "/v1/rollouts/a/abort", {**BEARER, "origin": "http://evil.example"}, 403),
        ("POST", "/v1/rollouts/a/abort", {**BEARER, "origin": "null"}, 403),
        ("POST", "/v1/rollouts/a/abort", {**BEARER, "origin": HERE}, 200),
        ("POST", "/v1/gateway/report", BEARER, 401),
        ("POST", "/v1/gateway/report", {"authorization": "Bearer gateway-token"}, 200),
        ("GET", "/v1/rollouts", {"authorization": "Bearer gateway-token"}, 401),
        ("POST", "/static/app.css", {}, 401),
        ("GET", "/", {"accept": "text/html"}, 303),
        ("GET", "/", {}, 401),
        ("GET", "/v1/rollouts", {**BEARER, "host": "evil.example"}, 403),
        ("GET", "/v1/health", {"host": "evil.example:7070"}, 403),
        ("GET", "/v1/rollouts", {**BEARER, "host": "localhost:7070"}, 200),
    ],
)
async def test_who_gets_in(method: str, path: str, headers: dict[str, str], status: int) -> None:
    async with browser() as client:
        assert (await client.request(method, path, headers=headers)).status_code == status


OPENS = {
    "operator-token": {
        "/v1/rollouts",
        "/v1/flags/a/off",
        "/v1/events",
        "/v1/sdk/ruleset",
        "/v1/sdk/stream",
        "/ofrep/v1/evaluate/flags",
    },
    "gateway-token": {"/v1/gateway/report"},
    "events-token": {"/v1/events"},
    "server-key": {"/v1/events", "/v1/sdk/ruleset", "/v1/sdk/stream", "/ofrep/v1/evaluate/flags"},
    "client-key": {"/ofrep/v1/evaluate/flags"},
    "": set(),
}


@pytest.mark.parametrize(("token", "opens"), OPENS.items())
async def test_a_token_opens_its_own_doors_alone(token: str, opens: set[str]) -> None:
    async with browser() as client:
        for path in sorted(set().union(*OPENS.values())):
            answer = await client.post(path, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == (200 if path in opens else 401), path


async def test_a_token_that_was_never_made_opens_nothing() -> None:
    async with browser(tokens=auth.Tokens("other", "another", "", "", "")) as client:
        for path in sorted(set().union(*OPENS.values())):
            assert (await client.post(path, headers={"authorization": "Bearer "})).status_code == 401, path


async def test_the_token_of_events_opens_ofreps_events_alone() -> None:
    tokens = {TOKENS.events_of(client=client) for client in (True, False)}
    assert len(tokens) == 2
    async with browser() as client:
        for token in (*tokens, "wrong", "", TOKENS.client_key):
            found = [
                (await client.request(method, path, params={"token": token})).status_code
                for method, path in (
                    ("GET", auth.EVENTS),
                    ("POST", auth.EVENTS),
                    ("POST", "/ofrep/v1/evaluate/flags"),
                    ("GET", "/v1/sdk/stream"),
                )
            ]
            assert found == [200 if token in tokens else 401, 401, 401, 401]
    async with browser(tokens=auth.Tokens("other", "another", "", "", "")) as client:
        assert (await client.get(auth.EVENTS, params={"token": ""})).status_code == 401


async def test_a_session_may_look_and_press_its_own_buttons() -> None:
    async with browser() as client:
        await log_in(client)
        assert (await client.get("/rollouts/a")).text == "dashboard"
        assert (await client.post("/rollouts/a/abort", headers={"origin": HERE})).status_code == 200
        assert (await client.post("/rollouts/a/abort", headers={"sec-fetch-site": "same-origin"})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://evil.example"}, {"origin": "http://127.0.0.1:8080"}, {"sec-fetch-site": "cross-site"}],
)
async def test_a_page_elsewhere_cannot_press_them(headers: dict[str, str]) -> None:
    async with browser() as client:
        await log_in(client)
        assert (await client.post("/rollouts/a/abort", headers=headers)).status_code == 403


async def test_the_session_cookie_is_out_of_reach_and_does_not_hold_the_token() -> None:
    async with browser() as client:
        answer = await client.post("/login", json={"token": TOKENS.operator}, headers={"origin": HERE})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert TOKENS.operator not in cookie


async def test_a_wrong_token_gets_no_cookie() -> None:
    async with browser() as client:
        answer = await client.post("/login", json={"token": "guess"}, headers={"origin": HERE})
        assert answer.status_code == 401
        answer = await client.post("/login", data={"token": "guess"}, headers={"origin": HERE})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?wrong=1")
        assert not client.cookies


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/", "/login"),
        ("/rollouts/a", "/login?next=%2Frollouts%2Fa"),
        ("/audit?actor=ann&page=2", "/login?next=%2Faudit%3Factor%3Dann%26page%3D2"),
    ],
)
async def test_who_is_not_signed_in_is_led_to_where_they_wanted_to_go(asked: str, led: str) -> None:
    async with browser() as client:
        assert (await client.get(asked, headers={"accept": "text/html"})).headers["location"] == led


@pytest.mark.parametrize(
    ("next", "leads"),
    [
        ("/rollouts/a", "/rollouts/a"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
    ],
)
async def test_signing_in_goes_on_to_a_page_of_this_server_alone(next: str, leads: str) -> None:
    async with browser() as client:
        wrong = await client.post("/login", data={"token": "guess", "next": next}, headers={"origin": HERE})
        right = await client.post("/login", data={"token": TOKENS.operator, "next": next}, headers={"origin": HERE})
    assert wrong.headers["location"] == "/login?wrong=1" + (f"&{urlencode({'next': leads})}" if leads != "/" else "")
    assert (right.status_code, right.headers["location"]) == (303, leads)


async def test_those_who_are_not_signed_in_see_cards_alone_where_they_may_and_not_too_often() -> None:
    now = 0.0
    closed = ["/", "/audit", "/rollouts/", "/rollouts/a/live", "/rollouts/a/card.png/x", "/rollouts/a/b/card.png"]
    async with browser(guests=Allowance(2.0, lambda: now)) as client:
        for path in (*closed, "/v1/rollouts/a", "/rollouts/a%2Fb"):
            assert (await client.get(path)).status_code == 401, path
        for path in ("/rollouts/a", "/rollouts/a/card.png", "/rollouts/a/abort", "/rollouts/a/preview"):
            assert (await client.post(path)).status_code == 401, path
        assert (await client.get("/rollouts/a")).status_code == 200
        assert (await client.get("/rollouts/a/card.png")).status_code == 200
        refused = await client.get("/rollouts/b/card.png")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert (await client.get("/rollouts/a", headers=BEARER)).status_code == 200
        now = 0.5
        assert (await client.get("/rollouts/a")).status_code == 200


async def test_a_login_from_elsewhere_is_refused() -> None:
    async with browser() as client:
        answer = await client.post("/login", json={"token": TOKENS.operator}, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403


async def test_every_answer_carries_the_security_headers() -> None:
    async with browser() as client:
        answer = await client.get("/login")
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(("named", "heard"), [("ann", "ann"), ("", "api"), ("a" * 100, "a" * 64), ("a\tb", "ab")])
async def test_who_asks_is_as_the_caller_says(named: str, heard: str) -> None:
    async with browser() as client:
        answer = await client.get("/v1/rollouts", headers={**BEARER, "x-fader-actor": named})
    assert answer.text == heard
