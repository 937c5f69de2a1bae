"""What is counted and what is written of each request.

Two loggers a listener: exact counters and latency histograms of every request, and one JSON line a request for
the units in the sample. Errors, slow requests and those that another version served than was assigned are
written in any case.
"""

from __future__ import annotations

from fader.assign.bucket import seed
from fader.gateway.matchers import Json, action, fraction, typed
from fader.gateway.names import NAMESPACE, whole_log_key
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
    "path": "%PATH(NQ)%",
    "rx": "%BYTES_RECEIVED%",
    "tx": "%BYTES_SENT%",
}

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


def access_logs(listener: str, path: str) -> list[Json]:
    """Two writers of lines, exactly one of which is on: for a listener whose services are logged whole, and for one
    with a sample. The first is the usual one and evaluates nothing per request that it need not."""
    whole = whole_log_key(listener)
    return [
        _counters(),
        {"name": "fader.whole", "filter": _on(whole, 0), "typed_config": _lines(path, "1")},
        {
            "name": "fader.sample",
            "filter": {"and_filter": {"filters": [_on(f"{whole}.not", 100), _kept()]}},
            "typed_config": _lines(path, _PROBABILITY),
        },
    ]


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


def _counters() -> Json:
    """One tag for service, version and reason together: every tag costs on every request."""
    tag = {"name": "cell", "value_format": "%METADATA(ROUTE:fader:cell)%"}
    code = {"name": "code", "value_format": "%RESPONSE_CODE%"}
    return {
        "name": "fader.counters",
        "typed_config": typed(
            "envoy.extensions.access_loggers.stats.v3.Config",
            stats_scope={"prefix": NAMESPACE},
            counters=[{"stat": {"name": "requests", "tags": [tag, code]}, "value_fixed": 1}],
            histograms=[
                {"stat": {"name": "latency_us", "tags": [tag]}, "unit": "Microseconds", "value_format": LINE["us"]}
            ],
        ),
    }


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
