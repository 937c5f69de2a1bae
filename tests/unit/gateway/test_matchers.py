"""The rendered predicate, read as Envoy reads it, is the interval."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fader.assign.bucket import bucket, seed
from fader.gateway.matchers import first_of, interval, present
from fader.gateway.runtime import shares
from fader.model.ruleset import Split
from fader.model.service import Address, Service
from fader.model.share import WHOLE, Interval

SERVICE = Service("shop", Address("127.0.0.1", 1), (), (), "v1")
KEY = "fader.shop.r.v2"


def holds(predicate: dict[str, Any], unit: str | None, runtime: dict[str, Any]) -> bool:
    """Envoy's semantics: strictly below, the default where the key is absent, never without a unit."""
    if "and_matcher" in predicate:
        return all(holds(part, unit, runtime) for part in predicate["and_matcher"]["predicate"])
    if "or_matcher" in predicate:
        return any(holds(part, unit, runtime) for part in predicate["or_matcher"]["predicate"])
    if "not_matcher" in predicate:
        return not holds(predicate["not_matcher"], unit, runtime)
    config = predicate["single_predicate"]["custom_match"]["typed_config"]
    fraction = config["runtime_fraction"]
    limit = runtime.get(fraction["runtime_key"], fraction["default_value"])["numerator"]
    assert fraction["default_value"]["denominator"] == "MILLION"
    return unit is not None and hashed(unit, int(config["seed"])) < limit


def hashed(unit: str, salt_seed: int) -> int:
    return {seed("salt"): bucket(unit, "salt"), 0: 0}[salt_seed]


INTERVALS = st.builds(Interval, st.integers(0, WHOLE - 1), st.integers(0, WHOLE))


def runtime(of: Interval) -> dict[str, Any]:
    return shares(SERVICE, Split("r", "v2", "salt", of, "connect", "s"))


@given(INTERVALS, st.text(min_size=1, max_size=20))
def test_a_unit_matches_when_its_bucket_is_inside(of: Interval, unit: str) -> None:
    assert holds(interval(KEY, seed("salt")), unit, runtime(of)) == (bucket(unit, "salt") in of)


@given(st.text(min_size=1, max_size=20), st.integers(-1, 1), st.integers(-1, 1))
def test_at_the_very_edges(unit: str, before: int, after: int) -> None:
    own = bucket(unit, "salt")
    of = Interval((own + before) % WHOLE, max(0, 1 + after))
    assert holds(interval(KEY, seed("salt")), unit, runtime(of)) == (own in of)


@given(INTERVALS)
def test_nobody_without_a_unit(of: Interval) -> None:
    assert not holds(interval(KEY, seed("salt")), None, runtime(of))
    assert not holds(present("fader.unit"), None, {})


@given(INTERVALS, st.text(min_size=1, max_size=20), st.sets(st.sampled_from(["lo1", "hi1", "lo2", "hi2"])))
def test_a_lost_key_never_adds_anybody(of: Interval, unit: str, lost: set[str]) -> None:
    left = {key: value for key, value in runtime(of).items() if key.rpartition(".")[2] not in lost}
    if holds(interval(KEY, seed("salt")), unit, left):
        assert bucket(unit, "salt") in of


def test_without_any_key_nobody() -> None:
    assert not any(holds(interval(KEY, seed("salt")), f"u{n}", {}) for n in range(200))


def test_presence() -> None:
    assert holds(present("fader.unit"), "anybody", {})


def test_an_ordered_matcher_always_has_an_otherwise() -> None:
    leaf = {"action": {}}
    assert first_of(otherwise=leaf) == leaf
    tree = first_of((present("a"), {"action": {"name": "x"}}), otherwise=leaf)["matcher"]
    assert tree["on_no_match"] == leaf
    assert [case["on_match"] for case in tree["matcher_list"]["matchers"]] == [{"action": {"name": "x"}}]
