"""Who is assigned: the chain of filters that finds the unit, in the order of the service's sources, without code.

The same filters read the texts of the request that conditions look at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fader.assign.bucket import UNIT_BYTES
from fader.gateway.matchers import Json, typed
from fader.gateway.names import KNOWN, UNIT, provider
from fader.gateway.texts import command, state
from fader.model.request import RequestText
from fader.model.service import Service, UnitSource

#: A year; browsers cap it further by themselves.
COOKIE_AGE = 31_536_000


def issued(service: Service) -> UnitSource | None:
    """The cookie in which the gateway issues an anonymous id. Sources after it are never reached."""
    return next((source for source in service.unit if source.issue), None)


def sources(service: Service) -> tuple[UnitSource, ...]:
    """In the order in which they are asked, up to and with the one that always yields an id. With continuity the issued
    cookie is asked first as well: who signs in stays who they were. One id decides at any time, never either of two."""
    stop = issued(service)
    found = service.unit[: service.unit.index(stop) + 1] if stop else service.unit
    return (replace(stop, issue=False), *found) if stop and stop.continuity else found


def identity_filters(service: Service, reroute: bool, asked: Sequence[RequestText] = ()) -> list[Json]:
    """`reroute`: the route depends on the unit, so it is chosen again once the unit is known. `asked`: what conditions
    look at."""
    everything = [*map(_text, sources(service)), *asked]
    tokens = dict.fromkeys((text.issuer, text.jwks) for text in everything if text.kind == "claim")
    cookies = dict.fromkeys(text.name for text in everything if text.kind == "cookie")
    filters = [_jwt(issuer, jwks) for issuer, jwks in tokens]
    if cookies:
        filters.append(_cookies(cookies))
    return [*filters, _unit(service, reroute, asked)]


def _text(source: UnitSource) -> RequestText:
    if source.kind == "jwt":
        return RequestText("claim", source.name, source.issuer, source.jwks)
    return RequestText(source.kind, source.name)


def _jwt(issuer: str, jwks: str) -> Json:
    """Verified, and what does not verify is as if it were not there: the next source is asked."""
    name = provider(issuer, jwks)
    return {
        "name": f"fader.{name}",
        "typed_config": typed(
            "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            providers={
                name: {
                    "issuer": issuer,
                    "local_jwks": {"filename": jwks},
                    "forward": True,
                    "payload_in_metadata": name,
                }
            },
            rules=[
                {
                    "match": {"prefix": "/"},
                    "requires": {
                        "requires_any": {"requirements": [{"provider_name": name}, {"allow_missing_or_failed": {}}]}
                    },
                }
            ],
        ),
    }


def _cookies(names: Iterable[str]) -> Json:
    return {
        "name": "fader.cookie",
        "typed_config": typed(
            "envoy.extensions.filters.http.header_to_metadata.v3.Config",
            request_rules=[
                {
                    "cookie": name,
                    "on_header_present": {"metadata_namespace": "fader.cookie", "key": name, "type": "STRING"},
                }
                for name in names
            ],
        ),
    }


def _unit(service: Service, reroute: bool, asked: Sequence[RequestText]) -> Json:
    """The sources write the same object, the last of the list first: what the first yields stays. (Envoy's COALESCE
    would stop at a header that is present and empty.)"""
    stop = issued(service)
    found = [_object(state(text), command(text)) for text in asked]
    for source in reversed(sources(service)):
        found.append(_object(KNOWN if stop else UNIT, command(_text(source)), UNIT_BYTES))
    if stop:
        operators = [{"command": "FILTER_STATE", "param": f"{KNOWN}:PLAIN"}, {"command": "UNIQUE_ID"}]
        chain = json.dumps({"operators": operators}, separators=(",", ":"))
        found.append(_object(UNIT, f"COALESCE({chain})", UNIT_BYTES))
    return {
        "name": "fader.unit",
        "typed_config": typed(
            "envoy.extensions.filters.http.set_filter_state.v3.Config",
            on_request_headers=found,
            **({"clear_route_cache": True} if reroute else {}),
        ),
    }


def _object(key: str, found: str, most: int = 0) -> Json:
    """A unit is cut at the bytes of the bucketing contract. Without `skip_if_empty` every unit with an empty id would
    hash alike and move together."""
    cut = f":{most}" if most else ""
    return {
        "object_key": key,
        "factory_key": "envoy.string",
        "skip_if_empty": True,
        "format_string": {"omit_empty_values": True, "text_format_source": {"inline_string": f"%{found}{cut}%"}},
    }


def set_cookie(service: Service, source: UnitSource) -> str:
    """Value of the header that hands the new id to the browser."""
    secure = "; Secure" if service.tls else ""
    return f"{source.name}=%FILTER_STATE({UNIT}:PLAIN)%; Path=/; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Lax{secure}"
