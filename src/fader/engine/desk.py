"""What people ask for: look at rollouts, command them, preview, forget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import replace
from typing import NamedTuple

from fader.clock import Clock
from fader.engine.changes import Changes
from fader.engine.controller import Controller, Seen
from fader.engine.failing import Failing
from fader.engine.fleet import Fleet
from fader.engine.observe import learnt, spread
from fader.engine.pace import Pace
from fader.engine.past import Past
from fader.engine.reach import Reached
from fader.errors import BadInput, NotFound, Problem, Refused
from fader.model.assignment import UnitView
from fader.model.audit import Choices, Filter, Place, Record
from fader.model.decision import Command, Decision, Step
from fader.model.evidence import LearningEvidence
from fader.model.failure import Failure
from fader.model.holdout import HoldoutView
from fader.model.reach import Reach
from fader.model.report import GatewayReport
from fader.model.rollout import RolloutSpec, Subject
from fader.model.ruleset import LiveService
from fader.model.service import Address
from fader.model.state import ACTIVE, Phase
from fader.model.view import Brief, Point, RolloutView
from fader.ports.control import Preview, ServiceView
from fader.ports.events import EventStore, Exposure
from fader.ports.states import Entry, StateStore
from fader.rollout.assignment import looked_up
from fader.rollout.command import obey
from fader.rollout.explain import needs_person
from fader.rollout.ruleset import baseline_now
from fader.rollout.view import view
from fader.rollout.words import phase

#: How far back the list of services looks; seconds.
RECENT = 60.0
#: A page asks for the same view several times: for so long the clock changes nothing that it says; seconds.
MOMENT = 0.2

#: Says why an endpoint does not answer, or "".
Probe = Callable[[Address], Awaitable[str]]


class Shown(NamedTuple):
    """A view, what it was made of, and when."""

    entry: Entry
    seen: Seen | None
    failing: str
    at: float
    view: RolloutView


class Desk:
    """Implements `ports.control.Control`."""

    def __init__(
        self,
        states: StateStore,
        events: EventStore,
        fleet: Fleet,
        controller: Controller,
        changes: Changes,
        clock: Clock,
        probe: Probe,
    ) -> None:
        self._states, self._events, self._fleet = states, events, fleet
        self._controller, self._changes, self._clock, self._probe = controller, changes, clock, probe
        self._past = Past(states)
        pace = Pace()
        self._failing = Failing(events, pace)
        self._reached = Reached(states, events, pace)
        self._shown: dict[str, Shown] = {}

    async def rollouts(self, names: Collection[str] | None = None) -> tuple[RolloutView, ...]:
        wanted = None if names is None else frozenset(names)
        return tuple([await self._view(e) for e in self._states.entries() if wanted is None or e.spec.name in wanted])

    async def briefs(self) -> tuple[Brief, ...]:
        return tuple(
            Brief(e.spec.name, e.spec.service, e.spec, e.state, needs_person(e.spec, e.state), e.spec.flag)
            for e in self._states.entries()
        )

    async def rollout(self, name: str) -> RolloutView:
        return await self._view(self._states.entry(name))

    async def history(self, name: str) -> tuple[Step, ...]:
        self._states.entry(name)
        return self._states.history(name)

    async def outline(self, name: str) -> tuple[Step, ...]:
        return self._past.whole(self._states.entry(name))

    async def points(self, name: str, since: float = 0.0) -> tuple[Point, ...]:
        self._states.entry(name)
        return self._states.points(name, since)

    async def failures(self, name: str) -> tuple[Failure, ...]:
        view = await self.rollout(name)
        return await self._failing.of(view, self._clock()) if view.state.started_at else ()

    async def reach(self, name: str) -> Reach:
        return await self._reached.of(await self.rollout(name), self._clock())

    async def holdouts(self) -> tuple[HoldoutView, ...]:
        return await self._controller.holdouts.views()

    async def holdout(self, name: str) -> HoldoutView:
        return await self._controller.holdouts.view(name)

    def tracing(self) -> str:
        return self._states.settings().tracing

    async def command(self, name: str, command: Command) -> RolloutView:
        entry = self._states.entry(name)
        if command.name in ("start", "retry"):
            entry = await self._ready(entry)
        active = next(
            (
                e.spec.name
                for e in self._states.entries()
                if e.spec.subject == entry.spec.subject and e.spec.name != name and e.state.phase in ACTIVE
            ),
            "",
        )
        now = self._clock()
        asked = replace(command, active=active)
        decision = obey(entry.spec, entry.state, asked, now)
        if decision.event:
            self._states.save(
                Step(
                    seq=decision.state.revision,
                    rollout=name,
                    at=now,
                    spec=entry.spec,
                    before=entry.state,
                    after=decision.state,
                    event=decision.event,
                    reason=decision.reason,
                    actor=command.actor or "operator",
                    command=asked,
                )
            )
            await self._controller.act(self._states.entry(name))
        return await self.rollout(name)

    async def _ready(self, entry: Entry) -> Entry:
        """A rollout about to start: from the baseline of today, to a candidate that answers, and so do further arms."""
        spec = entry.spec
        if spec.flag:
            return replace(entry, spec=replace(spec, baseline=self._ready_flag(spec)))
        services = {s.name: s for s in self._states.services()}
        if spec.service not in services:
            raise Refused(
                f"{spec.name} cannot start: the service {spec.service} is no longer in the applied fader.yaml"
            )
        service = services[spec.service]
        everyone = tuple((e.spec, e.state) for e in self._states.entries())
        baseline = baseline_now(service, everyone)
        for version in spec.tried:
            if baseline == version:
                raise Refused(f"{spec.name} cannot start: {version} is the baseline of {spec.service} already")
            if version not in {v.name for v in service.versions}:
                raise Refused(f"{spec.name} cannot start: {spec.service} has no version {version}")
            for address in service.version(version).endpoints:
                if why := await self._probe(address):
                    raise Refused(f"{spec.name} cannot start: {version} does not answer at {address} ({why})")
        return replace(entry, spec=replace(spec, baseline=baseline))

    def _ready_flag(self, spec: RolloutSpec) -> str:
        """The variant that everybody has today."""
        flag = next((f for f in self._states.flags() if f.name == spec.flag), None)
        if flag is None:
            raise Refused(f"{spec.name} cannot start: the flag {spec.flag} is no longer in the applied fader.yaml")
        baseline = baseline_now(flag, tuple((e.spec, e.state) for e in self._states.entries()))
        for variant in spec.tried:
            if baseline == variant:
                raise Refused(f"{spec.name} cannot start: {variant} is the default of flag {flag.name} already")
            if variant not in {v.name for v in flag.variants}:
                raise Refused(f"{spec.name} cannot start: flag {flag.name} has no variant {variant}")
        return baseline

    async def learnt(self, name: str, metric: str = "") -> tuple[LearningEvidence, ...]:
        spec = self._states.entry(name).spec
        if spec.flag:
            return await learnt(self._events, spec, self._clock())
        live = next((s for s in self._states.ruleset().services if s.service.name == spec.service), None)
        if live is None:
            return ()
        spec, now = replace(spec, baseline=live.baseline), self._clock()
        return await spread(self._events, spec, await learnt(self._events, spec, now), metric, now)

    async def preview(self, name: str) -> Preview:
        entry = self._states.entry(name)
        if entry.spec.flag:
            fix = f"name your unit under flags: {entry.spec.flag}: units: {{{entry.spec.candidate}: YOU}}"
            raise Refused(f"{name} moves a flag, and a preview is of a service: {fix}")
        if entry.state.phase not in ACTIVE:
            raise Refused(f"{name} is {phase(entry.state)}: there is a preview only while a rollout runs")
        service = next((s for s in self._states.services() if s.name == entry.spec.service), None)
        url = ""
        if service:
            host = service.hosts[0] if service.hosts[0] != "*" else service.listen.host
            scheme = "https" if service.tls else "http"
            url = f"{scheme}://{Address(host, service.listen.port)}/?fader_preview={entry.preview}"
        return Preview(name, url, "x-fader-preview", entry.preview)

    async def forget(self, unit: str) -> int:
        return await asyncio.to_thread(self._events.forget, unit)

    async def gateways(self) -> tuple[GatewayReport, ...]:
        return self._fleet.reports()

    async def records(
        self, wanted: Filter, limit: int, *, before: Place | None = None, after: Place | None = None
    ) -> tuple[Record, ...]:
        return await asyncio.to_thread(self._states.records, wanted, limit, before=before, after=after)

    async def recorded(self, wanted: Filter) -> int:
        return await asyncio.to_thread(self._states.recorded, wanted)

    async def choices(self) -> Choices:
        return await asyncio.to_thread(self._states.choices)

    async def services(self) -> tuple[ServiceView, ...]:
        since = self._clock() - RECENT
        return tuple(self._service(live, since) for live in self._states.ruleset().services)

    async def service(self, name: str) -> ServiceView:
        live = {s.service.name: s for s in self._states.ruleset().services}
        if name not in live:
            raise NotFound(f"there is no service named {name!r}; there are: {', '.join(live) or 'none yet'}")
        its = [await self._view(e) for e in self._states.entries() if e.spec.subject == Subject("service", name)]
        return replace(self._service(live[name]), rollouts=tuple(its))

    def _service(self, live: LiveService, since: float = 0.0) -> ServiceView:
        versions = tuple(v.name for v in live.service.versions)
        return ServiceView(
            service=live.service,
            baseline=live.baseline,
            candidate=live.split.candidate if live.split else "",
            traffic=self._fleet.traffic.of(live.service.name, versions, since),
        )

    async def unit(self, unit: str) -> UnitView:
        if not unit:
            raise BadInput(Problem("An empty id is no unit: it always gets the baseline.", "Give the unit's id."))
        rollouts = tuple((e.spec, e.state) for e in self._states.entries())
        names = tuple(spec.name for spec, _ in rollouts)
        holdings = await asyncio.to_thread(self._states.holdings, names)
        held = self._states.ruleset()
        return looked_up(unit, held.services, rollouts, holdings, held.flags)

    def changes(self) -> AsyncIterator[str]:
        return self._changes.listen()

    def trouble(self) -> str:
        return self._controller.failing

    def moves(self, name: str = "") -> int:
        return self._changes.moves(name)

    async def _view(self, entry: Entry) -> RolloutView:
        """The decision of the last tick is shown only while the state is still the one it was made of."""
        seen = self._controller.seen.get(entry.spec.name)
        shown, failing, now = self._shown.get(entry.spec.name), self._controller.failing, self._clock()
        if shown and shown.entry is entry and shown.seen is seen:
            active = entry.state.phase in ACTIVE  # of these the clock changes what is said, and so does what fails
            if not active or (shown.failing == failing and 0 <= now - shown.at < MOMENT):
                return shown.view
        made = await self._made(entry, seen)
        self._shown[entry.spec.name] = Shown(entry, seen, failing, now, made)
        return made

    async def _made(self, entry: Entry, seen: Seen | None) -> RolloutView:
        health = None
        if seen is not None and seen.decision.state == entry.state:
            decision, exposure = seen.decision, seen.exposure
            if seen.evidence is not None and seen.evidence.stage == entry.state.stage:
                health = seen.evidence.health
        else:
            decision, exposure = Decision(entry.state), Exposure()
            if entry.state.phase is not Phase.PENDING:
                exposure = await asyncio.to_thread(self._events.exposure, entry.spec.name, entry.state.attempt)
        if self._controller.failing and entry.state.phase in ACTIVE:
            stuck = f"fader cannot judge at the moment and holds: {self._controller.failing}"
            decision = replace(decision, waits=(stuck, *decision.waits))
        return view(entry.spec, entry.state, decision, exposure, self._past.of(entry), self._clock(), health)
