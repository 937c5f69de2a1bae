import json

import pytest

from fader.gateway.access_log import route_name
from fader.gateway.counts import endpoint_health, version_counts
from fader.model.report import EndpointHealth, VersionCount


def route(*fields: str) -> str:
    """The label of a route as Envoy writes it: its name with quotes and backslashes escaped."""
    name = route_name(*fields).replace("\\", "\\\\").replace('"', '\\"')
    return f'route="{name}"'


SHOP = route("shop", "shop-v2", "v2", "rollout")
LATER = route("shop", "again", "v2", "rollout")
ODD = route('shöp.eu "}', "", "v\\1", "none")
PROMETHEUS = f"""\
# TYPE envoy_fader_requests counter
envoy_fader_requests{{{SHOP}}} 10
envoy_fader_requests{{{LATER}}} 3
envoy_fader_requests{{{ODD}}} 4
envoy_fader_requests{{route=""}} 9
envoy_fader_requests{{}} 9
# TYPE envoy_fader_errors counter
envoy_fader_errors{{{SHOP}}} 2
envoy_fader_errors{{route=""}} 1
envoy_other{{{SHOP}}} 7
# TYPE envoy_fader_latency_us histogram
envoy_fader_latency_us_bucket{{{SHOP},le="250"}} 0
envoy_fader_latency_us_bucket{{{SHOP},le="1000"}} 6
envoy_fader_latency_us_bucket{{{SHOP},le="+Inf"}} 9
envoy_fader_latency_us_bucket{{{LATER},le="250"}} 1
envoy_fader_latency_us_bucket{{{LATER},le="1000"}} 1
envoy_fader_latency_us_bucket{{{LATER},le="+Inf"}} 3
envoy_fader_latency_us_sum{{{SHOP}}} 7100.4
envoy_fader_latency_us_sum{{{LATER}}} 5000
envoy_fader_latency_us_count{{{SHOP}}} 9
"""


def test_counts_of_each_version_and_reason() -> None:
    bins = ((0.25, 1), (1.0, 6), (float("inf"), 5))
    assert version_counts(PROMETHEUS) == (
        VersionCount("shop", "v2", "rollout", 13, 2, 12100, bins),
        VersionCount('shöp.eu "}', "v\\1", "none", 4, 0),
    )


def test_nothing_counted_yet() -> None:
    assert version_counts("") == ()


def host(address: str, **status: object) -> dict[str, object]:
    return {"address": {"socket_address": {"address": address, "port_value": 9001}}, "health_status": status}


def test_endpoints_and_why_they_are_out() -> None:
    statuses = [
        {"name": "version/shop/v1", "host_statuses": [host("127.0.0.1", eds_health_status="HEALTHY")]},
        {"name": "version/shop/v2", "host_statuses": [host("::1", failed_outlier_check=True)]},
        {"name": "version/shop/v3%2E1", "host_statuses": [host("a", failed_active_health_check=True)]},
        {"name": "version/shop/lost"},
        {"name": "stream/shop/v1", "host_statuses": [host("x")]},
        {"name": "assigned/shop/v2"},
    ]
    assert endpoint_health(json.dumps({"cluster_statuses": statuses})) == (
        EndpointHealth("shop", "v1", "127.0.0.1:9001", True),
        EndpointHealth("shop", "v2", "[::1]:9001", False, "not reachable"),
        EndpointHealth("shop", "v3.1", "a:9001", False, "health check failed"),
        EndpointHealth("shop", "lost", "", False, "the name does not resolve"),
    )


def test_no_clusters() -> None:
    assert endpoint_health("{}") == ()


def test_not_json() -> None:
    with pytest.raises(ValueError):
        endpoint_health("no")
