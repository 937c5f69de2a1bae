"""Attributes of a condition, and where a request holds them.

Six come with every request: `request.path`, `request.method`, `request.host`, `request.headers["x-plan"]`,
`request.cookies["plan"]` and `request.query["plan"]`. Others have a place that the service names under `attributes`.
They are attributes as all are: an app that asks by the SDK may pass the same `request`, or the same names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from fader.model.request import RequestAttribute, RequestText

#: The attribute that is the request itself.
REQUEST = "request"
#: Everything that is known of any request, as it is written.
KNOWN = 'request.headers["x-plan"], request.cookies["plan"], request.query["plan"], request.path, .method and .host'
#: What may be the name of a header or a cookie (RFC 9110, token).
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
#: What may be the name of a parameter of the query: without what the gateway would have to escape.
PARAMETER = re.compile(r"[A-Za-z0-9_.~-]{1,128}")

_ALONE = {"path": RequestText("path"), "method": RequestText("method"), "host": RequestText("host")}
_NAMED: dict[str, Literal["header", "cookie", "query"]] = {"headers": "header", "cookies": "cookie", "query": "query"}
#: What the gateway removes from requests before anybody reads it.
_REMOVED = ("x-fader", "x-envoy", "fader-preview")
_INSTEAD = {"host": "request.host", "cookie": 'request.cookies["plan"]'}


class Unreachable(ValueError):
    """What a gateway cannot know of a request."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason, self.fix = reason, fix


def text_of(path: tuple[str, ...], attributes: Iterable[RequestAttribute]) -> RequestText:
    """`attributes`: those of the service. Raises Unreachable."""
    match path:
        case ():
            return RequestText("unit")
        case (str(name),) if name != REQUEST:
            found = next((a.text for a in attributes if a.name == name), None)
            if found:
                return found
            reason = f"it asks for {name}, and nothing says where a request holds it"
            raise Unreachable(
                reason, f"add attributes: {{{name}: {{header: x-{name.replace('_', '-')}}}}} to the service"
            )
        case ("request", str(kind)) if kind in _ALONE:
            return _ALONE[kind]
        case ("request", str(kind), str(name)) if kind in _NAMED:
            return named(_NAMED[kind], name)
    raise Unreachable(f"it asks for {'.'.join(path)}, which no request holds", f"a gateway knows {KNOWN}")


def named(kind: Literal["header", "cookie", "query"], name: str) -> RequestText:
    """Raises Unreachable for what cannot be such a name."""
    word = {"header": "a header", "cookie": "a cookie", "query": "a parameter of the query"}[kind]
    if not (PARAMETER if kind == "query" else TOKEN).fullmatch(name):
        raise Unreachable(f'"{name}" cannot be the name of {word}', f"write e.g. {KNOWN}")
    if kind == "header":
        if name != name.lower():
            raise Unreachable(f"{name} is no header's name: they are in lower case", f"write {name.lower()}")
        if name.startswith(_REMOVED):
            raise Unreachable(f"{name} is stripped from requests by the gateway", "name another header")
        if name in _INSTEAD:
            raise Unreachable(f"{name} is a header of its own kind", f"write {_INSTEAD[name]}")
    return RequestText(kind, name)
