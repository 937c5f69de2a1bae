"""Flags that the gateway decides and sends to the app as one header: `x-fader-flags: checkout=on,banner=green`.

Each flag is a filter with only a shadow matcher: it blocks nothing and leaves the name of the variant in the request's
metadata, from which the routes write the header. Never give it `rules` or `matcher`: those enforce. Whether a flag is
on, and the shares of its rules, are runtime values: a switch is in force as fast as a share is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fader.assign.cases import Case, cases
from fader.gateway.matchers import Json, action, any_of, both, first_of, fraction, switched_on, typed, unit_is
from fader.gateway.names import flag_key, flag_rule_key
from fader.model.flag import Flag
from fader.model.segment import Segment
from fader.model.service import Service
from fader.model.share import WHOLE

FLAGS_HEADER = "x-fader-flags"


def flag_filters(service: Service, flags: Mapping[str, Flag], segments: Mapping[str, Segment]) -> list[Json]:
    """In the order of the service. A flag that is unknown or cannot be decided here has none; `fader.yaml` with one is
    refused, so it can come only from a newer server."""
    return [
        _filter(flags[name], found)
        for name in service.flags
        if name in flags and (found := _cases(flags[name], segments)) is not None
    ]


def flag_header(service: Service) -> str:
    """The header's value as Envoy's format; a flag without an answer is `name=`. No name needs
    an escape: they are letters, digits, - and _."""
    return ",".join(
        f"{name}=%DYNAMIC_METADATA(envoy.filters.http.rbac:{_prefix(name)}shadow_effective_policy_id)%"
        for name in service.flags
    )


def flag_values(flag: Flag) -> dict[str, Json]:
    """The runtime values of a flag. An absent one is off, and a share of nobody."""
    values = {flag_key(flag.name): WHOLE if flag.enabled else 0}
    values.update({flag_rule_key(flag.name, rule.name): rule.share for rule in flag.rules if rule.share < WHOLE})
    return {key: {"numerator": value, "denominator": "MILLION"} for key, value in values.items()}


def _cases(flag: Flag, segments: Mapping[str, Segment]) -> tuple[Case, ...] | None:
    try:
        return cases(flag, segments)
    except (ValueError, KeyError):
        return None


def _filter(flag: Flag, found: Sequence[Case]) -> Json:
    otherwise = _variant(flag.default)
    ordered: list[tuple[Json, Json]] = []
    for case in found:
        predicates = _predicates(flag, case)
        if not predicates:
            # Everybody, with or without a unit: the rules behind it are never reached.
            otherwise = _variant(case.variant)
            break
        ordered.append((predicates[0] if len(predicates) == 1 else both(*predicates), _variant(case.variant)))
    decided = first_of(*ordered, otherwise=otherwise)
    tree = first_of((switched_on(flag_key(flag.name)), decided), otherwise=_variant(flag.off))
    return {
        "name": f"fader.flag.{flag.name}",
        "typed_config": typed(
            "envoy.extensions.filters.http.rbac.v3.RBAC",
            shadow_rules_stat_prefix=_prefix(flag.name),
            shadow_matcher=tree["matcher"],
        ),
    }


def _predicates(flag: Flag, case: Case) -> list[Json]:
    predicates = []
    if case.units is not None:
        predicates.append(any_of(*map(unit_is, case.units)))
    if case.rule:
        predicates.append(fraction(flag_rule_key(flag.name, case.rule), case.seed, 0))
    return predicates


def _variant(name: str) -> Json:
    return action(typed("envoy.config.rbac.v3.Action", name=name, action="ALLOW"))


def _prefix(name: str) -> str:
    return f"flag.{name}."
