"""The routes at the end of a decision: where the request goes, what is retried, which headers say so."""

from __future__ import annotations

from urllib.parse import quote

from fader.gateway.access_log import NOTHING, UNIT_HEADER, probability, route_name
from fader.gateway.clusters import attempts, seconds
from fader.gateway.flag_baggage import baggage
from fader.gateway.flag_header import FLAGS_HEADER, flag_header
from fader.gateway.identity import set_cookie, sources
from fader.gateway.matchers import Json
from fader.gateway.names import (
    COPIED,
    NAMESPACE,
    UNIT,
    assigned_cluster,
    shielded_stream_cluster,
    stream_cluster,
    version_cluster,
)
from fader.model.ruleset import LiveService
from fader.model.service import UnitSource
from fader.model.share import WHOLE

#: Seconds without a byte after which the listener ends a request; a limit of its own costs a route on every request.
IDLE = 300.0
#: Retried before the app can have seen the request. `reset` may come after it has: only where that is safe.
_BEFORE = "connect-failure,refused-stream,reset-before-request"
_METHOD = ":method"
_STREAM = {"name": "accept", "string_match": {"contains": "text/event-stream"}}


def overwrite(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def append(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}


def literal(text: str) -> str:
    """Header values are formats: a percent sign stands for itself only when doubled."""
    return text.replace("%", "%%")


def routes(live: LiveService, version: str, reason: str, issue: UnitSource | None = None) -> list[Json]:
    """For one decision, in order: protocol upgrades, event streams, safe methods, the rest.

    Streams go through an inner listener (see clusters): it can be closed under them when their version goes. They
    have no time limit but the idle one. `issue`: hand the new id to the browser.
    """
    shared = _shared(live, version, reason, issue)
    direct, stream = _targets(live, version)
    safe, unsafe = _retries(live, version)
    idle = live.service.idle_timeout
    limits = {"timeout": seconds(live.service.timeout), **({} if idle == IDLE else {"idle_timeout": seconds(idle)})}
    endless = {**limits, "timeout": "0s"}

    def route(match: list[Json], cluster: str, times: Json, retry: Json) -> Json:
        found = {"prefix": "/", **({"headers": match} if match else {})}
        return {**shared, "match": found, "route": {"cluster": cluster, **times, **retry}}

    get = {"name": _METHOD, "string_match": {"exact": "GET"}}
    result = [
        route([{"name": "upgrade", "present_match": True}], stream, endless, safe),
        route([_STREAM, get], stream, endless, safe),
    ]
    for method in ("GET", "HEAD", "OPTIONS") if safe != unsafe else ():
        result.append(route([{"name": _METHOD, "string_match": {"exact": method}}], direct, limits, safe))
    return [*result, route([_STREAM], direct, endless, unsafe), route([], direct, limits, unsafe)]


def _targets(live: LiveService, version: str) -> tuple[str, str]:
    service, split = live.service.name, live.split
    if split and version in split.tried and split.shield != "off":
        return assigned_cluster(service, version), shielded_stream_cluster(service, version)
    return version_cluster(service, version), stream_cluster(service, version)


def _retries(live: LiveService, version: str) -> tuple[Json, Json]:
    """For safe methods and for the others. Both arms retry a broken connection alike, or the candidate would look
    better than it is by the baseline's help; 5xx only the candidate, and only with the shield `errors`."""
    split = live.split
    if split and split.shield == "off":
        return {}, {}
    candidate = split is not None and version in split.tried
    again: Json = {}
    if not candidate and len(live.service.version(version).endpoints) > 1:
        again = {
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": "type.googleapis.com/"
                        "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                    },
                }
            ],
            # Each draw is random: of two endpoints, ten draws find the same one every thousandth time, and forty never.
            "host_selection_retry_max_attempts": 40,
        }
    answers = ",5xx" if split and candidate and split.shield == "errors" else ""
    times = attempts(split.shield) if split and candidate else 1
    return _retry(f"{_BEFORE},reset{answers}", times, again), _retry(_BEFORE, times, again)


def _retry(on: str, times: int, again: Json) -> Json:
    back_off = {"base_interval": "0.001s", "max_interval": "0.005s"}
    return {"retry_policy": {"retry_on": on, "num_retries": times, "retry_back_off": back_off, **again}}


def _shared(live: LiveService, version: str, reason: str, issue: UnitSource | None) -> Json:
    service = live.service
    assignment = literal(f"{service.name}={version}")
    entry = literal(f"fader.{quote(service.name, safe='')}={quote(version, safe='')}")
    response = [overwrite("x-fader", assignment)]
    if service.flags or (live.split and reason != "excluded"):
        response.append(append("vary", _vary(live)))
    if issue:
        response.append(append("set-cookie", set_cookie(service, issue)))
    return {
        "name": route_name(service.name, live.split.rollout if live.split else "", version, reason),
        "metadata": {"filter_metadata": {NAMESPACE: _metadata(live, version, reason)}},
        # Here and not once for the service: a second list of headers costs more than a longer one.
        "request_headers_to_remove": [COPIED],
        "request_headers_to_add": [
            overwrite(UNIT_HEADER, f"%FILTER_STATE({UNIT}:PLAIN)%"),
            overwrite("x-fader", assignment),
            *((append if beside else overwrite)("baggage", value) for value, beside in baggage(service, entry)),
            *(
                [overwrite(FLAGS_HEADER, flag_header(service))]
                if service.flags and service.flags_as != "baggage"
                else []
            ),
        ],
        "response_headers_to_add": response,
    }


def _metadata(live: LiveService, version: str, reason: str) -> Json:
    service = live.service
    data = {
        "s": service.name,
        "r": live.split.rollout if live.split else "",
        "v": version,
        "why": reason,
        NOTHING: NOTHING,
    }
    return data if service.sample < WHOLE else {**data, "p": probability(service.sample)}


def _vary(live: LiveService) -> str:
    """What the answer depends on, for caches between the gateway and the user."""
    names = {"header": "", "cookie": "cookie", "jwt": "authorization"}
    found = [names[source.kind] or source.name.lower() for source in sources(live.service)]
    return ", ".join(dict.fromkeys(found))
