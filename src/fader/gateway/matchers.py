"""Predicates of Envoy's matching API over the unit, as small functions."""

from __future__ import annotations

from typing import Any

from fader.assign.bucket import seed
from fader.gateway.names import UNIT
from fader.model.share import WHOLE, Draw, Interval

Json = dict[str, Any]
#: A runtime key that is never set.
FIXED = "fader.fixed"
API = "type.googleapis.com/"


def typed(kind: str, **fields: object) -> Json:
    """A protobuf Any in JSON."""
    return {"@type": API + kind, **fields}


def fraction(key: str, seed: int, default: int, unit: str = UNIT) -> Json:
    """Buckets below the runtime value `key` (ppm), strictly; `default` while the key is absent or unreadable.
    A request without a unit never matches."""
    return _fraction(_state_input(unit), key, seed, default)


def switched_on(key: str) -> Json:
    """While the runtime value `key` is the whole, for whoever asks: what is hashed is the method, which every request
    has. Absent is off."""
    return _fraction(_header_input(":method"), key, 0, 0)


def text_is(key: str, **match: object) -> Json:
    """The filter state `key` by exact, prefix, suffix, contains or safe_regex. What is not there never matches."""
    return {"single_predicate": {"input": _state_input(key), "value_match": match}}


def by_table(key: str, table: dict[str, Json]) -> Json:
    """A whole matcher: what the table has for the filter state `key`, found in one step."""
    return {"matcher_tree": {"input": _state_input(key), "exact_match_map": {"map": table}}}


def metadata_is(namespace: str, key: str, text: str) -> Json:
    """What an earlier filter has left in the request's metadata."""
    kind = "envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput"
    matcher = "envoy.extensions.matching.input_matchers.metadata.v3.Metadata"
    return {
        "single_predicate": {
            "input": {"name": "metadata", "typed_config": typed(kind, filter=namespace, path=[{"key": key}])},
            "custom_match": {
                "name": "envoy.matching.matchers.metadata_matcher",
                "typed_config": typed(matcher, value={"string_match": {"exact": text}}),
            },
        }
    }


def _state_input(key: str) -> Json:
    kind = "envoy.extensions.matching.common_inputs.network.v3.FilterStateInput"
    return {"name": "unit", "typed_config": typed(kind, key=key)}


def _header_input(name: str) -> Json:
    return {"name": name, "typed_config": typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)}


def _fraction(asked: Json, key: str, seed: int, default: int) -> Json:
    return {
        "single_predicate": {
            "input": asked,
            "custom_match": {
                "name": "envoy.matching.matchers.runtime_fraction",
                "typed_config": typed(
                    "envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction",
                    seed=str(seed),
                    runtime_fraction={
                        "default_value": {"numerator": default, "denominator": "MILLION"},
                        "runtime_key": key,
                    },
                ),
            },
        }
    }


def present(unit: str) -> Json:
    """Whether there is a unit, or another filter state, at all: a fraction that no key ever changes, of everybody."""
    return fraction("fader.everybody", 0, WHOLE, unit)


def piece(lo: str, hi: str, seed: int, unit: str) -> Json:
    """Buckets in [lo, hi). The NOT is always ANDed with a positive fraction, or a request without a unit would
    match; an absent `lo` is 1,000,000, an absent `hi` 0: nobody. `hi` first: most units end there."""
    return both(fraction(hi, seed, 0, unit), inverse(fraction(lo, seed, WHOLE, unit)))


def interval(key: str, seed: int, unit: str = UNIT) -> Json:
    """Two pieces, so that an interval that wraps has the same shape as a plain one."""
    return any_of(piece(f"{key}.lo1", f"{key}.hi1", seed, unit), piece(f"{key}.lo2", f"{key}.hi2", seed, unit))


def bounds(key: str, held: Interval) -> dict[str, int]:
    """The values of those keys for an interval, in ppm."""
    (lo1, hi1), (lo2, hi2) = held.pieces()
    return {f"{key}.lo1": lo1, f"{key}.hi1": hi1, f"{key}.lo2": lo2, f"{key}.hi2": hi2}


def drawn(draw: Draw, unit: str = UNIT) -> Json:
    """The units of a draw that never changes: its pieces are the defaults of a key that is never set."""
    pieces = [_fixed(lo, hi, seed(draw.salt), unit) for lo, hi in draw.interval.pieces() if hi]
    return pieces[0] if len(pieces) == 1 else any_of(*pieces)


def _fixed(lo: int, hi: int, salt: int, unit: str) -> Json:
    below = fraction(FIXED, salt, hi, unit)
    return both(below, inverse(fraction(FIXED, salt, lo, unit))) if lo else below


def header(name: str, **match: str) -> Json:
    """`match` is one of exact, prefix, suffix, contains."""
    return {"single_predicate": {"input": _header_input(name), "value_match": match}}


def inverse(predicate: Json) -> Json:
    """Also matches a request that lacks what is looked at."""
    return {"not_matcher": predicate}


def both(*predicates: Json) -> Json:
    return {"and_matcher": {"predicate": list(predicates)}}


def any_of(*predicates: Json) -> Json:
    return predicates[0] if len(predicates) == 1 else {"or_matcher": {"predicate": list(predicates)}}


def action(config: Json) -> Json:
    return {"action": {"name": "route", "typed_config": config}}


def first_of(*cases: tuple[Json, Json], otherwise: Json) -> Json:
    """An ordered matcher. Always with an `otherwise`: a nested one without would fall through to its parent's
    next sibling."""
    if not cases:
        return otherwise
    matchers = [{"predicate": predicate, "on_match": on_match} for predicate, on_match in cases]
    return {"matcher": {"matcher_list": {"matchers": matchers}, "on_no_match": otherwise}}
