import json
from dataclasses import replace

import pytest

from dashboard_twin import scenes
from fader.dashboard.chart import chart, safe_json, table, title_of
from fader.model.metric import Metric, Selection
from fader.model.state import Phase


def test_a_chart_of_a_rollout_under_way_goes_on_to_now(now: float) -> None:
    scene = scenes.ramping(now)
    drawn = chart(scene.view, scene.steps, scene.points, now)
    assert drawn["to"] is None
    assert drawn["from"] == scene.view.state.started_at
    assert [s["share"] for s in drawn["steps"]] == [0, 50_000, 100_000, 250_000]
    assert [(m["name"], m["unit"]) for m in drawn["metrics"]] == [("errors", "%"), ("latency", "ms")]
    assert sum(len(m["rows"]) for m in drawn["metrics"]) == len(scene.points)


def test_a_chart_of_an_ended_rollout_stops_at_its_end(now: float) -> None:
    scene = scenes.rolled_back(now)
    assert chart(scene.view, scene.steps, scene.points, now)["to"] == scene.view.state.ended_at


def test_a_retry_starts_the_picture_afresh(now: float) -> None:
    scene = scenes.rolled_back(now)
    again = replace(scene.view.state, phase=Phase.LEARNING, attempt=2, started_at=now, ended_at=0.0)
    step = replace(scene.steps[-1], seq=4, at=now, after=again, event="retry")
    drawn = chart(replace(scene.view, state=again), (*scene.steps, step), scene.points, now)
    assert [s["seq"] for s in drawn["steps"]] == [4]
    assert all(m["rows"] == [] for m in drawn["metrics"])


def test_the_table_has_the_last_numbers_of_each_stage(now: float) -> None:
    scene = scenes.ramping(now)
    rows = table(scene.view, scene.points)["errors"]
    assert [r.share for r in rows] == ["5\u202f%", "10\u202f%", "25\u202f%"]
    last = [p for p in scene.points if p.metric == "errors"][-1]
    assert rows[-1].at == last.at
    assert rows[-1].candidate.endswith("%")


def test_a_metric_is_described_as_it_was_written() -> None:
    assert title_of(scenes.ERRORS) == "requests with status >= 500"
    assert title_of(scenes.LATENCY) == "p95 of duration_ms"


def test_json_inside_a_page_cannot_close_its_element() -> None:
    data = {"reason": "</script><script>alert(1)</script>"}
    assert "<" not in safe_json(data)
    assert json.loads(safe_json(data)) == data


def test_an_outcome_has_its_chart_and_a_tolerated_fall_is_negative(now: float) -> None:
    scene = scenes.experimenting(now)
    drawn = chart(scene.view, scene.steps, scene.points, now)
    assert [(m["name"], m["unit"]) for m in drawn["metrics"]][2:] == [("conversion", "%"), ("revenue", "EUR")]
    assert [m["tolerate"]["value"] for m in drawn["metrics"]] == [0.002, 0.1, -0.05, -0.1]
    assert drawn["metrics"][2]["rows"]


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (scenes.CONVERSION, "users with order"),
        (scenes.REVENUE, "amount of order per user"),
        (Metric("visits", "count", event="visit"), "visit per user"),
        (Metric("basket", "ratio", event="order", value="amount", per=Selection("visit")), "amount of order per visit"),
        (
            Metric("back", "retention", event="visit", after=86_400.0, window=604_800.0),
            "users with visit again after 24 h",
        ),
        (Metric("crashes", "external"), "counted elsewhere"),
        (Metric("all", "proportion"), "all requests"),
    ],
)
def test_every_kind_of_metric_is_told_in_words(metric: Metric, words: str) -> None:
    assert title_of(metric).replace("\N{NO-BREAK SPACE}", " ") == words
