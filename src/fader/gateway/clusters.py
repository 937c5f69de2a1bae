"""Where requests go: the endpoints of each version, and the shield before a candidate."""

from __future__ import annotations

import ipaddress

from fader.gateway.layout import Layout
from fader.gateway.matchers import Json, typed
from fader.gateway.names import (
    NAMESPACE,
    assigned_cluster,
    digest,
    shielded_stream_cluster,
    stream_cluster,
    version_cluster,
)
from fader.model.rollout import Shield
from fader.model.ruleset import LiveService
from fader.model.service import Address, HealthCheck, Version

CONNECT_TIMEOUT = "0.5s"
#: Shorter than the five seconds after which the usual app servers close a kept connection: who closes first
#: does not break a request.
UPSTREAM_IDLE = "4s"
#: Far above what one gateway carries: a breaker that opens by itself would make errors of its own, and the
#: default of three concurrent retries would break the shield.
_OPEN = {
    "thresholds": [
        {
            "max_connections": 100_000,
            "max_pending_requests": 100_000,
            "max_requests": 100_000,
            "max_retries": 10_000,
        }
    ]
}


def clusters(live: LiveService, layout: Layout) -> list[Json]:
    service, split = live.service, live.split
    result = [_version(live, version, layout) for version in service.versions]
    for name in live_versions(live):
        result.append(_stream(service.name, name, layout))
    if split and split.shield != "off":
        for shielded, cluster in ((assigned_cluster, version_cluster), (shielded_stream_cluster, stream_cluster)):
            baseline = cluster(service.name, live.baseline)
            for name in split.tried:
                tried = cluster(service.name, name)
                result.append(_composite(shielded(service.name, name), tried, baseline, split.shield))
    return result


def live_versions(live: LiveService) -> tuple[str, ...]:
    """Those that get users now: the baseline, and of an active rollout the candidate and the arms beside it."""
    return (live.baseline, *live.split.tried) if live.split else (live.baseline,)


def attempts(shield: Shield) -> int:
    """How often a request is tried before the shield's last resort, the baseline.

    A kept connection that the app closes at the very moment it is used breaks for any version now and then. The
    baseline tries again on itself; the candidate has to be allowed the same, or each such break would count
    against it. Answers of 5xx (shield `errors`) are not tried again on the candidate: that would hide its errors.
    """
    return 1 if shield == "errors" else 2


def _composite(name: str, candidate: str, baseline: str, shield: Shield) -> Json:
    """The n-th attempt goes to the n-th cluster; one without a healthy endpoint is passed over."""
    order = [*[candidate] * attempts(shield), baseline]
    return {
        "name": name,
        "connect_timeout": CONNECT_TIMEOUT,
        "lb_policy": "CLUSTER_PROVIDED",
        "circuit_breakers": _OPEN,
        "cluster_type": {
            "name": "envoy.clusters.composite",
            "typed_config": typed(
                "envoy.extensions.clusters.composite.v3.ClusterConfig", clusters=[{"name": each} for each in order]
            ),
        },
    }


def _version(live: LiveService, version: Version, layout: Layout) -> Json:
    name = version_cluster(live.service.name, version.name)
    candidate = live.split is not None and version.name in live.split.tried
    cluster: Json = {
        "name": name,
        "connect_timeout": CONNECT_TIMEOUT,
        "circuit_breakers": _OPEN,
        "lb_policy": _policy(version),
        # A candidate without a healthy endpoint gives way to the baseline; the baseline has nobody to give way to,
        # so when none looks healthy all are tried.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0 if candidate else 1}},
        "outlier_detection": _outliers(candidate and live.split is not None and live.split.shield == "errors"),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_endpoint(version.name, address) for address in version.endpoints]}],
        },
        **_discovery(version),
        **_transport(version, layout),
        **_protocol(version),
    }
    if check := version.health or live.service.health:
        cluster["health_checks"] = [_health(check, version)]
    return cluster


def _stream(service: str, version: str, layout: Layout) -> Json:
    """One hop over a Unix socket to an inner listener of the same Envoy. See listeners.inner."""
    name = stream_cluster(service, version)
    pipe = {"pipe": {"path": str(layout.stream(digest(service, version)))}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": CONNECT_TIMEOUT,
        "circuit_breakers": _OPEN,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"metadata": _served(version), "endpoint": {"address": pipe}}]}],
        },
    }


def _served(version: str) -> Json:
    return {"filter_metadata": {NAMESPACE: {"served": version}}}


def _endpoint(version: str, address: Address) -> Json:
    metadata = _served(version)
    if address.tls:
        metadata["filter_metadata"]["envoy.transport_socket_match"] = {"tls": True}
    return {
        "metadata": metadata,
        "endpoint": {
            "hostname": address.host,
            "address": {"socket_address": {"address": address.host, "port_value": address.port}},
        },
    }


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _policy(version: Version) -> str:
    """Among one there is nothing to choose. (A name may stand for many.)"""
    alone = len(version.endpoints) == 1 and _is_ip(version.endpoints[0].host)
    return "ROUND_ROBIN" if alone else "LEAST_REQUEST"


def _discovery(version: Version) -> Json:
    if all(_is_ip(address.host) for address in version.endpoints):
        return {"type": "STATIC"}
    return {
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "dns_refresh_rate": "5s",
        "dns_failure_refresh_rate": {"base_interval": "1s", "max_interval": "5s"},
        # A name that does not resolve holds up nobody else.
        "wait_for_warm_on_init": False,
    }


def _transport(version: Version, layout: Layout) -> Json:
    if not any(address.tls for address in version.endpoints):
        return {}
    validation: Json = {"trusted_ca": {"filename": layout.ca}} if layout.ca else {}
    common: Json = {"validation_context": validation} if validation else {}
    if version.http2:
        common["alpn_protocols"] = ["h2"]
    tls = typed(
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        common_tls_context=common,
        auto_host_sni=True,
        **({"auto_sni_san_validation": True} if layout.ca else {}),
    )
    plain = typed("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer")
    return {
        "transport_socket_matches": [
            {
                "name": "tls",
                "match": {"tls": True},
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
            },
            {
                "name": "plain",
                "match": {},
                "transport_socket": {"name": "envoy.transport_sockets.raw_buffer", "typed_config": plain},
            },
        ]
    }


def _protocol(version: Version) -> Json:
    protocol: Json = (
        {"http2_protocol_options": {"allow_connect": True}} if version.http2 else {"http_protocol_options": {}}
    )
    options = typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        common_http_protocol_options={"idle_timeout": UPSTREAM_IDLE},
        explicit_http_config=protocol,
    )
    return {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}}


def _outliers(by_answers: bool) -> Json:
    """Endpoints that cannot be reached are left out for a while. Answers of 5xx count only where the shield hides
    them anyway: else ejection would mask a bad candidate."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 5,
        "enforcing_consecutive_local_origin_failure": 100,
        "consecutive_5xx": 20,
        "enforcing_consecutive_5xx": 100 if by_answers else 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": "2s",
        "max_ejection_time": "10s",
        "max_ejection_percent": 100,
        "always_eject_one_host": True,
    }


def _health(check: HealthCheck, version: Version) -> Json:
    return {
        "timeout": seconds(check.timeout),
        "interval": seconds(check.interval),
        "no_traffic_interval": seconds(check.interval),
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "http_health_check": {"path": check.path, **({"codec_client_type": "HTTP2"} if version.http2 else {})},
    }


def seconds(value: float) -> str:
    """A protobuf Duration: at most nine digits, no exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"
