from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx2
import pytest

from .control import ControlPlane, control_plane, free_port
from .gateway import Gateway, gateway
from .shop import Shop, shop


@pytest.fixture
async def plane() -> AsyncIterator[ControlPlane]:
    async with control_plane() as made:
        yield made


@pytest.fixture
async def gw(plane: ControlPlane) -> AsyncIterator[Gateway]:
    async with gateway(plane) as made:
        yield made


@pytest.fixture
async def store() -> AsyncIterator[Shop]:
    async with shop(free_port()) as made:
        yield made


class Visitor:
    """A client that opens a new connection for each request, so that no old one hides what the gateway is."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(
            timeout=20, trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0)
        )

    async def get(self, url: str, unit: str = "u1") -> str:
        response = await self._client.get(url, headers={"x-user-id": unit})
        assert response.status_code == 200, response.text
        return response.text

    async def until(self, url: str, answer: str) -> None:
        """Until the gateway gives this answer."""
        seen: list[str] = []

        async def ask() -> bool:
            try:
                seen[:] = [await self.get(url)]
            except (httpx2.HTTPError, AssertionError) as error:
                seen[:] = [repr(error)]
            return seen == [answer]

        give_up = time.monotonic() + 40
        while not await ask():
            assert time.monotonic() < give_up, f"wanted {answer}, got {seen}"
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self._client.aclose()


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    made = Visitor()
    try:
        yield made
    finally:
        await made.close()
