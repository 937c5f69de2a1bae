"""A holdout through the whole loop: apps evaluate the published ruleset, and who is held out is read against others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fader.assign.evaluate import Flags
from fader.assign.reach import drawn
from fader.errors import BadInput, NotFound
from fader.model.holdout import HoldoutView
from fader.model.share import Draw, Interval
from fader.model.state import Phase
from fader.ports.events import Tracked
from fader.schema import load_document

FILE = """
services:
  shop:
    listen: 127.0.0.1:8080
    unit: [{header: x-user-id}]
    versions: {v1: "http://127.0.0.1:9001"}
    baseline: v1
flags: {checkout: {}, banner: {}}
metrics:
  conversion: {kind: proportion, of: units, event: order, better: higher}
holdouts: {q4: 20%}
rollouts:
  new-form:
    flag: checkout
    service: shop
    candidate: "on"
    stages: [50%, 100%]
    bake: 5s
    guardrails: {errors: {tolerate: 5pp}, latency: {}}
    outcomes: {conversion: {tolerate: 20%}}
"""
WITHOUT = FILE.replace("holdouts: {q4: 20%}\n", "")
LOAD = """metrics:
  load: {kind: external, provider: prom, series: "load{version='{{version}}'}", better: lower}
"""
PROVIDERS = "providers: {prom: {kind: prometheus, url: http://127.0.0.1:9090}}\n"
HELD = drawn(Draw("holdout/q4", Interval(0, 200_000)))


class App:
    """Every user asks each second and orders once in a while, by the variant that they have."""

    def __init__(self, world: Any, buying: dict[str, float]) -> None:
        self.world, self.buying, self.offset = world, buying, 0
        self.had, self.told = dict[str, str](), dict[str, str]()
        world.users = 1000

    async def second(self) -> None:
        world = self.world
        world.now += 1.0
        ruleset = world.publisher.current
        flags, lines, events = Flags(ruleset.flags, ruleset.segments), [], []
        for i in range(world.users):
            unit = f"user-{i}"
            found = flags.evaluate("checkout", unit, {})
            if found.rollout and self.told.get(unit) != found.variant:
                self.told[unit] = found.variant
                mine = f"{unit}{world.now}", "exposure", unit, world.now - 0.9, (), found.rollout, found.variant
                events.append(Tracked(*mine))
            self.had[unit] = found.variant
            line = {"t": world.now - 0.5, "u": unit, "s": "shop", "v": "v1", "w": "v1", "why": "none", "p": 1, "c": 200}
            lines.append(json.dumps(line | {"us": 9000, "m": "GET", "path": "/"}).encode() + b"\n")
            if world._chance.random() < self.buying.get(found.variant, 0.0):
                events.append(Tracked(f"o{unit}{world.now}", "order", unit, world.now - 0.4))
        world.events.track(tuple(events))
        self.offset = world.events.append("app", "requests", self.offset, b"".join(lines))
        world.gateway_reports()
        await world.controller.tick()


def metric(view: HoldoutView, name: str) -> Any:
    return next(r for r in view.readings if r.reading.metric == name)


async def test_what_a_completed_rollout_did_is_read_by_those_who_kept_the_old(world: Any) -> None:
    await world.apply(FILE)
    app = App(world, {"off": 0.01, "on": 0.05})
    await app.second()
    assert (await world.desk.holdout("q4")).headline.startswith(
        "q4 holds 20 % of users out of every rollout, for 0 s now"
    )
    for _ in range(3):
        await app.second()
    await world.ask("start", "new-form")
    for _ in range(4):
        await app.second()
    await world.ask("promote", "new-form")
    assert world.states.entry("new-form").state.phase is Phase.COMPLETED
    for _ in range(8):
        await app.second()
    held = {unit for unit in app.had if HELD(unit)}
    assert {unit for unit, variant in app.had.items() if variant == "off"} == held
    view = await world.desk.holdout("q4")
    assert (view.held, view.others, view.mismatch) == (len(held), world.users - len(held), False)
    assert {r.reading.metric for r in view.readings} == {"conversion", "errors", "latency"}
    found = metric(view, "conversion").reading
    assert found.verdict == "better"
    assert (found.candidate_units, found.baseline_units) == (view.others, view.held)
    assert found.candidate_value > 2 * found.baseline_value > 0
    assert metric(view, "errors").reading.missing.startswith("it occurred to 0 users so far")
    assert 8 < metric(view, "latency").threshold < 10  # what requests took when it began
    assert (await world.desk.holdouts()) == (view,)


async def test_it_survives_a_restart_and_ends_when_it_leaves_the_file(world: Any) -> None:
    await world.apply(FILE)
    app = App(world, {"off": 0.05})
    for _ in range(3):
        await app.second()
    world.restart()
    await app.second()
    before = await world.desk.holdout("q4")
    assert world.now - before.since == 3.0
    await world.apply(WITHOUT)
    await app.second()
    await app.second()
    ended = await world.desk.holdout("q4")
    assert ended.until == world.now - 1.0
    assert metric(ended, "conversion").reading.candidate_units == before.others
    await world.apply(FILE)
    await app.second()
    again = await world.desk.holdout("q4")
    assert (again.since, again.until) == (world.now, 0.0)


async def test_another_share_begins_anew(world: Any) -> None:
    await world.apply(FILE)
    app = App(world, {})
    await app.second()
    await world.apply(FILE.replace("20%}\nr", "10%}\nr"))
    await app.second()
    await app.second()
    view = await world.desk.holdout("q4")
    assert (view.share, view.since) == (100_000, world.now)
    assert view.held < 0.13 * world.users


async def test_it_is_applied_as_a_noun_of_its_own(world: Any) -> None:
    plan = await world.apply(FILE)
    assert [(c.action, c.name) for c in plan.changes if c.kind == "holdout"] == [("add", "q4")]
    text = FILE.replace("{q4: 20%}", "{q4: {share: 20%, metrics: [errors]}}")
    assert [(c.action, c.detail) for c in (await world.apply(text)).changes if c.kind == "holdout"] == [
        ("change", "metrics")
    ]
    assert [c.action for c in (await world.apply(text)).changes if c.kind == "holdout"] == ["same"]
    assert [c.action for c in (await world.apply(WITHOUT)).changes if c.kind == "holdout"] == ["remove"]


async def test_listed_metrics_take_the_place_of_those_of_its_rollouts(world: Any) -> None:
    await world.apply(FILE.replace("{q4: 20%}", "{q4: {share: 20%, metrics: [conversion, errors]}}"))
    await App(world, {}).second()
    read = (await world.desk.holdout("q4")).readings
    assert [(r.outcome.metric.name, r.outcome.tolerate.value) for r in read] == [("conversion", 0.2), ("errors", 0.05)]


async def test_what_a_process_did_not_come_to_open_is_opened_by_the_next(world: Any) -> None:
    await world.apply(FILE)
    await App(world, {}).second()
    world.events = type(world.events)()  # as if it had ended after the state was kept
    world.restart()
    await App(world, {}).second()
    view = await world.desk.holdout("q4")
    assert view.held + view.others == world.users


async def test_what_a_provider_counts_is_not_read(world: Any) -> None:
    text = FILE.replace("latency: {}}", "latency: {}, load: {}}").replace("metrics:\n", LOAD, 1) + PROVIDERS
    assert "load" in [w.metric.name for w in load_document(text, "fader.yaml").rollouts[0].watched]
    found = load_document(text, "fader.yaml").settings.holdouts[0].metrics
    assert [o.metric.name for o in found] == ["conversion", "errors", "latency"]


@pytest.mark.parametrize(
    ("listed", "why"),
    [("[converson]", "there is no metric"), ("[load]", "load is external and knows no users")],
)
async def test_what_cannot_be_read_is_refused(world: Any, listed: str, why: str) -> None:
    text = FILE.replace("{q4: 20%}", f"{{q4: {{share: 20%, metrics: {listed}}}}}")
    with_load = text.replace("metrics:\n", LOAD, 1) + PROVIDERS
    with pytest.raises(BadInput, match=why):
        await world.apply(with_load)


async def test_one_that_is_not_there_names_those_that_are(world: Any) -> None:
    with pytest.raises(NotFound, match="there is no holdout 'q3'"):
        await world.desk.holdout("q3")
    await world.apply(FILE)
    await App(world, {}).second()
    with pytest.raises(NotFound, match="there are: q4"):
        await world.desk.holdout("q3")
