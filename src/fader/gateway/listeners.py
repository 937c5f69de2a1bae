"""Where users come in, one listener per address; and the inner listeners for streams."""

from __future__ import annotations

from collections.abc import Sequence

from fader.gateway.access_log import access_logs
from fader.gateway.clusters import seconds
from fader.gateway.layout import Layout
from fader.gateway.leaves import IDLE
from fader.gateway.matchers import Json, typed
from fader.gateway.names import COPIED, bind, digest, listener, stream_cluster, version_cluster
from fader.gateway.preview import HEADER
from fader.gateway.routes import CHAIN
from fader.model.service import Service, Tls

_BUFFER = 1_048_576


def secret(tls: Tls) -> str:
    return digest(tls.cert, tls.key)


def public(services: Sequence[Service], layout: Layout) -> Json:
    """The listener that `services` share. Nothing of a service but its certificate and its names for TLS is in it:
    a change of the listener drains its connections, a change of the routes does not."""
    address = services[0].listen
    name = listener(address)
    certificates = dict.fromkeys(service.tls for service in services)
    result: Json = {
        "name": name,
        "address": {"socket_address": {"address": bind(address), "port_value": address.port}},
        # Two gateways on one port must fail loudly, not share it silently.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": _BUFFER,
        "filter_chains": [_chain(name, tls, services, layout) for tls in certificates],
    }
    if any(certificates):
        inspector = typed("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")
        result["listener_filters"] = [{"name": "envoy.filters.listener.tls_inspector", "typed_config": inspector}]
    return result


def _chain(name: str, tls: Tls | None, services: Sequence[Service], layout: Layout) -> Json:
    filters = [{"name": "http", "typed_config": _http(name, layout)}]
    if tls is None:
        beside_tls = any(service.tls for service in services)
        only = {"filter_chain_match": {"transport_protocol": "raw_buffer"}} if beside_tls else {}
        return {"name": "plain", "filters": filters, **only}
    hosts = list(dict.fromkeys(host for service in services if service.tls == tls for host in service.hosts))
    match: Json = {"transport_protocol": "tls"}
    return {
        "name": secret(tls),
        "filter_chain_match": match if "*" in hosts else {**match, "server_names": hosts},
        "filters": filters,
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": _downstream_tls(tls, layout)},
    }


def _downstream_tls(tls: Tls, layout: Layout) -> Json:
    source = {"resource_api_version": "V3", "path_config_source": {"path": str(layout.sds(secret(tls)))}}
    return typed(
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [{"name": secret(tls), "sds_config": source}],
        },
    )


def certificate(tls: Tls) -> Json:
    """Read again when a file in the certificate's directory is replaced by a rename."""
    return typed(
        "envoy.extensions.transport_sockets.tls.v3.Secret",
        name=secret(tls),
        tls_certificate={
            "certificate_chain": {"filename": tls.cert},
            "private_key": {"filename": tls.key},
            "watched_directory": {"path": tls.cert.rpartition("/")[0] or "/"},
        },
    )


def _http(name: str, layout: Layout) -> Json:
    # The exact counters are ours (see access_log); Envoy's own per cluster and code cost more than they tell.
    router = typed("envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers=True, dynamic_stats=False)
    return typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=name,
        # The address of the peer is the client's; nobody is "internal", whose x-envoy-* headers would be obeyed.
        use_remote_address=True,
        internal_address_config={"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        normalize_path=True,
        merge_slashes=True,
        server_header_transformation="PASS_THROUGH",
        # Also ends a request whose headers never come to an end. Routes with another limit say so.
        stream_idle_timeout=seconds(IDLE),
        http2_protocol_options={"max_concurrent_streams": 128, "allow_connect": True},
        upgrade_configs=[{"upgrade_type": "websocket"}],
        early_header_mutation_extensions=[{"name": "fader.strip", "typed_config": _strip()}],
        rds={
            "route_config_name": name,
            "config_source": {"resource_api_version": "V3", "path_config_source": {"path": str(layout.rds(name))}},
        },
        http_filters=[
            {
                "name": CHAIN,
                "typed_config": typed("envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"),
            },
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        access_log=access_logs(name, str(layout.access_log)),
    )


def _strip() -> Json:
    """Before anything is routed: nobody but the gateway speaks of fader. The secret of a preview is copied first."""
    return typed(
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[
            {
                "append": {
                    "header": {"key": COPIED, "value": f"%REQ({HEADER})%"},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            },
            {"remove_on_match": {"key_matcher": {"prefix": "x-fader"}}},
        ],
    )


def inner(service: str, version: str, layout: Layout) -> Json:
    """Streams of one version pass through this socket. When the version gets no users any more the listener goes,
    and Envoy closes what is left on it after its drain time (`--drain-time-s`): the streams of the other versions
    are not touched, and a rolled-back candidate keeps nobody."""
    proxy = typed(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        stat_prefix="stream",
        cluster=version_cluster(service, version),
        # The limits are those of the route in front.
        idle_timeout="0s",
    )
    return {
        "name": stream_cluster(service, version),
        "address": {"pipe": {"path": str(layout.stream(digest(service, version))), "mode": 0o600}},
        "filter_chains": [{"filters": [{"name": "tcp", "typed_config": proxy}]}],
    }
