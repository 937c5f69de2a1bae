"""Work that is done again and again until the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any


async def turns(
    turn: Callable[[], object], every: float, begun: Mapping[Any, asyncio.Task[None]], failed: Callable[[], None]
) -> None:
    """Until cancelled, and with it what was `begun`. A turn that raises is told by `failed`, in which the error is the
    current one, and the next one comes; `every` is in seconds."""
    try:
        while True:
            try:
                turn()
            except Exception:
                failed()
            await asyncio.sleep(every)
    finally:
        for task in begun.values():
            task.cancel()


async def flushes(flush: Callable[[], Awaitable[None]], every: float) -> None:
    """Until cancelled, and then once more; `every` is in seconds."""
    try:
        while True:
            await asyncio.sleep(every)
            await flush()
    finally:
        await flush()
