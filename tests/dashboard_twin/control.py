"""The in-memory twin of Control: holds scenes, obeys commands by the phase table, announces changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace

from fader.clock import Clock, system_clock
from fader.engine.apply import Applier
from fader.engine.flag_desk import FlagDesk
from fader.engine.notifier import Notifier
from fader.engine.publish import Publisher
from fader.errors import BadInput, NotFound, Problem, Refused
from fader.model.assignment import UnitView
from fader.model.audit import Choices, Filter, Place, Record
from fader.model.decision import Command, Step
from fader.model.evidence import LearningEvidence
from fader.model.failure import Failure
from fader.model.flag import Flag
from fader.model.front import LOOPBACK
from fader.model.holding import Holding
from fader.model.holdout import HoldoutView
from fader.model.installation import Installation, Key
from fader.model.reach import Reach
from fader.model.report import GatewayReport
from fader.model.ruleset import LiveService
from fader.model.segment import Segment
from fader.model.service import Address
from fader.model.share import Interval
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.model.view import Brief, Point, RolloutView
from fader.notify.memory import MemoryMessenger
from fader.ports.control import Preview, ServiceView
from fader.providers.memory import MemoryProviders
from fader.rollout.assignment import looked_up
from fader.storage.memory import CHOICES, MemoryStateStore, page, record
from fader.telemetry.memory import MemoryEventStore


@dataclass(frozen=True)
class Scene:
    """One rollout with all that the dashboard may ask about it."""

    view: RolloutView
    steps: tuple[Step, ...] = ()
    points: tuple[Point, ...] = ()


async def answering(_address: Address) -> str:
    """Every version is up."""
    return ""


class ScriptedControl:
    """`asked` records the commands. Used from one event loop; `play` may be called from any thread."""

    def __init__(
        self,
        *scenes: Scene,
        gateways: tuple[GatewayReport, ...] = (),
        services: tuple[ServiceView, ...] = (),
        live: tuple[LiveService, ...] = (),
        flags: tuple[tuple[Flag, ...], tuple[Segment, ...]] = ((), ()),
        clock: Clock = system_clock,
    ) -> None:
        self.scenes = {s.view.name: s for s in scenes}
        self.reports, self.upstreams, self.live = gateways, {s.service.name: s for s in services}, live
        self.states = MemoryStateStore()
        self.states.apply((), (), *flags)
        publisher = Publisher(self.states)
        publisher.publish()
        self.applier = Applier(
            self.states, MemoryEventStore(), publisher, answering, clock, MemoryProviders(), self.announce
        )
        self.flags = FlagDesk(self.states, publisher, clock, self.announce)
        self.messenger = MemoryMessenger()
        self.notifier = Notifier(self.states, self.messenger, self.announce, clock)
        self.failing, self.free, self.front = "", 41_000_000_000, LOOPBACK
        self.reached: dict[str, Reach] = {}
        self.failed: dict[str, tuple[Failure, ...]] = {}
        self.holding: tuple[HoldoutView, ...] = ()
        self.learning: tuple[LearningEvidence, ...] = ()
        self.asked: list[tuple[str, Command]] = []
        self.rendered = 0
        self.moved: dict[str, int] = {}
        self._listeners: dict[asyncio.Queue[str], asyncio.AbstractEventLoop] = {}

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def play(self, scene: Scene, *, figures: bool = False) -> None:
        """Put a scene on (a new one, or one in place of its name) and say so to who listens."""
        self.scenes[scene.view.name] = scene
        self.announce(scene.view.name, figures=figures)

    def remove(self, name: str) -> None:
        del self.scenes[name]
        self.announce(name)

    def announce(self, name: str, *, figures: bool = False) -> None:
        if not figures:
            self.moved[name] = self.moves() + 1
        for queue, loop in list(self._listeners.items()):
            loop.call_soon_threadsafe(queue.put_nowait, name)

    async def rollouts(self, names: Collection[str] | None = None) -> tuple[RolloutView, ...]:
        return tuple(s.view for s in self.scenes.values() if names is None or s.view.name in names)

    async def briefs(self) -> tuple[Brief, ...]:
        views = [s.view for s in self.scenes.values()]
        return tuple(Brief(v.name, v.service, v.spec, v.state, v.needs_person, v.flag) for v in views)

    def _scene(self, name: str) -> Scene:
        try:
            return self.scenes[name]
        except KeyError:
            raise NotFound(f"There is no rollout {name}; there are: {', '.join(self.scenes) or 'none'}.") from None

    async def rollout(self, name: str) -> RolloutView:
        self.rendered += 1
        return self._scene(name).view

    async def history(self, name: str) -> tuple[Step, ...]:
        return self._scene(name).steps

    async def outline(self, name: str) -> tuple[Step, ...]:
        return await self.history(name)

    async def points(self, name: str, since: float = 0.0) -> tuple[Point, ...]:
        return tuple(p for p in self._scene(name).points if p.at > since)

    async def learnt(self, name: str, metric: str = "") -> tuple[LearningEvidence, ...]:
        self._scene(name)
        return self.learning

    async def holdouts(self) -> tuple[HoldoutView, ...]:
        return self.holding

    async def holdout(self, name: str) -> HoldoutView:
        found = next((h for h in self.holding if h.name == name), None)
        if found is None:
            raise NotFound(f"there is no holdout {name!r}")
        return found

    async def failures(self, name: str) -> tuple[Failure, ...]:
        self._scene(name)
        return self.failed.get(name, ())

    async def reach(self, name: str) -> Reach:
        self._scene(name)
        return self.reached.get(name, Reach())

    def tracing(self) -> str:
        return self.states.settings().tracing

    async def command(self, name: str, command: Command) -> RolloutView:
        scene = self._scene(name)
        if command.name not in scene.view.commands:
            raise Refused(f"{name} is {scene.view.state.phase}: it cannot {command.name} now.")
        self.asked.append((name, command))
        done = obeyed(scene, command)
        self.play(done)
        return done.view

    async def preview(self, name: str) -> Preview:
        view = self._scene(name).view
        if view.state.phase not in ACTIVE:
            raise Refused(f"{name} is not active: there is nothing to preview.")
        return Preview(name, "http://127.0.0.1:8080/?fader_preview=s3cret", "x-fader-preview", "s3cret")

    async def forget(self, unit: str) -> int:
        return 0

    async def gateways(self) -> tuple[GatewayReport, ...]:
        return self.reports

    def _records(self) -> list[Record]:
        steps = [record(s) for scene in self.scenes.values() for s in scene.steps]
        return [*steps, *self.states.records(Filter(), 1_000_000)]

    async def records(
        self, wanted: Filter, limit: int, *, before: Place | None = None, after: Place | None = None
    ) -> tuple[Record, ...]:
        return page(filter(wanted.takes, self._records()), limit, before, after)

    async def recorded(self, wanted: Filter) -> int:
        return sum(map(wanted.takes, self._records()))

    async def choices(self) -> Choices:
        found = self._records()
        return Choices(*(tuple(sorted({getattr(r, f) for r in found} - {""})) for f in CHOICES))

    async def services(self) -> tuple[ServiceView, ...]:
        return tuple(map(self._with_rollouts, self.upstreams.values()))

    async def service(self, name: str) -> ServiceView:
        if name not in self.upstreams:
            raise NotFound(f"There is no service {name}; there are: {', '.join(self.upstreams) or 'none'}.")
        return self._with_rollouts(self.upstreams[name])

    def _with_rollouts(self, view: ServiceView) -> ServiceView:
        its = (s.view for s in self.scenes.values() if s.view.service == view.service.name and not s.view.flag)
        return replace(view, rollouts=tuple(its))

    async def unit(self, unit: str) -> UnitView:
        if not unit:
            raise BadInput(Problem("An empty id is no unit.", "Give the unit's id."))
        held = [
            Holding(s.rollout, s.after.attempt, s.at, Interval(s.after.start, s.after.share))
            for scene in self.scenes.values()
            for s in scene.steps
        ]
        rollouts = [(s.view.spec, s.view.state) for s in self.scenes.values()]
        return looked_up(unit, self.live, rollouts, held)

    def trouble(self) -> str:
        return self.failing

    def installation(self) -> Installation:
        """Of a server that has been in use for a while."""
        keys = (Key("operator", "everything", "token"), Key("events", "tells what users did", "events-token"))
        here = Installation("1.2.3", "3.11.9", 604_800.0, "/var/lib/fader", 292_000_000, 3_400_000_000, self.free, keys)
        return replace(here, front=self.front)

    def moves(self, name: str = "") -> int:
        return self.moved.get(name, 0) if name else max(self.moved.values(), default=0)

    async def changes(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners[queue] = asyncio.get_running_loop()
        try:
            while True:
                yield await queue.get()
        finally:
            del self._listeners[queue]


AFTER: dict[str, tuple[Phase, tuple[str, ...]]] = {
    "start": (Phase.LEARNING, ("pause", "abort")),
    "pause": (Phase.PAUSED, ("resume", "promote", "abort")),
    "resume": (Phase.RAMPING, ("pause", "promote", "abort")),
    "approve": (Phase.RAMPING, ("pause", "promote", "abort")),
    "promote": (Phase.RAMPING, ("pause", "promote", "abort")),
    "abort": (Phase.ABORTED, ("retry",)),
    "retry": (Phase.LEARNING, ("pause", "abort")),
}


def obeyed(scene: Scene, command: Command) -> Scene:
    view, at = scene.view, (scene.steps[-1].at if scene.steps else scene.view.state.started_at) + 30.0
    phase, commands = AFTER[command.name]
    state: RolloutState = replace(view.state, phase=phase, revision=view.state.revision + 1)
    if command.name == "abort":
        state = replace(state, share=0, ended_at=at)
    elif command.name in ("promote", "approve"):
        stage = min(state.stage + 1, len(view.spec.stages) - 1)
        state = replace(state, stage=stage, share=view.spec.stages[stage].share, stage_since=at)
    sentence = f"{command.name} was asked for by {command.actor}."
    step = Step(
        seq=len(scene.steps) + 1,
        rollout=view.name,
        at=at,
        spec=view.spec,
        before=view.state,
        after=state,
        event=command.name,
        reason=sentence,
        actor=command.actor,
        command=command,
    )
    told = replace(view, state=state, headline=sentence, needs_person="", commands=commands, waits=())
    return Scene(told, (*scene.steps, step), scene.points)
