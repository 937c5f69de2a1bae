"""After the last stage a few are held back for a while; harm is still acted on, and the end comes by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.build import NOW, SHARES, command, evidence, spec, state

from fader.model.decision import Decision
from fader.model.evidence import Evidence
from fader.model.rollout import Budget, Holdback, RolloutSpec, Undecided
from fader.model.share import WHOLE
from fader.model.state import Phase, RolloutState
from fader.rollout.command import obey
from fader.rollout.decide import decide
from fader.rollout.explain import headline
from fader.rollout.plan import cell, next_share, route
from fader.stats.weights import harm_threshold

DAY = 86_400.0
KEPT = 950_000


def plan(**changes: object) -> RolloutSpec:
    return spec(holdback=Holdback(50_000, 7 * DAY), **changes)


def held_back(days: float = 1.0, **changes: object) -> RolloutState:
    return replace(state(stage=3, since=NOW - days * DAY), stage=4, share=KEPT, **changes)


def found(units: int = 20_000, **changes: object) -> Evidence:
    """The shares of the arms as they are then: one in twenty has the baseline."""
    bad, fine = evidence(3, units=units).metrics, evidence(0, units=units).metrics
    swapped = tuple(
        replace(m, candidate=few.baseline, baseline=few.candidate, candidate_values=m.candidate_values)
        for m, few in zip(bad, fine, strict=True)
    )
    return replace(evidence(3, metrics=swapped), stage=4, **changes)


def after(days: float, **changes: object) -> Decision:
    return decide(plan(), held_back(days), found(**changes), NOW)


def test_it_is_one_more_stage_whose_weight_counts_from_the_start() -> None:
    assert [s.share for s in route(plan(), held_back())] == [*SHARES[:4], KEPT, WHOLE]
    assert harm_threshold(plan(), 0) > harm_threshold(spec(), 0)
    assert cell(plan(), held_back(), NOW).interval.width == KEPT


def test_follows_the_last_stage() -> None:
    assert next_share(plan(), state(stage=3)) == KEPT
    d = decide(plan(), state(stage=3), evidence(3), NOW)
    assert (d.event, d.state.phase, d.state.stage, d.state.share) == ("advance", Phase.RAMPING, 4, KEPT)
    assert d.state.ended_at == 0.0


def test_lasts_and_is_released_by_itself() -> None:
    during = after(6.9)
    assert during.event == ""
    assert during.waits == ("5 % are held back for another 2.4 h",)
    d = after(7.0)
    assert (d.event, d.state.phase, d.state.share, d.state.stage) == ("complete", Phase.COMPLETED, WHOLE, 5)
    assert d.reason == "v2 goes to 100 % of users: nothing harmful was proven while 5 % were held back"


def test_is_never_undecided() -> None:
    impatient = plan(if_undecided=Undecided(60.0))
    assert decide(impatient, held_back(6.0), found(units=60), NOW).event == ""


def test_can_still_roll_back() -> None:
    metrics = tuple(
        replace(m, candidate=replace(m.candidate, events=6_000, yy=6_000, yn=30_000, first=6_000, failures=6_000))
        for m in found().metrics[:1]
    )
    d = after(3.0, metrics=(*metrics, found().metrics[1]))
    assert (d.event, d.state.phase, d.state.share) == ("roll_back", Phase.ROLLED_BACK, 0)
    assert "was rolled back at 95 %" in d.reason


@pytest.mark.parametrize("change", [{"missing": "closed"}, {"metrics": ()}, {"stage": 3}])
def test_the_unknown_releases_nobody(change: dict[str, object]) -> None:
    d = decide(plan(), held_back(9.0), replace(found(), **change), NOW)
    assert (d.event, d.state.share) == ("", KEPT)
    assert d.waits


def test_a_person_may_release_it_sooner() -> None:
    d = obey(plan(), held_back(), command("promote", reason="enough"), NOW)
    assert (d.event, d.state.phase) == ("promote_complete", Phase.COMPLETED)


def test_follows_an_adaptive_ramp_too() -> None:
    auto = plan(stages=(), budget=Budget(200, bake=15.0))
    half = replace(state(stage=0), stage=1, share=500_000, shares=(125_000, 500_000))
    d = decide(auto, half, replace(evidence(3), stage=1), NOW)
    assert (d.event, d.state.share, d.state.stage) == ("advance", KEPT, 2)
    done = decide(auto, replace(d.state, stage_since=NOW - 8 * DAY), replace(found(), stage=2), NOW)
    assert (done.event, done.state.stage) == ("complete", 3)
    assert [s.share for s in route(auto, done.state)] == [125_000, 500_000, KEPT, WHOLE]


def test_the_headline_says_what_it_is_for() -> None:
    assert headline(plan(), held_back(1.0), NOW) == (
        "shop-v2: 95 % of users have v2, for 24 h; 5 % are held back for another 6 days"
    )
