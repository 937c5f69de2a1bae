from __future__ import annotations

import asyncio
from contextlib import suppress

from fader.engine.turns import flushes, turns


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_it_is_flushed_again_and_again_and_once_more_at_the_end() -> None:
    flushed, third = 0, asyncio.Event()

    async def flush() -> None:
        nonlocal flushed
        flushed += 1
        if flushed == 3:
            third.set()

    task = asyncio.create_task(flushes(flush, 0.001))
    async with asyncio.timeout(10):
        await third.wait()
    before = flushed
    await ended(task)
    assert flushed == before + 1


async def test_a_turn_that_fails_is_told_and_the_next_one_comes() -> None:
    taken, told, third = 0, 0, asyncio.Event()
    begun = {"it": asyncio.create_task(asyncio.sleep(60))}

    def turn() -> None:
        nonlocal taken
        taken += 1
        if taken == 3:
            third.set()
        raise ValueError

    def failed() -> None:
        nonlocal told
        told += 1

    task = asyncio.create_task(turns(turn, 0.001, begun, failed))
    async with asyncio.timeout(10):
        await third.wait()
    await ended(task)
    assert told == taken >= 3
    with suppress(asyncio.CancelledError):
        await begun["it"]
    assert begun["it"].cancelled()
