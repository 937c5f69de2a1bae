"""POST /v1/events: what is taken, what is refused, and how it is said."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette

from fader.api import auth, events, problems
from fader.errors import FaderError
from fader.model.metric import Metric
from fader.model.share import Interval
from fader.ports.events import Cell, CellMetric
from fader.telemetry.memory import MemoryEventStore

TOKENS = auth.Tokens("operator-token", "gateway-token", "events-token")
NOW = 5_000.0
ORDERS = Metric("orders", "count", "higher", event="order")
CELL = Cell("shop-v2", 1, 0, "shop", "v2", "shop/shop-v2", Interval(0, 1), (CellMetric(ORDERS),), 1000.0)
SEEN = {"name": "exposure", "unit": "ann", "rollout": "shop-v2", "version": "v2", "at": 2000}


@pytest.fixture
def store() -> MemoryEventStore:
    made = MemoryEventStore()
    made.open_cell(CELL)
    return made


@pytest.fixture
async def client(store: MemoryEventStore) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=events.routes(store, lambda: NOW), exception_handlers={FaderError: problems.on_fader_error})
    guarded = auth.Guard(app, TOKENS, frozenset({"127.0.0.1"}))
    headers = {"authorization": "Bearer events-token"}
    transport = httpx2.ASGITransport(guarded)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as made:
        yield made


def orders(store: MemoryEventStore) -> float:
    store.load()
    return store.evidence(*CELL.key)[0].candidate.events


async def test_events_are_taken_one_or_many(client: httpx2.AsyncClient, store: MemoryEventStore) -> None:
    one = await client.post("/v1/events", json=SEEN)
    assert (one.status_code, one.json()) == (202, {"taken": 1})
    order = {"name": "order", "unit": "ann", "at": 2001, "properties": {"amount": 19.9, "plan": "pro", "first": True}}
    many = await client.post("/v1/events", json={"events": [order, order | {"id": "a"}, order | {"id": "a"}]})
    assert (many.status_code, many.json()) == (202, {"taken": 3})
    assert orders(store) == 2  # an id counts once, without one each delivery does


async def test_without_a_time_it_is_now(client: httpx2.AsyncClient, store: MemoryEventStore) -> None:
    await client.post("/v1/events", json={"events": [SEEN, {"name": "order", "unit": "ann"}]})
    assert orders(store) == 1
    store.open_cell(Cell(*CELL.key, "shop", "v2", CELL.salt, CELL.interval, CELL.metrics, 1000.0, until=NOW))
    assert orders(store) == 0


async def test_clocks_of_senders_are_compared(client: httpx2.AsyncClient, store: MemoryEventStore) -> None:
    await client.post("/v1/events", json={"name": "order", "unit": "ann", "at": NOW + 90})
    store.load()
    assert store.health(*CELL.key).skew == 90.0


@pytest.mark.parametrize(
    ("change", "path", "fix"),
    [
        ({"name": None}, ".name", "name what happened"),
        ({"name": "two words"}, "", "use letters"),
        ({"name": "request"}, "", "the gateway's"),
        ({"unit": ""}, "", "give the unit"),
        ({"unit": 7}, ".unit", "give the id of the user"),
        ({"at": "soon"}, ".at", "seconds since 1970"),
        ({"at": -1}, "", "seconds since 1970"),
        ({"at": NOW * 1000}, ".at", "milliseconds"),
        ({"properties": {"a": [1]}}, ".properties", "without nesting"),
        ({"properties": {"a b": 1}}, "", "use letters"),
        ({"colour": "red"}, ".colour", "an event has"),
        ({"name": "exposure"}, "", "to what the unit was exposed"),
        ({"id": "x" * 300}, "", "uuid4"),
    ],
)
async def test_a_bad_event_is_named_and_nothing_is_taken(
    client: httpx2.AsyncClient, store: MemoryEventStore, change: dict[str, object], path: str, fix: str
) -> None:
    good = {"name": "order", "unit": "ann", "at": 2001}
    answer = await client.post("/v1/events", json={"events": [SEEN, good, good | change, {"unit": "bob"}]})
    assert answer.status_code == 422
    first, second = answer.json()["problems"]
    assert first["path"] == f"events[2]{path}"
    assert fix in first["fix"]
    assert (second["path"], "name" in second["message"]) == ("events[3].name", True)
    assert orders(store) == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no JSON"),
        (b"[", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"events": 7}', "no list"),
        (b"[1]", "expected `object`"),
        (b'{"events": [' + b",".join([b"{}"] * 1001) + b"]}", "1,001 events"),
        (b" " * 1_000_001, "larger than 1,000,000 bytes"),
    ],
)
async def test_a_body_that_holds_no_events_is_refused(client: httpx2.AsyncClient, body: bytes, message: str) -> None:
    answer = await client.post("/v1/events", content=body)
    assert answer.status_code == 422
    assert message in answer.json()["problems"][0]["message"]


@pytest.mark.parametrize(("token", "status"), [("events-token", 202), ("operator-token", 202), ("gateway-token", 401)])
async def test_who_may_send(client: httpx2.AsyncClient, token: str, status: int) -> None:
    answer = await client.post("/v1/events", json=SEEN, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == status
