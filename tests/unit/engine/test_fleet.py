"""Several gateways seen as one."""

from __future__ import annotations

from dataclasses import replace

from fader.engine.fleet import FORGOTTEN, Fleet
from fader.model.report import EndpointHealth, GatewayReport

UP = EndpointHealth("shop", "v2", "127.0.0.1:9002", healthy=True)
DOWN = replace(UP, healthy=False, reason="connection refused")
ONE = GatewayReport("one", 100.0, 7, 50.0, applied_version=3, applied_at=99.0, endpoints=(UP,))


def test_nothing_heard_is_never() -> None:
    assert Fleet().evidence("shop", "v2").reported_at == 0.0
    assert Fleet().applied(0) == 0.0


def test_the_slowest_gateway_counts() -> None:
    fleet = Fleet()
    fleet.take(ONE, 100.0)
    fleet.take(replace(ONE, gateway="two", applied_version=2, applied_at=90.0), 105.0)
    seen = fleet.evidence("shop", "v2")
    assert (seen.applied_version, seen.reported_at) == (2, 100.0)
    assert fleet.applied(3) == 0.0
    fleet.take(replace(ONE, gateway="two", applied_version=3, applied_at=107.0), 107.0)
    assert fleet.applied(3) == 107.0


def test_a_candidate_is_down_from_the_first_report_that_says_so_until_one_answers() -> None:
    fleet = Fleet()
    fleet.take(replace(ONE, endpoints=(DOWN, replace(DOWN, address="127.0.0.1:9003"))), 100.0)
    fleet.take(replace(ONE, endpoints=(DOWN, replace(DOWN, address="127.0.0.1:9003"))), 101.0)
    assert fleet.evidence("shop", "v2").candidate_down_since == 100.0
    fleet.take(replace(ONE, endpoints=(DOWN, replace(UP, address="127.0.0.1:9003"))), 102.0)
    assert fleet.evidence("shop", "v2").candidate_down_since == 0.0


def test_one_gateway_that_reaches_it_is_enough() -> None:
    fleet = Fleet()
    fleet.take(replace(ONE, endpoints=(DOWN,)), 100.0)
    fleet.take(replace(ONE, gateway="two"), 101.0)
    assert fleet.evidence("shop", "v2").candidate_down_since == 0.0


def test_a_refused_configuration_is_named_with_its_gateway() -> None:
    fleet = Fleet()
    fleet.take(replace(ONE, error="no such field"), 100.0)
    assert fleet.evidence("shop", "v2").error == "one: no such field"


def test_a_gateway_silent_for_long_no_longer_holds_anything_up() -> None:
    fleet = Fleet()
    fleet.take(ONE, 100.0)
    fleet.take(replace(ONE, gateway="two", applied_version=9), 101.0 + FORGOTTEN)
    assert [r.gateway for r in fleet.reports()] == ["two"]
