"""What units do after their exposure: every kind of metric, late and twice and crossed, against all event stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fader.errors import BadInput
from fader.model.evidence import HealthEvidence, NameEvidence, Restart
from fader.model.metric import Comparison, Metric, Selection
from fader.model.share import Interval
from fader.model.summary import ArmSummary
from fader.ports.events import Cell, CellMetric, EventStore, Names, Tracked
from fader.stats.histogram import value_of
from fader.telemetry.duckdb_store import DuckDBEventStore
from fader.telemetry.memory import MemoryEventStore
from fader.telemetry.names import MOST

ORDERS = Metric("orders", "count", "higher", event="order")
CELL = Cell("shop-v2", 1, 0, "shop", "v2", "shop/shop-v2", Interval(0, 50_000), (CellMetric(ORDERS),), since=1000.0)


@pytest.fixture(params=["memory", "duckdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    made: EventStore = MemoryEventStore() if request.param == "memory" else DuckDBEventStore(tmp_path / "store")
    yield made
    made.close()


def line(unit: str, t: float = 1001.0, v: str = "v2", **changes: object) -> bytes:
    fields = {"t": t, "u": unit, "s": "shop", "r": "shop-v2", "v": v, "w": v, "why": "rollout", "p": 1, "c": 200}
    return json.dumps(fields | {"m": "GET", "path": "/"} | changes).encode() + b"\n"


class Log:
    def __init__(self, store: EventStore) -> None:
        self.store, self.offset, self.count = store, 0, 0

    def requests(self, *lines: bytes) -> None:
        self.offset = self.store.append("gw", "a", self.offset, b"".join(lines))
        self.store.load()

    def did(self, unit: str, name: str = "order", at: float = 1002.0, id: str = "", **properties: object) -> None:
        self.count += 1
        self.store.track((Tracked(id or f"e{self.count}", name, unit, at, tuple(properties.items())),))
        self.store.load()

    def met(self, unit: str, version: str = "v2", at: float = 1001.0) -> None:
        self.count += 1
        self.store.track((Tracked(f"x{self.count}", "exposure", unit, at, (), "shop-v2", version),))
        self.store.load()


def opened(store: EventStore, *metrics: Metric, **changes: object) -> Log:
    store.open_cell(replace(CELL, metrics=tuple(CellMetric(m, 10.0, 20.0) for m in metrics), **changes))
    return Log(store)


def arms(store: EventStore, metric: int = 0) -> tuple[ArmSummary, ArmSummary]:
    evidence = store.evidence(*CELL.key)[metric]
    return evidence.candidate, evidence.baseline


# The kinds -------------------------------------------------------------------------------------------------------


def test_a_proportion_of_units_is_one_once_it_happened(store: EventStore) -> None:
    log = opened(store, Metric("buyers", "proportion", "higher", of="units", event="order"))
    log.requests(line("ann"), line("bob"), line("cid", v="v1"))
    for _ in range(3):
        log.did("ann")
    assert arms(store) == (ArmSummary(2, 2, 1, 1, 1, 2, first=1, failures=3), ArmSummary(1, 1, nn=1))


def test_a_count_has_all_of_them_up_to_the_cap(store: EventStore) -> None:
    log = opened(store, ORDERS, replace(ORDERS, cap=2.0))
    log.requests(line("ann"), line("bob"))
    for unit in ("ann", "ann", "ann", "bob"):
        log.did(unit)
    assert arms(store, 0)[0] == ArmSummary(2, 2, 4, 10, 4, 2, first=2, failures=4)
    assert arms(store, 1)[0] == ArmSummary(2, 2, 3, 5, 3, 2, first=2, failures=4)


def test_a_mean_sums_money_exactly(store: EventStore) -> None:
    revenue = Metric("revenue", "mean", "higher", value="amount", event="order")
    log = opened(store, revenue, replace(revenue, cap=0.5))
    log.requests(line("ann"), line("bob"))
    for _ in range(3):
        log.did("ann", amount=0.1)
    log.did("bob", amount=1.25)
    log.did("bob")  # without the value it is no event of the metric
    assert arms(store, 0)[0] == ArmSummary(2, 2, 1.55, 1.6525, 1.55, 2, first=2, failures=1.55)
    assert arms(store, 1)[0] == ArmSummary(2, 2, 0.8, 0.34, 0.8, 2, first=2, failures=1.55)


def test_sums_of_large_amounts_lose_nothing(store: EventStore) -> None:
    log = opened(store, Metric("revenue", "mean", "higher", value="amount", event="order"))
    log.requests(line("ann"), line("bob"))
    log.did("ann", amount=99_999_999.999999)
    log.did("bob", amount=3e9)  # beyond the range it counts as the largest
    candidate = arms(store)[0]
    assert candidate.events == (99_999_999_999_999 + 10**14) / 10**6
    assert candidate.yy == (99_999_999_999_999**2 + 10**28) / 10**12


def test_a_ratio_is_of_two_sums(store: EventStore) -> None:
    basket = Metric("basket", "ratio", "higher", value="amount", event="order", per=Selection("visit"))
    log = opened(store, basket)
    log.requests(line("ann"), line("bob"), line("cid"))
    log.did("ann", amount=2.5)
    log.did("ann", amount=1.0)
    for unit in ("ann", "ann", "bob"):
        log.did(unit, "visit")
    assert arms(store)[0] == ArmSummary(2, 3, 3.5, 12.25, 7, 5, first=1, failures=3.5)


def test_a_quantile_of_a_property(store: EventStore) -> None:
    log = opened(store, Metric("paint", "quantile", value="ms", q=0.9, event="paint"))
    log.requests(line("ann"))
    for ms in (5.0, 10.0, 11.0, 25.0):
        log.did("ann", "paint", ms=ms)
    assert arms(store)[0] == ArmSummary(1, 4, 2, 4, 8, 16, 1, 2, over=1, over_yy=1, over_yn=4)


def values(store: EventStore, metric: int = 0) -> tuple[dict[int, int], dict[int, int]]:
    """Of the candidate and of the baseline: how many of which size, to the nearest ten."""
    evidence = store.evidence(*CELL.key)[metric]
    candidate, baseline = (
        {10 * round(value_of(b) / 10): n for b, n in zip(h.bins, h.counts, strict=True)}
        for h in (evidence.candidate_values, evidence.baseline_values)
    )
    return candidate, baseline


PAINT = Metric("paint", "quantile", value="ms", q=0.9, event="paint")


def test_the_values_of_a_quantile_are_those_that_it_counts(store: EventStore) -> None:
    log = opened(store, PAINT, replace(PAINT, where=(Comparison("page", "==", "cart"),)))
    log.requests(line("ann"), line("bob", v="v1"), line("out", p=None, c=500))
    log.did("ann", "paint", 1000.5, ms=10.0)  # before its exposure
    log.did("ann", "paint", ms=10.0, page="cart")
    log.did("ann", "paint", ms=10.0)
    log.did("ann", "paint")
    log.did("bob", "paint", ms=20.0, page="cart")
    for other in ("out", "nobody"):
        log.did(other, "paint", ms=30.0)
    assert values(store, 0) == ({10: 2}, {20: 1})
    assert values(store, 1) == ({10: 1}, {20: 1})
    assert [sum(arm.values()) for arm in values(store)] == [arm.requests for arm in arms(store)]
    log.met("out")  # it is in the sample after all
    assert values(store, 0) == ({10: 2, 30: 1}, {20: 1})


def test_the_values_follow_a_first_exposure_that_was_earlier_than_known(store: EventStore) -> None:
    log = opened(store, PAINT, replace(PAINT, window=100.0))
    log.did("ann", "paint", 1020.0, ms=10.0)
    log.did("ann", "paint", 1140.0, ms=20.0)
    assert values(store) == ({}, {})
    log.requests(line("ann", 1049.0))
    assert [values(store, i)[0] for i in (0, 1)] == [{20: 1}, {20: 1}]
    log.met("ann", at=1010.0)
    assert [values(store, i)[0] for i in (0, 1)] == [{10: 1, 20: 1}, {10: 1}]
    log.did("ann", "paint", 1109.0, ms=30.0)
    log.did("ann", "paint", 1150.0, ms=40.0)
    assert [values(store, i)[0] for i in (0, 1)] == [{10: 1, 20: 1, 30: 1, 40: 1}, {10: 1, 30: 1}]


def test_who_met_both_arms_has_its_values_in_each_from_there_on(store: EventStore) -> None:
    log = opened(store, PAINT)
    log.requests(line("ann"))
    log.did("ann", "paint", 1010.0, ms=10.0)
    log.requests(line("ann", 1020.0, v="v1"))
    log.did("ann", "paint", 1030.0, ms=20.0)
    assert values(store) == ({10: 1, 20: 1}, {20: 1})
    assert arms(store) == (ArmSummary(), ArmSummary())


def test_the_values_end_with_the_stage_wherever_its_end_is_moved(store: EventStore) -> None:
    log = opened(store, PAINT)
    log.requests(line("ann", 1001.0), line("bob", 1300.0))
    log.did("ann", "paint", 1100.0, ms=10.0)
    log.did("ann", "paint", 1250.0, ms=20.0)
    log.did("bob", "paint", 1350.0, ms=30.0)
    assert values(store)[0] == {10: 1, 20: 1, 30: 1}
    opened(store, PAINT, until=1200.0)
    assert values(store)[0] == {10: 1}
    log.did("bob", "paint", 1340.0, ms=40.0)
    opened(store, PAINT, until=1345.0)
    assert values(store)[0] == {10: 1, 20: 1, 40: 1}
    opened(store, PAINT)
    assert values(store)[0] == {10: 1, 20: 1, 30: 1, 40: 1}


def test_who_is_forgotten_leaves_its_values(store: EventStore) -> None:
    log = opened(store, PAINT)
    log.requests(line("ann"), line("bob"))
    log.did("ann", "paint", ms=10.0)
    assert values(store)[0] == {10: 1}
    log.did("ann", "paint", ms=20.0)  # nobody has asked since
    store.forget("ann")
    log.did("bob", "paint", ms=30.0)
    assert values(store)[0] == {10: 1, 20: 1, 30: 1}
    assert arms(store)[0].requests == 1
    log.requests(line("ann", 1500.0))
    log.did("ann", "paint", 1501.0, ms=40.0)
    assert values(store)[0] == {10: 1, 20: 1, 30: 1, 40: 1}


def test_retention_is_of_units_whose_window_has_passed(store: EventStore) -> None:
    log = opened(store, Metric("back", "retention", "higher", event="visit", after=1000.0, window=2000.0))
    log.requests(line("ann", 1200.0), line("bob", 1200.0), line("cid", 2900.0))
    log.did("ann", "visit", 2200.0)
    log.did("bob", "visit", 2199.0)
    log.did("cid", "visit", 3950.0)
    assert arms(store)[0] == ArmSummary()
    log.requests(line("dan", 3499.0, v="v1"))
    assert arms(store)[0] == ArmSummary()  # those of the same five minutes ripen together
    log.requests(line("dan", 3500.0, v="v1"))
    assert arms(store)[0] == ArmSummary(2, 2, 1, 1, 1, 2, first=1, failures=1)


def test_where_selects_by_properties(store: EventStore) -> None:
    where = Comparison("plan", "==", "pro"), Comparison("amount", ">", 5.0), Comparison("first", "==", 1.0)
    log = opened(store, replace(ORDERS, where=where))
    log.requests(line("ann"))
    log.did("ann", plan="pro", amount=6.0, first=True)
    log.did("ann", plan="pro", amount=5.0, first=True)
    log.did("ann", plan="free", amount=6.0, first=True)
    log.did("ann", plan="pro", amount="6", first=True)  # a text is no number
    log.did("ann", plan="pro", amount=6.0)
    assert arms(store)[0].events == 1


def test_requests_are_events_too(store: EventStore) -> None:
    support = Metric("support", "proportion", of="units", where=(Comparison("path", "==", "/support"),))
    log = opened(store, support, Metric("visits", "count", "higher"))
    log.requests(line("ann", path="/support"), line("ann"), line("bob", v="v1"), line("cid", w="v1"))
    assert [arm.events for arm in arms(store, 0)] == [2, 0]  # served is not assigned
    assert [arm.events for arm in arms(store, 1)] == [3, 1]


def test_the_numbers_of_an_external_metric_are_elsewhere(store: EventStore) -> None:
    opened(store, Metric("cpu", "external"))
    assert "elsewhere" in store.evidence(*CELL.key)[0].missing


@pytest.mark.parametrize(
    "metric",
    [
        replace(ORDERS, event="two words"),
        replace(ORDERS, event="exposure"),
        replace(ORDERS, where=(Comparison("plan", "<", "pro"),)),
        replace(ORDERS, where=(Comparison("x') OR ('1", "==", "pro"),)),
        Metric("m", "mean", event="order"),
        Metric("m", "mean", value="a'b", event="order"),
        Metric("r", "ratio", event="order"),
        Metric("r", "retention", event="order", window=5.0, after=5.0),
        Metric("v", "count", where=(Comparison("plan", "==", "pro"),)),
    ],
)
def test_a_metric_that_cannot_be_is_refused(store: EventStore, metric: Metric) -> None:
    with pytest.raises(BadInput):
        opened(store, metric)
    with pytest.raises(BadInput):
        store.learning("shop", "v1", (metric,), 0.0)


# Time, order, arms -----------------------------------------------------------------------------------------------


def test_only_what_follows_the_exposure_counts_within_its_window(store: EventStore) -> None:
    log = opened(store, ORDERS, replace(ORDERS, window=60.0), until=1500.0)
    log.requests(line("ann", 1100.0))
    for at in (1099.9, 1100.0, 1159.9, 1160.0, 1499.0, 1500.0):
        log.did("ann", at=at)
    log.did("nobody")
    assert [arms(store, i)[0].events for i in (0, 1)] == [4, 2]


def test_an_exposure_may_come_after_what_it_explains(store: EventStore) -> None:
    log = opened(store, replace(ORDERS, window=100.0))
    log.did("ann", at=1050.0)
    assert arms(store)[0] == ArmSummary()
    log.requests(line("ann", 1049.0))
    assert arms(store)[0].events == 1
    log.did("ann", at=1020.0)
    log.did("ann", at=1140.0)
    assert arms(store)[0].events == 2
    log.met("ann", at=1010.0)  # the first was earlier than known: the window begins and ends earlier
    assert arms(store)[0].events == 2
    log.did("ann", at=1109.0)
    assert arms(store)[0].events == 3


def test_an_id_counts_once(store: EventStore) -> None:
    log = opened(store, ORDERS)
    log.requests(line("ann"))
    log.did("ann", id="same")
    log.did("ann", id="same")
    store.track((Tracked("same", "order", "ann", 1002.0), Tracked("new", "order", "ann", 1002.0)) * 2)
    assert store.load() == 1
    assert arms(store)[0].events == 2


def test_ids_are_known_as_long_as_their_events(store: EventStore) -> None:
    log = opened(store, ORDERS)
    log.did("ann", id="same")
    store.retain(2000.0)
    store.track((Tracked("same", "order", "ann", 3000.0),))
    assert store.load() == 1


def test_units_that_met_both_arms_leave_both(store: EventStore) -> None:
    log = opened(store, ORDERS)
    log.requests(line("ann"), line("bob"), line("cid", v="v1"))
    log.did("ann")
    assert arms(store)[0].units == 2
    log.requests(line("ann", 1050.0, v="v1"))
    assert arms(store) == (ArmSummary(1, 1, nn=1), ArmSummary(1, 1, nn=1))
    assert store.health(*CELL.key) == HealthEvidence(1, 1, 1)
    store.open_cell(replace(CELL, metrics=(CellMetric(ORDERS, 10.0, 20.0),), until=1040.0))
    assert arms(store)[0].units == 2
    assert arms(store)[0].events == 1


def test_the_end_may_be_moved_and_moved_back(store: EventStore) -> None:
    metrics = ORDERS, Metric("revenue", "mean", value="amount", event="order")
    log = opened(store, *metrics)
    log.requests(line("ann", 1001.0), line("bob", 1300.0), line("ann", 1400.0))
    log.did("ann", at=1100.0, amount=0.3)
    log.did("ann", at=1250.0, amount=0.7)
    log.did("bob", at=1350.0, amount=0.1)
    whole = store.evidence(*CELL.key)
    opened(store, *metrics, until=1200.0)
    assert arms(store, 1)[0] == ArmSummary(1, 1, 0.3, 0.09, 0.3, 1, first=1, failures=0.3)
    log.did("bob", at=1100.0, amount=5.0)
    log.requests(line("bob", 1350.0))
    opened(store, *metrics)
    assert store.evidence(*CELL.key) == whole


def test_units_outside_the_sample_do_not_count_but_their_failures_show(store: EventStore) -> None:
    failed = Metric("failed", "proportion", of="units", where=(Comparison("status", ">=", 500),))
    log = opened(store, ORDERS, failed)
    log.requests(line("ann"), line("bob", p=None, c=500))
    log.did("bob")
    assert arms(store, 0)[0] == ArmSummary(1, 1, nn=1)
    assert arms(store, 1)[0] == ArmSummary(1, 1, nn=1, first=1, failures=1)


# Covariates, restarts, learning ----------------------------------------------------------------------------------


def test_what_units_did_before_is_their_covariate(store: EventStore) -> None:
    log = opened(store, ORDERS, past=500.0)
    for unit, times in (("ann", 3), ("bob", 1), ("eve", 9)):
        for _ in range(times):
            log.did(unit, at=600.0)
    log.did("ann", at=499.0)
    log.requests(line("ann"), line("bob"), line("cid"), line("cid", 700.0, why="none", v="v1"))
    log.requests(line("dan", v="v1"))
    log.did("ann")
    # past: ann 3, bob 1, cid 0 (was there), dan none; the mean of those with a past is 4/3
    x = {"ann": 3 - 4 / 3, "bob": 1 - 4 / 3, "cid": -4 / 3}
    candidate, baseline = arms(store)
    assert candidate.x == pytest.approx(sum(x.values()), abs=1e-12)
    assert candidate.xx == pytest.approx(sum(v * v for v in x.values()))
    assert candidate.xy == pytest.approx(x["ann"])
    assert candidate.xn == pytest.approx(sum(x.values()), abs=1e-12)
    assert (baseline.x, baseline.xx) == (0, 0)


def test_the_covariate_of_requests_is_the_residual_of_their_rate(store: EventStore) -> None:
    errors = Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))
    log = opened(store, errors, past=500.0)
    log.requests(*[line("ann", 600.0, c=500, why="none")] * 7, *[line("bob", 600.0, why="none")] * 3)
    log.requests(line("ann", c=500), line("bob", v="v1"), line("cid"))
    # ann: 5 of 7 (capped), bob: 0 of 3; R = 1/2
    candidate, baseline = arms(store)
    assert (candidate.x, candidate.xx, candidate.xy, candidate.xn) == (1.5, 2.25, 1.5, 1.5)
    assert (baseline.x, baseline.xx, baseline.xy, baseline.xn) == (-1.5, 2.25, 0, -1.5)


def test_instances_begin_by_the_hour_and_by_the_number(store: EventStore) -> None:
    log = opened(store, ORDERS)
    log.requests(*[line(f"u{k}", v="v2" if k % 2 else "v1") for k in range(210)])
    for k in range(200):
        store.track((Tracked(f"a{k}", "order", f"u{k}", 1010.0),))
    log.did("u200", at=1061.0)
    log.did("u201", at=1061.0 + 3600.0)
    assert store.evidence(*CELL.key)[0].restarts == (Restart(1, 1, 1), Restart(2, 1, 0))
    log.did("u0", at=5000.0)  # not its first
    assert store.evidence(*CELL.key)[0].restarts == (Restart(1, 1, 1), Restart(2, 1, 0))


def test_outcomes_are_learnt_per_unit(store: EventStore) -> None:
    log = opened(store, ORDERS)
    log.requests(line("ann", v="v1", why="none"), line("bob", v="v1"), line("cid"), line("dan", v="v1", p=None))
    log.requests(line("eve", v="v1", w="v2"))
    for unit in ("ann", "ann", "cid", "dan", "eve"):
        log.did(unit)
    log.did("bob", at=1000.0)
    revenue = Metric("paint", "quantile", value="ms", q=0.9, event="paint")
    log.did("bob", "paint", ms=100.0)
    orders, paint = store.learning("shop", "v1", (ORDERS, revenue), 900.0)
    assert (orders.requests, orders.units, orders.events) == (2, 2, 2)
    assert orders.summary == ArmSummary(2, 2, 2, 4, 2, 2, first=1, failures=2)
    assert (paint.requests, paint.units, paint.values.bins) == (1, 1, (116,))


# Health and names ------------------------------------------------------------------------------------------------


def test_health_counts_what_does_not_fit_together(store: EventStore) -> None:
    assert store.health(*CELL.key) == HealthEvidence()
    log = opened(store, ORDERS)
    log.requests(line("ann"), line("bob", v="v1"), line("out", p=None, c=500))
    log.met("silent")
    log.met("ann")
    log.did("never")
    log.did("never", "visit")
    log.did("visitor", "visit")
    assert store.health(*CELL.key) == HealthEvidence(2, 1, 0, silent=1, unexposed=1)
    log.requests(line("silent", 1500.0))
    log.met("never", "v1")
    assert store.health(*CELL.key) == HealthEvidence(2, 2, 0)


def test_the_clocks_of_senders_are_compared_with_the_servers(store: EventStore) -> None:
    opened(store, ORDERS)
    for k, (at, received) in enumerate([(1000.0, 5000.0), (5991.0, 6000.0), (5995.0, 6000.0), (6003.0, 6000.0)]):
        store.track((Tracked(str(k), "order", "ann", at, received=received),))
    store.load()
    assert store.health(*CELL.key).skew == -5.0


def test_everything_is_named_with_its_units(store: EventStore) -> None:
    log = opened(store)
    log.requests(
        line("ann", 1001.0, path="/items/1"),
        line("ann", 1002.0, path="/items/2"),
        line("bob", 1003.0, path="/items/3", c=502),
        line("cid", 1004.0, v="v1", m="POST", path="/order"),
    )
    log.did("ann", at=1005.0)
    log.did("cid", "error", 1006.0, type="KeyError", route="/items/9", message="no item 17 for 'ann'")
    log.did("cid", at=1003.0)  # before its exposure
    log.did("nobody", "ghost")
    assert store.names(*CELL.key) == Names(
        (
            NameEvidence("route", "GET /items/{}", 2, 0),
            NameEvidence("fingerprint", "502 GET /items/{}", 1, 0),
            NameEvidence("route", "POST /order", 0, 1),
            NameEvidence("event", "order", 1, 0),
            NameEvidence("event", "error", 0, 1),
            NameEvidence("fingerprint", "KeyError - /items/{}: no item <n> for <text>", 0, 1),
        )
    )


def test_names_are_bounded_and_those_beyond_are_counted(store: EventStore) -> None:
    log = opened(store)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [a + b + c for a in letters for b in letters for c in letters][: MOST + 7]
    log.requests(*[line("ann", 1001.0 + k, path=f"/{word}") for k, word in enumerate(words)])
    names = store.names(*CELL.key)
    assert (len(names.found), names.dropped) == (MOST, 7)
    assert names.found[-1].name == f"GET /{words[MOST - 1]}"


def test_a_unit_is_erased_from_everything(store: EventStore) -> None:
    log = opened(store, ORDERS, past=500.0)
    log.requests(line("ann", 600.0, why="none"), line("ann"), line("bob", 1003.0))
    log.did("ann")
    log.did("bob", at=1004.0)
    assert arms(store)[0].units == 2
    assert len(store.names(*CELL.key).found) == 2
    log.store.track((Tracked("late", "order", "ann", 1002.0),))
    assert store.forget("ann") == 4
    assert arms(store)[0] == ArmSummary(1, 1, 1, 1, 1, 1, first=1, failures=1)
    assert store.health(*CELL.key) == HealthEvidence(1)
    found = store.names(*CELL.key).found
    assert sorted((n.name, n.candidate) for n in found) == [("GET /", 1), ("order", 1)]
    assert store.forget("ann") == 0


def test_old_events_go_and_an_ended_stage_keeps_its_answers(store: EventStore) -> None:
    log = opened(store, ORDERS, until=1500.0)
    log.requests(line("ann"), line("late", 1900.0))
    log.did("ann")
    before = store.evidence(*CELL.key), store.health(*CELL.key), store.names(*CELL.key)
    assert store.retain(1600.0) == 2
    assert (store.evidence(*CELL.key), store.health(*CELL.key), store.names(*CELL.key)) == before
    log.did("ann", at=1003.0)
    assert (store.evidence(*CELL.key), store.health(*CELL.key), store.names(*CELL.key)) == before


def test_a_running_stage_keeps_what_its_old_events_said(store: EventStore) -> None:
    log = opened(store, ORDERS)
    log.requests(line("ann"), line("bob", 1900.0))
    log.did("ann")
    store.retain(1600.0)
    log.did("ann", at=1901.0)
    assert arms(store)[0] == ArmSummary(2, 2, 2, 4, 2, 2, first=1, failures=2)


@pytest.mark.parametrize(
    "event",
    [
        Tracked("", "order", "ann", 1.0),
        Tracked("1", "request", "ann", 1.0),
        Tracked("1", "order", "", 1.0),
        Tracked("1", "order", "ann", float("nan")),
        Tracked("1", "order", "ann", 1.0, (("amount", float("inf")),)),
        Tracked("1", "order", "ann", 1.0, (("a'b", 1.0),)),
        Tracked("1", "order", "ann", 1.0, (("a", "\ud800"),)),
        Tracked("1", "exposure", "ann", 1.0),
    ],
)
def test_what_is_no_event_is_refused_with_all_beside_it(store: EventStore, event: Tracked) -> None:
    with pytest.raises(BadInput, match="events\\[1\\]"):
        store.track((Tracked("good", "order", "ann", 1001.0), event))
    assert store.load() == 0
