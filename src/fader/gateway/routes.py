"""Which version a request gets: one virtual host per service, with an ordered matcher.

preview → excluded → forced → outside the audience → interval of the unit's bucket (the candidate's, a further arm's) →
baseline. The chain of filters that finds the unit is part of the virtual host too, so nothing of a service is in the
listener and a change of it closes no connection.
"""

from __future__ import annotations

from collections.abc import Mapping

from fader.assign.bucket import seed
from fader.assign.predicate import EVERYBODY, NOBODY, Predicate, lists, texts
from fader.assign.reduce import NotAtGateway, Reducer
from fader.gateway.access_log import sampler
from fader.gateway.flag_baggage import baggage_filters
from fader.gateway.flag_exposures import exposure_filters
from fader.gateway.flag_header import Sent
from fader.gateway.identity import identity_filters, issued
from fader.gateway.leaves import append, routes
from fader.gateway.lists import list_filters
from fader.gateway.matchers import (
    Json,
    action,
    any_of,
    both,
    drawn,
    first_of,
    header,
    interval,
    inverse,
    present,
    typed,
)
from fader.gateway.names import KNOWN, UNIT, arm_key, share_key
from fader.gateway.preview import asks, preview_routes
from fader.gateway.texts import distinct, test, vary
from fader.model.ruleset import LiveService
from fader.model.segment import Segment
from fader.model.service import Exclusion, UnitSource

#: The empty filter of the listener that each virtual host fills.
CHAIN = "fader.chain"
_NO_FLAGS = Sent()
_NO_SEGMENTS: Mapping[str, Segment] = {}


def virtual_host(live: LiveService, flags: Sent = _NO_FLAGS, segments: Mapping[str, Segment] = _NO_SEGMENTS) -> Json:
    service = live.service
    forced, audience = _forced(live), _audience(live, segments)
    asked = distinct((*flags.texts, *texts(audience)))
    decided_by_unit = live.split is not None or issued(service) is not None
    listed = sorted({*flags.lists, *lists(audience)})
    known = identity_filters(service, reroute=decided_by_unit and not listed, asked=asked)
    known += list_filters(listed, segments, reroute=decided_by_unit)
    filters = [*known, *sampler(service), *baggage_filters(service), *flags.filters]
    filters += exposure_filters(service, flags.moved)
    chain: Json = {}
    if filters:
        kind = "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfigPerRoute"
        chain = {"typed_per_filter_config": {CHAIN: typed(kind, filter_chain={"filters": filters})}}
    tree = _tree(live, forced, audience)
    # Apart from the routes' own, which only services pay for whose conditions look at headers.
    varies = {"response_headers_to_add": [append("vary", names)]} if (names := vary(asked)) else {}
    return {
        "name": service.name,
        "domains": list(service.hosts),
        "matcher": tree.get("matcher", {"on_no_match": tree}),
        **chain,
        **varies,
    }


def _leaf(found: list[Json]) -> Json:
    """Ends in a route that takes everything, or an unmatched request would be a 404."""
    return action(typed("envoy.config.route.v3.RouteList", routes=found))


def _forced(live: LiveService) -> dict[str, Predicate]:
    """Who has which version whatever else. More units than `fader.yaml` may name, as of a newer server, are nobody."""
    units: dict[str, list[str]] = {}
    for each in live.split.forced if live.split else ():
        units.setdefault(each.variant, []).append(each.unit)
    reducer, known = Reducer({}), {version.name for version in live.service.versions}
    try:
        return {version: reducer.units(ids) for version, ids in units.items() if version in known}
    except NotAtGateway:
        return {}


def _audience(live: LiveService, segments: Mapping[str, Segment]) -> Predicate:
    """Of the split. One that cannot be decided here, as a newer server may send, is nobody: they keep the baseline."""
    try:
        condition = live.split.audience if live.split else ""
        return Reducer(segments, live.service.attributes).condition(condition)
    except (ValueError, KeyError):
        return NOBODY


def _tree(live: LiveService, forced: Mapping[str, Predicate], audience: Predicate) -> Json:
    """Chosen twice where the unit decides: once before the unit is known, which costs little where everybody will
    have one, and again after."""
    cases: list[tuple[Json, Json]] = []
    split, issue = live.split, issued(live.service)
    if split and split.preview:
        cases.append((asks(split), _leaf(preview_routes(live, split))))
    if live.service.exclude:
        predicates = [predicate for exclusion in live.service.exclude for predicate in _excluded(exclusion)]
        cases.append((any_of(*predicates), _leaf(routes(live, live.baseline, "excluded"))))
    if issue:
        decided = first_of(
            *cases,
            *_by_name(live, forced),
            (present(KNOWN), _by_unit(live, audience, KNOWN)),
            otherwise=_by_unit(live, audience, UNIT, issue),
        )
        undecided = _leaf(routes(live, live.baseline, "none")[-1:])
        return first_of((present(UNIT), decided), otherwise=undecided)
    if split:
        cases += _by_name(live, forced)
        cases.append((present(UNIT), _by_unit(live, audience, UNIT)))
    return first_of(*cases, otherwise=_leaf(routes(live, live.baseline, "none")))


def _by_name(live: LiveService, forced: Mapping[str, Predicate]) -> list[tuple[Json, Json]]:
    """Nobody names an id that is issued in this very moment."""
    return [(test(units), _leaf(routes(live, version, "forced"))) for version, units in forced.items()]


def _by_unit(live: LiveService, audience: Predicate, unit: str, issue: UnitSource | None = None) -> Json:
    """`unit`: the filter state in which there is one for certain."""
    if not live.split:
        return _leaf(routes(live, live.baseline, "none", issue))
    outside = _leaf(routes(live, live.baseline, "outside", issue))
    if audience == NOBODY:
        return outside
    salt = seed(live.split.salt)
    inside = interval(share_key(live.service, live.split), salt, unit)
    cases = [(inside, _leaf(routes(live, live.split.candidate, "rollout", issue)))]
    for arm in live.split.beside:
        # Who had a version that was withdrawn is no evidence for the baseline, and says so.
        given = (live.baseline, "withdrawn") if arm.withdrawn else (arm.version, "rollout")
        held = interval(arm_key(live.service, live.split, arm), salt, unit)
        cases.append((held, _leaf(routes(live, *given, issue))))
    found = first_of(*cases, otherwise=_leaf(routes(live, live.baseline, "rollout", issue)))
    # Whom it does not reach, whatever they ask for: outside of its layer, or held out.
    reached = [inverse(drawn(draw, unit)) for draw in live.split.holdouts]
    reached += [drawn(live.split.layer, unit)] if live.split.layer else []
    reached += [test(audience)] if audience != EVERYBODY else []
    if not reached:
        return found
    return first_of((reached[0] if len(reached) == 1 else both(*reached), found), otherwise=outside)


def _excluded(exclusion: Exclusion) -> list[Json]:
    if exclusion.path:
        return [header(":path", exact=exclusion.path), header(":path", prefix=exclusion.path + "?")]
    return [header(":path", prefix=exclusion.prefix)]
