"""Which version a request gets: one virtual host per service, with an ordered matcher.

preview → excluded → interval of the unit's bucket → baseline. The chain of filters that finds the unit is part of
the virtual host too, so nothing of a service is in the listener and a change of it closes no connection.
"""

from __future__ import annotations

from fader.assign.bucket import seed
from fader.gateway.access_log import sampler
from fader.gateway.identity import identity_filters, issued
from fader.gateway.leaves import overwrite, routes
from fader.gateway.matchers import Json, action, any_of, first_of, header, interval, present, typed
from fader.gateway.names import KNOWN, UNIT, share_key
from fader.gateway.preview import COPIED, asks, preview_routes
from fader.model.ruleset import LiveService
from fader.model.service import Exclusion, UnitSource

#: The empty filter of the listener that each virtual host fills.
CHAIN = "fader.chain"


def virtual_host(live: LiveService) -> Json:
    service = live.service
    decided_by_unit = live.split is not None or issued(service) is not None
    filters = [*identity_filters(service, reroute=decided_by_unit), *sampler(service)]
    chain: Json = {}
    if filters:
        kind = "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfigPerRoute"
        chain = {"typed_per_filter_config": {CHAIN: typed(kind, filter_chain={"filters": filters})}}
    tree = _tree(live)
    return {
        "name": service.name,
        "domains": list(service.hosts),
        "matcher": tree.get("matcher", {"on_no_match": tree}),
        "request_headers_to_remove": [COPIED],
        "request_headers_to_add": [overwrite("x-fader-unit", f"%FILTER_STATE({UNIT}:PLAIN)%")],
        **chain,
    }


def _leaf(found: list[Json]) -> Json:
    """Ends in a route that takes everything, or an unmatched request would be a 404."""
    listed = [{**route, "name": "r"} for route in found]
    return action(typed("envoy.config.route.v3.RouteList", routes=listed))


def _tree(live: LiveService) -> Json:
    cases: list[tuple[Json, Json]] = []
    if live.split and live.split.preview:
        cases.append((asks(live.split), _leaf(preview_routes(live, live.split))))
    if live.service.exclude:
        predicates = [predicate for exclusion in live.service.exclude for predicate in _excluded(exclusion)]
        cases.append((any_of(*predicates), _leaf(routes(live, live.baseline, "excluded"))))
    return first_of(*cases, otherwise=_by_unit(live))


def _excluded(exclusion: Exclusion) -> list[Json]:
    if exclusion.path:
        return [header(":path", exact=exclusion.path), header(":path", prefix=exclusion.path + "?")]
    return [header(":path", prefix=exclusion.prefix)]


def _by_unit(live: LiveService) -> Json:
    issue = issued(live.service)
    if not live.split:
        old = _leaf(routes(live, live.baseline, "none"))
        return (
            first_of((present(KNOWN), old), otherwise=_leaf(routes(live, live.baseline, "none", issue)))
            if issue
            else old
        )
    if issue:
        return first_of((present(KNOWN), _arms(live)), otherwise=_arms(live, issue))
    return first_of((present(UNIT), _arms(live)), otherwise=_leaf(routes(live, live.baseline, "none")))


def _arms(live: LiveService, issue: UnitSource | None = None) -> Json:
    split = live.split
    assert split is not None  # noqa: S101
    inside = interval(share_key(live.service, split), seed(split.salt))
    candidate = _leaf(routes(live, split.candidate, "rollout", issue))
    return first_of((inside, candidate), otherwise=_leaf(routes(live, live.baseline, "rollout", issue)))
