"""What a gateway can know of a request: texts, each from one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class RequestText:
    """Where it stands. `name`: of the header (in lower case), the cookie, the parameter of the query, or the claim of
    a token that is verified against `issuer` and the keys in the file `jwks`. The others have none.

    kind `path` is without the query; `host` is with the port, as the client sent it; `unit` is who is assigned.
    """

    kind: Literal["unit", "header", "cookie", "query", "claim", "path", "method", "host"]
    name: str = ""
    issuer: str = ""
    jwks: str = ""


@dataclass(frozen=True, slots=True)
class RequestAttribute:
    """An attribute by the name that conditions have for it, `country`, and where a service's requests hold it."""

    name: str
    text: RequestText
