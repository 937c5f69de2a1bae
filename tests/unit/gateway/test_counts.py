import json

import pytest

from fader.gateway.counts import endpoint_health, version_counts
from fader.model.report import EndpointHealth, VersionCount

PROMETHEUS = """\
# TYPE envoy_fader_requests counter
envoy_fader_requests{cell="shop/v2/rollout"} 10
envoy_fader_requests{cell="shop%2Eeu/v1/none"} 4
envoy_fader_requests{cell="-"} 9
# TYPE envoy_fader_errors counter
envoy_fader_errors{cell="shop/v2/rollout"} 2
envoy_fader_errors{cell="-"} 1
envoy_other{cell="shop/v2/rollout"} 7
# TYPE envoy_fader_latency_us histogram
envoy_fader_latency_us_bucket{cell="shop/v2/rollout",le="250"} 0
envoy_fader_latency_us_bucket{cell="shop/v2/rollout",le="1000"} 6
envoy_fader_latency_us_bucket{cell="shop/v2/rollout",le="+Inf"} 9
envoy_fader_latency_us_sum{cell="shop/v2/rollout"} 7100.4
envoy_fader_latency_us_count{cell="shop/v2/rollout"} 9
"""


def test_counts_of_each_version_and_reason() -> None:
    bins = ((0.25, 0), (1.0, 6), (float("inf"), 3))
    assert version_counts(PROMETHEUS) == (
        VersionCount("shop.eu", "v1", "none", 4, 0),
        VersionCount("shop", "v2", "rollout", 10, 2, 7100, bins),
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
