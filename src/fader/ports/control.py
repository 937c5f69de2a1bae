"""What a surface (API, dashboard) asks of the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Protocol

from fader.model.assignment import UnitView
from fader.model.audit import Choices, Filter, Place, Record
from fader.model.decision import Command, Step
from fader.model.evidence import LearningEvidence
from fader.model.failure import Failure
from fader.model.holdout import HoldoutView
from fader.model.reach import Reach
from fader.model.report import GatewayReport
from fader.model.service import Service
from fader.model.traffic import VersionTraffic
from fader.model.view import Brief, Point, RolloutView


@dataclass(frozen=True, slots=True)
class Preview:
    """How an engineer sees the candidate before anybody else; `url` where the service's address is known."""

    rollout: str
    url: str
    header: str
    value: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service as it stands: `baseline` serves as baseline now, `candidate` is that of the active rollout or "".
    `traffic`: one per version, in the order of the versions; `rollouts`: in the order in which they were applied."""

    service: Service
    baseline: str
    candidate: str
    traffic: tuple[VersionTraffic, ...]
    rollouts: tuple[RolloutView, ...] = ()


class Control(Protocol):
    async def rollouts(self, names: Collection[str] | None = None) -> tuple[RolloutView, ...]:
        """All, or those of these names that there are, in the order in which they were applied."""

    async def briefs(self) -> tuple[Brief, ...]:
        """Of all rollouts, in the same order: cheap, however long their history is."""

    async def rollout(self, name: str) -> RolloutView:
        """Raises NotFound, naming the rollouts there are."""

    async def history(self, name: str) -> tuple[Step, ...]:
        """Oldest first. Raises NotFound."""

    async def outline(self, name: str) -> tuple[Step, ...]:
        """The history without its evidence, which is the larger part of it. Raises NotFound."""

    async def points(self, name: str, since: float = 0.0) -> tuple[Point, ...]:
        """Chart points later than `since`, oldest first; at most some hundreds per metric. Raises NotFound."""

    async def learnt(self, name: str, metric: str = "") -> tuple[LearningEvidence, ...]:
        """What everybody's version of the rollout's service did in the last day, of each metric that the rollout
        watches; () for a service that the gateways do not hold. That of `metric` comes with its spread between units
        even if it is one of requests. Raises NotFound."""

    async def failures(self, name: str) -> tuple[Failure, ...]:
        """A sample of what failed on the candidate lately, beside comparable requests of the baseline, latest first.
        Raises NotFound, Unavailable."""

    async def reach(self, name: str) -> Reach:
        """Whom the rollout's attempt has reached. Raises NotFound, Unavailable."""

    async def holdouts(self) -> tuple[HoldoutView, ...]:
        """Those that hold before those that ended, the latest first. Raises Unavailable."""

    async def holdout(self, name: str) -> HoldoutView:
        """Raises NotFound, naming the holdouts there are, Unavailable."""

    def tracing(self) -> str:
        """The address at which a trace is looked at, with `{trace_id}` in it; "" for none."""

    async def command(self, name: str, command: Command) -> RolloutView:
        """Raises NotFound, Refused (with the sentence that says why)."""

    async def preview(self, name: str) -> Preview:
        """Raises NotFound, Refused when the rollout is not active."""

    async def forget(self, unit: str) -> int: ...

    async def gateways(self) -> tuple[GatewayReport, ...]: ...

    async def records(
        self, wanted: Filter, limit: int, *, before: Place | None = None, after: Place | None = None
    ) -> tuple[Record, ...]:
        """At most `limit` steps of all rollouts, switches of all flags and applies, newest first: the newest, the next
        ones `before` a place, or the nearest ones `after` it."""

    async def recorded(self, wanted: Filter) -> int: ...

    async def choices(self) -> Choices:
        """What records can be filtered by."""

    async def services(self) -> tuple[ServiceView, ...]:
        """Those that the gateways hold now, with the traffic of the last minute and without their rollouts."""

    async def service(self, name: str) -> ServiceView:
        """Raises NotFound, naming the services there are."""

    async def unit(self, unit: str) -> UnitView:
        """What the unit has and had. Raises BadInput when it is empty."""

    def changes(self) -> AsyncIterator[str]:
        """Names of rollouts whose view has changed, and `flag:NAME` of flags, as they change; never ends."""

    def trouble(self) -> str:
        """Why nothing can be judged at the moment, or ""."""

    def moves(self, name: str = "") -> int:
        """The number of the last change of `name` (as `changes` has it) that was more than figures: a step, a command.
        All are counted together; "" is for the last of any, 0 for none."""
