"""The pages of metrics: definitions, uses, and the smallest change that a day can show."""

from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import httpx2
import pytest

from dashboard_twin import scenes
from dashboard_twin.control import ScriptedControl
from fader.dashboard.metric import current, defined, details, sensitivity
from fader.model.evidence import LearningEvidence
from fader.model.metric import Metric
from fader.model.summary import ArmSummary, Histogram
from fader.model.view import Brief, RolloutView
from fader.rollout.learning import ALPHA_FIXED
from fader.stats.power import detectable, needed

Made = Callable[[ScriptedControl], httpx2.AsyncClient]
#: 10,000 users of whom 3,000 bought once.
BOUGHT = LearningEvidence(
    "conversion", 10_000, 10_000, 3000, summary=ArmSummary(10_000, 10_000, 3000, 3000, 3000, 10_000)
)


def brief(view: RolloutView) -> Brief:
    return Brief(view.name, view.service, view.spec, view.state, view.needs_person)


def test_the_smallest_change_is_what_a_plan_would_need_that_many_users_for() -> None:
    told = sensitivity(scenes.CONVERSION, BOUGHT)
    spread = sqrt(0.3 * 0.7 * 10_000 / 9999)
    effect = 0.027
    assert (told.effect, told.baseline, told.units, told.why) == ("2.7\N{NO-BREAK SPACE}pp", "30\u202f%", 10_000, "")
    assert needed(spread, effect, ALPHA_FIXED, 0.8, 0.5) == pytest.approx(10_000, rel=0.05)


def test_of_a_share_of_requests_the_users_are_the_clusters() -> None:
    """900 users with 5 requests each; ten had two errors each: the spread is between users, not between requests."""
    summary = ArmSummary(900, 4500, 20, 40, 100, 22_500)
    told = sensitivity(scenes.ERRORS, LearningEvidence("errors", 4500, 900, 22.0, summary=summary))
    rate = 20 / 4500
    spread = sqrt((40 - 2 * rate * 100 + rate * rate * 22_500) / 899) * 900 / 4500
    effect = detectable(spread, 900, ALPHA_FIXED, 0.8, 0.5)
    assert told.effect == f"{100 * effect:.2f}\N{NO-BREAK SPACE}pp"
    assert (told.baseline, told.units, told.why) == ("0.489\u202f%", 900, "")  # as it was, without the cap of a user
    independent = detectable(sqrt(rate * (1 - rate)), 4500, ALPHA_FIXED, 0.8, 0.5)
    assert 1.3 < effect / independent < 1.5


def test_of_a_quantile_it_is_told_in_its_own_unit() -> None:
    [latency] = [x for x in scenes.learnt() if x.metric == "latency"]
    told = sensitivity(scenes.LATENCY, latency)
    assert (told.baseline, told.why) == ("365\N{NO-BREAK SPACE}ms", "")
    assert told.effect.endswith("ms")
    assert told.relative.endswith("%")
    few = replace(latency, values=Histogram())
    assert "too few requests" in sensitivity(scenes.LATENCY, few).why


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "nothing of it was seen"),
        (LearningEvidence("conversion"), "nothing of it was seen"),
        (replace(BOUGHT, summary=ArmSummary(10, 10, 10, 10, 10, 10)), "no user differed"),
    ],
)
def test_what_cannot_be_told_says_why(found: LearningEvidence | None, why: str) -> None:
    told = sensitivity(scenes.CONVERSION, found)
    assert (told.effect, told.relative) == ("", "")
    assert why in told.why


def test_a_name_means_what_it_meant_last_and_tells_what_else_it_meant(now: float) -> None:
    old = scenes.completed(now - 86_400).view
    changed = tuple(
        replace(g, metric=replace(g.metric, where=())) if g.metric.name == "errors" else g for g in old.spec.guardrails
    )
    old = replace(old, spec=replace(old.spec, guardrails=changed))
    found = defined([brief(old), brief(scenes.ramping(now).view)])
    assert list(found) == ["errors", "latency"]
    errors = found["errors"]
    assert errors.title == "requests with status >= 500"
    assert errors.others == ("all requests",)
    assert [u.brief.name for u in errors.uses] == ["shop-v2", "shop-v1-8"]
    assert found["latency"].others == ()


def test_a_definition_is_told_whole() -> None:
    spent = Metric("spent", "mean", "higher", value="amount", event="order", window=86_400.0, cap=500.0, unit="EUR")
    assert dict(details(spent)) == {
        "Kind": "mean",
        "Better": "higher",
        "Event": "order",
        "Counts for": "24\N{NO-BREAK SPACE}h after a user's first exposure",
        "Capped at": "500\N{NO-BREAK SPACE}EUR per user",
    }


def test_what_is_measured_now_is_that_of_the_rollout(now: float) -> None:
    view = scenes.ramping(now).view
    errors = current(view, scenes.ERRORS)
    judged = next(j for j in view.judgements if j.metric == "errors")
    assert (errors.verdict, errors.candidate_units) == (judged.verdict, judged.candidate_units)
    unknown = current(scenes.pending(now).view, scenes.ERRORS)
    assert (unknown.verdict, unknown.candidate, unknown.missing) == ("unknown", "–", "not judged yet")


async def test_the_pages(client: Made, now: float) -> None:
    control = ScriptedControl(*scenes.everything(now))
    control.learning = (BOUGHT,)
    async with client(control) as http:
        listed = (await http.get("/metrics-defined")).text
        page = (await http.get("/metrics-defined/conversion")).text
        latency = (await http.get("/metrics-defined/latency")).text
        missing = await http.get("/metrics-defined/nothing")
    async with client(ScriptedControl()) as http:
        empty = (await http.get("/metrics-defined")).text
    assert 'href="/metrics-defined/conversion"' in listed
    assert "2.7\N{NO-BREAK SPACE}pp" in page
    assert 'href="/rollouts/shop-v3"' in page
    assert "cannot be told" in latency
    assert missing.status_code == 404
    assert "conversion" in missing.text
    assert "No rollout watches a metric yet" in empty
