"""Rollouts of flags: exposure events alone say who is in which arm, and requests are what those units do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fader.model.arm import Arm
from fader.model.failure import Request
from fader.model.metric import Comparison, Metric
from fader.model.share import Interval
from fader.model.summary import ArmSummary
from fader.ports.events import Cell, CellMetric, EventStore, Exposure, Tracked
from fader.stats.histogram import quantile
from fader.telemetry.duckdb_store import DuckDBEventStore
from fader.telemetry.memory import MemoryEventStore

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))
SLOW = Metric("latency", "quantile", value="duration_ms", q=0.95)
ORDERS = Metric("orders", "count", "higher", event="order")
CELL = Cell(
    "new-form",
    1,
    0,
    "shop",
    "on",
    "checkout/new-form",
    Interval(0, 50_000),
    tuple(CellMetric(m, 100.0, 110.0) for m in (ERRORS, SLOW, ORDERS)),
    since=1000.0,
    flag="checkout",
)


@pytest.fixture(params=["memory", "duckdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    made: EventStore = MemoryEventStore() if request.param == "memory" else DuckDBEventStore(tmp_path / "store")
    yield made
    made.close()


class Log:
    def __init__(self, store: EventStore) -> None:
        self.store, self.offset, self.count = store, 0, 0

    def asked(self, unit: str, at: float, status: int = 200, ms: float = 20.0, **changes: object) -> None:
        """A request, for whichever version: that of its service."""
        fields = {"t": at, "u": unit, "s": "shop", "r": None, "v": "v1", "w": "v1", "why": "none", "p": 1, "c": status}
        text = json.dumps(fields | {"m": "GET", "path": "/", "us": int(ms * 1000)} | changes).encode() + b"\n"
        self.offset = self.store.append("gw", "a", self.offset, text)
        self.store.load()

    def met(self, unit: str, variant: str, at: float = 1001.0, rollout: str = "new-form") -> None:
        self.did(unit, "exposure", at, rollout, variant)

    def did(self, unit: str, name: str, at: float = 1002.0, rollout: str = "", variant: str = "") -> None:
        self.count += 1
        self.store.track((Tracked(f"e{self.count}", name, unit, at, (), rollout, variant),))
        self.store.load()


@pytest.fixture
def log(store: EventStore) -> Log:
    store.open_cell(CELL)
    return Log(store)


def arms(store: EventStore, metric: int) -> tuple[ArmSummary, ArmSummary]:
    evidence = store.evidence(*CELL.key)[metric]
    return evidence.candidate, evidence.baseline


def test_requests_count_in_the_arm_of_their_unit_from_its_exposure_on(store: EventStore, log: Log) -> None:
    log.asked("ann", 1000.5, status=500)  # before
    log.met("ann", "on")
    log.met("bob", "off")
    log.asked("ann", 1002.0, status=500, ms=105.0)
    log.asked("ann", 1003.0, ms=120.0)
    log.asked("bob", 1003.0)
    log.asked("cid", 1003.0, status=500)  # in no arm
    log.asked("ann", 1003.0, status=500, s="mail")  # of another service
    assert arms(store, 0) == (
        ArmSummary(1, 2, 1, 1, 2, 4, first=1, failures=1),
        ArmSummary(1, 1, nn=1),
    )
    assert arms(store, 1)[0] == ArmSummary(1, 2, 2, 4, 4, 4, first=1, failures=2, over=1, over_yy=1, over_yn=2)


def test_an_exposure_that_comes_late_brings_what_was_done_since(store: EventStore, log: Log) -> None:
    log.asked("ann", 1005.0, status=503)
    log.did("ann", "order", 1006.0)
    assert arms(store, 0)[0] == arms(store, 2)[0] == ArmSummary()
    log.met("ann", "on", 1004.0)
    assert arms(store, 0)[0].failures == 1
    assert arms(store, 2)[0] == ArmSummary(1, 1, 1, 1, 1, 1, first=1, failures=1)


def test_the_durations_of_requests_are_kept_by_the_arm_of_their_unit(store: EventStore, log: Log) -> None:
    log.asked("ann", 1000.5, ms=10.0)
    log.met("ann", "on")
    log.met("bob", "off")
    log.asked("ann", 1002.0, ms=105.0)
    log.asked("ann", 1003.0, ms=105.0)
    log.asked("ann", 1003.5, ms=120.0, p=None, status=500)  # kept for its failure alone
    log.asked("bob", 1003.0, ms=20.0)
    log.asked("cid", 1003.0, ms=500.0)
    slow = store.evidence(*CELL.key)[1]
    assert (slow.candidate_values.counts, slow.baseline_values.counts) == ((2,), (1,))
    assert quantile(slow.candidate_values, 0.95) == pytest.approx(105.0, rel=0.02)
    assert quantile(slow.baseline_values, 0.95) == pytest.approx(20.0, rel=0.02)
    log.met("cid", "on", 1002.5)
    assert store.evidence(*CELL.key)[1].candidate_values.counts == (2, 1)


def test_health_counts_exposures_alone(store: EventStore, log: Log) -> None:
    for unit in ("ann", "bob"):
        log.met(unit, "on")
    log.met("cid", "off")
    log.met("bob", "off", 1002.0)
    log.met("dan", "on", rollout="another")
    log.asked("eve", 1003.0)
    log.asked("cid", 1003.0)
    log.did("fay", "order")
    health = store.health(*CELL.key)
    assert (health.candidate_units, health.baseline_units, health.crossed) == (1, 1, 1)
    assert (health.silent, health.unexposed) == (2, 1)


def test_hurt_is_who_met_an_error_after_the_exposure(store: EventStore, log: Log) -> None:
    for unit in ("ann", "bob", "cid", "dan", "eve"):
        log.met(unit, "on", 1010.0)
    log.asked("ann", 1011.0, status=500)
    log.did("bob", "error", 1012.0)
    log.did("bob", "error", 1013.0)
    log.asked("cid", 1009.0, status=500)
    log.did("dan", "order", 1012.0)
    log.met("fay", "off", 1001.0)
    log.did("fay", "error", 1012.0)
    assert store.exposure("new-form", 1) == Exposure(5, 2, 1010.0)
    log.did("eve", "error", 1014.0)
    log.did("gil", "error", 1015.0)
    log.met("gil", "on", 1014.5)  # known only after its error
    assert store.exposure("new-form", 1) == Exposure(6, 4, 1010.0)
    store.forget("bob")
    assert store.exposure("new-form", 1) == Exposure(5, 3, 1010.0)


def test_what_fails_is_of_units_that_were_given_the_variant_last(store: EventStore, log: Log) -> None:
    log.met("ann", "off", 900.0)
    log.met("ann", "on", 1010.0)
    log.met("bob", "on", 1010.0)
    log.met("bob", "off", 1020.0)
    log.met("cid", "on", 1010.0, rollout="another")
    log.met("dan", "on", 900.0)
    log.asked("ann", 1009.0, status=500, path="/before")
    log.asked("ann", 1011.0, status=500, path="/items/1", us=81_000, tp=f"00-{TRACE}-00f067aa0ba902b7-01")
    log.asked("ann", 1012.0, status=0, path="/items/2", w=None)
    log.asked("ann", 1013.0, path="/cart", w="v2", p=None, why="rollout")
    log.asked("ann", 1014.0, status=404, path="/cart")
    log.asked("ann", 1014.0, status=500, path="/other", s="mail")
    log.asked("ann", 1015.0, status=500, path="/pay", why="preview")
    log.asked("bob", 1015.0, status=500, path="/items/3")
    log.asked("bob", 1021.0, status=502, path="/items/4")
    log.asked("cid", 1021.0, status=500, path="/items/5")
    log.asked("dan", 1022.0, status=503, path="/items/6", why="outside")
    log.asked("ann", 2000.0, status=500, path="/items/7")

    def failing(met: float = 0.0, most: int = 10, candidate: str = "on") -> list[tuple[str, str]]:
        found = store.failures("shop", candidate, "off", 1000.0, 2000.0, most, "new-form", met)
        return [(f.request.path, f.beside.path if f.beside else "") for f in found]

    expected = [("/items/3", "/items/4"), ("/cart", ""), ("/items/2", "/items/4"), ("/items/1", "/items/4")]
    assert failing() == [("/items/6", "/items/4"), *expected]
    assert failing(met=1000.0) == expected
    assert failing(met=1000.0, most=1) == expected[:1]
    assert failing(candidate="third") == []
    found = store.failures("shop", "on", "off", 1000.0, 2000.0, 10, "new-form", 1000.0)
    assert found[1].request == Request(1013.0, "GET", "/cart", "GET /cart", 200, "v2", 20.0, assigned="v1")
    assert found[3].request == Request(1011.0, "GET", "/items/1", "GET /items/{}", 500, "v1", 81.0, TRACE, "v1")
    store.forget("ann")
    assert failing(met=1000.0) == expected[:1]


def test_names_of_requests_are_scanned_by_the_arm_of_the_unit(store: EventStore, log: Log) -> None:
    log.met("ann", "on")
    log.met("bob", "off")
    log.asked("ann", 1002.0, status=502, path="/pay")
    log.asked("bob", 1002.0, path="/pay")
    log.asked("cid", 1002.0, path="/pay")
    log.did("ann", "order")
    found = {(n.kind, n.name): (n.candidate, n.baseline) for n in store.names(*CELL.key).found}
    assert found == {
        ("route", "GET /pay"): (1, 1),
        ("fingerprint", "502 GET /pay"): (1, 0),
        ("event", "order"): (1, 0),
    }


def test_a_further_arm_counts_apart(store: EventStore) -> None:
    store.open_cell(replace(CELL, arms=(Arm("third", Interval(50_000, 50_000)),)))
    log = Log(store)
    for unit, variant in (("ann", "on"), ("bob", "off"), ("cid", "third"), ("dan", "third"), ("dan", "off")):
        log.met(unit, variant)
        log.did(unit, "order")
        log.asked(unit, 1003.0)
    slow, evidence = store.evidence(*CELL.key)[1:]
    assert [sum(of.counts) for of in (slow.candidate_values, slow.baseline_values)] == [1, 3]
    assert [(b.arm, sum(b.values.counts)) for b in slow.beside] == [("third", 3)]
    assert (evidence.candidate.events, evidence.baseline.events) == (1, 1)
    assert [(arm, summary.events) for arm, summary in evidence.others] == [("third", 1)]
    assert store.health(*CELL.key).others == (("third", 1),)


def test_learning_is_of_units_that_were_given_the_baseline(store: EventStore, log: Log) -> None:
    log.met("ann", "off", 1200.0)
    log.met("bob", "on", 1200.0)
    log.met("cid", "off", 1201.0, rollout="another")
    for unit in ("ann", "bob", "cid"):
        log.asked(unit, 1202.0, ms=50.0)
        log.asked(unit, 1202.0, status=500, ms=70.0)
        log.did(unit, "order", 1203.0)
    errors, slow, orders = store.learning("shop", "off", (ERRORS, SLOW, ORDERS), 1199.0, "new-form")
    assert (errors.requests, errors.units, errors.summary.events) == (2, 1, 1.0)
    assert (slow.requests, slow.units, sum(slow.values.counts)) == (2, 1, 2)
    assert (orders.units, orders.events) == (1, 1.0)
    assert store.learning("shop", "off", (ERRORS,), 1500.0, "new-form")[0].units == 0


# Exposures that the gateway tells -------------------------------------------------------------------------------------


def given(variant: str, result: str = "denied", rollout: str = "new-form") -> str:
    return f"{rollout}={variant}:{result}"


def test_a_line_exposes_its_unit_and_counts_itself(store: EventStore, log: Log) -> None:
    log.asked("ann", 1000.5, x=given("on"), status=500)
    log.asked("ann", 1002.0, x=given("on"))
    log.asked("bob", 1002.0, x=f"{given('b', rollout='other')},{given('off')}")
    log.did("ann", "order", 1003.0)
    log.did("ann", "order", 1000.2)  # before
    assert arms(store, 0) == (ArmSummary(1, 2, 1, 1, 2, 4, first=1, failures=1), ArmSummary(1, 1, nn=1))
    assert arms(store, 2)[0] == ArmSummary(1, 1, 1, 1, 1, 1, first=1, failures=1)
    assert store.exposure("new-form", 1) == Exposure(1, 1, 1000.5)
    health = store.health(*CELL.key)
    assert (health.candidate_units, health.baseline_units, health.crossed, health.silent) == (1, 1, 0, 0)


def test_what_is_no_evidence_exposes_nobody(store: EventStore, log: Log) -> None:
    log.asked("ann", 1002.0, x=given("on", "allowed"))  # by a rule
    log.asked("bob", 1002.0, x=given("on"), why="preview")
    log.asked("cid", 1002.0, x=given("on"), why="excluded")
    log.asked("dan", 1002.0, x=given("on"), p=None, status=500)  # outside of the sample, kept for what it shows
    log.asked("", 1002.0, x=given("on"))
    log.asked("eve", 999.0, x=given("on"))  # before the stage
    log.asked("fay", 1002.0, x="new-form=:denied,=on:denied,new-form:denied,new-form=on")
    assert store.exposure("new-form", 1) == Exposure()
    assert store.health(*CELL.key).candidate_units == 0


def test_whatever_version_of_its_service_a_unit_has(store: EventStore, log: Log) -> None:
    """The service may have a rollout of its own, for which this unit is none of its evidence."""
    for unit, why in (("ann", "rollout"), ("bob", "outside"), ("cid", "forced"), ("dan", "withdrawn")):
        log.asked(unit, 1002.0, x=given("on"), why=why)
    health = store.health(*CELL.key)
    assert (health.candidate_units, health.silent) == (4, 0)
    assert arms(store, 0)[0].requests == 4


def test_lines_of_any_service_and_in_any_order(store: EventStore, log: Log) -> None:
    log.asked("ann", 1009.0, x=given("on"), s="mail")
    log.did("ann", "order", 1005.0)
    assert arms(store, 2)[0].events == 0
    log.asked("ann", 1004.0, x=given("on"), s="mail", us=5_000_000)  # a long one, which ended later
    assert arms(store, 2)[0].events == 1
    log.asked("ann", 1010.0, x=given("off"), s="mail")
    assert store.health(*CELL.key).crossed == 1


def test_lines_that_told_are_forgotten_and_dropped_with_their_unit(store: EventStore, log: Log) -> None:
    for unit in ("ann", "bob"):
        log.asked(unit, 1002.0, x=given("on"))
        log.met(unit, "on")
    assert store.forget("ann") == 3
    assert store.exposure("new-form", 1) == Exposure(1, 0, 1001.0)
    assert store.retain(1500.0) == 3


def test_learning_is_of_units_that_the_gateway_gave_the_baseline(store: EventStore, log: Log) -> None:
    log.asked("ann", 1202.0, x=given("off"))
    log.asked("bob", 1202.0, x=given("off", "allowed"))
    errors, *_ = store.learning("shop", "off", (ERRORS,), 1199.0, "new-form")
    assert (errors.requests, errors.units) == (1, 1)
