"""GET /login: turns the token of the printed link into a session. The token travels in the fragment, so it reaches
no log and no Referer; the page's script posts it. Without script a form field takes it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from fader.dashboard.tags import Tags
from fader.dashboard.templating import Templates
from fader.model.front import inside

WRONG = (
    "This token is not the one of this server. Copy it anew: it stands in the file token in the data directory, "
    "and fader up prints the whole link."
)


class Login:
    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    async def page(self, request: Request, tags: Tags | None = None) -> Response:
        """`?wrong` is where a form without script comes back to when its token was refused, `?next` where it goes on
        to; shown in the place of another page it goes on there. `tags`: what a chat shows of a link to it."""
        refusal = WRONG if "wrong" in request.query_params else ""
        here = request.url.path
        onward = inside(request.query_params.get("next", "") if here == "/login" else here)
        return self._templates.page("login.html", refusal=refusal, wrong=WRONG, next=onward, tags=tags)
