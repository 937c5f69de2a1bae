"""What Envoy starts with. It names files and never a service, so a new ruleset needs no restart."""

from __future__ import annotations

from pathlib import Path

from fader.gateway.layout import Layout
from fader.gateway.matchers import Json, typed
from fader.gateway.runtime import LAYER

#: What may be asked of the admin socket, which has mode 0600 besides. No /quitquitquit, no /logging, no dumps of
#: memory; `runtime_modify` neither: the shares come from the ruleset alone.
ALLOWED = (
    {"exact": "/ready"},
    {"prefix": "/stats"},
    {"prefix": "/clusters"},
    {"prefix": "/server_info"},
    {"prefix": "/config_dump"},
    {"prefix": "/listeners"},
    {"exact": "/runtime"},
    {"exact": "/reopen_logs"},
    {"prefix": "/drain_listeners"},
)
#: Upper bounds of the latency histogram, microseconds.
LATENCY_BUCKETS = (
    250, 500, 1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 25_000, 40_000, 60_000, 100_000, 150_000, 250_000,
    400_000, 600_000, 1_000_000, 1_500_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000,
)  # fmt: skip
_MOST_CONNECTIONS = 50_000
#: Envoy refuses patterns of more than 100 instructions of its own kind. Those of conditions are matched in linear time
#: whatever their size, and have a bound of their own; a class of characters alone may take dozens.
PATTERNS = {"re2.max_program_size.error_level": 1_000_000}


def source(path: Path) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def bootstrap(layout: Layout) -> Json:
    monitor = typed(
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=_MOST_CONNECTIONS,
    )
    return {
        "node": {"id": "fader", "cluster": "fader"},
        "admin": {
            "address": {"pipe": {"path": str(layout.admin), "mode": 0o600}},
            "allow_paths": list(ALLOWED),
        },
        "overload_manager": {
            "resource_monitors": [
                {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": monitor}
            ]
        },
        "layered_runtime": {
            "layers": [
                {"name": "static", "static_layer": PATTERNS},
                {"name": LAYER, "rtds_layer": {"name": LAYER, "rtds_config": source(layout.rtds)}},
            ]
        },
        "stats_config": {
            "histogram_bucket_settings": [{"match": {"prefix": "fader"}, "buckets": list(LATENCY_BUCKETS)}]
        },
        "dynamic_resources": {"cds_config": source(layout.cds), "lds_config": source(layout.lds)},
    }
