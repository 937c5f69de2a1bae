"""The whole control plane over in-memory stores, without its loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx2
import pytest
from starlette.types import ASGIApp, Message

from fader.api.auth import Tokens
from fader.app.server import build
from fader.model.front import LOOPBACK, Front
from fader.model.service import Address
from fader.storage.memory import MemoryStateStore
from fader.telemetry.memory import MemoryEventStore

HERE = "http://127.0.0.1:7070"
TOKENS = Tokens("operator-token", "gateway-token", "events-token", "server-key", "client-key")


async def _answers(_address: Address) -> str:
    """Every version is up."""
    return ""


@dataclass
class Plane:
    """`now` is the server's clock."""

    now: float = 1_800_000_000.0
    states: MemoryStateStore = field(default_factory=MemoryStateStore)
    front: Front = LOOPBACK

    def __post_init__(self) -> None:
        hosts = frozenset({"127.0.0.1"})
        app = build(self.states, MemoryEventStore(), TOKENS, hosts, lambda: self.now, _answers, front=self.front)
        self._app = app
        self._transport = httpx2.ASGITransport(app)

    def client(self, token: str) -> httpx2.AsyncClient:
        headers = {"authorization": f"Bearer {token}", "x-fader-actor": "ann"} if token else {}
        return httpx2.AsyncClient(transport=self._transport, base_url=HERE, headers=headers)

    async def written(self) -> None:
        """What the server counts is in the state, as it is when it ends."""
        async with asyncio.timeout(10):
            await _life(self._app)

    async def apply(self, text: str) -> dict[str, list[dict[str, str]]]:
        async with self.client("operator-token") as client:
            answer = await client.post("/v1/apply", json={"text": text})
        assert answer.status_code == 200, answer.text
        changes: dict[str, list[dict[str, str]]] = answer.json()
        return changes


async def _life(app: ASGIApp) -> None:
    """The server's loops, begun and ended."""
    begun, coming = asyncio.Event(), asyncio.Queue[Message]()

    async def send(message: Message) -> None:
        assert "failed" not in message["type"], message
        begun.set()

    coming.put_nowait({"type": "lifespan.startup"})
    life = asyncio.create_task(app({"type": "lifespan", "state": {}}, coming.get, send))
    await begun.wait()
    coming.put_nowait({"type": "lifespan.shutdown"})
    await life


@pytest.fixture
def plane() -> Plane:
    return Plane()


@pytest.fixture
async def as_(plane: Plane) -> AsyncIterator[Callable[[str], httpx2.AsyncClient]]:
    """A client with that token."""
    opened: list[httpx2.AsyncClient] = []

    def client(token: str) -> httpx2.AsyncClient:
        opened.append(plane.client(token))
        return opened[-1]

    yield client
    for one in opened:
        await one.aclose()
