from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
from tests.unit.rollout.build import NOW, evidence, spec, state
from tests.unit.stats.build import ERRORS, LATENCY

from fader.model.applied import Applied, Change
from fader.model.metric import Margin, Metric
from fader.model.verdict import Judgement, Verdict
from fader.rollout import explain, words


@pytest.mark.parametrize(
    ("x", "text"),
    [(0, "0 %"), (0.003, "0.3 %"), (0.0314, "3.1 %"), (0.12, "12 %"), (1, "100 %"), (1e-9, "below 0.0001 %")],
)
def test_rates(x: float, text: str) -> None:
    assert words.rate(x) == text


@pytest.mark.parametrize(
    ("s", "text"), [(-3, "0 s"), (8, "8 s"), (240, "4 min"), (9000, "2.5 h"), (86_400, "24 h"), (259_200, "3 days")]
)
def test_spans(s: float, text: str) -> None:
    assert words.span(s) == text


@pytest.mark.parametrize(("ppm", "text"), [(50_000, "5 %"), (1, "0.0001 %"), (1_000_000, "100 %"), (0, "0 %")])
def test_shares(ppm: int, text: str) -> None:
    assert words.share(ppm) == text


def test_values_have_their_unit() -> None:
    assert words.value(1234.5, LATENCY) == "1,234 ms"
    assert words.value(12.34, LATENCY) == "12.3 ms"
    assert words.value(2048, Metric("size", "quantile", value="bytes_sent", q=0.5)) == "2,048 bytes"
    assert words.quantile(replace(LATENCY, q=0.999)) == "p99.9"


def test_margins() -> None:
    assert words.margin(Margin("absolute", 0.002), 0.002, ERRORS) == "0.2 pp"
    assert words.margin(Margin("relative", 0.1), 0.4, LATENCY) == "40 %"
    assert words.margin(Margin("relative", 1.0), 10.0, LATENCY) == "1,000 %"
    assert words.margin(Margin("absolute", 20), 40, LATENCY) == "40 ms"


def test_odds() -> None:
    assert words.odds(log(160)) == "1 in 160"
    assert words.odds(log(1e6)) == words.odds(800) == "1 in a million"


def test_slow_is_told_in_milliseconds() -> None:
    from fader.rollout.decide import decide

    d = decide(spec(), state(), evidence(slow=0.5), NOW)
    assert d.reason.startswith("shop-v2 was rolled back at 5 %: latency rose: its p95 is 2")
    assert " ms on v2 and " in d.reason
    assert "10 % is tolerated" in d.reason


def judgement(**changes: object) -> Judgement:
    whole = Judgement("errors", Verdict.UNDECIDED, candidate_units=10, safe_threshold=3.0, margin=0.1, more_units=30)
    return replace(whole, **changes)


@pytest.mark.parametrize(
    ("j", "text"),
    [
        (
            judgement(),
            "errors not yet proven less than 10 pp worse: about 30 users more on v2, 3 min more",
        ),
        (judgement(more_units=None), "errors not yet proven less than 10 pp worse: as it stands, more users"),
        (judgement(candidate_units=0), "errors not yet proven less than 10 pp worse: no user of v2 seen yet"),
        (judgement(verdict=Verdict.UNKNOWN, missing="gone"), "errors is unknown: gone"),
        (judgement(verdict=Verdict.HARMFUL), "errors is proven worse: errors rose"),
    ],
)
def test_what_a_guardrail_waits_for(j: Judgement, text: str) -> None:
    assert explain.waits_safe(spec(), state(), j, NOW).startswith(text)


def test_one_user_is_not_users() -> None:
    assert words.users(1) == "1 user"
    assert words.users(1902) == "1,902 users"


def test_a_fall_is_called_a_fall() -> None:
    assert "errors fell" in explain.finding(spec(), judgement(rise=-0.1))
    assert "latency fell" in explain.finding(spec(), judgement(metric="latency", candidate_value=1, baseline_value=2))


def test_an_apply_names_what_it_changed_and_cuts_what_is_too_much() -> None:
    changes = (
        Change("service", "shop", "same"),
        Change("rollout", "shop-v2", "add", "start it with: fader start shop-v2"),
        Change("flag", "theme", "change", "rules, default"),
        Change("flag", "old", "remove", "apps get their own default"),
    )
    assert words.applied(Applied(1.0, changes=changes)) == (
        "added rollout shop-v2; changed flag theme (rules, default); removed flag old"
    )
    many = (*(Change("flag", f"f{i}", "add") for i in range(500)), Change("flag", "x", "remove"))
    said = words.applied(Applied(1.0, path="/etc/fader.yaml", changes=many))
    assert said.startswith("added flag f0, flag f1,")
    assert said.endswith("flag f11, 488 more; removed 1 more; from /etc/fader.yaml")
