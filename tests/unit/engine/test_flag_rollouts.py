"""Rollouts of flags through the whole loop: apps evaluate the published ruleset and say what they gave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fader.assign.bucket import chosen
from fader.assign.evaluate import Flags
from fader.assign.exposed import SETTLED, Exposed
from fader.errors import BadInput, Refused
from fader.model.flag import Switch
from fader.model.share import WHOLE, Interval
from fader.model.state import Phase
from fader.ports.events import Tracked
from fader.rollout.replay import replay

FILE = """
services:
  shop:
    listen: 127.0.0.1:8080
    unit: [{header: x-user-id}]
    versions: {v1: "http://127.0.0.1:9001", v2: "http://127.0.0.1:9002"}
    baseline: v1
flags:
  checkout:
    rules: [{variant: "on", when: beta == true}]
metrics:
  conversion: {kind: proportion, of: units, event: order, better: higher}
rollouts:
  new-form:
    flag: checkout
    service: shop
    candidate: "on"
    stages: [10%, 50%, 100%]
    bake: 5s
    guardrails: {errors: {tolerate: 5pp}}
    outcomes: {conversion: {tolerate: 20%}}
  shop-v2:
    service: shop
    candidate: v2
    stages: [10%, 100%]
    bake: 5s
    guardrails: {errors: {tolerate: 5pp}}
"""


class App:
    """It asks for the flag for every user, each second, and tells the exposure where the share has changed."""

    def __init__(self, world: Any, failing: dict[str, float] | None = None, buying: dict[str, float] | None = None):
        self.world, self.failing, self.buying = world, failing or {}, buying or {}
        self.offset, self.told, self.got = 0, Exposed(), dict[str, str]()
        self.exposes, self.had = True, set[str]()

    async def second(self) -> None:
        world = self.world
        world.now += 1.0
        ruleset = world.publisher.current
        self.told.follow(ruleset.flags, world.now)
        flags, lines, events = Flags(ruleset.flags, ruleset.segments), [], []
        for i in range(world.users):
            unit = f"user-{i}"
            found = flags.evaluate("checkout", unit, {"beta": i < 40})
            self.got[unit] = found.variant
            if self.exposes and found.rollout and self.told.new(found, unit, world.now):
                mine = f"{unit}{world.now}", "exposure", unit, world.now - 0.9, (), found.rollout, found.variant
                events.append(Tracked(*mine))
                if found.variant == "on":
                    self.had.add(unit)
            status = 500 if world._chance.random() < self.failing.get(found.variant, 0.0) else 200
            line = {"t": world.now - 0.5, "u": unit, "s": "shop", "v": "v1", "w": "v1", "why": "none", "p": 1}
            lines.append(json.dumps(line | {"c": status, "us": 9000, "m": "GET", "path": "/"}).encode() + b"\n")
            if world._chance.random() < self.buying.get(found.variant, 0.0):
                events.append(Tracked(f"o{unit}{world.now}", "order", unit, world.now - 0.4))
        world.events.track(tuple(events))
        self.offset = world.events.append("app", "requests", self.offset, b"".join(lines))
        world.gateway_reports()
        await world.controller.tick()

    async def until(self, true: Any, seconds: int = 90) -> Any:
        for _ in range(seconds):
            await self.second()
            view = await self.world.desk.rollout("new-form")
            if true(view):
                return view
        raise AssertionError(f"not within {seconds} s: {view.headline} {view.waits}")


async def begin(world: Any, **rates: Any) -> App:
    await world.apply(FILE)
    app = App(world, **rates)
    await app.second()
    await world.ask("start", "new-form")
    return app


async def steps(world: Any) -> tuple[Any, ...]:
    found: tuple[Any, ...] = await world.desk.history("new-form")
    assert all(replay(s) for s in found), "every step comes out the same from its record"
    return found


def at(phase: Phase) -> Any:
    return lambda view: view.state.phase is phase


async def test_a_healthy_flag_goes_to_everybody_and_becomes_the_default(world: Any) -> None:
    app = await begin(world, buying={"on": 0.05, "off": 0.05})
    first = await app.until(lambda v: v.state.stage == 0)
    assert first.state.share == 100_000
    await app.second()
    for i in range(40, world.users):
        expected = chosen(f"user-{i}", "checkout/new-form", Interval(0, 100_000))
        assert app.got[f"user-{i}"] == ("on" if expected else "off")
    done = await app.until(at(Phase.COMPLETED))
    assert 0 < done.units_exposed < world.users - 40, "those whom a rule settled are in no arm"
    assert done.units_harmed == 0
    flag = world.publisher.current.flags[0]
    assert (flag.default, flag.move) == ("on", None)
    assert world.states.flags()[0].default == "off", "the file says what it said"
    await steps(world)
    assert (await world.apply(FILE)).warnings == (
        "flag checkout: the file says default off, but a completed rollout made it on; the state decides. "
        "Write `default: on` and take rollout new-form out to agree",
    )
    alone = FILE[: FILE.index("rollouts:")]
    weighted = alone.replace("  checkout:\n", "  checkout:\n    default: {on: 50%, off: 50%}\n")
    agreed = alone.replace("  checkout:\n", "  checkout:\n    default: on\n")
    [said] = (await world.apply(alone)).warnings
    assert said.endswith("Write `default: on` to agree")
    for text in (weighted, agreed):
        assert (await world.apply(text)).warnings == ()
    assert world.publisher.current.flags[0].default == "on"


async def test_failed_requests_of_the_units_that_have_it_pull_the_plug(world: Any) -> None:
    app = await begin(world, failing={"on": 0.4})
    done = await app.until(at(Phase.ROLLED_BACK))
    assert "errors rose from" in done.headline or "new error" in done.headline
    assert 0 < done.units_harmed <= done.units_exposed
    await app.second()
    assert {app.got[f"user-{i}"] for i in range(40, world.users)} == {"off"}
    assert {app.got[f"user-{i}"] for i in range(40)} == {"on"}, "a rule is no rollout"
    await steps(world)


async def test_fewer_orders_pull_the_plug(world: Any) -> None:
    world.users = 1500
    app = await begin(world, buying={"on": 0.002, "off": 0.15})
    done = await app.until(at(Phase.ROLLED_BACK), 150)
    assert "conversion fell" in done.headline


async def test_a_flag_that_is_off_holds_its_rollout_and_says_so(world: Any) -> None:
    app = await begin(world)
    await app.until(lambda v: v.state.stage == 0)
    world.states.switch(Switch("checkout", False, world.now, "ann"))
    for _ in range(60):
        await app.second()
    view = await world.desk.rollout("new-form")
    assert (view.state.phase, view.state.stage) == (Phase.RAMPING, 0)
    assert any("flag checkout is switched off: everybody gets off" in w for w in view.waits)
    world.states.switch(Switch("checkout", True, world.now, "ann"))
    await app.until(lambda v: v.state.stage == 1)


async def test_without_exposures_nothing_advances(world: Any) -> None:
    await world.apply(FILE)
    app = App(world)
    await app.second()
    await world.ask("start", "new-form")
    app.exposes = False
    for _ in range(60):
        await app.second()
    view = await world.desk.rollout("new-form")
    assert view.state.phase is Phase.LEARNING
    assert any("errors" in w for w in view.waits)


async def test_flag_and_service_roll_out_side_by_side(world: Any) -> None:
    app = await begin(world)
    await world.ask("start", "shop-v2")
    await app.second()
    current = world.publisher.current
    assert current.services[0].split.rollout == "shop-v2"
    assert current.flags[0].move.rollout == "new-form"


async def test_a_flag_has_one_rollout_at_a_time(world: Any) -> None:
    second = FILE.replace("  shop-v2:\n    service: shop", "  again:\n    flag: checkout\n    service: shop")
    second = second.replace("candidate: v2", 'candidate: "on"')
    await world.apply(second)
    await world.ask("start", "new-form")
    with pytest.raises(Refused, match="new-form is active on flag checkout, and a flag has one rollout at a time"):
        await world.ask("start", "again")


async def test_a_retry_begins_with_units_that_did_not_have_it(world: Any) -> None:
    app = await begin(world, failing={"on": 0.4})
    await app.until(at(Phase.ROLLED_BACK))
    had = set(app.had)
    app.failing = {}
    await world.ask("retry", "new-form")
    view = await app.until(lambda v: v.state.stage == 0)
    assert view.state.start == 100_000
    await app.second()
    assert had.isdisjoint(u for i in range(40, world.users) if app.got[u := f"user-{i}"] == "on")


async def test_what_a_running_rollout_needs_stays_in_the_file(world: Any) -> None:
    await begin(world)
    with pytest.raises(BadInput, match="flag checkout is gone from the file while rollout new-form is"):
        await world.apply(FILE[: FILE.index("flags:")])
    with pytest.raises(BadInput, match="variant on of flag checkout is gone while rollout new-form needs it"):
        await world.apply(
            FILE.replace(
                '    rules: [{variant: "on", when: beta == true}]',
                '    variants: {off: "false", "yes": "true"}\n    default: "off"',
            )
            .replace('candidate: "on"', 'candidate: "yes"')
            .replace("  new-form:", "  other:")
        )


async def test_an_aborted_rollout_gives_everybody_the_baseline_even_after_its_end(world: Any) -> None:
    app = await begin(world)
    await app.until(at(Phase.COMPLETED))
    await world.ask("abort", "new-form")
    assert world.publisher.current.flags[0].default == "off"


async def test_there_is_no_preview_of_a_flag(world: Any) -> None:
    await begin(world)
    with pytest.raises(Refused, match="name your unit under flags: checkout: units"):
        await world.desk.preview("new-form")


async def test_the_state_decides_the_share_and_nobody_is_taken_back(world: Any) -> None:
    app = await begin(world)
    held: set[str] = set()
    for _ in range(90):
        await app.second()
        now = {unit for unit, variant in app.got.items() if variant == "on"}
        assert held <= now
        held = now
    assert (await world.desk.rollout("new-form")).state.share == WHOLE


async def test_the_audience_of_a_running_rollout_must_stay_known(world: Any) -> None:
    """To whoever evaluates the flag, and to the gateways that send it."""
    text = FILE.replace('    candidate: "on"', '    candidate: "on"\n    audience: \'segment("us") || plan == "pro"\'')
    text = text.replace("when: beta == true", "when: 'plan == \"team\"'")
    text += "segments: {us: {when: 'country == \"US\"'}}\n"
    await world.apply(text)
    await world.ask("start", "new-form")
    without = FILE[: FILE.index("rollouts:")].replace("beta == true", "\"plan == 'team'\"")
    with pytest.raises(BadInput, match="the audience of rollout new-form cannot be told any more"):
        await world.apply(without)
    kept = without + "segments: {us: {when: 'country == \"US\"'}}\n"
    sent = kept.replace("baseline: v1", "baseline: v1\n    flags: checkout\n    attributes: {plan: x-plan}")
    with pytest.raises(BadInput, match=r"fader\.yaml:\d+: the audience of rollout new-form cannot be told any more"):
        await world.apply(sent)
    await world.apply(kept)
    await world.apply(sent.replace("{plan: x-plan}", "{plan: x-plan, country: x-country}"))


# Layers, holdouts and weights ---------------------------------------------------------------------------------------

HELD = FILE + "holdouts: {q4: 20%}\n"


def held_out(unit: str) -> bool:
    return chosen(unit, "holdout/q4", Interval(0, 200_000))


async def test_a_holdout_keeps_what_it_had_until_it_is_released(world: Any) -> None:
    await world.apply(HELD)
    app = App(world)
    await app.second()
    await world.ask("start", "new-form")
    await app.until(at(Phase.COMPLETED))
    await app.second()
    others = [f"user-{i}" for i in range(40, world.users)]
    assert {unit for unit in others if app.got[unit] == "off"} == {unit for unit in others if held_out(unit)}
    assert {app.got[f"user-{i}"] for i in range(40)} == {"on"}
    plan = await world.apply(FILE)
    changes = {c.name: c.detail for c in plan.changes if c.action != "same"}
    gone = "its users get what everybody has, and its reading ends"
    assert changes == {"new-form": "its holdouts", "shop-v2": "holdouts", "q4": gone}
    await app.second()
    assert set(app.got.values()) == {"on"}
    assert {c.action for c in (await world.apply(FILE)).changes} == {"same"}


async def test_a_holdout_of_a_completed_rollout_that_is_gone_from_the_file_is_released_with_it(world: Any) -> None:
    await world.apply(HELD)
    app = App(world)
    await app.second()
    await world.ask("start", "new-form")
    await app.until(at(Phase.COMPLETED))
    without = FILE[: FILE.index("  new-form")] + FILE[FILE.index("  shop-v2") :]
    await world.apply(without + "holdouts: {q4: 20%}\n")
    assert world.publisher.current.flags[0].held, "the holdout goes on without the rollout's text"
    await world.apply(without)
    assert not world.publisher.current.flags[0].held


async def test_who_is_held_out_of_a_services_rollout_has_the_baseline(world: Any) -> None:
    await world.apply(HELD)
    await world.ask("start", "shop-v2")
    (live,) = world.publisher.current.services
    assert [d.salt for d in live.split.holdouts] == ["holdout/q4"]
    seen = [(await world.desk.unit(f"user-{i}")).assignments[0] for i in range(60)]
    assert {bool(a.candidate) for a in seen} == {True, False}
    for i, assignment in enumerate(seen):
        assert (assignment.candidate == "") == held_out(f"user-{i}")
        assert ("does not reach it" in assignment.reason) == held_out(f"user-{i}")


WEIGHTS = """
flags:
  plan: {kind: string, variants: {a: A, b: B, c: C}, default: SHARES}
"""


async def test_weights_move_as_few_as_they_must(world: Any) -> None:
    async def answers(shares: str) -> list[str]:
        await world.apply(WEIGHTS.replace("SHARES", shares))
        flags = Flags(world.publisher.current.flags)
        return [flags.evaluate("plan", f"user-{i}", {}).variant for i in range(500)]

    whole = await answers("b")
    first = await answers("{a: 50%, b: 30%, c: 20%}")
    assert set(whole) == {"b"}
    assert {new for old, new in zip(whole, first, strict=True) if old != new} == {"a", "c"}
    second = await answers("{c: 30%, b: 30%, a: 40%}")
    assert {(old, new) for old, new in zip(first, second, strict=True) if old != new} == {("a", "c")}
    assert second == await answers("{c: 30%, b: 30%, a: 40%}")
    assert {c.action for c in (await world.apply(WEIGHTS.replace("SHARES", "{c: 30%, b: 30%, a: 40%}"))).changes} == {
        "same"
    }


# Whom nothing is heard of -------------------------------------------------------------------------------------------


async def test_outcomes_of_units_that_a_rollout_does_not_reach_hold_nothing(world: Any) -> None:
    await world.apply(FILE + "layers: {front: {new-form: 30%}}\n")
    world.users = 1500
    app = App(world, buying={"on": 0.1, "off": 0.1})
    await app.second()
    await world.ask("start", "new-form")
    view = await app.until(lambda v: v.state.stage == 1, 150)
    assert view.state.phase is Phase.RAMPING


async def test_outcomes_with_another_id_than_exposures_hold(world: Any) -> None:
    app = await begin(world, buying={})
    await app.until(lambda v: v.state.stage == 0)
    for second in range(40):
        orders = (Tracked(f"x{second}-{i}", "order", f"mail-{i}", world.now, ()) for i in range(60))
        world.events.track(tuple(orders))
        await app.second()
    view = await world.desk.rollout("new-form")
    assert view.state.stage == 0
    assert any("never exposed" in wait for wait in view.waits)


async def test_without_a_service_whoever_does_nothing_is_no_fault_of_the_data(world: Any) -> None:
    """Nine in ten users are exposed and then neither order nor meet an error: there are no requests to see them by."""
    alone = FILE.replace("    flag: checkout\n    service: shop\n", "    flag: checkout\n")
    alone = alone.replace(
        "metrics:\n", "metrics:\n  failing: {kind: proportion, of: units, event: error, better: lower}\n"
    )
    alone = alone.replace(
        "guardrails: {errors: {tolerate: 5pp}}\n    outcomes", "guardrails: {failing: 5pp}\n    outcomes"
    )
    await world.apply(alone)
    world.users = 1500
    app = App(world, buying={"on": 0.002, "off": 0.002})
    await app.second()
    await world.ask("start", "new-form")
    done = await app.until(at(Phase.COMPLETED), 200)
    assert done.units_harmed == 0


async def test_what_waits_for_a_person_says_why_nothing_is_known_of_a_flag_that_is_off(world: Any) -> None:
    await world.apply(FILE.replace("stages: [10%, 50%, 100%]", "stages: [10%, {share: 50%, gate: manual}, 100%]"))
    app = App(world)
    await app.second()
    await world.ask("start", "new-form")
    await app.until(at(Phase.AWAITING))
    world.states.switch(Switch("checkout", False, world.now, "ann"))
    world.publisher.publish()
    for _ in range(3):
        await app.second()
    view = await world.desk.rollout("new-form")
    assert view.state.phase is Phase.AWAITING
    assert {j.missing for j in view.judgements} == {"flag checkout is switched off: everybody gets off"}


# Exposures that the gateway tells -------------------------------------------------------------------------------------

TOLD = FILE.replace("beta == true", "'unit == \"user-0\"'").replace(
    "    baseline: v1\nflags:", "    baseline: v1\n    flags: checkout\n    exposures: gateway\nflags:"
)


class Handing(App):
    """The gateway hands the flag over and tells so in its lines; the app knows of nothing."""

    async def second(self) -> None:
        world = self.world
        world.now += 1.0
        ruleset = world.publisher.current
        if not self.stuck:
            world.gateway_reports()
        flags, lines = Flags(ruleset.flags, ruleset.segments), []
        for i in range(world.users):
            unit = f"user-{i}"
            found = flags.evaluate("checkout", unit, {})
            self.got[unit] = found.variant
            if found.rollout and found.variant == "on":
                self.had.add(unit)
            status = 500 if world._chance.random() < self.failing.get(found.variant, 0.0) else 200
            line = {"t": world.now - 0.5, "u": unit, "s": "shop", "v": "v1", "w": "v1", "why": "none", "p": 1}
            line |= {"x": f"new-form={found.variant}:{'denied' if found.rollout else 'allowed'}"}
            lines.append(json.dumps(line | {"c": status, "us": 9000, "m": "GET", "path": "/"}).encode() + b"\n")
        self.offset = world.events.append("g", "a", self.offset, b"".join(lines))
        await world.controller.tick()

    stuck = False


async def handing(world: Any, failing: dict[str, float] | None = None) -> Handing:
    await world.apply(TOLD.replace("\n    outcomes: {conversion: {tolerate: 20%}}", ""))
    app = Handing(world, failing)
    await app.second()
    await world.ask("start", "new-form")
    return app


async def test_requests_that_tell_exposures_lead_to_the_end(world: Any) -> None:
    app = await handing(world)
    done = await app.until(at(Phase.COMPLETED))
    assert done.units_exposed == len(app.had) > 150, "and not the one that a rule settled"
    assert done.units_harmed == 0
    await steps(world)


async def test_requests_that_tell_exposures_pull_the_plug(world: Any) -> None:
    app = await handing(world, failing={"on": 0.4})
    done = await app.until(at(Phase.ROLLED_BACK))
    assert 0 < done.units_harmed <= done.units_exposed < world.users / 2
    await steps(world)


async def test_a_stage_waits_for_gateways_that_tell_exposures(world: Any) -> None:
    app = await handing(world)
    app.stuck = True
    view = await app.until(lambda v: v.state.stage == 0)
    for _ in range(30):
        await app.second()
    view = await world.desk.rollout("new-form")
    assert (view.state.stage, world.states.windows("new-form", 1)[0].since) == (0, 0.0)
    assert any("the gateway has not acknowledged this share yet" in wait for wait in view.waits)
    app.stuck = False
    await app.second()
    assert world.states.windows("new-form", 1)[0].since == world.now - 0.001
    await app.until(lambda v: v.state.stage == 1)


async def test_a_stage_begins_no_earlier_than_with_an_sdk(world: Any) -> None:
    """The flag may be asked for elsewhere too."""
    app = await handing(world)
    view = await app.until(lambda v: v.state.stage == 0)
    await app.second()
    assert world.states.windows("new-form", 1)[0].since == view.state.stage_since + SETTLED
