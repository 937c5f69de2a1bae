"""A real HTTP server on loopback that speaks Prometheus' API, asked over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from fader.api.auth import Tokens
from fader.app.server import build
from fader.model.external import Answer, External, Provider, Question
from fader.model.service import Address
from fader.providers.http import HttpProviders
from fader.storage.memory import MemoryStateStore
from fader.telemetry.memory import MemoryEventStore

Reply = Callable[[str, float], Awaitable[tuple[int, object]]]
EVENTS, TOTAL = 'sum(calls_total{version="{{version}}",code!="OK"})', 'sum(calls_total{version="{{version}}"})'
SERIES = {'sum(calls_total{version="v2",code!="OK"})': "3", 'sum(calls_total{version="v2"})': "100"} | {
    'sum(calls_total{version="v1",code!="OK"})': "30",
    'sum(calls_total{version="v1"})': "1900",
}


class Prometheus:
    """Answers instant queries from `SERIES`; what it does not know is an empty vector, as there."""

    def __init__(self) -> None:
        self.reply: Reply = self.known
        self.authorizations: list[str] = []

    async def known(self, query: str, at: float) -> tuple[int, object]:
        result = [{"metric": {}, "value": [at, SERIES[query]]}] if query in SERIES else []
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request, *headers = head.decode().split("\r\n")
                self.authorizations += [h.partition(": ")[2] for h in headers if h.lower().startswith("authorization:")]
                url = urlsplit(request.split(" ")[1])
                assert url.path == "/api/v1/query"
                asked = parse_qs(url.query)
                status, body = await self.reply(asked["query"][0], float(asked["time"][0]))
                text = json.dumps(body).encode()
                writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def ask(prometheus: Prometheus, events: str = EVENTS, timeout: float = 5.0) -> Answer:
    server = await asyncio.start_server(prometheus.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    providers = HttpProviders(environment={"PROM_TOKEN": "s3cret"})
    provider = Provider("prom", "prometheus", f"http://127.0.0.1:{port}", "PROM_TOKEN", timeout=timeout)
    questions = (Question("shop", version, 1_000_000.0, 1_000_060.0, 15.0) for version in ("v2", "v1"))
    try:
        return await providers.ask(External(provider, events, TOTAL), *questions)
    finally:
        await providers.close()
        server.close()


async def test_the_counters_of_both_versions() -> None:
    prometheus = Prometheus()
    assert await ask(prometheus) == Answer((3.0, 100.0), (30.0, 1900.0))
    assert prometheus.authorizations == ["Bearer s3cret"] * 4


async def test_no_data() -> None:
    answer = await ask(Prometheus(), 'sum(nothing{version="{{version}}"})')
    assert answer.missing == "prom has no data for the query: its vector is empty, of v2"


async def test_it_comes_back_while_it_is_asked() -> None:
    prometheus, failures = Prometheus(), iter([503, 500])

    async def reply(query: str, at: float) -> tuple[int, object]:
        status = next(failures, 200)
        return (await prometheus.known(query, at)) if status == 200 else (status, "starting")

    prometheus.reply = reply
    assert (await ask(prometheus)).candidate == (3.0, 100.0)


async def test_it_hangs() -> None:
    prometheus = Prometheus()

    async def never(query: str, at: float) -> tuple[int, object]:
        await asyncio.sleep(30)
        return 200, {}

    prometheus.reply = never
    assert await ask(prometheus, timeout=0.2) == Answer(missing="prom did not answer within 0.2 s")


async def test_nobody_listens() -> None:
    providers = HttpProviders(environment={})
    question = Question("shop", "v2", 0.0, 1.0, 15.0)
    provider = Provider("prom", "prometheus", "http://127.0.0.1:1")
    answer = await providers.ask(External(provider, series="x"), question, question)
    assert answer.missing.startswith("prom cannot be reached: ")
    await providers.close()


@pytest.mark.parametrize("body", ["nothing", [], {"status": "error", "errorType": "bad_data", "error": "parse error"}])
async def test_what_is_no_answer(body: object) -> None:
    prometheus = Prometheus()

    async def reply(query: str, at: float) -> tuple[int, object]:
        return 400, body

    prometheus.reply = reply
    assert (await ask(prometheus)).missing.startswith("prom answered with HTTP 400: ")


FILE = """
services:
  shop: {{listen: "127.0.0.1:8080", versions: {{v1: "http://127.0.0.1:1", v2: "http://127.0.0.1:2"}}, baseline: v1}}
providers:
  prom: {{kind: prometheus, url: "http://127.0.0.1:{port}"}}
metrics:
  calls: {{kind: external, provider: prom, events: '{events}', total: '{total}', better: lower}}
rollouts:
  shop-v2: {{service: shop, candidate: v2, stages: [5%, 100%], guardrails: {{calls: 1pp}}}}
"""


async def test_a_plan_shows_what_it_answers() -> None:
    async def there(_: Address) -> str:
        return ""

    server = await asyncio.start_server(Prometheus().serve, "127.0.0.1", 0)
    text = FILE.format(port=server.sockets[0].getsockname()[1], events=EVENTS, total=TOTAL)
    tokens, hosts, providers = Tokens("operator", "gateway", "events"), frozenset({"127.0.0.1"}), HttpProviders()
    app = build(MemoryStateStore(), MemoryEventStore(), tokens, hosts, probe=there, providers=providers)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        body = {"path": "fader.yaml", "text": text}
        answer = await client.post("/v1/plan", json=body, headers={"authorization": "Bearer operator"})
    await providers.close()
    server.close()
    assert answer.status_code == 200, answer.text
    assert answer.json()["answers"] == ["prom answers: calls of shop-v2 is 3 of 100 for v2, 30 of 1,900 for v1"]
    assert answer.json()["warnings"] == []
