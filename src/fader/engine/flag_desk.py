"""What people and apps ask of the flags: look, switch, explain, evaluate, and the ruleset for SDKs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fader.assign.evaluate import Flags
from fader.assign.stale import stale
from fader.assign.trail import Trail, trail
from fader.clock import Clock
from fader.engine.exposing import Exposing
from fader.engine.publish import Publisher
from fader.engine.tally import EVERY, Tally
from fader.errors import NotFound
from fader.model.codebase import Searched, Sighting, left
from fader.model.evaluation import Evaluation
from fader.model.flag import Flag, Switch
from fader.model.ruleset import Ruleset
from fader.model.usage import Counted, Given, day_of
from fader.ports.states import StateStore

#: Seconds for which a flag may give everybody the same answer before it counts as stale.
STALE_AFTER = 30 * 86_400.0
#: So many of the flags that there are, are named to whoever asks for another.
NAMED = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """A flag as it is in force. `switches`: who turned it on and off, oldest first; () while the file decides.
    `since`: when it was last changed or switched, 0 if that is not known. `stale`: why it could go. `given`: how often
    apps were given each variant, as far as it is counted, those never given left out. `code`: where it stands in each
    codebase; of one flag with places, of several without."""

    flag: Flag
    switches: tuple[Switch, ...] = ()
    since: float = 0.0
    stale: tuple[str, ...] = ()
    given: tuple[Given, ...] = ()
    code: tuple[Sighting, ...] = ()


class FlagDesk:
    def __init__(
        self,
        states: StateStore,
        publisher: Publisher,
        clock: Clock,
        told: Callable[[str], None] = lambda name: None,
        exposing: Exposing | None = None,
        tally: Tally | None = None,
    ) -> None:
        """`told`: hears `flag:NAME` when a flag was switched. `exposing`: hears who was given what by a rollout;
        `tally`: how often which variant was given."""
        self._exposing, self._tally = exposing, tally
        self._read, self._read_at = Counted(), -EVERY
        self._states, self._publisher, self._clock, self._told = states, publisher, clock, told
        self._seen = _flags_alone(publisher.current)
        self._hold(self._seen)

    @property
    def ruleset(self) -> Ruleset:
        """Flags and segments in force. Its version is the first one that held them: a share that moves changes
        nothing here."""
        current = self._publisher.current
        if current.version != self._seen.version:
            self._seen = _flags_alone(current)
            if replace(self._seen, version=self._held.version) != self._held:
                self._hold(self._seen)
        return self._held

    def _hold(self, ruleset: Ruleset) -> None:
        self._held = ruleset
        self._compiled = Flags(ruleset.flags, ruleset.segments)
        self._required = frozenset(p.flag for flag in ruleset.flags for p in flag.requires)
        if self._exposing:
            self._exposing.follow(ruleset.flags)

    @property
    def flags(self) -> Flags:
        """The same, compiled."""
        _ = self.ruleset  # compiles anew what has changed
        return self._compiled

    async def newer(self, have: int, wait: float) -> Ruleset | None:
        """The ruleset once its version differs from `have`; None when nothing has changed for `wait` seconds."""
        until = self._clock() + wait
        while self.ruleset.version == have:
            rest = until - self._clock()
            if rest <= 0 or await self._publisher.newer(self._publisher.current.version, rest) is None:
                return None if self.ruleset.version == have else self.ruleset
        return self.ruleset

    def found(self, text: str) -> tuple[Flag, ...]:
        """The flags whose name or owner holds `text`, in any case of letters."""
        held, text = self.ruleset.flags, text.lower()
        return tuple(f for f in held if text in f.name.lower() or text in f.owner.lower()) if text else held

    def standings(
        self, stale_after: float = STALE_AFTER, flags: tuple[Flag, ...] | None = None
    ) -> tuple[Standing, ...]:
        """`stale_after`: seconds for which a flag may give everybody the same answer. `flags`: some of those in force;
        None for all."""
        switches: dict[str, list[Switch]] = {}
        for switch in self._states.switches():
            switches.setdefault(switch.flag, []).append(switch)
        changed, counted, sent = self._states.changed(), self._counted(), self._sent()
        found = self.ruleset.flags if flags is None else flags
        searched = self._searched(None if flags is None else tuple(f.name for f in flags), places=False)
        return tuple(
            self._standing(f, tuple(switches.get(f.name, ())), changed, counted, sent, searched, stale_after)
            for f in found
        )

    def standing(self, name: str) -> Standing:
        """Raises NotFound, naming the flags there are."""
        switches, changed = self._states.switches(name), self._states.changed()
        counted, sent, searched = self._counted(), self._sent(), self._searched((name,))
        return self._standing(self._flag(name), switches, changed, counted, sent, searched, STALE_AFTER)

    def _standing(
        self,
        flag: Flag,
        switches: tuple[Switch, ...],
        changed: Mapping[str, float],
        counted: Counted,
        sent: frozenset[str],
        searched: Searched,
        stale_after: float,
    ) -> Standing:
        since, now = max([changed.get(flag.name, 0.0), *(s.at for s in switches)]), self._clock()
        known_since = "" if flag.client or flag.name in sent else counted.since  # of these not every one is told
        code = searched.of(flag.name)
        gone = 0.0 if flag.name in self._required else left(code)  # another flag needs it, though no code names it
        reasons = stale(flag, since, now, stale_after, counted.last(flag.name), known_since, gone)
        return Standing(flag, switches, since, reasons, counted.given(flag.name), code)

    def _searched(self, flags: tuple[str, ...] | None, *, places: bool = True) -> Searched:
        codebases = self._states.codebases()
        return Searched(codebases, self._states.sightings(flags, places=places) if codebases else ())

    def _sent(self) -> frozenset[str]:
        """Those that the gateways send to services in a header."""
        return frozenset(name for live in self._publisher.current.services for name in live.service.flags)

    def _counted(self) -> Counted:
        """Read no more often than it is written: pages ask once a second."""
        now = self._clock()
        if not self._read_at <= now < self._read_at + EVERY:
            self._read, self._read_at = Counted(self._states.given(day_of(now))), now
        return self._read

    def switch(self, name: str, enabled: bool, actor: str, reason: str) -> Standing:
        """Turn a flag on or off, whatever the file says; again changes nothing. Raises NotFound."""
        self._flag(name)
        last = self._states.switches(name)[-1:]
        if not last or last[0].enabled != enabled:
            self._states.switch(Switch(name, enabled, self._clock(), actor, reason))
            self._publisher.publish()
            self._told(f"flag:{name}")
        return self.standing(name)

    def explain(self, name: str, unit: str, attributes: Mapping[str, Any]) -> Trail:
        """The path of a unit through the rules. Raises NotFound."""
        self._flag(name)
        return trail(self.flags, name, unit, attributes)

    def evaluate(self, name: str, unit: str, attributes: Mapping[str, Any]) -> Evaluation:
        """Raises KeyError for a flag that does not exist."""
        return self.flags.evaluate(name, unit, attributes)

    def given(self, answer: Evaluation, unit: str) -> None:
        """`unit` got this answer in order to use it."""
        if self._tally:
            self._tally.add(answer.flag, answer.variant)
        if answer.rollout and self._exposing:
            self._exposing.tell(answer, unit)

    def counted(self, delivery: str, counts: Mapping[tuple[str, str], int]) -> None:
        """An SDK gave these variants of these flags so often. What is no variant of a flag in force is passed over."""
        if self._tally:
            flags = self.flags.flags
            known = {
                (flag, variant): count
                for (flag, variant), count in counts.items()
                if flag in flags and any(v.name == variant for v in flags[flag].variants)
            }
            self._tally.take(delivery, known)

    def _flag(self, name: str) -> Flag:
        try:
            return self.flags.flags[name]
        except KeyError:
            names = list(self.flags.flags)
            known = ", ".join(names[:NAMED]) or "none yet: write one into fader.yaml under flags:"
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            raise NotFound(f"there is no flag named {name!r}; there are: {known}{more}") from None


def _flags_alone(ruleset: Ruleset) -> Ruleset:
    return replace(ruleset, services=())
