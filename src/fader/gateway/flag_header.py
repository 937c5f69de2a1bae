"""Flags that the gateway decides and sends to the app as one header: `x-fader-flags: checkout=on,banner=green`.

Each flag is a filter with only a shadow matcher: it blocks nothing and leaves the name of the variant in the request's
metadata, from which the routes write the header. Never give it `rules` or `matcher`: those enforce. Whether a flag is
on, and the shares of its rules, are runtime values: a switch is in force as fast as a share is.

A shadow matcher has a second result, allowed or denied, which tells here whether a rollout gave the variant: denied is
what a rollout gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fader.assign.cases import Case, cases, in_order
from fader.assign.predicate import EVERYBODY, Every, Predicate, lists, texts
from fader.gateway.matchers import (
    Json,
    action,
    any_of,
    both,
    bounds,
    drawn,
    first_of,
    fraction,
    interval,
    inverse,
    metadata_is,
    present,
    switched_on,
    typed,
)
from fader.gateway.names import UNIT, flag_key, flag_move_key, flag_rule_key
from fader.gateway.texts import distinct, test
from fader.model.flag import Flag, Prerequisite
from fader.model.request import RequestText
from fader.model.segment import Segment
from fader.model.service import Service
from fader.model.share import WHOLE

FLAGS_HEADER = "x-fader-flags"
#: Namespace and key of metadata: what a shadow matcher has come to.
_RBAC, _LEFT, _RESULT = "envoy.filters.http.rbac", "shadow_effective_policy_id", "shadow_engine_result"


@dataclass(frozen=True, slots=True)
class Sent:
    """Of one service: the `filters` that decide its flags, and what they look at: `texts` of a request, and the `lists`
    of segments. `moved`: of the flags that it hands over, those that a rollout moves."""

    filters: tuple[Json, ...] = ()
    texts: tuple[RequestText, ...] = ()
    lists: tuple[str, ...] = ()
    moved: tuple[Flag, ...] = ()


def sent(service: Service, flags: Mapping[str, Flag], segments: Mapping[str, Segment]) -> Sent:
    """Each behind those that it requires, sent or not. A flag that is unknown or cannot be decided here has none, nor
    has one that requires it; `fader.yaml` with one is refused, so it can come only from a newer server."""
    filters, known = [], set()
    looked_at: list[Predicate] = []
    for name in in_order(service.flags, flags):
        found = _cases(flags[name], segments, service)
        if found is not None and all(required.flag in known for required in flags[name].requires):
            known.add(name)
            filters.append(_filter(flags[name], found))
            looked_at += [case.holds for case in found]
    whole = Every(tuple(looked_at))
    moved = tuple(flags[name] for name in service.flags if name in known and flags[name].move)
    return Sent(tuple(filters), distinct(texts(whole)), tuple(sorted(set(lists(whole)))), moved)


def flag_header(service: Service) -> str:
    """The header's value as Envoy's format; a flag without an answer is `name=`. No name needs
    an escape: they are letters, digits, - and _."""
    return ",".join(f"{name}={decided(name)}" for name in service.flags)


def decided(name: str) -> str:
    """The variant, as Envoy's format."""
    return f"%DYNAMIC_METADATA({_RBAC}:{_prefix(name)}{_LEFT})%"


def by_rollout(name: str) -> str:
    """`denied` where a rollout of the flag gave the variant, else `allowed`, as Envoy's format."""
    return f"%DYNAMIC_METADATA({_RBAC}:{_prefix(name)}{_RESULT})%"


def flag_values(flag: Flag) -> dict[str, Json]:
    """The runtime values of a flag. An absent one is off, and a share of nobody."""
    values = {flag_key(flag.name): WHOLE if flag.enabled else 0}
    values.update({flag_rule_key(flag.name, rule.name): rule.share for rule in flag.rules if rule.share < WHOLE})
    if flag.move:
        for variant, held in flag.move.arms:
            values.update(bounds(flag_move_key(flag.name, flag.move.rollout, variant), held))
    return {key: {"numerator": value, "denominator": "MILLION"} for key, value in values.items()}


def _cases(flag: Flag, segments: Mapping[str, Segment], service: Service) -> tuple[Case, ...] | None:
    try:
        return cases(flag, segments, service.attributes)
    except (ValueError, KeyError):
        return None


def _filter(flag: Flag, found: Sequence[Case]) -> Json:
    otherwise = _variant(flag.default)
    ordered: list[tuple[Json, Json]] = []
    for case in found:
        predicates = _predicates(flag, case)
        if not predicates:
            # Everybody: the rules behind it are never reached.
            otherwise = _variant(case.variant)
            break
        given = _variant(case.variant, by_rollout=bool(case.rollout))
        ordered.append((predicates[0] if len(predicates) == 1 else both(*predicates), given))
    tree = first_of(*ordered, otherwise=otherwise)
    for required in (*map(_has, flag.requires), switched_on(flag_key(flag.name))):
        tree = first_of((required, tree), otherwise=_variant(flag.off))
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
    if case.holds != EVERYBODY:
        predicates.append(test(case.holds))
    if case.rule:
        predicates.append(fraction(flag_rule_key(flag.name, case.rule), case.seed, 0))
    if case.rest:
        predicates.append(present(UNIT))
    elif case.rollout:
        predicates.append(interval(flag_move_key(flag.name, case.rollout, case.variant), case.seed))
    predicates += [drawn(draw) for draw in case.within]
    predicates += [inverse(drawn(draw)) for draw in case.without]
    return predicates


def _has(required: Prerequisite) -> Json:
    """By what the filter of the other flag has left: it stands before this one."""
    return any_of(*(metadata_is(_RBAC, f"{_prefix(required.flag)}{_LEFT}", variant) for variant in required.variants))


def _variant(name: str, by_rollout: bool = False) -> Json:
    return action(typed("envoy.config.rbac.v3.Action", name=name, action="DENY" if by_rollout else "ALLOW"))


def _prefix(name: str) -> str:
    return f"flag.{name}."
