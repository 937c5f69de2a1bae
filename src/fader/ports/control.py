"""What a surface (API, dashboard) asks of the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from fader.model.decision import Command, Step
from fader.model.report import GatewayReport
from fader.model.view import Point, RolloutView


@dataclass(frozen=True, slots=True)
class Preview:
    """How an engineer sees the candidate before anybody else; `url` where the service's address is known."""

    rollout: str
    url: str
    header: str
    value: str


class Control(Protocol):
    async def rollouts(self) -> tuple[RolloutView, ...]: ...

    async def rollout(self, name: str) -> RolloutView:
        """Raises NotFound, naming the rollouts there are."""

    async def history(self, name: str) -> tuple[Step, ...]:
        """Oldest first. Raises NotFound."""

    async def points(self, name: str, since: float = 0.0) -> tuple[Point, ...]:
        """Chart points later than `since`, oldest first; at most some hundreds per metric. Raises NotFound."""

    async def command(self, name: str, command: Command) -> RolloutView:
        """Raises NotFound, Refused (with the sentence that says why)."""

    async def preview(self, name: str) -> Preview:
        """Raises NotFound, Refused when the rollout is not active."""

    async def forget(self, unit: str) -> int: ...

    async def gateways(self) -> tuple[GatewayReport, ...]: ...

    def changes(self) -> AsyncIterator[str]:
        """Names of rollouts whose view has changed, as they change; never ends."""
