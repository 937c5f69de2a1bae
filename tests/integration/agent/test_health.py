"""A dead endpoint is known within moments, with and without traffic; exact counts are reported."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx2
import pytest

from .conftest import Visitor
from .control import ControlPlane
from .gateway import Gateway, until
from .shop import EVERYBODY, Shop

pytestmark = pytest.mark.slow


def health(plane: ControlPlane, version: str) -> bool | None:
    return next((e.healthy for e in plane.reports[-1].endpoints if e.version == version), None)


async def test_a_dead_candidate_is_seen_without_traffic(plane: ControlPlane, gw: Gateway, store: Shop) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    gw.agent()
    await gw.applied(1)
    await until(lambda: health(plane, "v2") is True, "v2 is well")
    await store.v2.stop()
    await until(lambda: health(plane, "v2") is False, "v2 is seen dead", patience=10)
    assert next(e.reason for e in plane.reports[-1].endpoints if e.version == "v2") == "connection refused"
    assert health(plane, "v1") is True
    await store.v2.start()
    await until(lambda: health(plane, "v2") is True, "v2 is seen again")


async def test_a_dead_candidate_is_seen_under_traffic(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v2")
    over = asyncio.Event()

    async def visit() -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            while not over.is_set():
                with suppress(httpx2.HTTPError):
                    await client.get(store.url, headers={"x-user-id": "u1"})

    traffic = [asyncio.create_task(visit()) for _ in range(4)]
    try:
        await until(lambda: health(plane, "v2") is True and store.v2.requests > 50, "v2 under traffic and well")
        await store.v2.stop()
        await until(lambda: health(plane, "v2") is False, "v2 is seen dead", patience=10)
        assert health(plane, "v1") is True
    finally:
        over.set()
        await asyncio.gather(*traffic)


async def test_exact_counts_are_reported(plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v2")
    for _ in range(20):
        await visitor.get(store.url)

    def counted() -> bool:
        counts = [c for c in plane.reports[-1].counts if (c.service, c.version, c.reason) == ("shop", "v2", "rollout")]
        return bool(counts) and counts[0].requests >= 21 and sum(n for _, n in counts[0].latency_bins) >= 21

    await until(counted, "the counts")
