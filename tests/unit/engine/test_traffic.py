"""Differences of exact counters, and what makes them unknown."""

from __future__ import annotations

from dataclasses import replace

from fader.engine.traffic import GAP, KEPT, SLOT, Traffic
from fader.model.report import GatewayReport, VersionCount
from fader.model.traffic import VersionTraffic

T = 1_000_000.0


def report(requests: int, errors: int = 0, gateway: str = "one", started: float = 1.0) -> GatewayReport:
    bins = ((10.0, requests - errors), (100.0, 0), (1e9, errors))
    counts = (
        VersionCount("shop", "v1", "rollout", requests, errors, latency_bins=bins),
        VersionCount("shop", "v1", "preview", 1, 0, latency_bins=((10.0, 1),)),
        VersionCount("other", "v1", "none", 5, 0),
    )
    return GatewayReport(gateway, 0.0, 1, started, 1, 1.0, counts=counts)


def shop(traffic: Traffic) -> VersionTraffic:
    return traffic.of("shop", ("v1",))[0]


def test_the_first_report_is_only_what_the_next_is_compared_with() -> None:
    traffic = Traffic()
    traffic.take(report(1000, 10), T)
    assert shop(traffic).slots == ()
    assert (shop(traffic).requests, shop(traffic).errors) == (1001, 10)
    traffic.take(report(1030, 13), T + 1)
    [slot] = shop(traffic).slots
    assert (slot.at, slot.seconds, slot.requests, slot.errors) == (T, 1.0, 30, 3)
    assert slot.latency_bins == ((10.0, 27), (100.0, 0), (1e9, 3))


def test_slots_follow_the_time_and_a_version_without_requests_has_zeros() -> None:
    traffic = Traffic()
    for i in range(25):
        traffic.take(report(10 * i), T + i)
    v1, v2 = traffic.of("shop", ("v1", "v2"))
    assert [s.at for s in v1.slots] == [T, T + SLOT, T + 2 * SLOT]
    assert [(s.requests, s.seconds) for s in v1.slots] == [(90, 9.0), (100, 10.0), (50, 5.0)]
    assert [(s.requests, s.seconds) for s in v2.slots] == [(0, 9.0), (0, 10.0), (0, 5.0)]


def test_several_gateways_add_up_over_the_same_time() -> None:
    traffic = Traffic()
    for i in range(3):
        traffic.take(report(10 * i, gateway="one"), T + i)
        traffic.take(report(100 * i, gateway="two"), T + i)
    [slot] = shop(traffic).slots
    assert (slot.requests, slot.seconds) == (220, 2.0)


def test_a_new_envoy_a_gap_and_a_report_without_counts_are_unknown() -> None:
    traffic = Traffic()
    traffic.take(report(100), T)
    traffic.take(report(5, started=2.0), T + 1)  # counts begin anew
    traffic.take(report(9000, started=2.0), T + 1 + GAP + 1)  # nobody knows when
    traffic.take(replace(report(0, started=2.0), counts=()), T + 13)
    traffic.take(report(9100, started=2.0), T + 14)
    assert shop(traffic).slots == ()
    traffic.take(report(9107, started=2.0), T + 15)
    assert [s.requests for s in shop(traffic).slots] == [7]


def test_only_an_hour_is_kept() -> None:
    traffic = Traffic()
    for i in range(int(KEPT / 5) + 40):
        traffic.take(report(i), T + 5 * i)
    slots = shop(traffic).slots
    assert slots[-1].at - slots[0].at == KEPT - SLOT
