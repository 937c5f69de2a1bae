"""Telling whoever listens that a rollout's view has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class Changes:
    """A slow listener misses repetitions, never the fact: each holds a set of names, not a queue that could grow.

    Changes that are more than figures are counted.
    """

    def __init__(self) -> None:
        self._moves = 0
        self._last: dict[str, int] = {}
        self._listeners: dict[asyncio.Event, dict[str, None]] = {}

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def tell(self, rollout: str, *, figures: bool = False) -> None:
        """`figures`: nothing but numbers has changed, as at every tick."""
        if not figures:
            self._moves += 1
            self._last[rollout] = self._moves
        for event, names in self._listeners.items():
            names[rollout] = None
            event.set()

    def moves(self, rollout: str = "") -> int:
        """The number of the last change of this one that was more than figures; of all for "", and 0 for none."""
        return self._last.get(rollout, 0) if rollout else self._moves

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
