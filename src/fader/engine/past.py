"""The steps of each rollout's attempt, kept as read: they are shown often, and change only by a new step."""

from __future__ import annotations

from dataclasses import replace

from fader.model.decision import Step
from fader.ports.states import Entry, StateStore

#: Rollouts whose earlier attempts are kept too, for those who look at one of them.
WHOLE = 100


class Past:
    def __init__(self, states: StateStore) -> None:
        self._states = states
        self._held: dict[str, tuple[int, tuple[Step, ...]]] = {}
        self._earlier: dict[str, tuple[int, tuple[Step, ...]]] = {}

    def of(self, entry: Entry) -> tuple[Step, ...]:
        """Oldest first, without the evidence: it is large, and no list of rollouts shows it."""
        name, revision = entry.spec.name, entry.state.revision
        held = self._held.get(name)
        if held is None or held[0] != revision:
            # One specification serves them all while it is the same.
            kept = tuple(
                replace(s, spec=entry.spec) if s.spec == entry.spec else s
                for s in self._states.outline(name, entry.state.attempt)
            )
            held = self._held[name] = (revision, kept)
        return held[1]

    def whole(self, entry: Entry) -> tuple[Step, ...]:
        """The same of all attempts."""
        name, attempt = entry.spec.name, entry.state.attempt
        held = self._earlier.get(name)
        if held is None or held[0] != attempt:
            earlier = [self._states.outline(name, n) for n in range(1, attempt)]
            held = attempt, tuple(step for steps in earlier for step in steps)
            self._earlier.pop(name, None)
            while len(self._earlier) >= WHOLE:
                del self._earlier[next(iter(self._earlier))]
            self._earlier[name] = held
        return (*held[1], *self.of(entry))
