"""What people and their CI tell of the source that names the flags."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fader.clock import Clock
from fader.engine.flag_desk import FlagDesk
from fader.errors import NotFound, Refused
from fader.model.codebase import Codebase, Found
from fader.ports.states import StateStore

#: Codebases that are kept.
MOST = 200


@dataclass(frozen=True, slots=True)
class Taken:
    """A report that was taken. `named`: how many of the flags in force the codebase names; `gone`: those that it named
    once and no longer."""

    codebase: Codebase
    named: int
    gone: tuple[str, ...]


class CodebaseDesk:
    def __init__(
        self, states: StateStore, flags: FlagDesk, clock: Clock, told: Callable[[str], None] = lambda name: None
    ) -> None:
        """`told`: hears `codebase:NAME` when one was searched or forgotten."""
        self._states, self._flags, self._clock, self._told = states, flags, clock, told

    def codebases(self) -> tuple[Codebase, ...]:
        return self._states.codebases()

    async def report(self, name: str, found: tuple[Found, ...], actor: str) -> Taken:
        """Take what a search found in place of what the last one of this codebase did; what is no flag in force is
        passed over. Raises Refused when there are too many codebases."""
        known = {codebase.name for codebase in self._states.codebases()}
        if name not in known and len(known) >= MOST:
            raise Refused(f"there are {MOST} codebases, and no more are kept; `fader flags forget NAME` forgets one")
        flags = self._flags.flags.flags
        codebase = Codebase(name, self._clock(), actor)
        here = tuple(one for one in found if one.flag in flags)
        now = await asyncio.to_thread(self._states.put_codebase, codebase, here)
        self._told(f"codebase:{name}")
        return Taken(codebase, sum(one.references > 0 for one in now), tuple(one.flag for one in now if one.gone))

    def forget(self, name: str) -> Codebase:
        """Raises NotFound, naming those there are."""
        known = {codebase.name: codebase for codebase in self._states.codebases()}
        if name not in known:
            raise NotFound(f"there is no codebase named {name!r}; there are: {', '.join(known) or 'none'}")
        self._states.forget_codebase(name)
        self._told(f"codebase:{name}")
        return known[name]
