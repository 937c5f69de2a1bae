"""Who is assigned: the chain of filters that finds the unit, in the order of the service's sources, without code."""

from __future__ import annotations

import json

from fader.assign.bucket import UNIT_BYTES
from fader.gateway.matchers import Json, typed
from fader.gateway.names import KNOWN, UNIT, digest
from fader.model.service import Service, UnitSource

#: A year; browsers cap it further by themselves.
COOKIE_AGE = 31_536_000


def issued(service: Service) -> UnitSource | None:
    """The cookie in which the gateway issues an anonymous id. Sources after it are never reached."""
    return next((source for source in service.unit if source.issue), None)


def sources(service: Service) -> tuple[UnitSource, ...]:
    """The sources up to and with the one that always yields an id."""
    stop = issued(service)
    return service.unit[: service.unit.index(stop) + 1] if stop else service.unit


def identity_filters(service: Service, reroute: bool) -> list[Json]:
    """`reroute`: the route depends on the unit, so it is chosen again once the unit is known."""
    filters = [_jwt(source) for source in sources(service) if source.kind == "jwt"]
    cookies = [source.name for source in sources(service) if source.kind == "cookie"]
    if cookies:
        filters.append(_cookies(cookies))
    return [*filters, _unit(service, reroute)]


def _jwt(source: UnitSource) -> Json:
    """Verified, and what does not verify is as if it were not there: the next source is asked."""
    name = _provider(source)
    return {
        "name": f"fader.{name}",
        "typed_config": typed(
            "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            providers={
                name: {
                    "issuer": source.issuer,
                    "local_jwks": {"filename": source.jwks},
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


def _provider(source: UnitSource) -> str:
    return "jwt-" + digest(source.issuer, source.jwks)


def _cookies(names: list[str]) -> Json:
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


def _unit(service: Service, reroute: bool) -> Json:
    """The sources write the same object, the last of the list first: what the first yields stays. (Envoy's COALESCE
    would stop at a header that is present and empty.)"""
    stop = issued(service)
    found = [_object(KNOWN if stop else UNIT, _command(source)) for source in reversed(sources(service))]
    if stop:
        operators = [{"command": "FILTER_STATE", "param": f"{KNOWN}:PLAIN"}, {"command": "UNIQUE_ID"}]
        chain = json.dumps({"operators": operators}, separators=(",", ":"))
        found.append(_object(UNIT, f"COALESCE({chain})"))
    return {
        "name": "fader.unit",
        "typed_config": typed(
            "envoy.extensions.filters.http.set_filter_state.v3.Config",
            on_request_headers=found,
            **({"clear_route_cache": True} if reroute else {}),
        ),
    }


def _object(key: str, command: str) -> Json:
    """Cut at the bytes of the bucketing contract. Without `skip_if_empty` every unit with an empty id would hash
    alike and move together."""
    return {
        "object_key": key,
        "factory_key": "envoy.string",
        "skip_if_empty": True,
        "format_string": {
            "omit_empty_values": True,
            "text_format_source": {"inline_string": f"%{command}:{UNIT_BYTES}%"},
        },
    }


def _command(source: UnitSource) -> str:
    if source.kind == "header":
        return f"REQ({source.name})"
    if source.kind == "cookie":
        return f"DYNAMIC_METADATA(fader.cookie:{source.name})"
    return f"DYNAMIC_METADATA(envoy.filters.http.jwt_authn:{_provider(source)}:{source.name})"


def set_cookie(service: Service, source: UnitSource) -> str:
    """Value of the header that hands the new id to the browser."""
    secure = "; Secure" if service.tls else ""
    return f"{source.name}=%FILTER_STATE({UNIT}:PLAIN)%; Path=/; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Lax{secure}"
