"""/v1/rollouts: look at rollouts and command them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import read, reply
from fader.errors import NotFound
from fader.model.decision import Command, CommandName
from fader.model.front import LOOPBACK, Front
from fader.ports.control import Control
from fader.ports.states import StateStore
from fader.rollout.explain import findings, sentence
from fader.rollout.replay import replay


@dataclass(frozen=True, slots=True)
class Asked:
    """The body of a command."""

    reason: str = ""
    same_units: bool = False


def routes(control: Control, states: StateStore, front: Front = LOOPBACK, environment: str = "") -> list[BaseRoute]:
    """`front`: where the dashboard shows what is told here; `environment`: that of this installation, "" for none."""

    async def every(_request: Request) -> Response:
        live = states.ruleset().services
        services = [
            {
                "name": s.service.name,
                "listen": str(s.service.listen),
                "baseline": s.baseline,
                "versions": [v.name for v in s.service.versions],
                "active": s.split.rollout if s.split else None,
            }
            for s in live
        ]
        rollouts, gateways = await control.rollouts(), await control.gateways()
        found = {"rollouts": rollouts, "services": services, "gateways": gateways}
        return reply({"environment": environment, **found, "url": front.url})

    async def one(request: Request) -> Response:
        view = await control.rollout(request.path_params["name"])
        return reply({"environment": environment, **msgspec.to_builtins(view), "url": front.rollout(view.name)})

    async def history(request: Request) -> Response:
        return reply({"steps": await control.history(request.path_params["name"])})

    async def why(request: Request) -> Response:
        steps = await control.history(request.path_params["name"])
        return reply(
            {
                "steps": [
                    {
                        **msgspec.to_builtins(step),
                        "replay": "same" if replay(step) else "different",
                        "sentence": sentence(step),
                        "findings": findings(step),
                    }
                    for step in steps
                ]
            }
        )

    async def points(request: Request) -> Response:
        since = float(request.query_params.get("since", 0.0))
        return reply({"points": await control.points(request.path_params["name"], since)})

    async def command(request: Request) -> Response:
        name = request.path_params["command"]
        if name not in get_args(CommandName):
            raise NotFound(f"there is no command {name!r}; there are: {', '.join(get_args(CommandName))}")
        asked = await read(request, Asked)
        said = Command(name, reason=asked.reason, same_units=asked.same_units, actor=request.state.actor)
        return reply(await control.command(request.path_params["name"], said))

    async def preview(request: Request) -> Response:
        return reply(await control.preview(request.path_params["name"]))

    return [
        Route("/v1/rollouts", every),
        Route("/v1/rollouts/{name}", one),
        Route("/v1/rollouts/{name}/history", history),
        Route("/v1/rollouts/{name}/why", why),
        Route("/v1/rollouts/{name}/points", points),
        Route("/v1/rollouts/{name}/preview", preview, methods=["POST"]),
        Route("/v1/rollouts/{name}/{command}", command, methods=["POST"]),
    ]
