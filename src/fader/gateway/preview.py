"""The candidate for an engineer who knows the secret, whatever the share; never evidence.

By header (`x-fader-preview: SECRET`), by cookie, or by link (`?fader_preview=SECRET`): the link is answered with
a redirect that sets the cookie and takes the secret out of the address bar, the history and the Referer. Neither
the app nor the log sees the secret.
"""

from __future__ import annotations

from fader.gateway.leaves import append, literal, overwrite, routes
from fader.gateway.matchers import Json, any_of, header
from fader.gateway.names import COPIED
from fader.model.ruleset import LiveService, Split
from fader.model.service import Exclusion

HEADER = "x-fader-preview"
PARAMETER = "fader_preview"
COOKIE_AGE = 28_800
_PATH = ":path"


def asks(split: Split) -> Json:
    """The secret is unguessable and compared whole: that more may follow it opens nothing."""
    pair = f"{PARAMETER}={split.preview}"
    return any_of(header(COPIED, exact=split.preview), header(_PATH, contains=pair), header("cookie", contains=pair))


def preview_routes(live: LiveService, split: Split) -> list[Json]:
    """In order: the link, exclusions (which a preview does not lift), the candidate."""
    result = _links(live, split)
    for exclusion in live.service.exclude:
        for route in routes(live, live.baseline, "excluded"):
            route["match"] = {**{k: v for k, v in route["match"].items() if k != "prefix"}, **_where(exclusion)}
            result.append(_without_secret(route))
    return [*result, *map(_without_secret, routes(live, split.candidate, "preview"))]


def _where(exclusion: Exclusion) -> Json:
    return {"path": exclusion.path} if exclusion.path else {"prefix": exclusion.prefix}


def _without_secret(route: Json) -> Json:
    """The cookie stays with an empty value: one expression, and it can never be empty itself."""
    blank = f"%CEL(re.extract(request.headers['cookie'], '^(.*){PARAMETER}=[^;]*(.*)$', '\\\\1{PARAMETER}=\\\\2'))%"
    return {**route, "request_headers_to_add": [*route["request_headers_to_add"], overwrite("cookie", blank)]}


def _links(live: LiveService, split: Split) -> list[Json]:
    """The secret may be the first, a middle or the last parameter."""
    pair = f"{PARAMETER}={split.preview}"
    last = f"'^(.*)[?&]{PARAMETER}=', '\\\\1'"
    first = f"'^(.*[?]){PARAMETER}=[^&]*&(.*)$', '\\\\1\\\\2'"
    middle = f"'^(.*)&{PARAMETER}=[^&]*(&.*)$', '\\\\1\\\\2'"
    return [
        _link(live, split, {"suffix": f"?{pair}"}, last),
        _link(live, split, {"suffix": f"&{pair}"}, last),
        _link(live, split, {"contains": f"?{pair}&"}, first),
        _link(live, split, {"contains": f"&{pair}&"}, middle),
    ]


def _link(live: LiveService, split: Split, where: dict[str, str], extract: str) -> Json:
    secure = "; Secure" if live.service.tls else ""
    cookie = f"{PARAMETER}={literal(split.preview)}; Path=/; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Lax{secure}"
    shared = routes(live, split.candidate, "preview")[-1]
    return {
        "name": shared["name"],
        "metadata": shared["metadata"],
        "match": {"prefix": "/", "headers": [{"name": _PATH, "string_match": where}]},
        "direct_response": {"status": 307},
        "response_headers_to_add": [
            overwrite("location", f"%CEL(re.extract(request.path, {extract}))%"),
            overwrite("cache-control", "no-store"),
            append("set-cookie", cookie),
        ],
    }
