"""What a rollout is for: metrics of what apps track, outcomes, experiments, adaptive ramps, holdbacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fader.errors import BadInput
from fader.model.metric import Comparison, Margin, Metric, Selection
from fader.model.rollout import Budget, Experiment, Holdback
from fader.schema import load_document

SMALL = """\
services:
  shop:
    listen: 127.0.0.1:8080
    versions: {v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}
    baseline: v1
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages: [5%, 100%]
    guardrails: {errors: , latency: 20%}
"""


def refused(text: str) -> list[str]:
    """`line: place: message`, where the rollout is called ... ."""
    with pytest.raises(BadInput) as error:
        load_document(text, "fader.yaml")
    return [f"{p.line}: {p.message}".replace("rollouts.shop-v2", "...", 1) for p in error.value.problems]


OUTCOMES = SMALL.replace(
    "rollouts:",
    """\
metrics:
  conversion: {kind: proportion, of: units, event: order, where: "amount > 10 && plan == 'pro'", better: higher}
  revenue: {kind: mean, event: order, value: amount, cap: 500, unit: EUR, window: 7d, better: higher}
  orders: {kind: count, event: order}
  basket: {kind: ratio, event: order, value: amount, per: visit, better: higher}
  margin: {kind: ratio, value: bytes_sent, per: {event: visit, where: "paid == 1", value: cost}, better: lower}
  return: {kind: retention, event: visit, after: 1d, window: 7d}
  score: {kind: quantile, q: 0.5, event: rating, value: stars, better: higher}
events: {order: {better: higher}, shop.refund: {better: lower}}
rollouts:""",
).replace("stages: [5%, 100%]", "stages: [5%, 50%, 100%]")
FOR_WHAT = """\
    outcomes: {conversion: {tolerate: 5%, smallest: 2%}, revenue: 20%, return: }
    experiment: {share: 50%, for: 14d, primary: conversion, decide: better, power: 0.9}
    holdback: {share: 5%, for: 7d}
"""
AUTO = OUTCOMES.replace("[5%, 50%, 100%]", "auto\n    budget: {units: 200}")


class TestOutcomes:
    def test_every_kind_of_metric(self) -> None:
        found = {m.name: m for m in load_document(OUTCOMES, "fader.yaml").metrics}
        assert found["conversion"] == Metric(
            "conversion",
            "proportion",
            "higher",
            (Comparison("amount", ">", 10.0), Comparison("plan", "==", "pro")),
            of="units",
            event="order",
        )
        revenue = Metric("revenue", "mean", "higher", value="amount", event="order", window=604_800.0, unit="EUR")
        assert found["revenue"] == replace(revenue, cap=500.0)
        assert found["orders"] == Metric("orders", "count", "higher", event="order"), "as events: declares"
        assert found["basket"].per == Selection("visit")
        assert found["margin"].per == Selection("visit", (Comparison("paid", "==", 1.0),), "cost")
        assert found["return"] == Metric(
            "return", "retention", "higher", event="visit", after=86_400.0, window=604_800.0
        )
        assert (found["score"].q, found["score"].event, found["score"].value) == (0.5, "rating", "stars")

    def test_every_key_of_what_a_rollout_is_for(self) -> None:
        rollout = load_document(OUTCOMES + FOR_WHAT, "fader.yaml").rollouts[0]
        assert [(o.metric.name, o.tolerate, o.smallest) for o in rollout.outcomes] == [
            ("conversion", Margin("relative", 0.05), Margin("relative", 0.02)),
            ("revenue", Margin("relative", 0.2), None),
            ("return", Margin("relative", 0.1), None),
        ]
        assert rollout.experiment == Experiment(500_000, 1_209_600.0, "conversion", "better", 0.9)
        assert rollout.holdback == Holdback(50_000, 604_800.0)
        assert [s.share for s in rollout.judged] == [50_000, 500_000, 950_000]
        assert rollout.directions == (("order", "higher"), ("shop.refund", "lower"))
        listed = load_document(OUTCOMES + "    outcomes: [conversion]\n", "fader.yaml").rollouts[0]
        assert [o.tolerate for o in listed.outcomes] == [Margin("relative", 0.1)]

    def test_an_adaptive_ramp(self) -> None:
        rollout = load_document(AUTO, "fader.yaml").rollouts[0]
        assert (rollout.stages, rollout.judged, rollout.budget) == ((), (), Budget(200, 3.0, 0, 600.0))
        written = AUTO.replace("{units: 200}", "{units: 9, factor: 2, first: 0.5%, bake: 1h}") + FOR_WHAT
        rollout = load_document(written, "fader.yaml").rollouts[0]
        assert rollout.budget == Budget(9, 2.0, 5_000, 3600.0)
        spelled = AUTO.replace("{units: 200}", "{units: 200, first: auto}")
        assert load_document(spelled, "fader.yaml").rollouts[0].budget == Budget(200)
        assert rollout.experiment is not None

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("value: amount, cap: 500, ", "cap: 500, ", "8: metrics.revenue: a mean needs value"),
            ("cap: 500", "cap: 0", "8: metrics.revenue.cap: cap is 0"),
            ("value: amount, c", "value: the amount, c", '8: metrics.revenue.value: "the amount" cannot be a property'),
            ("kind: count, event", "kind: count, q: 0.5, event", "9: metrics.orders.q: a count has no q"),
            (" per: visit,", "", "10: metrics.basket: a ratio needs per"),
            ("per: visit", "per: v/w", '10: metrics.basket.per: "v/w" cannot be the name of an event'),
            ("per: visit", "per: [visit]", "10: metrics.basket.per: expected a mapping, found a list"),
            ("value: bytes_sent, ", "value: amount, ", '11: metrics.margin.value: there is no value "amount"'),
            ("value: cost", "value: a b", '11: metrics.margin.per.value: "a b" cannot be a property'),
            ("paid == 1", "paid == yes", "11: metrics.margin.per.where: at character 9: found yes"),
            ("paid == 1", "paid > 'x'", "11: metrics.margin.per.where: at character 6: paid is a text"),
            (", after: 1d", "", "12: metrics.return: a retention needs after"),
            ("after: 1d", "after: 7d", "12: metrics.return.window: the window of 7d ends before 7d have passed"),
            ("of: units, event: order", "event: order, window: 1d", "7: metrics.conversion.window: a proportion"),
            ("kind: quantile, q", "kind: quantile, of: units, q", "13: metrics.score.of: a quantile is of requests"),
            ("event: rating", "event: exposure", "13: metrics.score.event: exposure is no outcome"),
            ("event: rating", "event: [a]", "13: metrics.score.event: is not the name of an event"),
            (", value: stars, better: higher", ", value: stars", "13: metrics.score: nothing says"),
            ("refund: {better: lower}", "refund: {better: worse}", '14: events.shop.refund.better: "worse" is'),
            ("shop.refund: {better: lower}", "shop.refund: {}", "14: events.shop.refund: better is missing"),
            ("shop.refund: ", "request: ", "14: events.request: request is what every user does"),
            ("shop.refund: ", "'a b': ", '14: events.a b: "a b" cannot be the name of an event'),
            ("conversion: {t", "convrsion: {t", '21: ....outcomes.convrsion: there is no metric "convrsion"'),
            ("revenue: 20%", "revenue: 1pp", "21: ....outcomes.revenue: revenue is no share"),
            ("revenue: 20%", "revenue: {smallest: 1pp}", "21: ....outcomes.revenue.smallest: revenue is no share"),
            ("revenue: 20%", "errors: 20%", "21: ....outcomes.errors: errors is a guardrail already"),
            ("share: 50%", "share: 20%", "22: ....experiment.share: 20% is no stage"),
            ("share: 50%", "share: 100%", "22: ....experiment.share: 100% is no stage"),
            ("for: 14d", "for: 0s", "22: ....experiment.for: is zero"),
            ("for: 14d", "fro: 14d", "22: ....experiment: for is missing"),
            ("for: 14d", "fro: 14d", "22: ....experiment.fro: unknown key"),
            ("for: 14d", "duration: 14d", "22: ....experiment.duration: unknown key"),
            ("primary: conversion", "primary: orders", '22: ....experiment.primary: "orders" is none of'),
            ("decide: better", "decide: always", '22: ....experiment.decide: "always" is not one of'),
            ("power: 0.9", "power: 90", "22: ....experiment.power: is 90, outside 0.5 to 0.99"),
            ("share: 5%, f", "share: 10%, f", "23: ....holdback.share: 10% is outside 1% to 5%"),
            ("for: 7d", "for: 0", "23: ....holdback.for: is zero"),
            ("50%, 100%]", "50%, 95%, 100%]", "19: ....stages.2: 95% leaves nobody to hold back"),
            ("[5%, 50%, 100%]", "auto", "16: ...: stages: auto needs a budget"),
            ("[5%, 50%, 100%]", "automatic", '19: ....stages: expected a list, found "automatic"'),
            ("holdback:", "budget: {units: 9}\n    holdback:", "23: ....budget: a budget goes with stages: auto"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, old: str, new: str, message: str) -> None:
        text = OUTCOMES + FOR_WHAT
        assert old in text
        found = refused(text.replace(old, new, 1))
        assert any(f.startswith(message) for f in found), found

    @pytest.mark.parametrize(
        ("budget", "message"),
        [
            ("{units: 0}", "20: ....budget.units: 0 users is no budget"),
            ("{units: many}", '20: ....budget.units: expected a whole number, found "many"'),
            ("{factor: 2}", "20: ....budget: units is missing"),
            ("{units: 9, factor: 1}", "20: ....budget.factor: is 1, outside 1.5 to 100"),
            ("{units: 9, first: 60%}", "20: ....budget.first: 60% is more than half of the users"),
            ("{units: 9, bake: 2d}", "16: ...: 1d ends before a stage has baked for 2d"),
        ],
    )  # fmt: skip
    def test_a_budget_that_is_refused(self, budget: str, message: str) -> None:
        found = refused(AUTO.replace("{units: 200}", budget))
        assert any(f.startswith(message) for f in found), found

    def test_the_experiment_of_an_adaptive_ramp_is_at_its_last_share(self) -> None:
        found = refused((AUTO + FOR_WHAT).replace("share: 50%", "share: 5%"))
        assert "23: ....experiment.share: 5% is no stage" in found

    def test_a_quantile_decides_no_experiment(self) -> None:
        text = OUTCOMES + FOR_WHAT.replace("return: ", "score: ").replace("primary: conversion", "primary: score")
        assert "22: ....experiment.primary: score is a quantile and cannot decide an experiment" in refused(text)


BESIDE = (
    OUTCOMES.replace(
        "v2: http://127.0.0.1:9002}", "v2: http://127.0.0.1:9002, v3: http://h:3, v4: http://h:4}"
    ).replace("[5%, 50%, 100%]", "[5%, 25%, 100%]")
    + """\
    outcomes: {conversion: {tolerate: 5%, smallest: 2%}}
    experiment: {share: 25%, for: 14d, primary: conversion, beside: [v3, v4]}
"""
)


class TestFurtherArms:
    def test_they_are_versions_of_the_service(self) -> None:
        [rollout] = load_document(BESIDE, "fader.yaml").rollouts
        assert rollout.experiment == Experiment(250_000, 14 * 86_400.0, "conversion", beside=("v3", "v4"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (("[v3, v4]", "[v3, v5]"), '....experiment.beside: service shop has no version "v5"'),
            (("[v3, v4]", "[v3, v1]"), "....experiment.beside: v1 is the baseline of shop"),
            (("[v3, v4]", "[v3, v2]"), "....experiment.beside: v2 is the candidate already"),
            (("[v3, v4]", "[v3, v3]"), "....experiment.beside: v3 is named twice"),
            (
                ("25%", "30%"),
                "....experiment.share: 30% for each of 3 versions leaves the baseline less than that",
            ),
        ],
    )
    def test_what_cannot_be_is_refused(self, change: tuple[str, str], message: str) -> None:
        [found] = refused(BESIDE.replace(*change))
        assert found.partition(": ")[2] == message

    def test_the_baseline_keeps_as_many_as_each(self) -> None:
        with pytest.raises(BadInput) as error:
            load_document(BESIDE.replace("25%", "30%"), "fader.yaml")
        assert error.value.problems[0].fix == "write at most 25%, or fewer versions beside"
