"""The short way of a single evaluation: the same answers as by the long way, and taken by what is usual."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from fader.api import auth, ofrep
from fader.api.allowance import NO_LIMITS, Limits
from fader.api.express import Express
from fader.api.feed import Feed
from fader.api.notices import Notices
from fader.engine.exposing import Exposing
from fader.engine.flag_desk import FlagDesk
from fader.engine.publish import Publisher
from fader.model.flag import Flag, Move, Rule, Variant
from fader.model.share import Interval
from fader.ports.events import Tracked
from fader.storage.memory import MemoryStateStore
from fader.telemetry.memory import MemoryEventStore

TOKENS = auth.Tokens("operator-token", "gateway-token", "events-token", "server-key", "client-key")
ON_OFF = (Variant("on", True), Variant("off", False))
US = Rule("on", 'country == "US"', 500_000, "us")
FLAGS = (
    Flag("plain", "boolean", ON_OFF, "on", "off", metadata={"team": "a"}, client=True),
    Flag("ruled", "boolean", ON_OFF, "off", "off", rules=(US,)),
    Flag("both", "json", (Variant("a", {"x": [1, "é"]}),), "a", "a", rules=(Rule("a", "age > 3"),), client=True),
    Flag("broken", "boolean", ON_OFF, "on", "off", rules=(Rule("on", "tomorrow >"),)),
    Flag("a/b", "boolean", ON_OFF, "on", "off", enabled=False),
)
GOOD = {"authorization": "Bearer server-key", "host": "127.0.0.1:7070"}
BODY = b'{"context": {"targetingKey": "ann", "country": "US"}}'
ONE = "/ofrep/v1/evaluate/flags/"


class Store(MemoryEventStore):
    """`exposed`: who was told to have been given what."""

    def __init__(self) -> None:
        super().__init__()
        self.exposed: list[tuple[str, str, str]] = []

    def track(self, events: tuple[Tracked, ...]) -> None:
        self.exposed += [(e.unit, e.rollout, e.version) for e in events]


class World:
    """`long` counts the requests that went the long way; `now` is the clock."""

    def __init__(self, limits: Limits = NO_LIMITS, flags: tuple[Flag, ...] = FLAGS) -> None:
        self.now, self.events = 0.0, Store()
        self.states = MemoryStateStore()
        self.states.publish((), flags)
        self.publisher = Publisher(self.states)
        self.exposing = Exposing(self.events, lambda: 0.0)
        self.desk = FlagDesk(self.states, self.publisher, lambda: 0.0, exposing=self.exposing)
        hosts = frozenset({"127.0.0.1"})
        routes = ofrep.routes(self.desk, Notices(Feed(self.desk), lambda: 0.0), TOKENS)
        self.guard = auth.Guard(Starlette(routes=routes), TOKENS, hosts)
        self.express = Express(self.counted, self.desk, TOKENS, hosts, limits, lambda: self.now)
        self.long = 0

    async def counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.long += 1
        await self.guard(scope, receive, send)


def ask(app: Any, path: str, headers: list[tuple[str, str]], *parts: bytes, method: str = "POST") -> tuple[Any, ...]:
    """Status, kind of content and body."""
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": raw, "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("127.0.0.1", 7070)}
    coming: list[Message] = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    given = dict(sent[0]["headers"])
    body = b"".join(m.get("body", b"") for m in sent[1:])
    assert int(given[b"content-length"]) == len(body)
    return sent[0]["status"], given.get(b"content-type"), body


@pytest.mark.parametrize("key", ["plain", "ruled", "both", "a/b"])
@pytest.mark.parametrize("token", ["server-key", "operator-token"])
@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_what_is_usual_takes_the_short_way(key: str, token: str, header: str) -> None:
    world = World()
    value = f"Bearer {token}" if header == "authorization" else token
    found = ask(world.express, ONE + key, [("host", "127.0.0.1:7070"), (header, value)], BODY)
    assert (found[0], world.long) == (200, 0)


def test_a_switch_is_seen_at_once() -> None:
    world = World()
    headers = list(GOOD.items())
    before = ask(world.express, ONE + "plain", headers, BODY)[2]
    world.states.apply((), (), (replace(FLAGS[0], enabled=False),))
    world.publisher.publish()
    after = ask(world.express, ONE + "plain", headers, BODY)[2]
    assert (b'"value":true' in before, b'"value":false' in after) == (True, True)


@pytest.mark.parametrize(
    "header",
    [
        ("origin", "https://shop.example.com"),
        ("host", "evil.example"),
        ("authorization", "server-key"),
        ("authorization", "Bearer wrong"),
        ("authorization", "Bearer events-token"),
    ],
)
def test_what_is_not_usual_takes_the_long_one(header: tuple[str, str]) -> None:
    world = World()
    headers = [header, *((name, value) for name, value in GOOD.items() if name != header[0])]
    found = ask(world.express, ONE + "plain", headers, BODY)
    assert (world.long, found) == (1, ask(world.guard, ONE + "plain", headers, BODY))


def test_who_is_given_something_by_a_rollout_is_exposed_to_it() -> None:
    moving = replace(FLAGS[0], name="moving", default="off", move=Move("r", "on", "moving/r", Interval(0, 1_000_000)))
    world = World(flags=(*FLAGS, moving))
    for key in ("moving", "moving", "plain"):
        assert ask(world.express, ONE + key, list(GOOD.items()), BODY)[0] == 200
    asyncio.run(world.exposing.flush())
    assert (world.events.exposed, world.long) == ([("ann", "r", "on")], 0)


def test_a_client_key_sees_by_the_short_way_what_it_may() -> None:
    world = World()
    headers = [("host", "127.0.0.1"), ("x-api-key", "client-key")]
    assert ask(world.express, ONE + "plain", headers, BODY)[0] == 200
    assert world.long == 0
    assert ask(world.express, ONE + "ruled", headers, BODY)[0] == 404
    assert world.long == 1


def test_keys_that_were_never_made_open_nothing() -> None:
    world = World()
    none, hosts = auth.Tokens("a", "b", "c"), frozenset({"127.0.0.1"})
    express = Express(auth.Guard(world.guard, none, hosts), world.desk, none, hosts)
    for header in (("authorization", "Bearer "), ("x-api-key", ""), ("x", "y")):
        assert ask(express, ONE + "plain", [("host", "127.0.0.1"), header], BODY)[0] == 401


@pytest.mark.parametrize("header", [("authorization", "Bearer client-key"), ("authorization", "bearer client-key ")])
@pytest.mark.parametrize("path", [ONE + "plain", ONE + "none", "/ofrep/v1/evaluate/flags"])
def test_a_key_that_asks_too_often_is_told_when_to_ask_again(header: tuple[str, str], path: str) -> None:
    world = World(Limits(client=2))
    headers = [("host", "127.0.0.1"), header]

    def statuses(count: int) -> list[int]:
        return [ask(world.express, path, headers, BODY)[0] for _ in range(count)]

    assert 429 not in statuses(2)
    assert statuses(2) == [429, 429]
    assert ask(world.express, ONE + "plain", list(GOOD.items()), BODY)[0] == 200
    world.now = 0.5
    assert [status == 429 for status in statuses(2)] == [False, True]
    world.now = 100.0
    assert [status == 429 for status in statuses(3)] == [False, False, True]


def test_when_to_ask_again() -> None:
    world = World(Limits(server=0.25))
    headers = list(GOOD.items())
    assert ask(world.express, ONE + "plain", headers, BODY)[0] == 200
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": "POST", "path": ONE + "plain", "headers": raw}
    asyncio.run(world.express(scope, receive, send))
    given = dict(sent[0]["headers"])
    assert (sent[0]["status"], given[b"retry-after"], given[b"access-control-allow-origin"]) == (429, b"4", b"*")
    assert b"errorDetails" in sent[1]["body"]


KEYS = st.sampled_from([*(f.name for f in FLAGS), "none", "", "plain/"])
HEADERS = st.lists(
    st.sampled_from(
        [
            ("host", "127.0.0.1:7070"),
            ("host", "evil.example"),
            ("authorization", "Bearer server-key"),
            ("authorization", "bearer  server-key"),
            ("authorization", "Bearer client-key"),
            ("authorization", "Basic server-key"),
            ("authorization", "server-key"),
            ("x-api-key", "server-key"),
            ("x-api-key", "client-key"),
            ("x-api-key", "wrong"),
            ("origin", "https://shop.example.com"),
            ("content-type", "application/json"),
        ]
    ),
    max_size=4,
)
BODIES = st.sampled_from(
    [
        BODY,
        b'{"context": {"targetingKey": "", "age": 4, "country": null}, "more": 1}',
        b'{"context": {"targetingKey": 5}}',
        b'{"context": {}}',
        b'{"context": null}',
        b"[]",
        b"{",
        b"",
        b'{"context": {"targetingKey": "\\ud800"}}',
        b'{"context": {"targetingKey": "ann", "age": {"x": [1e400]}}}',
        b'{"context": {"targetingKey": "' + b"x" * 1_000_000 + b'"}}',
    ]
)


@settings(max_examples=300)
@given(key=KEYS, headers=HEADERS, body=BODIES, cut=st.booleans(), method=st.sampled_from(["POST", "POST", "GET"]))
def test_both_ways_give_the_same(key: str, headers: list[tuple[str, str]], body: bytes, cut: bool, method: str) -> None:
    parts = (body[:9], body[9:]) if cut else (body,)
    headers = headers if any(name == "host" for name, _ in headers) else [*headers, ("host", "127.0.0.1:7070")]
    by_the_short, by_the_long = (
        ask(app, ONE + key, headers, *parts, method=method) for app in (WORLD.express, WORLD.guard)
    )
    assert by_the_short == by_the_long


WORLD = World()
