"""Scripts, styles and pictures: files of the wheel, nothing from anywhere else."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from fader.dashboard.templating import HERE


class Assets(StaticFiles):
    """A browser asks each time whether a file has changed (304 by its ETag): no stale page after an upgrade."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount() -> Mount:
    return Mount("/static", Assets(directory=HERE / "static"), name="static")
