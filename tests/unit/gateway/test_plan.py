"""The order of the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fader.gateway.layout import Layout
from fader.gateway.plan import Step, plan_writes
from fader.gateway.resources import Resources, render
from fader.model.arm import Arm
from fader.model.flag import Flag, Variant
from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.service import Address, Service, Tls, UnitSource, Version
from fader.model.share import Interval

LAYOUT = Layout(Path("/gw"))
SHOP = Service(
    "shop",
    Address("127.0.0.1", 8080),
    (UnitSource("header", "x-user-id"),),
    tuple(Version(f"v{n}", (Address("127.0.0.1", 9000 + n),)) for n in (1, 2, 3)),
    "v1",
)
OTHER = replace(SHOP, name="other", listen=Address("127.0.0.1", 8081), tls=Tls("/c/a.pem", "/c/a.key"))
KEYS = {f"fader.shop.r.v2.{bound}" for bound in ("lo1", "hi1", "lo2", "hi2")}


def split(share: int, candidate: str = "v2") -> Split:
    return Split("r", candidate, "shop/r", Interval(0, share), "connect", "s")


def resources(*services: LiveService) -> Resources:
    return render(Ruleset(1, services), LAYOUT)


def kinds(steps: tuple[Step, ...]) -> list[str]:
    return [step.file.kind if step.file else f"unlink {step.path.name}" for step in steps]


def layer(step: Step) -> dict[str, Any]:
    assert step.file is not None
    return dict(step.file.document["resources"][0]["layer"])


def names(step: Step) -> set[str]:
    assert step.file is not None
    return {resource["name"] for resource in step.file.document["resources"]}


NONE = resources(LiveService(SHOP, "v1"))
FIVE = resources(LiveService(SHOP, "v1", split(50_000)))
WHOLE = resources(LiveService(SHOP, "v1", split(1_000_000)))
DONE = resources(LiveService(SHOP, "v2"))


def test_before_envoy_starts_every_file_is_there() -> None:
    assert kinds(plan_writes(None, FIVE)) == ["rtds", "cds", "rds", "lds"]


def test_nothing_to_do() -> None:
    assert plan_writes(FIVE, FIVE) == ()


def test_a_share_alone_is_one_step() -> None:
    assert kinds(plan_writes(FIVE, WHOLE)) == ["rtds"]


def test_a_rollout_begins_clusters_before_routes() -> None:
    assert kinds(plan_writes(NONE, FIVE)) == ["rtds", "cds", "lds", "rds"]


def test_a_rollback_ends_the_share_first_and_the_clusters_last() -> None:
    steps = plan_writes(FIVE, NONE)
    assert kinds(steps) == ["rtds", "cds", "rds", "lds", "cds"]
    assert "assigned/shop/v2" in names(steps[1])
    assert "assigned/shop/v2" not in names(steps[-1])
    assert not KEYS & set(layer(steps[0]))


def test_completion_keeps_the_share_until_the_routes_know() -> None:
    steps = plan_writes(WHOLE, DONE)
    assert kinds(steps) == ["cds", "rds", "rtds", "lds", "cds"]
    assert "stream/shop/v1" not in names(steps[3])
    assert not KEYS & set(layer(steps[2]))


def test_completion_into_the_next_rollout() -> None:
    after = resources(LiveService(SHOP, "v2", split(10_000, "v3")))
    first = plan_writes(WHOLE, after)[0]
    assert layer(first)["fader.shop.r.v2.hi1"]["numerator"] == 1_000_000
    assert layer(first)["fader.shop.r.v3.hi1"]["numerator"] == 10_000


def test_clusters_go_only_after_the_routes_that_name_them() -> None:
    steps = plan_writes(FIVE, resources(LiveService(SHOP, "v1", split(50_000, "v3"))))
    assert kinds(steps) == ["rtds", "cds", "lds", "rds", "lds", "cds"]
    assert "assigned/shop/v2" in names(steps[1])
    assert "assigned/shop/v2" not in names(steps[-1])


def test_a_new_listener_finds_its_routes_and_its_certificate() -> None:
    steps = plan_writes(NONE, resources(LiveService(SHOP, "v1"), LiveService(OTHER, "v1")))
    assert kinds(steps) == ["rtds", "cds", "sds", "rds", "lds"]
    assert [step.wait for step in steps] == [True, True, False, False, True]


def test_a_service_that_goes_takes_its_files_with_it() -> None:
    before = resources(LiveService(SHOP, "v1"), LiveService(OTHER, "v1"))
    steps = plan_writes(before, NONE)
    assert kinds(steps)[:3] == ["rtds", "lds", "cds"]
    assert {step.path for step in steps if step.file is None} == set(before.files) - set(NONE.files)
    assert len(before.files) - len(NONE.files) == 2


WORLDS = st.sampled_from(
    [NONE, FIVE, WHOLE, DONE, resources(), resources(LiveService(SHOP, "v2", split(7, "v3")), LiveService(OTHER, "v1"))]
)


@given(WORLDS, WORLDS)
def test_whatever_changes_the_last_writing_of_each_file_is_the_new_one(old: Resources, new: Resources) -> None:
    held = dict(old.files)
    for step in plan_writes(old, new):
        if step.file is None:
            del held[step.path]
        else:
            assert held.get(step.path) is None or held[step.path].version != step.file.version
            held[step.path] = step.file
    assert {path: entry.version for path, entry in held.items()} == {p: e.version for p, e in new.files.items()}


def test_a_further_arm_is_withdrawn_by_the_runtime_first() -> None:
    """Its users leave it before the routes know; the interval that only they know comes with the routes."""
    arm = Arm("v3", Interval(50_000, 50_000))
    running = resources(LiveService(SHOP, "v1", replace(split(50_000), beside=(arm,))))
    without = resources(LiveService(SHOP, "v1", replace(split(50_000), beside=(replace(arm, withdrawn=True),))))
    steps = plan_writes(running, without)
    assert kinds(steps)[0] == "rtds"
    assert not any(".beside." in key for key in layer(steps[0]))
    assert layer(steps[0])["fader.shop.r.v2.out.v3.hi1"] == {"numerator": 100_000, "denominator": "MILLION"}
    assert layer(steps[0])["fader.shop.r.v2.hi1"] == {"numerator": 50_000, "denominator": "MILLION"}


def test_when_the_stage_of_an_experiment_ends_nobody_has_a_further_arm_from_the_first_step_on() -> None:
    running = resources(LiveService(SHOP, "v1", replace(split(50_000), beside=(Arm("v3", Interval(50_000, 50_000)),))))
    assert layer(plan_writes(running, FIVE)[0]).keys() & {"fader.shop.r.v2.beside.v3.hi1"} == set()


def test_a_switch_is_one_step() -> None:
    live = LiveService(replace(SHOP, flags=("f",)), "v1")
    on = Flag("f", "boolean", (Variant("on", True), Variant("off", False)), "on", "off")
    old = render(Ruleset(1, (live,), (on,)), LAYOUT)
    (step,) = plan_writes(old, render(Ruleset(2, (live,), (replace(on, enabled=False),)), LAYOUT))
    assert layer(step)["fader/flag.f.on"]["numerator"] == 0


def test_a_flag_that_is_sent_no_more_keeps_its_values_until_the_routes_know() -> None:
    live = LiveService(replace(SHOP, flags=("f",)), "v1", split(50))
    flag = Flag("f", "boolean", (Variant("on", True), Variant("off", False)), "on", "off")
    old = render(Ruleset(1, (live,), (flag,)), LAYOUT)
    steps = plan_writes(old, resources(LiveService(SHOP, "v1", split(60))))
    assert kinds(steps) == ["rtds", "rds", "rtds"]
    assert ["fader/flag.f.on" in layer(step) for step in (steps[0], steps[2])] == [True, False]
