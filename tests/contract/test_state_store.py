"""One suite for every state store: the in-memory twin and SQLite behave alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from fader.errors import BadInput, Conflict, Corrupt, NotFound
from fader.model.applied import Applied, Change
from fader.model.audit import Choices, Filter, Record, place
from fader.model.channel import Channel
from fader.model.codebase import Codebase, Found, Sighting
from fader.model.decision import Command, Step
from fader.model.evidence import Evidence, MetricEvidence
from fader.model.flag import Flag, Forced, Prerequisite, Rule, Switch, Variant
from fader.model.holding import Holding
from fader.model.holdout import Holdout, HoldoutState, Measured
from fader.model.metric import Comparison, Margin, Metric
from fader.model.rollout import Guardrail, Outcome, RolloutSpec, Stage
from fader.model.ruleset import LiveService, Split
from fader.model.segment import Segment
from fader.model.series import Block, Series
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.settings import Settings
from fader.model.share import Draw, Interval
from fader.model.state import Basis, Phase, RolloutState
from fader.model.summary import ArmSummary, Histogram
from fader.model.usage import Given, Usage
from fader.model.view import Point
from fader.model.written import Written
from fader.ports.states import Entry, StateStore, Window
from fader.storage.database import open_sqlite
from fader.storage.memory import MemoryStateStore
from fader.storage.sql import SqlStateStore
from fader.storage.thinning import KEEP

ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),))
SPEC = RolloutSpec(
    "shop-v2",
    "shop",
    "v1",
    "v2",
    (Stage(50_000, 600.0), Stage(1_000_000, 0.0)),
    (Guardrail(ERRORS, Margin("absolute", 0.002)),),
)
SHOP = Service(
    "shop",
    Address("127.0.0.1", 8080),
    (UnitSource("cookie", "fader_uid", issue=True),),
    (Version("v1", (Address("127.0.0.1", 9001),)), Version("v2", (Address("127.0.0.1", 9002),))),
    "v1",
)
FLAG = Flag(
    "limits",
    "json",
    (Variant("few", {"max": 5, "names": ["x", None]}), Variant("many", {"max": 0.5})),
    "few",
    "few",
    rules=(Rule("many", 'country == "US"', 25_000, "us"),),
    forced=(Forced("ann", "many"),),
    requires=(Prerequisite("base", ("on",)),),
    client=True,
    metadata={"team": "checkout", "priority": 2, "weight": 0.5, "kept": True},
)
BETA = Segment("beta", 'plan == "pro"', ("ann", "bob"))
PENDING = Entry(SPEC, RolloutState("shop-v2"), "secret")


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], StateStore]]:
    """A function that gives the store; called again it gives what a restarted process would see."""
    opened: list[StateStore] = []

    def again() -> StateStore:
        if request.param == "memory":
            opened[:] = opened or [MemoryStateStore()]
            return opened[0]
        opened.append(SqlStateStore(open_sqlite(tmp_path / "state.db")))
        return opened[-1]

    yield again
    for store in opened:
        store.close()


def step(seq: int, before: RolloutState, **changes: object) -> Step:
    after = replace(before, revision=before.revision + 1, **changes)
    return Step(seq, "shop-v2", 100.0 + seq, SPEC, before, after, "start", "because", actor="ann")


def test_what_is_applied_is_there_again_after_a_restart(reopen: Callable[[], StateStore]) -> None:
    reopen().apply((SHOP,), (PENDING,))
    store = reopen()
    assert store.services() == (SHOP,)
    assert store.entries() == (PENDING,)
    assert store.entry("shop-v2") == PENDING


def test_applying_replaces_services_and_leaves_rollouts_that_are_not_named(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (PENDING,))
    other = replace(SHOP, name="cart")
    store.apply((other,), ())
    assert store.services() == (other,)
    assert store.entries() == (PENDING,)


def test_an_unknown_rollout_is_refused_with_the_names_there_are(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (PENDING,))
    with pytest.raises(NotFound, match=r"'shop-v3'; there are: shop-v2"):
        store.entry("shop-v3")


def test_a_step_moves_the_state_and_is_kept_whole(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (PENDING,))
    evidence = Evidence(
        5.0,
        0,
        (MetricEvidence("errors", ArmSummary(3, 10.0, first=1), candidate_values=Histogram((1, 7), (2, 3))),),
        missing="",
    )
    basis = Basis("errors", 0.003)
    full = replace(
        step(1, PENDING.state, phase=Phase.RAMPING, stage=0, share=50_000, bases=(basis,)),
        command=Command("start", "ann", "go"),
        evidence=evidence,
    )
    store.save(full)
    again = reopen()
    assert again.history("shop-v2") == (full,)
    assert again.outline("shop-v2", 1) == (replace(full, evidence=None),)
    assert again.outline("shop-v2", 2) == ()
    assert again.entry("shop-v2").state == full.after


def test_of_two_steps_from_one_revision_only_one_is_taken(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (PENDING,))
    store.save(step(1, PENDING.state, phase=Phase.LEARNING))
    with pytest.raises(Conflict):
        store.save(step(2, PENDING.state, phase=Phase.ABORTED))
    assert [s.seq for s in store.history("shop-v2")] == [1]
    assert store.entry("shop-v2").state.phase is Phase.LEARNING


def test_what_was_read_before_is_read_anew_after_a_change(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (PENDING,))
    assert store.entries() == (PENDING,)
    store.save(step(1, PENDING.state, phase=Phase.LEARNING))
    assert [e.state.phase for e in store.entries()] == [Phase.LEARNING]
    store.apply((SHOP,), (Entry(replace(SPEC, candidate="v3"), store.entry("shop-v2").state, "secret"),))
    assert store.entry("shop-v2").spec.candidate == "v3"


def test_when_a_flag_was_last_given_another_definition(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    other = replace(FLAG, name="other")
    store.apply((SHOP,), (), (FLAG, other), at=100.0)
    store.apply((SHOP,), (), (other, FLAG), at=200.0)
    assert reopen().changed() == {FLAG.name: 100.0, "other": 100.0}
    store = reopen()
    store.apply((SHOP,), (), (replace(FLAG, owner="shop"),), at=300.0)
    assert store.changed() == {FLAG.name: 300.0}


def test_applying_over_a_rollout_that_moved_takes_nothing(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (PENDING,))
    store.save(step(1, PENDING.state, phase=Phase.LEARNING))
    with pytest.raises(Conflict):
        store.apply((replace(SHOP, name="cart"),), (PENDING,))
    assert store.services() == (SHOP,)


def test_a_ruleset_gets_a_new_version_only_when_it_changes(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    assert store.ruleset().version == 0
    live = LiveService(SHOP, "v1", Split("shop-v2", "v2", "shop/shop-v2", Interval(0, 50_000), "connect", "s"))
    first = store.publish((live,))
    assert first.version == 1
    assert reopen().publish((live,)) == first
    assert reopen().publish((replace(live, split=None),)).version == 2
    assert reopen().ruleset().services == (replace(live, split=None),)


def test_flags_and_segments_are_replaced_and_published(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (), (FLAG, replace(FLAG, name="other")), (BETA,))
    assert (reopen().flags(), reopen().segments()) == ((FLAG, replace(FLAG, name="other")), (BETA,))
    store = reopen()
    assert store.flags()[0] == FLAG
    assert store.publish((), (FLAG,), (BETA,)).version == 1
    assert store.publish((), (FLAG,), (BETA,)).version == 1
    assert store.publish((), (replace(FLAG, enabled=False),), (BETA,)).version == 2
    assert store.publish((), (replace(FLAG, enabled=False),)).version == 3
    assert (reopen().ruleset().flags, reopen().ruleset().segments) == ((replace(FLAG, enabled=False),), ())
    store.apply((SHOP,), ())
    assert (store.flags(), store.segments(), reopen().flags()) == ((), (), ())


def test_a_refused_application_leaves_the_flags(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (PENDING,), (FLAG,))
    store.save(step(1, PENDING.state, phase=Phase.LEARNING))
    with pytest.raises(Conflict):
        store.apply((SHOP,), (PENDING,))
    assert store.flags() == (FLAG,)


def test_usage_adds_up_by_day_and_is_forgotten_after_weeks(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.add_usage(())
    store.add_usage((Usage("a", "on", "2026-10-01", 5), Usage("a", "on", "2026-10-28", 2)))
    store.add_usage((Usage("a", "on", "2026-10-28", 3), Usage("a", "off", "2026-11-03", 1)))
    store.add_usage((Usage("b", "on", "2026-10-29", 4),))
    assert reopen().given("2026-11-03") == (
        Given("a", "off", 1, 1, "2026-11-03", "2026-11-03"),
        Given("a", "on", 0, 5, "2026-10-01", "2026-10-28"),
        Given("b", "on", 0, 4, "2026-10-29", "2026-10-29"),
    )
    assert [g.week for g in reopen().given("2026-11-04")] == [1, 0, 4]
    store.add_usage((Usage("b", "on", "2026-11-05", 2**40),))
    assert reopen().given("2026-11-05") == (
        Given("a", "off", 0, 1, "2026-11-03", "2026-11-03"),
        Given("a", "on", 0, 0, "2026-10-28", "2026-10-28"),
        Given("b", "on", 2**40, 2**40, "2026-10-29", "2026-11-05"),
    )


def test_a_search_stands_in_place_of_the_last_one(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    places = ("a.py:2", "ü.py:3")
    store.put_codebase(Codebase("shop", 1.0, "ci"), (Found("a", 2, 2, places), Found("b"), Found("c", 1, 1)))
    store.put_codebase(Codebase("cart", 2.0), (Found("a"),))
    a, b = Sighting("shop", "a", 1.0, 2, 2, places, seen=1.0), Sighting("shop", "b", 1.0)
    assert reopen().sightings(("a", "b", "none")) == (Sighting("cart", "a", 2.0), a, b)
    store = reopen()
    a, b = Sighting("shop", "a", 3.0, seen=1.0, gone=3.0), Sighting("shop", "b", 3.0, 1, 1, ("b.py:1",), seen=3.0)
    assert store.put_codebase(Codebase("shop", 3.0), (Found("b", 1, 1, b.places), Found("a"))) == (b, a)
    assert reopen().sightings(places=False)[-1] == replace(b, places=())
    assert reopen().sightings() == (Sighting("cart", "a", 2.0), a, b)
    assert reopen().codebases() == (Codebase("cart", 2.0), Codebase("shop", 3.0))
    store.put_codebase(Codebase("shop", 4.0), (Found("a"), Found("c", 1, 1)))
    assert reopen().sightings(("a",))[1] == Sighting("shop", "a", 4.0, seen=1.0, gone=3.0)
    assert reopen().sightings(("b",)) == ()
    store.put_codebase(Codebase("shop", 5.0), (Found("a", 1, 1),))
    assert reopen().sightings(("a",))[1] == Sighting("shop", "a", 5.0, 1, 1, seen=5.0)


def test_a_codebase_is_forgotten_whole(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    for name in ("shop", "cart"):
        store.put_codebase(Codebase(name, 1.0), (Found("a", 1, 1),))
    store.forget_codebase("shop")
    store.forget_codebase("none")
    assert [one.codebase for one in reopen().sightings()] == ["cart"]
    assert reopen().codebases() == (Codebase("cart", 1.0),)
    store.put_codebase(Codebase("shop", 2.0), (Found("a"),))
    assert reopen().sightings()[1] == Sighting("shop", "a", 2.0)


def test_many_flags_are_found_by_their_names_too(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    found = tuple(Found(f"flag-{i}", 1, 1) for i in range(1500))
    store.put_codebase(Codebase("shop", 1.0), found)
    wanted = tuple(one.flag for one in found[:1200])
    assert {one.flag for one in reopen().sightings(wanted)} == set(wanted)
    assert reopen().sightings(()) == ()


def test_a_search_that_cannot_be_written_leaves_what_was_known(tmp_path: Path) -> None:
    store = SqlStateStore(open_sqlite(tmp_path / "state.db"))
    store.put_codebase(Codebase("shop", 1.0), (Found("a", 1, 1), Found("b", 1, 1)))
    before = store.sightings()
    with pytest.raises(OverflowError):
        store.put_codebase(Codebase("shop", 2.0), (Found("a"), Found("b", 2**70, 1)))
    assert store.sightings() == before
    store.close()


def test_switches_are_appended(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    switches = (Switch("a", False, 1.0, "ann", "too slow"), Switch("b", True, 2.0), Switch("a", True, 3.0))
    for switch in switches:
        store.switch(switch)
    assert reopen().switches() == switches
    assert reopen().switches("a") == (switches[0], switches[2])


def test_windows_are_kept_by_stage_and_overwritten(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.put_window(Window("shop-v2", 1, 1, 3))
    store.put_window(Window("shop-v2", 1, 0, 2, since=5.0))
    store.put_window(Window("shop-v2", 2, 0, 9))
    store.put_window(Window("shop-v2", 1, 1, 3, since=7.0))
    assert reopen().windows("shop-v2", 1) == (
        Window("shop-v2", 1, 0, 2, since=5.0),
        Window("shop-v2", 1, 1, 3, since=7.0),
    )


def test_holdouts_are_kept_by_name_and_overwritten(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    assert store.holdouts() == ()
    outcome = Outcome(ERRORS, Margin("relative", 0.1))
    begun = HoldoutState("q4", Draw("holdout/q4", Interval(0, 50_000)), 1, 5.0)
    store.put_holdout(begun)
    store.put_holdout(replace(begun, name="all-year", rollouts=("shop-v2",)))
    ended = replace(begun, until=9.0, measured=(Measured(outcome, 0, 5.0), Measured(outcome, 1, 6.0, threshold=2.5)))
    store.put_holdout(ended)
    assert reopen().holdouts() == (replace(begun, name="all-year", rollouts=("shop-v2",)), ended)


def test_what_is_applied_holds_out(reopen: Callable[[], StateStore]) -> None:
    holdout = Holdout("q4", Draw("holdout/q4", Interval(0, 50_000)), (), (Outcome(ERRORS, Margin("relative", 0.1)),))
    reopen().apply((SHOP,), (), settings=Settings(holdouts=(holdout,)))
    assert reopen().settings().holdouts == (holdout,)


def point(at: float, metric: str = "errors") -> Point:
    return Point(at, metric, 0, 50_000, 0.1, 0.0, 0.2, None, None, None)


def test_series_survive_and_the_last_one_counts(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    first = Series("shop-v2", 1, 0, "upstream", levels=(1.0, 2.0, 3.0, 4.0), first=(0.0, 0.0, 0.0, 0.0))
    last = replace(first, blocks=(Block(0.5, 10.0, 1.0, 90.0, 2),), open=Block(length=1), per_block=2, missing="gone")
    others = Series("shop-v2", 1, 0, "cpu", answered_at=7.5), Series("shop-v2", 2, 0, "cpu")
    for series in (first, *others, last):
        store.put_series(series)
    store = reopen()
    assert store.series("shop-v2", 1, 0) == (others[0], last)
    assert store.series("shop-v2", 2, 0) == (others[1],)
    assert store.series("shop-v2", 1, 1) == store.series("cart-v2", 1, 0) == ()


def test_points_are_thinned_and_the_newest_stay(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    for i in range(KEEP + 1):
        store.put_points("shop-v2", (point(float(i)),))
    store.put_points("shop-v2", (point(float(KEEP + 1)), point(3.0, "latency")))
    kept = [p.at for p in reopen().points("shop-v2", -1.0) if p.metric == "errors"]
    assert len(kept) < KEEP
    assert kept[-100:] == [float(i) for i in range(KEEP - 98, KEEP + 2)]
    assert store.points("shop-v2", float(KEEP)) == (point(float(KEEP + 1)),)


def told(store: StateStore, name: str, *steps: tuple[float, str, str, dict[str, object]], flag: str = "") -> None:
    """Put a rollout in with these steps: time, event, actor, what they change."""
    state = RolloutState(name)
    spec = replace(SPEC, name=name, flag=flag)
    store.apply((SHOP,), (Entry(spec, state, "secret"),))
    for at, event, actor, changes in steps:
        after = replace(state, revision=state.revision + 1, **changes)
        asked = Command("abort", actor, f"{actor} says so") if actor != "fader" else None
        store.save(Step(after.revision, name, at, spec, state, after, event, f"{event} happened", actor, asked))
        state = after


def storied(store: StateStore) -> StateStore:
    told(store, "shop-v2", (10.0, "start", "ann", {}), (20.0, "learnt", "fader", {"share": 50_000}),
         (30.0, "abort", "ann", {"share": 0}), (50.0, "retry", "bob", {"attempt": 2, "start": 50_000}),
         (60.0, "learnt", "fader", {"share": 70_000}), (70.0, "pause", "bob", {}))  # fmt: skip
    told(store, "cart-v2", (20.0, "start", "bob", {}), (40.0, "learnt", "fader", {"share": 10_000}))
    return store


def keys(records: tuple[Record, ...]) -> list[tuple[str, int]]:
    return [(r.rollout, r.seq) for r in records]


def test_records_come_newest_first_and_in_pages_that_hold(reopen: Callable[[], StateStore]) -> None:
    store = storied(reopen())
    everything = store.records(Filter(), 100)
    assert [r.at for r in everything] == [70.0, 60.0, 50.0, 40.0, 30.0, 20.0, 20.0, 10.0]
    assert store.recorded(Filter()) == 8
    assert everything[4] == Record("shop-v2", 3, 30.0, "abort", "ann", "abort happened", "ann says so", 1, 50_000, 0)
    first = store.records(Filter(), 3)
    second = store.records(Filter(), 3, before=place(first[-1]))
    third = store.records(Filter(), 3, before=place(second[-1]))
    assert (*first, *second, *third) == everything
    assert store.records(Filter(), 3, after=place(third[0])) == second
    told(store, "later-v2", (80.0, "start", "ann", {}))
    assert store.records(Filter(), 3, before=place(first[-1])) == second
    assert reopen().records(Filter(), 3, before=place(first[-1])) == second


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(rollout="cart-v2"), [("cart-v2", 2), ("cart-v2", 1)]),
        (Filter(actor="bob"), [("shop-v2", 6), ("shop-v2", 4), ("cart-v2", 1)]),
        (Filter(event="learnt", rollout="shop-v2"), [("shop-v2", 5), ("shop-v2", 2)]),
        (Filter(since=20.0, until=40.0), [("shop-v2", 3), ("shop-v2", 2), ("cart-v2", 1)]),
        (Filter(actor="nobody"), []),
    ],
)
def test_records_are_filtered(reopen: Callable[[], StateStore], wanted: Filter, found: list[tuple[str, int]]) -> None:
    store = storied(reopen())
    assert keys(store.records(wanted, 100)) == found
    assert store.recorded(wanted) == len(found)


def test_a_channel_has_heard_of_what_was_before_it_and_of_nothing_since(reopen: Callable[[], StateStore]) -> None:
    oncall, team = (
        Channel("oncall", "webhook", ("held",), "http://h/x"),
        Channel("team", "slack", ("held",), url_env="T"),
    )
    store = reopen()
    assert store.settings() == Settings()
    store.apply((SHOP,), (PENDING,), settings=Settings((oncall,)))
    first = step(1, PENDING.state, phase=Phase.RAMPING)
    store.save(first)
    store.apply((SHOP,), (), settings=Settings((oncall, team)))
    store = reopen()
    assert store.settings() == Settings((oncall, team))
    assert (store.cursors("oncall"), store.cursors("team")) == ({"shop-v2": 0}, {"shop-v2": 1})
    assert store.since("shop-v2", 0) == (first,)
    assert store.since("shop-v2", 1) == ()
    store.put_cursor("oncall", "shop-v2", 1)
    store.put_cursor("oncall", "cart-v2", 3)
    store.apply((SHOP,), (), settings=Settings((replace(oncall, on=("completed",)),)))
    assert (reopen().cursors("oncall"), reopen().cursors("team")) == ({"shop-v2": 1, "cart-v2": 3}, {})


def test_a_channel_that_was_removed_begins_anew(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    oncall = Channel("oncall", "webhook", ("held",), "http://h/x")
    store.apply((SHOP,), (PENDING,), settings=Settings((oncall,)))
    store.save(step(1, PENDING.state, phase=Phase.RAMPING))
    store.apply((SHOP,), ())
    assert store.cursors("oncall") == {}
    store.apply((SHOP,), (), settings=Settings((oncall,)))
    assert store.cursors("oncall") == {"shop-v2": 1}


def test_how_it_was_written_is_kept_once(reopen: Callable[[], StateStore]) -> None:
    assert reopen().written() is None
    reopen().write(Written("flags: {}", "/etc/fader.yaml", 5.0, "ann"))
    reopen().write(Written("flags: {a: {}}", "", 6.0, "bob"))
    assert reopen().written() == Written("flags: {a: {}}", "", 6.0, "bob")


def test_switches_of_flags_stand_among_the_steps(reopen: Callable[[], StateStore]) -> None:
    store = storied(reopen())
    for at, flag, enabled, actor in (
        (20.0, "theme", False, "ann"),
        (45.0, "theme", True, "eve"),
        (90.0, "x", False, ""),
    ):
        store.switch(Switch(flag, enabled, at, actor, "because"))
    everything = store.records(Filter(), 100)
    assert [(r.at, r.rollout, r.flag, r.seq) for r in everything if r.at in (20.0, 45.0, 90.0)] == [
        (90.0, "", "x", 3),
        (45.0, "", "theme", 2),
        (20.0, "shop-v2", "", 2),
        (20.0, "cart-v2", "", 1),
        (20.0, "", "theme", 1),
    ]
    assert everything[0] == Record("", 3, 90.0, "switch_off", "", "flag x was switched off", "because", 0, 0, 0, "x")
    assert store.recorded(Filter()) == len(everything) == 11
    pages = [store.records(Filter(), 4)]
    while len(pages[-1]) == 4:
        pages.append(store.records(Filter(), 4, before=place(pages[-1][-1])))
    assert tuple(r for found in pages for r in found) == everything
    assert store.records(Filter(), 4, after=place(pages[1][0])) == pages[0]
    assert [r.seq for r in store.records(Filter(flag="theme"), 9)] == [2, 1]
    assert [r.flag for r in store.records(Filter(actor="ann", since=15.0, until=25.0), 9)] == ["theme"]
    assert store.recorded(Filter(event="switch_off")) == store.recorded(Filter(flag="theme")) == 2
    assert store.recorded(Filter(rollout="shop-v2", flag="theme")) == 0
    choices = reopen().choices()
    assert choices.flags == ("theme", "x")
    assert {"eve", "ann"} < set(choices.actors)
    assert {"switch_on", "switch_off"} < set(choices.events)


def test_steps_are_found_by_the_flag_that_they_move(reopen: Callable[[], StateStore]) -> None:
    store = storied(reopen())
    for name, at, flag in (("new-theme", 15.0, "theme"), ("old-theme", 5.0, "theme"), ("new-form", 25.0, "form")):
        told(store, name, (at, "start", "ann", {}), (at + 1, "abort", "bob", {}), flag=flag)
    store.switch(Switch("theme", False, 15.5, "ann"))
    found = store.records(Filter(flag="theme"), 9)
    expected = [("new-theme", 2), ("", 1), ("new-theme", 1), ("old-theme", 2), ("old-theme", 1)]
    assert keys(found) == expected
    assert {r.flag for r in found} == {"theme"}
    assert store.recorded(Filter(flag="theme")) == 5
    assert keys(store.records(Filter(flag="theme", actor="bob"), 9)) == [("new-theme", 2), ("old-theme", 2)]
    assert keys(store.records(Filter(flag="form", rollout="new-theme"), 9)) == []
    assert keys(store.records(Filter(flag="theme"), 2, before=place(found[1]))) == expected[2:4]
    assert keys(store.records(Filter(flag="theme"), 2, after=place(found[3]))) == expected[1:3]
    assert reopen().choices().flags == ("form", "theme")


def test_applies_stand_among_the_steps_too(reopen: Callable[[], StateStore]) -> None:
    store = storied(reopen())
    store.apply((), (), applied=Applied(20.0, "ann", "/etc/f.yaml", (Change("flag", "x", "add"),)))
    store.switch(Switch("x", False, 20.0, "ann"))
    store.write(Written("flags: {}", at=70.0, actor="ci"), Applied(70.0, "ci"))
    store.write(Written("flags: {a: {}}"))
    reason = "added flag x; from /etc/f.yaml"
    store = reopen()
    assert store.records(Filter(event="apply"), 9) == (
        Record("", -2, 70.0, "apply", "ci", "changed nothing but the text", "", 0, 0, 0),
        Record("", -1, 20.0, "apply", "ann", reason, "", 0, 0, 0),
    )
    everything = store.records(Filter(), 100)
    assert len(everything) == store.recorded(Filter()) == 8 + 3
    pages = [store.records(Filter(), 2)]
    while len(pages[-1]) == 2:
        pages.append(store.records(Filter(), 2, before=place(pages[-1][-1])))
    assert tuple(r for found in pages for r in found) == everything
    assert store.recorded(Filter(actor="ci")) == 1
    assert [r.event for r in store.records(Filter(flag="x"), 9)] == ["switch_off"]
    assert {"ci"} < set(store.choices().actors)
    assert {"apply"} < set(store.choices().events)


def test_what_can_be_filtered_by_is_what_occurs(reopen: Callable[[], StateStore]) -> None:
    assert reopen().choices() == Choices()
    assert storied(reopen()).choices() == Choices(
        ("cart-v2", "shop-v2"), ("ann", "bob", "fader"), ("abort", "learnt", "pause", "retry", "start")
    )


def test_holdings_are_the_changes_of_who_has_the_candidate(reopen: Callable[[], StateStore]) -> None:
    store = storied(reopen())
    shop = (
        Holding("shop-v2", 1, 10.0, Interval(0, 0)),
        Holding("shop-v2", 1, 20.0, Interval(0, 50_000)),
        Holding("shop-v2", 1, 30.0, Interval(0, 0)),
        Holding("shop-v2", 2, 50.0, Interval(50_000, 0)),
        Holding("shop-v2", 2, 60.0, Interval(50_000, 70_000)),
    )
    cart = (Holding("cart-v2", 1, 20.0, Interval(0, 0)), Holding("cart-v2", 1, 40.0, Interval(0, 10_000)))
    assert store.holdings(("shop-v2",)) == shop
    assert store.holdings(("shop-v2", "cart-v2")) == (*cart, *shop)
    assert store.holdings(()) == ()


def test_steps_of_the_first_tables_can_be_searched(tmp_path: Path) -> None:
    """A file of the first migration: its steps have no columns for what is searched now, and there are no flags."""
    path = tmp_path / "state.db"
    store = storied(SqlStateStore(open_sqlite(path)))
    told(store, "new-form", (80.0, "start", "ann", {}), flag="form")
    before = store.records(Filter(), 100), store.holdings(("shop-v2", "cart-v2")), store.choices()
    store.close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as c:
        for index in ("time", "actor", "event", "flag", "holding"):
            c.execute(text(f"DROP INDEX steps_by_{index}"))
        for column in ("event", "actor", "attempt", "start", "share", "flag"):
            c.execute(text(f"ALTER TABLE steps DROP COLUMN {column}"))
        tables = ("flags", "segments", "switches", "series", "written", "settings", "cursors", "applies", "usage")
        for table in (*tables, "holdouts", "codebases", "sightings"):
            c.execute(text(f"DROP TABLE {table}"))
        c.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    store = SqlStateStore(open_sqlite(path))
    assert (store.records(Filter(), 100), store.holdings(("shop-v2", "cart-v2")), store.choices()) == before
    assert (store.flags(), store.segments(), store.switches()) == ((), (), ())
    store.close()


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(Corrupt, match="is damaged"):
        open_sqlite(path)
    assert path.read_bytes() == b"this is no database" * 100


def test_a_half_overwritten_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqlStateStore(open_sqlite(path))
    store.apply((SHOP,), (PENDING,))
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(Corrupt, match="is damaged"):
        open_sqlite(path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write the state file"):
        open_sqlite(tmp_path / "file" / "state.db")


def test_rulesets_that_stay_in_the_file_are_few_when_they_are_large(tmp_path: Path) -> None:
    engine = open_sqlite(tmp_path / "state.db")
    store = SqlStateStore(engine)

    def kept() -> list[int]:
        with engine.begin() as c:
            return list(c.execute(text("SELECT version FROM rulesets ORDER BY version")).scalars())

    for i in range(120):
        store.publish((), (replace(FLAG, description=str(i)),))
    assert kept() == list(range(21, 121))
    for i in range(3):
        store.publish((), (replace(FLAG, description="x" * 20_000_000 + str(i)),))
    assert kept() == [122, 123]
    assert store.ruleset().version == 123
    store.close()
