from dataclasses import replace

import pytest

from dashboard_twin import scenes
from fader.dashboard.digits import times
from fader.dashboard.signals import checks, signal_lines
from fader.model.evidence import HealthEvidence


def test_harmful_signals_stand_first_then_the_strongest(now: float) -> None:
    names = [s.signal.name for s in signal_lines(scenes.sells_less(now).view)]
    assert names[0].startswith("TypeError")
    assert names[1:] == ["refund", "GET /support"]
    first, *_ = signal_lines(scenes.experimenting(now).view)
    assert first.signal.name == "GET /support"


def test_evidence_is_the_e_value_beside_what_it_needed(now: float) -> None:
    by_name = {s.signal.name: s.evidence for s in signal_lines(scenes.experimenting(now).view)}
    assert by_name["refund"] == "e-value 2,697, needed 493"
    assert by_name["GET /support"] == "e-value over 1,000,000, needed 493"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1.61, 2.44, "1.6 to 2.4 times as many"),
        (0.4, 0.62, "0.4 to 0.62 times as many"),
        (3.1, 1e300, "at least 3.1 times as many"),
        (0.0, 1e300, "how many times as many is open"),
        (12.4, 1234.0, "12 to 1,234 times as many"),
    ],
)
def test_a_ratio_is_said_in_words(low: float, high: float, words: str) -> None:
    assert times(low, high) == words


def broken(now: float, health: HealthEvidence) -> list[str]:
    view = replace(scenes.experimenting(now).view, health=health)
    return [c.words for c in checks(view) if c.good is False]


def test_healthy_data_break_no_check(now: float) -> None:
    found = checks(scenes.experimenting(now).view)
    assert [c.good for c in found] == [True, True, True]
    assert found[0].words == "50\u202f% of 49,792 users had v2, 50\u202f% are meant to"


def test_each_way_to_break_is_said(now: float) -> None:
    healthy = HealthEvidence(1000, 1000)
    assert broken(now, healthy) == []
    assert "of 2,000 users had v2" in broken(now, HealthEvidence(500, 1500))[0]
    assert "saw both versions" in broken(now, replace(healthy, crossed=60))[0]
    assert "clocks are 90\u00a0s apart" in broken(now, replace(healthy, skew=-90.0))[0]
    assert "0.80 of what" in broken(now, replace(healthy, weight=0.8, weighed=2_000))[0]
    few = HealthEvidence(100, 100, weight=0.8, weighed=200)
    assert broken(now, few) == []  # so few units may be a fifth off by chance


def test_before_there_are_data_nothing_is_said_of_them(now: float) -> None:
    assert checks(replace(scenes.experimenting(now).view, health=None)) == []
    assert checks(scenes.experimented(now).view) == []  # at 100 % there is nobody left to compare with
    nobody = replace(scenes.experimenting(now).view, health=HealthEvidence())
    assert [c.good for c in checks(nobody)] == [None]


def test_why_a_signal_stops_nothing_depends_on_what_was_declared(now: float) -> None:
    view = scenes.experimenting(now).view
    told = replace(view, spec=replace(view.spec, directions=(("refund", "lower"), ("GET /support", "lower"))))
    why = {s.signal.name: s.why for s in signal_lines(told)}
    assert "the better way" in why["refund"]
    assert "declared nowhere" in why["GET /support"]  # only events have directions
    assert [bool(s.why) for s in signal_lines(scenes.sells_less(now).view)] == [False, False, True]
    (ordered,) = signal_lines(replace(view, signals=(replace(view.signals[0], name="order"),)))
    assert ordered.why == "It is what revenue measures, which decides."
