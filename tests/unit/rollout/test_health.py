"""Each way in which the data is known to break holds the ramp with one sentence; what is usual does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.rollout.build import NOW, evidence, spec, state

from fader.model.evidence import HealthEvidence
from fader.model.state import Phase
from fader.rollout.decide import decide
from fader.rollout.health import split

SOUND = HealthEvidence(candidate_units=1_000, baseline_units=19_000, weighed=20_000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crossed": 205}, "205 of 20,205 users were seen on both versions and count on neither: their id is not"),
        ({"silent": 2_001}, "2,001 of 20,000 users were exposed by the app and then neither asked nor did anything"),
        ({"unexposed": 2_223}, "2,223 of 22,223 users have outcomes and were never exposed"),
        ({"skew": 61.0}, "events lie 61 s ahead of the server's clock"),
        ({"skew": -7_200.0}, "events lie 2 h behind the server's clock"),
        ({"weight": 0.94}, "the sampled requests add up to 94 % of those that the gateway counted"),
        ({"weight": 1.06}, "the sampled requests add up to 106 %"),
    ],
)
def test_what_is_broken_waits_and_says_what_to_do(change: dict[str, object], words: str) -> None:
    d = decide(spec(), state(), evidence(health=replace(SOUND, **change)), NOW)
    assert (d.event, d.actions) == ("", ())
    assert [w for w in d.waits if w.startswith(words)] == list(d.waits)
    assert len(d.waits) == 1


@pytest.mark.parametrize(
    "change",
    [{"crossed": 202}, {"silent": 2_000}, {"unexposed": 2_222}, {"skew": 60.0}, {"skew": -60.0}, {"weight": 0.951}],
)
def test_what_is_usual_does_not(change: dict[str, object]) -> None:
    assert decide(spec(), state(), evidence(health=replace(SOUND, **change)), NOW).event == "advance"


@pytest.mark.parametrize("change", [{"crossed": 10}, {"silent": 20}, {"unexposed": 20}])
def test_a_few_never_matter(change: dict[str, object]) -> None:
    few = HealthEvidence(candidate_units=2, baseline_units=38, **change)
    assert decide(spec(), state(), evidence(health=few), NOW).event == "advance"


def test_the_weight_of_few_sampled_units_is_chance() -> None:
    few = HealthEvidence(candidate_units=50, baseline_units=950, weight=0.83, weighed=1_000)
    assert decide(spec(), state(), evidence(health=few), NOW).event == "advance"
    assert decide(spec(), state(), evidence(health=replace(few, weight=0.81)), NOW).event == ""


@pytest.mark.parametrize(("stage", "candidate", "held"), [(0, 6_500, True), (1, 13_500, False), (1, 15_500, True)])
def test_users_who_come_back_sooner_are_no_fault(stage: int, candidate: int, held: bool) -> None:
    """At 5 % nobody has met the candidate before; at 10 % half of its users have."""
    seen = HealthEvidence(candidate_units=candidate, baseline_units=100_000 - candidate)
    d = decide(spec(), state(stage=stage), evidence(stage, units=100_000, health=seen), NOW)
    assert (d.event == "hold") == held
    if held:
        assert "something treats the two versions differently" in d.reason


def test_what_the_share_explains() -> None:
    assert split(spec(), state(stage=0)) == (50_000, 50_000, 950_000)
    assert split(spec(), state(stage=1)) == (75_000, 150_000, 900_000)


def test_nothing_heard_of_the_health_of_the_data_is_no_fault() -> None:
    assert decide(spec(), state(), evidence(), NOW).event == "advance"


def test_what_is_repaired_goes_on_by_itself() -> None:
    waiting = decide(spec(), state(), evidence(health=replace(SOUND, skew=99.0)), NOW)
    assert decide(spec(), waiting.state, evidence(health=SOUND), NOW).event == "advance"


def test_harm_is_acted_on_all_the_same() -> None:
    broken = HealthEvidence(
        1_000, 19_000, crossed=9_999, silent=9_999, unexposed=9_999, skew=999.0, weight=0.1, weighed=20_000
    )
    assert decide(spec(), state(), evidence(errors=0.15, health=broken), NOW).event == "roll_back"


class TestSampleRatio:
    def test_is_of_the_exposed_units_where_they_are_known(self) -> None:
        d = decide(spec(), state(), evidence(health=replace(SOUND, candidate_units=2_000)), NOW)
        assert (d.event, d.state.phase) == ("hold", Phase.HELD)
        assert "v2 was seen with 2,000 of 21,000 users, 9.52 % where 5 % was set" in d.reason

    def test_a_metric_that_not_every_unit_has_is_then_no_evidence(self) -> None:
        found = evidence()
        odd = replace(found.metrics[0], baseline=replace(found.metrics[0].baseline, units=4_000))
        assert decide(spec(), state(), replace(found, metrics=(odd, found.metrics[1])), NOW).event == "hold"
        known = replace(found, metrics=(odd, found.metrics[1]), health=SOUND)
        assert decide(spec(), state(), known, NOW).event == "advance"
