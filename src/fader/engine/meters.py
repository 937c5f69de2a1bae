"""Asking the providers of external metrics, each on its own schedule: a slow one keeps nobody waiting."""

from __future__ import annotations

import asyncio

import structlog

from fader.clock import Clock
from fader.engine.changes import Changes
from fader.engine.turns import turns
from fader.model.external import External, Question
from fader.model.metric import Metric
from fader.model.rollout import RolloutSpec
from fader.model.series import Series
from fader.model.share import WHOLE
from fader.model.state import ACTIVE
from fader.ports.providers import Providers
from fader.ports.states import Entry, StateStore, Window
from fader.rollout.series import added

#: How often it is looked at which metric is due. Seconds.
TURN = 1.0

Key = tuple[str, int, int, str]

log = structlog.get_logger("fader.meters")


class Meters:
    """Every answer goes into the state store, from where the controller takes its evidence: a restarted server goes
    on with what it finds there."""

    def __init__(self, states: StateStore, providers: Providers, changes: Changes, clock: Clock) -> None:
        self._states, self._providers, self._changes, self._clock = states, providers, changes, clock
        self._asking: dict[Key, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled. A turn that fails is said out loud; what was read last grows old meanwhile and holds."""
        await turns(
            self.turn,
            TURN,
            self._asking,
            lambda: log.exception("no metric was asked for; what is known of them grows old"),
        )

    def turn(self) -> tuple[asyncio.Task[None], ...]:
        """Begin to ask for what is due. Returns everything that is being asked for."""
        now = self._clock()
        for entry in self._states.entries():
            if entry.state.phase not in ACTIVE or not any(externals(entry.spec)):
                continue
            window = self._window(entry)
            if window is None:
                continue
            key = window.rollout, window.attempt, window.stage
            known = {s.metric: s for s in self._states.series(*key)}
            for metric, external in externals(entry.spec):
                series = known.get(metric.name, Series(*key, metric.name))
                if series.key not in self._asking and now - series.asked_at >= external.every:
                    self._begin(entry, series, external, window.since)
        return tuple(self._asking.values())

    def _window(self, entry: Entry) -> Window | None:
        """That of the current stage, while it is judged."""
        state = entry.state
        if state.stage < 0 or not 0 < state.share < WHOLE:
            return None
        windows = self._states.windows(state.rollout, state.attempt)
        return next((w for w in windows if w.stage == state.stage and w.since and not w.until), None)

    def _begin(self, entry: Entry, series: Series, external: External, since: float) -> None:
        task = asyncio.create_task(self._asked(entry.spec, series, external, since))
        self._asking[series.key] = task
        task.add_done_callback(lambda _: self._asking.pop(series.key, None))

    async def _asked(self, spec: RolloutSpec, series: Series, external: External, since: float) -> None:
        """A store that cannot be read leaves the last answer to grow old."""
        try:
            await self._ask(spec, series, external, since)
        except Exception:
            log.exception("an answer was lost", rollout=spec.name, metric=series.metric)

    async def _ask(self, spec: RolloutSpec, series: Series, external: External, since: float) -> None:
        at = self._clock()
        answer = await self._providers.ask(external, *questions(spec, external, since, at))
        entry = self._states.entry(spec.name)
        window = self._window(entry)
        if window is None or (window.rollout, window.attempt, window.stage) != series.key[:3]:
            return  # the stage has ended meanwhile
        if answer.missing and answer.missing != series.missing:
            log.warning("no number", rollout=spec.name, metric=series.metric, why=answer.missing)
        self._states.put_series(added(series, external, answer, at))
        self._changes.tell(spec.name)


def externals(spec: RolloutSpec) -> tuple[tuple[Metric, External], ...]:
    """The metrics that a rollout is judged by and that somebody else measures."""
    found = (w.metric for w in spec.watched)
    return tuple((metric, metric.external) for metric in found if metric.external is not None)


def questions(spec: RolloutSpec, external: External, since: float, at: float) -> tuple[Question, Question]:
    """Of the candidate and of the baseline."""
    candidate, baseline = (
        Question(spec.service, version, since, at, external.every) for version in (spec.candidate, spec.baseline)
    )
    return candidate, baseline
