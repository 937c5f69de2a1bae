"""The steps of each rollout's attempt, kept as read: they are shown often, and change only by a new step."""

from __future__ import annotations

from dataclasses import replace

from fader.model.decision import Step
from fader.ports.states import Entry, StateStore


class Past:
    def __init__(self, states: StateStore) -> None:
        self._states = states
        self._held: dict[str, tuple[int, tuple[Step, ...]]] = {}

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
