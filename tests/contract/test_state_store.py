"""One suite for every state store: the in-memory twin and SQLite behave alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fader.errors import BadInput, Conflict, Corrupt, NotFound
from fader.model.decision import Command, Step
from fader.model.evidence import Evidence, MetricEvidence
from fader.model.flag import Flag, Forced, Prerequisite, Rule, Switch, Variant
from fader.model.metric import Comparison, Margin, Metric
from fader.model.rollout import Guardrail, RolloutSpec, Stage
from fader.model.ruleset import LiveService, Split
from fader.model.segment import Segment
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.share import Interval
from fader.model.state import Basis, Phase, RolloutState
from fader.model.summary import ArmSummary, Histogram
from fader.model.view import Point
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
    assert again.entry("shop-v2").state == full.after


def test_of_two_steps_from_one_revision_only_one_is_taken(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    store.apply((SHOP,), (PENDING,))
    store.save(step(1, PENDING.state, phase=Phase.LEARNING))
    with pytest.raises(Conflict):
        store.save(step(2, PENDING.state, phase=Phase.ABORTED))
    assert [s.seq for s in store.history("shop-v2")] == [1]
    assert store.entry("shop-v2").state.phase is Phase.LEARNING


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


def point(at: float, metric: str = "errors") -> Point:
    return Point(at, metric, 0, 50_000, 0.1, 0.0, 0.2, None, None, None)


def test_points_are_thinned_and_the_newest_stay(reopen: Callable[[], StateStore]) -> None:
    store = reopen()
    for i in range(KEEP + 1):
        store.put_points("shop-v2", (point(float(i)),))
    store.put_points("shop-v2", (point(float(KEEP + 1)), point(3.0, "latency")))
    kept = [p.at for p in reopen().points("shop-v2", -1.0) if p.metric == "errors"]
    assert len(kept) < KEEP
    assert kept[-100:] == [float(i) for i in range(KEEP - 98, KEEP + 2)]
    assert store.points("shop-v2", float(KEEP)) == (point(float(KEEP + 1)),)


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
