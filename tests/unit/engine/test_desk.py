"""What people look up: the history of all rollouts, a service, a unit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.engine.conftest import World

from fader.assign.bucket import bucket
from fader.errors import BadInput, NotFound
from fader.model.audit import Filter
from fader.model.state import Phase


async def test_a_command_is_in_the_audit_with_who_and_why(world: World) -> None:
    await world.ask("start", reason="release 2.14")
    [record] = await world.desk.records(Filter(rollout="shop-v2"), 10)
    assert (record.event, record.actor, record.said) == ("start", "ann", "release 2.14")
    assert await world.desk.recorded(Filter(actor="ann")) == 1
    assert (await world.desk.choices()).actors == ("ann",)


async def test_a_service_shows_baseline_candidate_traffic_and_rollouts(world: World) -> None:
    quiet = await world.desk.service("shop")
    assert (quiet.baseline, quiet.candidate) == ("v1", "")
    await world.ask("start")
    await world.second()
    await world.second()
    view = await world.desk.service("shop")
    assert (view.baseline, view.candidate) == ("v1", "v2")
    v1 = next(t for t in view.traffic if t.version == "v1")
    assert sum(s.requests for s in v1.slots) == world.requests == 3 * world.users
    assert "shop-v2" in {r.name for r in view.rollouts}
    listed = (await world.desk.services())[0]
    assert (listed.service, listed.baseline, listed.candidate, listed.rollouts) == (view.service, "v1", "v2", ())
    with pytest.raises(NotFound, match="there are: shop"):
        await world.desk.service("nothing")


async def test_a_unit_is_where_the_ruleset_puts_it_and_its_past_is_told(world: World) -> None:
    await world.ask("start")
    ramping = await world.until(lambda v: v.state.phase is Phase.RAMPING)
    interval = world.publisher.current.services[0].split.interval
    units = [f"user-{i}" for i in range(world.users)]
    inside = next(u for u in units if bucket(u, "shop/shop-v2") in interval)
    outside = next(u for u in units if bucket(u, "shop/shop-v2") not in interval)
    got, without = (await world.desk.unit(inside)).assignments[0], (await world.desk.unit(outside)).assignments[0]
    assert (got.version, got.since) == ("v2", ramping.state.stage_since)
    assert (without.version, without.since) == ("v1", 0.0)
    world.now += 5
    await world.ask("abort")
    view = await world.desk.unit(inside)
    assert [(s.rollout, s.since, s.until) for s in view.stays] == [("shop-v2", ramping.state.stage_since, world.now)]
    assert (view.assignments[0].version, view.assignments[0].since) == ("v1", world.now)
    with pytest.raises(BadInput):
        await world.desk.unit("")


async def test_stages_are_shown_anew_after_every_step(world: World) -> None:
    """What is kept of the past must not outlive a step."""
    before = await world.desk.rollout("shop-v2")
    assert {s.status for s in before.stages} == {"ahead"}
    await world.ask("start")
    shown = await world.until(lambda v: v.state.phase is Phase.RAMPING)
    assert (shown.stages[0].status, shown.stages[0].since) == ("current", shown.state.stage_since)
    assert (await world.ask("abort")).stages[0].status == "stopped"
    await world.ask("retry")
    assert {s.status for s in (await world.desk.rollout("shop-v2")).stages} == {"ahead"}


async def test_the_outline_is_the_history_of_all_attempts_without_its_evidence(world: World) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.phase is Phase.RAMPING)
    await world.ask("abort")
    await world.ask("retry")
    for _ in range(2):
        outline = await world.desk.outline("shop-v2")
        assert outline == tuple(replace(s, evidence=None) for s in await world.desk.history("shop-v2"))
    assert {s.after.attempt for s in outline} == {1, 2}


async def test_a_brief_says_what_the_view_says_and_a_command_is_a_move(world: World) -> None:
    moves = world.desk.moves()
    await world.ask("start")
    assert world.desk.moves() > moves
    await world.until(lambda v: v.state.phase is Phase.RAMPING)
    moves = world.desk.moves()
    await world.second()
    assert world.desk.moves() == moves
    await world.ask("pause")
    [view], [brief] = await world.desk.rollouts(["shop-v2"]), [b for b in await world.desk.briefs() if b.needs_person]
    assert (brief.name, brief.service, brief.state, brief.needs_person) == (
        view.name,
        view.service,
        view.state,
        view.needs_person,
    )
    assert await world.desk.rollouts([]) == ()


async def test_of_one_metric_of_requests_the_spread_between_users_is_learnt_too(world: World) -> None:
    await world.second()
    [plain] = await world.desk.learnt("shop-v2")
    [whole] = await world.desk.learnt("shop-v2", "errors")
    assert (plain.summary.units, whole.summary.units) == (0, world.users)
    assert replace(whole, summary=plain.summary) == plain
