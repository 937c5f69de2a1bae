"""GET /rollouts/{name}/card.png, and what a chat that looks at a link to a rollout is shown of it without a session."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from fader.dashboard.login import Login
from fader.dashboard.tags import Tags, summary
from fader.errors import NotFound
from fader.model.front import Front
from fader.model.view import RolloutView
from fader.ports.control import Control

#: Pictures that are kept for those who are not signed in.
KEPT = 100
#: Theirs may be kept by whoever passes it on, and be shown in pages of others; it is of rollouts that move.
HEADERS = {"Cache-Control": "public, max-age=60", "Cross-Origin-Resource-Policy": "cross-origin"}


def guest(request: Request) -> bool:
    """Whether the guard let it in without a session."""
    return bool(getattr(request.state, "guest", False))


class Unfurl:
    def __init__(self, control: Control, login: Login, front: Front) -> None:
        self._control, self._login, self._front = control, login, front
        self._drawn: dict[tuple[str, str], bytes] = {}

    def tags(self, view: RolloutView) -> Tags:
        """For who is signed in."""
        return Tags(view.name, view.headline, self._front.rollout(view.name))

    async def page(self, request: Request) -> Response:
        """The page of a rollout for who is not signed in: a field for the token, and what a chat shows of it."""
        view = await self._shown(request)
        tags = Tags(view.name, summary(view), self._front.rollout(view.name)) if view else None
        return await self._login.page(request, tags)

    async def card(self, request: Request) -> Response:
        """Raises NotFound for who is signed in."""
        from fader.dashboard import card  # drawing is loaded when it is first asked for

        if not guest(request):
            whole = await self._control.rollout(request.path_params["name"])
            return _png(await asyncio.to_thread(card.card, whole), {"Cache-Control": "no-store"})
        view = await self._shown(request)
        if view is None:
            return Response("Not here\n", 404, media_type="text/plain")
        key = view.name, summary(view)
        png = self._drawn.get(key)
        if png is None:
            png = await asyncio.to_thread(card.guest_card, view, summary(view))
            while len(self._drawn) >= KEPT:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[key] = png
        return _png(png, HEADERS)

    async def _shown(self, request: Request) -> RolloutView | None:
        """None for one that does not exist: the words of the error would name the others."""
        try:
            return await self._control.rollout(request.path_params["name"])
        except NotFound:
            return None


def _png(png: bytes, headers: dict[str, str]) -> Response:
    return Response(png, media_type="image/png", headers=headers)
