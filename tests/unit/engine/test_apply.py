"""Applying a file: what changes, what is refused, and that nothing is half-applied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fader.engine.apply import Applier
from fader.errors import BadInput
from fader.model.audit import Filter
from fader.model.state import Phase
from fader.model.written import Written
from fader.schema.document import load_document

FILE = Path(__file__).with_name("fader.yaml").read_text()


async def test_the_same_file_again_changes_nothing(world: Any) -> None:
    version = world.publisher.current.version
    plan = await world.apply()
    assert {c.action for c in plan.changes} == {"same"}
    assert world.publisher.current.version == version


async def test_a_plan_only_says(world: Any) -> None:
    changed = FILE.replace("127.0.0.1:8080", "127.0.0.1:8081")
    plan = await world.applier.plan(load_document(changed, "fader.yaml"))
    shop = plan.changes[0]
    assert (shop.kind, shop.name, shop.action, shop.detail) == ("service", "shop", "change", "listen")
    assert world.states.services()[0].listen.port == 8080


async def test_what_a_running_rollout_was_started_with_is_frozen(world: Any) -> None:
    await world.ask("start")
    changed = FILE.replace("tolerate: 5pp", "tolerate: 50pp")
    with pytest.raises(
        BadInput, match=r"fader\.yaml:\d+: rollout shop-v2 is learning: what it was started with is frozen"
    ):
        await world.apply(changed)
    assert world.states.entry("shop-v2").spec.guardrails[0].tolerate.value == 0.05
    assert world.states.entry("shop-v3").spec.guardrails[0].tolerate.value == 0.05


async def test_a_version_that_a_rollout_needs_cannot_go(world: Any) -> None:
    await world.ask("start")
    changed = FILE.replace(', v2: "http://127.0.0.1:9002"', "").replace("candidate: v2", "candidate: v3")
    with pytest.raises(BadInput, match="version v2 of shop is gone while rollout shop-v2 needs it"):
        await world.apply(changed)


async def test_a_new_version_that_does_not_answer_is_found_at_its_line(world: Any) -> None:
    world.dead.add("v4")
    changed = FILE.replace('v3: "http', 'v4: "http://127.0.0.1:9004", v3: "http')
    with pytest.raises(BadInput, match=r"fader\.yaml:5: version v4 of shop does not answer at 127\.0\.0\.1:9004"):
        await world.apply(changed)
    assert len(world.states.services()[0].versions) == 3


async def test_a_version_that_died_meanwhile_stops_no_other_change(world: Any) -> None:
    world.dead.add("v2")
    await world.apply(FILE.replace("listen: 127.0.0.1:8080", "timeout: 9s\n    listen: 127.0.0.1:8080"))
    assert world.states.services()[0].timeout == 9.0


async def test_the_state_decides_the_baseline_and_the_plan_says_so(world: Any) -> None:
    await world.ask("start")
    await world.until(lambda v: v.state.phase is Phase.COMPLETED)
    plan = await world.apply()
    said = "shop: the file says baseline v1, but a completed rollout made it v2; the state decides. "
    assert f"{said}Write `baseline: v2` and take rollout shop-v2 out to agree" in plan.warnings
    assert world.publisher.current.services[0].baseline == "v2"
    agreed = FILE.replace("baseline: v1", "baseline: v2")
    agreed = agreed[: agreed.index("  shop-v2:")] + agreed[agreed.index("  shop-v3:") :]
    assert (await world.apply(agreed)).warnings == ()


async def test_a_baseline_that_the_file_changes_is_no_completed_rollout(world: Any) -> None:
    other = FILE.replace("baseline: v1", "baseline: v2").replace("candidate: v2", "candidate: v1")
    assert (await world.apply(other)).warnings == ()


AUDIENCE = (
    FILE.replace("baseline: v1", "baseline: v1\n    attributes: {country: x-country}").replace(
        "candidate: v2", 'candidate: v2\n    audience: \'country == "US" || segment("staff")\''
    )
    + "segments: {staff: {units: [ann]}}\n"
)


async def test_a_plan_says_for_whom_a_rollout_is(world: Any) -> None:
    new = AUDIENCE.replace("  shop-v2:", "  shop-us:")
    plan = await world.applier.plan(load_document(new, "fader.yaml"))
    (added,) = [c for c in plan.changes if c.name == "shop-us"]
    assert added.detail == (
        "start it with: fader start shop-us; "
        'only where country is "US" or they are in the segment staff; elsewhere v1, as no evidence'
    )


async def test_the_audience_of_a_running_rollout_must_stay_known(world: Any) -> None:
    await world.apply(AUDIENCE)
    await world.ask("start")
    assert world.publisher.current.services[0].split.audience == 'country == "US" || segment("staff")'
    without = FILE[: FILE.index("rollouts:")]
    for gone in (without, without.replace("baseline: v1", "baseline: v1\n    attributes: {country: x-country}")):
        with pytest.raises(BadInput, match=r"fader\.yaml:2: the audience of rollout shop-v2 cannot be told any more"):
            await world.apply(gone)
    await world.apply(AUDIENCE.replace("[ann]", "[ann, bob]"))


async def test_who_applied_what_is_recorded_once(world: Any) -> None:
    async def applied(text: str, path: str, actor: str) -> list[tuple[str, str]]:
        world.now += 1.0
        await world.applier.apply(load_document(text, "fader.yaml"), Written(text, path, actor=actor))
        return [(r.actor, r.reason) for r in await world.desk.records(Filter(event="apply"), 9)]

    first = "added service shop, rollout shop-v2, rollout shop-v3"
    assert await applied(FILE, "", "ann") == [("ann", "changed nothing but the text"), ("", first)]
    assert len(await applied(FILE, "", "bob")) == 2
    flag = FILE + "flags: {theme: {}}\n"
    found = await applied(flag, "/etc/fader.yaml", "ci")
    assert found[0] == ("ci", "added flag theme; from /etc/fader.yaml")
    assert len(await applied(flag, "/etc/fader.yaml", "ci")) == 3
    assert (await applied(flag + "# later\n", "/etc/fader.yaml", "ci"))[0][1] == (
        "changed nothing but the text; from /etc/fader.yaml"
    )


async def test_what_is_refused_is_not_recorded(world: Any) -> None:
    await world.ask("start")
    with pytest.raises(BadInput):
        await world.apply(FILE.replace("10%, 50%", "10%, 40%"))
    assert await world.desk.recorded(Filter(event="apply")) == 1


async def test_a_configuration_is_read_for_the_environment_of_the_installation(world: Any) -> None:
    text = "environments: [staging, production]\n" + FILE
    text += "flags: {theme: {environments: {staging: {enabled: false}}}}\n"
    with pytest.raises(BadInput, match="this server is of no environment"):
        world.applier.read(text, "fader.yaml")
    staging = Applier(
        world.states, world.events, world.publisher, world.probe, lambda: world.now, world.providers,
        environment="staging",
    )  # fmt: skip
    plan = await staging.apply(staging.read(text, "fader.yaml"))
    assert plan.environment == "staging"
    assert [f.enabled for f in world.states.flags()] == [False]
