"""From the state to the ruleset that every gateway holds."""

from __future__ import annotations

import asyncio

from fader.model.ruleset import Ruleset
from fader.ports.states import StateStore
from fader.rollout.ruleset import build, moved, switched


class Publisher:
    """Publishing again without a change does nothing, so it may be called at any time, after a crash too."""

    def __init__(self, states: StateStore) -> None:
        self._states = states
        self._current = states.ruleset()
        self._changed = asyncio.Event()

    @property
    def current(self) -> Ruleset:
        return self._current

    def publish(self) -> Ruleset:
        """Build, store and hand out. Whoever waits in `newer` wakes in the same turn of the loop."""
        entries = tuple((e.spec, e.state, e.preview) for e in self._states.entries())
        flags = moved(switched(self._states.flags(), self._states.switches()), tuple((s, x) for s, x, _ in entries))
        ruleset = self._states.publish(build(self._states.services(), entries), flags, self._states.segments())
        if ruleset.version != self._current.version:
            self._current = ruleset
            self._changed.set()
            self._changed = asyncio.Event()
        return ruleset

    async def newer(self, have: int, wait: float) -> Ruleset | None:
        """The ruleset once its version differs from `have`; None when `wait` seconds have passed."""
        if self._current.version != have:
            return self._current
        try:
            async with asyncio.timeout(wait):
                while self._current.version == have:
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self._current
