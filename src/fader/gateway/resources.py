"""A ruleset as Envoy's configuration: pure, and the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fader.gateway.bootstrap import PATTERNS, bootstrap
from fader.gateway.clusters import clusters, live_versions
from fader.gateway.flag_header import sent
from fader.gateway.layout import Layout
from fader.gateway.listeners import certificate, inner, public, secret
from fader.gateway.matchers import typed
from fader.gateway.names import listener
from fader.gateway.routes import virtual_host
from fader.gateway.runtime import LAYER, runtime
from fader.model.ruleset import LiveService, Ruleset

Document = dict[str, Any]
Kind = Literal["rtds", "cds", "sds", "rds", "lds"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of dynamic configuration. `version` is a hash of its content and stands in it as `version_info`:
    an unchanged file keeps its version.

    `ack` is the name of Envoy's statistic that shows `version` once the file is in force
    (`/stats?filter=version_text`), "" where Envoy has none.
    """

    kind: Kind
    path: Path
    document: Document
    version: str
    ack: str


@dataclass(frozen=True, slots=True)
class Resources:
    """`bootstrap` depends on the layout alone, never on the services: Envoy is not restarted for a new ruleset.

    `check` is a whole static configuration with the same content, for `envoy --mode validate`.
    """

    ruleset: Ruleset
    layout: Layout
    bootstrap: Document
    files: Mapping[Path, File]
    check: Document


def render(ruleset: Ruleset, layout: Layout) -> Resources:
    """Everything that Envoy needs for `ruleset`."""
    by_listener: dict[str, list[LiveService]] = {}
    for live in ruleset.services:
        by_listener.setdefault(listener(live.service.listen), []).append(live)
    all_clusters = [cluster for live in ruleset.services for cluster in clusters(live, layout)]
    listeners = [public([live.service for live in group], layout) for group in by_listener.values()]
    listeners += [
        inner(live.service.name, version, layout) for live in ruleset.services for version in live_versions(live)
    ]
    routes = {name: _routes(name, group, ruleset) for name, group in by_listener.items()}
    values = runtime(ruleset)
    certificates = dict.fromkeys(live.service.tls for live in ruleset.services if live.service.tls)
    files = [
        runtime_file(values, layout),
        cluster_file(all_clusters, layout),
        *(make_file("sds", layout.sds(secret(tls)), [certificate(tls)], "") for tls in certificates),
        *(
            make_file("rds", layout.rds(name), [config], f"http.{name}.rds.{name}.version_text")
            for name, config in routes.items()
        ),
        make_file(
            "lds",
            layout.lds,
            [typed("envoy.config.listener.v3.Listener", **config) for config in listeners],
            "listener_manager.lds.version_text",
        ),
    ]
    start = bootstrap(layout)
    return Resources(
        ruleset=ruleset,
        layout=layout,
        bootstrap=start,
        files={entry.path: entry for entry in files},
        check={
            **{key: value for key, value in start.items() if key not in {"dynamic_resources", "admin"}},
            "layered_runtime": {"layers": [{"name": LAYER, "static_layer": {**PATTERNS, **values}}]},
            "static_resources": {
                "clusters": all_clusters,
                "listeners": _static(listeners, routes),
                "secrets": [_untyped(certificate(tls)) for tls in certificates],
            },
        },
    )


def make_file(kind: Kind, path: Path, resources: Iterable[Document], ack: str) -> File:
    content = list(resources)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    version = hashlib.sha256(canonical).hexdigest()[:16]
    return File(kind, path, {"version_info": version, "resources": content}, version, ack)


def runtime_file(values: Document, layout: Layout) -> File:
    layer = typed("envoy.service.runtime.v3.Runtime", name=LAYER, layer=values)
    return make_file("rtds", layout.rtds, [layer], "runtime.version_text")


def cluster_file(found: Iterable[Document], layout: Layout) -> File:
    named = [{**typed("envoy.config.cluster.v3.Cluster"), **cluster} for cluster in found]
    return make_file("cds", layout.cds, named, "cluster_manager.cds.version_text")


def _routes(name: str, group: list[LiveService], ruleset: Ruleset) -> Document:
    flags = {flag.name: flag for flag in ruleset.flags}
    segments = {segment.name: segment for segment in ruleset.segments}
    return typed(
        "envoy.config.route.v3.RouteConfiguration",
        name=name,
        # A cluster that is missing for a moment must not refuse the routes of everybody.
        validate_clusters=False,
        ignore_port_in_host_matching=True,
        virtual_hosts=[virtual_host(live, sent(live.service, flags, segments), segments) for live in group],
    )


def _static(listeners: list[Document], routes: Mapping[str, Document]) -> list[Document]:
    """The listeners without references to files: in validate mode Envoy does not look into those."""
    static: list[Document] = json.loads(json.dumps(listeners))
    for config in static:
        for chain in config["filter_chains"]:
            http = chain["filters"][0]["typed_config"]
            if "rds" in http:
                http["route_config"] = _untyped(routes[http.pop("rds")["route_config_name"]])
            tls = chain.get("transport_socket", {}).get("typed_config", {}).get("common_tls_context", {})
            for entry in tls.get("tls_certificate_sds_secret_configs", []):
                del entry["sds_config"]
    return static


def _untyped(config: Document) -> Document:
    return {key: value for key, value in config.items() if key != "@type"}
