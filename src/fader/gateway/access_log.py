"""What is counted and what is written of each request.

Exact counters and latency histograms of every request, and one JSON line a request for the units in the sample.
Errors, slow requests and those that another version served than was assigned are written in any case.

Envoy's JSON formatter is most of what a line costs, for it looks each field up and escapes it at every request. So
the usual line of a listener that is logged whole is text that is JSON: what a route says of itself stands in its
name, rendered once, and nothing in the rest can need an escape. A line of which that is not certain is left to the
JSON formatter.
"""

from __future__ import annotations

import json

from fader.assign.bucket import seed
from fader.gateway.matchers import Json, action, fraction, typed
from fader.gateway.names import GIVEN, NAMESPACE, whole_log_key
from fader.model.service import Service
from fader.model.share import WHOLE

#: Salt of the sample: a unit is in or out of it whatever the service or the rollout.
SAMPLE_SALT = "fader/sample"
#: A request of at least this many milliseconds is always written.
SLOW_MS = 500
_RBAC = "envoy.filters.http.rbac"
_SAMPLED = "sample.shadow_effective_policy_id"

#: The line contract between the gateway and the telemetry, but for `p`.
LINE = {
    "t": "%START_TIME(%s.%6f)%",
    "u": "%FILTER_STATE(fader.unit:PLAIN)%",
    "s": "%METADATA(ROUTE:fader:s)%",
    "r": "%METADATA(ROUTE:fader:r)%",
    "v": "%METADATA(ROUTE:fader:v)%",
    "why": "%METADATA(ROUTE:fader:why)%",
    "w": "%UPSTREAM_METADATA(fader:served)%",
    "c": "%RESPONSE_CODE%",
    "f": "%RESPONSE_FLAGS%",
    "us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "m": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:PATH)%",
    "rx": "%BYTES_RECEIVED%",
    "tx": "%BYTES_SENT%",
    "tp": "%REQ(TRACEPARENT)%",
    "x": f"%FILTER_STATE({GIVEN}:PLAIN)%",
}

#: Numbers in JSON; the others are strings.
_NUMBERS = frozenset({"c", "us", "rx", "tx"})
#: The fields that a route knows of itself. See `route_name`.
_CONSTANT = ("s", "r", "v", "why")
#: Header in which the app gets the unit. Set by the router alone, so it is there only once a request was routed.
UNIT_HEADER = "x-fader-unit"
#: Metadata of each route: what stands for a number that there is not.
NOTHING = "null"
#: A unit of printable ASCII without quote and backslash.
_PLAIN_UNIT = r"[ !#-\[\]-~]+"
#: What a client sends as its trace, or nothing.
_PLAIN_TRACE = r"[0-9a-f-]*"

#: Inclusion probability of a service that is sampled, or of one that is not beside one that is.
_PROBABILITY = (
    '%COALESCE({"operators":[{"command":"METADATA","param":"ROUTE:fader:p"},'
    '{"command":"DYNAMIC_METADATA","param":"envoy.filters.http.rbac:sample.shadow_effective_policy_id"}]})%'
)


def probability(ppm: int) -> str:
    """As it stands on the line: `1`, `0.1`, `0.000001`."""
    return f"{ppm / WHOLE:.6f}".rstrip("0").rstrip(".")


def sampler(service: Service) -> list[Json]:
    """A filter with only a shadow matcher: it blocks nothing and marks the units of the sample. None at 100 %,
    where the route carries the probability. Never give it `rules` or `matcher`: those enforce."""
    if service.sample >= WHOLE:
        return []
    mark = typed("envoy.config.rbac.v3.Action", name=probability(service.sample), action="ALLOW")
    # The key is never set: the share is part of the routes, so that mark and share always change together.
    kept = fraction("fader.sample.unset", seed(SAMPLE_SALT), service.sample)
    tree = {"matcher_list": {"matchers": [{"predicate": kept, "on_match": action(mark)}]}}
    return [
        {
            "name": "fader.sample",
            "typed_config": typed(
                "envoy.extensions.filters.http.rbac.v3.RBAC",
                shadow_rules_stat_prefix="sample.",
                shadow_matcher=tree,
            ),
        }
    ]


def route_name(service: str, rollout: str, version: str, reason: str) -> str:
    """`"s":"shop","r":"shop-v2","v":"v2","why":"rollout"`: a part of the line, escaped here and written as it is."""
    fields = dict(zip(_CONSTANT, (service, rollout, version, reason), strict=True))
    return json.dumps(fields, separators=(",", ":"))[1:-1]


def access_logs(listener: str, path: str) -> list[Json]:
    """Three writers of lines, exactly one of which writes a request: for a listener whose services are logged whole
    the usual line and the others, and for one with a sample."""
    whole = whole_log_key(listener)
    return [
        _counters(),
        _errors(),
        {"name": "fader.plain", "filter": _all(_on(whole, 0), *_plain(True)), "typed_config": _text(path)},
        {"name": "fader.whole", "filter": _all(_on(whole, 0), _any(*_plain(False))), "typed_config": _lines(path, "1")},
        {
            "name": "fader.sample",
            "filter": _all(_on(f"{whole}.not", 100), _kept()),
            "typed_config": _lines(path, _PROBABILITY),
        },
    ]


def _plain(yes: bool) -> list[Json]:
    """All of these, or with False one of the opposites. A request below 400 was routed, so its path was normalized:
    printable ASCII without quote and backslash. (One whose path cannot be normalized is a 400 at once.)"""
    status = {"default_value": 399 if yes else 400, "runtime_key": "fader.log.plain_status"}
    return [
        {"status_code_filter": {"comparison": {"op": "LE" if yes else "GE", "value": status}}},
        _header(UNIT_HEADER, _PLAIN_UNIT, yes),
        _header("traceparent", _PLAIN_TRACE, yes),
    ]


def _header(name: str, regex: str, yes: bool) -> Json:
    match = {"name": name, "string_match": {"safe_regex": {"regex": regex}}, "treat_missing_header_as_empty": True}
    return {"header_filter": {"header": match if yes else {**match, "invert_match": True}}}


def _all(*filters: Json) -> Json:
    return {"and_filter": {"filters": list(filters)}}


def _any(*filters: Json) -> Json:
    return {"or_filter": {"filters": list(filters)}}


def _on(key: str, default: int) -> Json:
    return {
        "runtime_filter": {
            "runtime_key": key,
            "percent_sampled": {"numerator": default},
            "use_independent_randomness": True,
        }
    }


def _lines(path: str, chance: str) -> Json:
    return typed(
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        path=path,
        log_format={"json_format": {**LINE, "p": chance}},
    )


def _text(path: str) -> Json:
    """What is missing is an empty string, which the store takes for none, or null."""
    duration = [
        {"command": "COMMON_DURATION", "param": "DS_RX_BEG:DS_TX_END:us"},
        {"command": "METADATA", "param": f"ROUTE:{NAMESPACE}:{NOTHING}"},
    ]
    values = {
        **{name: value for name, value in LINE.items() if name not in _CONSTANT},
        "u": f"%REQ({UNIT_HEADER})%",
        "us": f"%COALESCE({json.dumps({'operators': duration}, separators=(',', ':'))})%",
        "p": "1",
    }
    fields = [f'"{name}":{value}' if name in _NUMBERS else f'"{name}":"{value}"' for name, value in values.items()]
    return typed(
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        path=path,
        log_format={
            "text_format_source": {"inline_string": "{%ROUTE_NAME%," + ",".join(fields) + "}\n"},
            "omit_empty_values": True,
        },
    )


#: One tag for all that a route knows of itself: every tag costs on every request, and the name is the cheapest.
_ROUTE = {"name": "route", "value_format": "%ROUTE_NAME%"}


def _counters() -> Json:
    histogram = {"stat": {"name": "latency_us", "tags": [_ROUTE]}, "unit": "Microseconds", "value_format": LINE["us"]}
    return {"name": "fader.counters", "typed_config": _stats(**_counter("requests"), histograms=[histogram])}


def _errors() -> Json:
    """Apart, so that a good request pays nothing for them."""
    failed = {"status_code_filter": {"comparison": _at_least(500, "fader.log.error_status")}}
    return {"name": "fader.errors", "filter": failed, "typed_config": _stats(**_counter("errors"))}


def _counter(name: str) -> Json:
    return {"counters": [{"stat": {"name": name, "tags": [_ROUTE]}, "value_fixed": 1}]}


def _stats(**what: list[Json]) -> Json:
    return typed("envoy.extensions.access_loggers.stats.v3.Config", stats_scope={"prefix": NAMESPACE}, **what)


def _kept() -> Json:
    """Ordered by cost."""
    return {
        "or_filter": {
            "filters": [
                {
                    "metadata_filter": {
                        "matcher": {"filter": _RBAC, "path": [{"key": _SAMPLED}], "value": {"present_match": True}},
                        "match_if_key_not_found": False,
                    }
                },
                {"status_code_filter": {"comparison": _at_least(500, "fader.log.min_status")}},
                {"duration_filter": {"comparison": _at_least(SLOW_MS, "fader.log.slow_ms")}},
                {"response_flag_filter": {}},
                {
                    "extension_filter": {
                        "name": "served-is-not-assigned",
                        "typed_config": typed(
                            "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                            expression="xds.upstream_host_metadata.filter_metadata['fader']['served']"
                            " != xds.route_metadata.filter_metadata['fader']['v']"
                            " || xds.route_metadata.filter_metadata['fader']['p'] == '1'",
                        ),
                    }
                },
            ]
        }
    }


def _at_least(value: int, key: str) -> Json:
    return {"op": "GE", "value": {"default_value": value, "runtime_key": key}}
