"""Telling whoever listens that a rollout's view has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class Changes:
    """A slow listener misses repetitions, never the fact: each holds a set of names, not a queue that could grow.

    `moves`: how many changes were told of that are more than figures.
    """

    def __init__(self) -> None:
        self.moves = 0
        self._listeners: dict[asyncio.Event, dict[str, None]] = {}

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def tell(self, rollout: str, *, figures: bool = False) -> None:
        """`figures`: nothing but numbers has changed, as at every tick."""
        self.moves += not figures
        for event, names in self._listeners.items():
            names[rollout] = None
            event.set()

    async def listen(self) -> AsyncIterator[str]:
        event = asyncio.Event()
        names: dict[str, None] = {}
        self._listeners[event] = names
        try:
            while True:
                await event.wait()
                event.clear()
                while names:
                    name = next(iter(names))
                    del names[name]
                    yield name
        finally:
            del self._listeners[event]
