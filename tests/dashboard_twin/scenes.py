"""Canned rollouts at a moment `now`, realistic enough to judge a page by."""

from __future__ import annotations

import math
from dataclasses import replace

from dashboard_twin.control import Scene
from fader.model.channel import Channel
from fader.model.decision import Command, Step
from fader.model.evidence import HealthEvidence, LearningEvidence
from fader.model.failure import Failure, Request
from fader.model.metric import Comparison, Margin, Metric
from fader.model.reach import Reach, SegmentReach, StageReach
from fader.model.report import EndpointHealth, GatewayReport
from fader.model.rollout import Budget, Experiment, Guardrail, Outcome, RolloutSpec, Stage
from fader.model.state import Basis, Phase, RolloutState
from fader.model.summary import ArmSummary, Histogram
from fader.model.verdict import Judgement, Plan, Reading, Signal, Verdict
from fader.model.view import Harm, Point, RolloutView, StageView
from fader.rollout.words import share as percent

ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))
LATENCY = Metric("latency", "quantile", value="duration_ms", q=0.95)
GUARDRAILS = (Guardrail(ERRORS, Margin("absolute", 0.002)), Guardrail(LATENCY, Margin("relative", 0.1)))
SHARES = (50_000, 100_000, 250_000, 500_000, 1_000_000)
BAKE = 600.0
BASES = (Basis("errors", 0.003), Basis("latency", 0.05, 182.0))
RUNNING = ("pause", "promote", "abort")


def spec(name: str = "shop-v2", service: str = "shop", *, manual: int = -1, on_harm: str = "rollback") -> RolloutSpec:
    stages = tuple(
        Stage(s, BAKE if s < 1_000_000 else 0.0, "manual" if i == manual else "auto") for i, s in enumerate(SHARES)
    )
    return RolloutSpec(
        name, service, "v1", "v2", stages, GUARDRAILS, on_harm="hold" if on_harm == "hold" else "rollback"
    )


def wobble(t: float, seed: float) -> float:
    """A steady noise in [-1, 1]: the same every time."""
    return (math.sin(t * 12.9898 + seed) + math.sin(t * 4.1414 + 2.1 * seed) + math.sin(t * 0.37 + seed * 5.3)) / 3


def curve(at: float, since: float, stage: int, share: int, errors: float, latency: float) -> list[Point]:
    """One point per metric, `errors` and `latency` being the candidate's; the band narrows with what was seen."""
    seen = max(at - since, 4.0) * max(share, 20_000) / 1_000_000
    narrow, base_narrow = 1 / math.sqrt(seen * 9), 1 / math.sqrt(max(at - since, 4.0) * 9)
    made = []
    for metric, c, b, seed in (("errors", errors, 0.0031, 1.0), ("latency", latency, 182.0, 2.0)):
        width = (0.028 if metric == "errors" else 60.0) * narrow
        base_width = (0.0065 if metric == "errors" else 30.0) * base_narrow
        cv = max(0.0, c + 0.28 * width * wobble(at / 31, seed))
        bv = b + 0.3 * base_width * wobble(at / 47, seed + 3)
        low, high = max(0.0, cv - width), cv + width
        if share:
            made.append(Point(at, metric, stage, share, cv, low, high, bv, max(0.0, bv - base_width), bv + base_width))
    return made


def judgement(
    metric: str,
    verdict: Verdict,
    c: float,
    b: float,
    half: float,
    *,
    units: tuple[int, int],
    first: tuple[int, int],
    harm: float,
    safe: float,
    margin: float,
    more: int | None,
) -> Judgement:
    return Judgement(
        metric,
        verdict,
        c,
        b,
        c - b,
        c - b - half,
        c - b + half,
        harm,
        5.08,
        safe,
        5.08,
        margin,
        units[0],
        units[1],
        first[0],
        first[1],
        more,
        candidate_value=c * 3640 if metric == "latency" else 0.0,
        baseline_value=b * 3640 if metric == "latency" else 0.0,
    )


def stage_views(of: RolloutSpec, statuses: str, starts: list[float], reasons: list[str]) -> tuple[StageView, ...]:
    words = {"p": "passed", "c": "current", "a": "ahead", "x": "stopped", "s": "skipped"}
    made = []
    for i, (stage, status) in enumerate(zip(of.stages, statuses, strict=True)):
        since = starts[i] if i < len(starts) else 0.0
        until = starts[i + 1] if i + 1 < len(starts) else 0.0
        made.append(
            StageView(
                i,
                stage.share,
                stage.bake,
                stage.gate,
                words[status],
                since,
                until,
                reasons[i] if i < len(reasons) else "",
            )
        )
    return tuple(made)


def climb(of: RolloutSpec, start: float, starts: list[float], attempt: int = 1) -> tuple[Step, ...]:
    """The steps from the start to the last stage begun: start, learnt, then one per stage passed."""
    nothing = RolloutState(of.name, attempt=attempt)
    learning = RolloutState(of.name, Phase.LEARNING, 1, attempt, started_at=start)
    steps = [
        Step(
            1,
            of.name,
            start,
            of,
            nothing,
            learning,
            "start",
            f"{of.name} was started.",
            "ada",
            Command("start", "ada", "release 2.14"),
        )
    ]
    before = learning
    for i, at in enumerate(starts):
        share = of.stages[i].share
        after = replace(before, phase=Phase.RAMPING, revision=i + 2, stage=i, share=share, stage_since=at, bases=BASES)
        reason = (
            f"{of.baseline} is known: 0.31 % of requests fail, p95 is 182 ms. {of.candidate} goes to {percent(share)}."
            if i == 0
            else f"errors and latency are proven safe for {percent(share)}: {of.candidate} goes from "
            f"{percent(of.stages[i - 1].share)} to {percent(share)}."
        )
        seen = (
            ()
            if i == 0
            else (
                judgement(
                    "errors",
                    Verdict.SAFE,
                    0.0034,
                    0.0031,
                    0.0021,
                    units=(1204, 22871),
                    first=(22, 381),
                    harm=0.2,
                    safe=5.2,
                    margin=0.02,
                    more=None,
                ),
                judgement(
                    "latency",
                    Verdict.SAFE,
                    0.051,
                    0.05,
                    0.008,
                    units=(1204, 22871),
                    first=(402, 7403),
                    harm=0.1,
                    safe=5.6,
                    margin=1.0,
                    more=None,
                ),
            )
        )
        steps.append(
            Step(i + 2, of.name, at, of, before, after, "learnt" if i == 0 else "passed", reason, judgements=seen)
        )
        before = after
    return tuple(steps)


def ramping(now: float, name: str = "shop-v2", service: str = "shop") -> Scene:
    of = spec(name, service)
    start = now - 2060
    starts = [start + 90, start + 740, start + 1390]
    steps = climb(of, start, starts)
    reasons = [
        "errors and latency were proven safe after 10 min 50 s.",
        "errors and latency were proven safe after 10 min 50 s.",
    ]
    waits = ("3 min 0 s more until 25 % has baked 10 min.", "errors: about 1,240 more users until 50 % is proven safe.")
    view = RolloutView(
        name,
        service,
        "v1",
        "v2",
        of,
        replace(steps[-1].after, stage_since=now - 420),
        f"25 % of {service}'s users have v2; nothing speaks against it so far.",
        waits,
        stage_views(of, "ppcaa", [*starts[:2], now - 420], reasons),
        (
            judgement(
                "errors",
                Verdict.UNDECIDED,
                0.0035,
                0.0031,
                0.0017,
                units=(6120, 18344),
                first=(118, 309),
                harm=0.6,
                safe=3.1,
                margin=0.004,
                more=1240,
            ),
            judgement(
                "latency",
                Verdict.SAFE,
                0.0482,
                0.05,
                0.0061,
                units=(6120, 18344),
                first=(2011, 6230),
                harm=0.0,
                safe=6.2,
                margin=0.2,
                more=None,
            ),
        ),
        6120,
        118,
        0.0,
        "",
        RUNNING,
        harm=Harm(0, 41, 0.93, 1.53),
    )
    marks = [*starts[:2], now - 420, now]
    points = []
    for i in range(3):
        at = marks[i] + 8
        while at < marks[i + 1]:
            points += curve(at, marks[i], i, SHARES[i], 0.0035, 181.0)
            at += 12
    steps = (*steps[:-1], replace(steps[-1], at=now - 420))
    return Scene(view, steps, tuple(points))


def ramping_flag(now: float, name: str = "new-form", flag: str = "new-checkout") -> Scene:
    """The same of a flag, judged by the requests of the shop."""
    scene = ramping(now, name)
    of = replace(scene.view.spec, flag=flag, baseline="off", candidate="on", audience='country == "US"')
    view = replace(scene.view, spec=of, flag=flag, baseline="off", candidate="on", headline="25 % have it.")
    return Scene(view, tuple(replace(step, spec=of) for step in scene.steps), scene.points)


def rolled_back(now: float, name: str = "checkout-v7", service: str = "checkout") -> Scene:
    of = spec(name, service)
    start, fell = now - 700, now - 460
    begun = start + 60
    steps = climb(of, start, [begun])
    state = replace(
        steps[-1].after, phase=Phase.ROLLED_BACK, revision=3, share=0, ended_at=fell, cause="errors is harmful."
    )
    harmful = judgement(
        "errors",
        Verdict.HARMFUL,
        0.0312,
        0.0031,
        0.0161,
        units=(243, 4617),
        first=(19, 44),
        harm=5.4,
        safe=-2.0,
        margin=0.02,
        more=None,
    )
    latency = judgement(
        "latency",
        Verdict.UNDECIDED,
        0.047,
        0.05,
        0.03,
        units=(243, 4617),
        first=(80, 1533),
        harm=0.0,
        safe=0.8,
        margin=1.0,
        more=900,
    )
    reason = "errors is harmful at 5 %: 3.12 % of v2's requests fail, 0.31 % of v1's. Everybody has v1 again."
    steps = (*steps, Step(3, name, fell, of, steps[-1].after, state, "harm", reason, judgements=(harmful, latency)))
    view = RolloutView(
        name,
        service,
        "v1",
        "v2",
        of,
        state,
        "checkout-v7 was rolled back at 5 %: errors rose from 0.31 % to 3.1 % of requests (19 of 243 users on v2 had "
        "one, 44 of 4,617 on v1); 0.2 pp is tolerated; the chance of this without a change is below 1 in 221",
        (),
        (
            replace(stage_views(of, "xaaaa", [begun], [reason])[0], until=fell),
            *stage_views(of, "xaaaa", [begun], [reason])[1:],
        ),
        (harmful, latency),
        243,
        19,
        180.0,
        "",
        ("retry",),
        harm=Harm(12, 19, 3.1, 19.0),
    )
    points = []
    at = begun + 6
    while at < fell:
        points += curve(at, begun, 0, 50_000, 0.0312 * min(1.0, (at - begun) / 40), 178.0)
        at += 5
    return Scene(view, steps, tuple(points))


def learning(now: float, name: str = "search-v3", service: str = "search") -> Scene:
    of = spec(name, service)
    state = RolloutState(name, Phase.LEARNING, 1, started_at=now - 35)
    step = Step(
        1,
        name,
        now - 35,
        of,
        RolloutState(name),
        state,
        "start",
        f"{name} was started.",
        "ci",
        Command("start", "ci", "deploy 8f31c2a"),
    )
    view = RolloutView(
        name,
        service,
        "v1",
        "v2",
        of,
        state,
        f"Learning how {service}'s v1 does before anybody gets v2.",
        ("latency: 212 of 400 requests from v1.",),
        stage_views(of, "aaaaa", [], []),
        (),
        0,
        0,
        0.0,
        "",
        ("pause", "abort"),
    )
    return Scene(view, (step,))


def completed(now: float, name: str = "shop-v1-8", service: str = "shop") -> Scene:
    of = spec(name, service)
    start = now - 90_000
    starts = [start + 60 + 640 * i for i in range(4)]
    steps = climb(of, start, starts)
    end = starts[-1] + 640
    state = replace(steps[-1].after, phase=Phase.COMPLETED, stage=4, share=1_000_000, ended_at=end)
    steps = (
        *steps,
        Step(
            6,
            name,
            end,
            of,
            steps[-1].after,
            state,
            "completed",
            "errors and latency are proven safe for 100 %: everybody has v2.",
            judgements=steps[-1].judgements,
        ),
    )
    done = tuple(replace(j, verdict=Verdict.SAFE) for j in steps[-1].judgements)
    view = RolloutView(
        name,
        service,
        "v1",
        "v2",
        of,
        state,
        "Completed: everybody has v2, it is the baseline now.",
        (),
        stage_views(of, "ppppp", [*starts, end], ["errors and latency were proven safe."] * 4),
        done,
        24_075,
        77,
        2560.0,
        "",
        ("abort",),
    )
    points = []
    for i, (since, until) in enumerate(zip(starts, [*starts[1:], end], strict=True)):
        at = since + 8
        while at < until:
            points += curve(at, since, i, SHARES[i], 0.003, 179.0)
            at += 14
    return Scene(view, steps, tuple(points))


def held(now: float, name: str = "recommend-v12", service: str = "recommend") -> Scene:
    scene = ramping(now, name, service)
    why = "latency stayed undecided for 24 h at 25 %, and if_undecided says hold. Promote, pull the plug, or wait."
    state = replace(scene.view.state, phase=Phase.HELD, revision=9, cause=why)
    seen = (scene.view.judgements[0], replace(scene.view.judgements[1], verdict=Verdict.UNDECIDED, log_e_safe=2.2))
    view = replace(
        scene.view,
        state=state,
        headline="Held at 25 %: latency is still undecided after 24 h.",
        waits=(),
        needs_person=why,
        judgements=seen,
        commands=("resume", "promote", "abort"),
    )
    step = Step(5, name, now - 40, view.spec, scene.view.state, state, "undecided", why, judgements=seen)
    return Scene(view, (*scene.steps, step), scene.points)


def awaiting(now: float, name: str = "basket-v4", service: str = "basket") -> Scene:
    of = spec(name, service, manual=1)
    scene = ramping(now, name, service)
    since = [s.at for s in scene.steps[1:3]]
    state = replace(scene.steps[2].after, phase=Phase.AWAITING, stage_since=since[1])
    why = "10 % has passed. The next stage, 25 %, waits for a person to approve it."
    view = replace(
        scene.view,
        spec=of,
        state=state,
        headline="10 % of basket's users have v2, and it is proven safe.",
        needs_person=why,
        waits=("A person approves 25 %.",),
        units_exposed=2417,
        units_harmed=41,
        harm=Harm(0, 12, 0.7, 1.4),
        stages=stage_views(of, "pcaaa", since, ["Proven safe after 10 min 50 s."]),
        judgements=tuple(
            replace(j, verdict=Verdict.SAFE, log_e_safe=5.3, more_units=None) for j in scene.view.judgements
        ),
        commands=("approve", "pause", "promote", "abort"),
    )
    return Scene(view, scene.steps[:3], tuple(p for p in scene.points if p.stage < 2))


def pending(now: float, name: str = "mail-v2", service: str = "mail") -> Scene:
    of = spec(name, service)
    view = RolloutView(
        name,
        service,
        "v1",
        "v2",
        of,
        RolloutState(name),
        "Not started: everybody has v1.",
        (),
        stage_views(of, "aaaaa", [], []),
        (),
        0,
        0,
        0.0,
        "",
        ("start",),
    )
    return Scene(view)


CONVERSION = Metric("conversion", "proportion", "higher", of="units", event="order")
REVENUE = Metric("revenue", "mean", "higher", value="amount", event="order", cap=500.0, unit="EUR")
OUTCOMES = (
    Outcome(CONVERSION, Margin("relative", 0.05), Margin("relative", 0.02)),
    Outcome(REVENUE, Margin("relative", 0.1)),
)


def signals(*, harmful: bool) -> tuple[Signal, ...]:
    """An event and a route; where they are harmful, the event's direction was declared, and there is a new error."""
    support = Signal("route", "GET /support", 812, 1204, 2.02, 1.61, 2.44, 31.0, 6.2)
    refund = Signal("event", "refund", 96, 41, 2.34, 1.38, 3.97, 7.9, 6.2, harmful=harmful)
    error = "TypeError GET /items/{} 500 x is not a function"
    new = Signal("fingerprint", error, 5, 0, 1e300, 3.1, 1e300, 9.4, 6.9, True, True)
    return (refund, support, new) if harmful else (refund, support)


def experimenting(now: float, name: str = "shop-v3", service: str = "shop") -> Scene:
    """Half of the users have v2, a primary outcome that is read in two days, another that falls, and signals."""
    scene = ramping(now, name, service)
    day = 86_400.0
    of = replace(
        scene.view.spec,
        outcomes=OUTCOMES,
        experiment=Experiment(500_000, 14 * day, "conversion", "better"),
    )
    since = [now - 13 * day, now - 12.8 * day, now - 12.6 * day, now - 12.4 * day]
    plan = Plan("conversion", 0.006, 61_400, 0.8, 0.04, 0.302, 0.459, 6_100.0, 0.0051)
    state = replace(scene.view.state, stage=3, share=500_000, stage_since=since[3], plan=plan)
    stages = stage_views(of, "pppca", since, ["errors and latency were proven safe."] * 3)
    readings = (
        Reading(
            "conversion", "v2", "undecided", 0.3094, 0.3021, 0.0073, -0.0041, 0.0187, 0.01, fixed_alpha=0.04,
            relative=0.0242, relative_low=-0.0135, relative_high=0.0624, variance_kept=0.71,
            candidate_units=24_880, baseline_units=24_912,
        ),
        Reading(
            "revenue", "v2", "undecided", 11.92, 12.31, -0.39, -1.24, 0.46, 0.01, fixed_alpha=0.04,
            relative=-0.0317, relative_low=-0.0988, relative_high=0.0391, candidate_units=24_880, baseline_units=24_912,
        ),
    )  # fmt: skip
    view = replace(
        scene.view,
        spec=of,
        state=state,
        headline="50 % of shop's users have v2; conversion is read in 2 days.",
        waits=("the experiment lasts another 2 days",),
        stages=(*stages[:3], replace(stages[3], bake=14 * day), stages[4]),
        readings=readings,
        reading_sentences=(
            "conversion is undecided: 31 % of users on v2 against 30 % on v1; about 71,600 more users would decide it",
            "revenue is undecided: 11.9 EUR per user on v2 against 12.3 EUR on v1",
        ),
        plan="a difference of 0.6 pp in conversion needs 61,400 users for 80 % power",
        signals=signals(harmful=False),
        health=HealthEvidence(24_880, 24_912, crossed=3, skew=0.4),
        units_exposed=24_880,
        units_harmed=87,
        harm=Harm(0, 15, 0.8, 1.2),
    )
    sold = tuple(
        replace(
            p,
            metric="conversion",
            candidate_value=0.31 + 0.004 * wobble(p.at / 31, 5),
            candidate_low=0.285,
            candidate_high=0.335,
            baseline_value=0.302,
            baseline_low=0.288,
            baseline_high=0.316,
        )
        for p in scene.points
        if p.metric == "errors"
    )
    return Scene(view, scene.steps, (*scene.points, *sold))


def experimented(now: float, name: str = "shop-v4", service: str = "shop") -> Scene:
    """An experiment that was read: better, and everybody has the candidate."""
    scene = experimenting(now, name, service)
    end = now - 60
    reading = replace(
        scene.view.readings[0],
        verdict="better",
        effect=0.0191,
        low=0.0012,
        high=0.0371,
        fixed_low=0.0079,
        fixed_high=0.0303,
        relative=0.0632,
        relative_low=0.004,
        relative_high=0.1229,
        candidate_value=0.3212,
    )
    state = replace(scene.view.state, phase=Phase.COMPLETED, stage=4, share=1_000_000, ended_at=end)
    verdict = "conversion is better on v2 after the experiment: 32 % of users on v2 against 30 % on v1, as planned"
    view = replace(
        scene.view,
        state=state,
        headline="shop-v4 is completed: everybody has v2",
        waits=(),
        stages=stage_views(scene.view.spec, "ppppp", [s.since for s in scene.view.stages[:4]] + [end], ["passed"] * 4),
        readings=(reading,),
        reading_sentences=("conversion is better: 32 % of users on v2 against 30 % on v1",),
        verdict=verdict,
        signals=(),
        commands=("abort",),
    )
    step = Step(9, name, end, view.spec, scene.view.state, state, "complete", verdict, readings=(reading,))
    return Scene(view, (*scene.steps, step), scene.points)


def sells_less(now: float, name: str = "basket-v9", service: str = "basket") -> Scene:
    """Stopped by an outcome; nothing technical is wrong, a harmful signal stands beside it, and the data are ill."""
    scene = rolled_back(now, name, service)
    of = replace(scene.view.spec, outcomes=OUTCOMES[:1])
    harm = judgement(
        "conversion", Verdict.HARMFUL, 0.18, 0.302, 0.071, units=(243, 4617), first=(44, 1394), harm=7.1, safe=-3.0,
        margin=0.02, more=None,
    )  # fmt: skip
    fine = replace(
        scene.view.judgements[0], verdict=Verdict.SAFE, candidate_rate=0.003, rise=-0.0001, low=-0.004, high=0.0038
    )
    reading = Reading(
        "conversion", "v2", "worse", 0.18, 0.302, -0.122, -0.193, -0.051, 0.01, relative=-0.404, relative_low=-0.62,
        relative_high=-0.17, candidate_units=243, baseline_units=4617,
    )  # fmt: skip
    cause = "basket-v9 was rolled back at 5 %: conversion fell from 30 % to 18 % of users"
    view = replace(
        scene.view,
        spec=of,
        state=replace(scene.view.state, cause=cause),
        headline=cause,
        judgements=(fine, scene.view.judgements[1], harm),
        readings=(reading,),
        reading_sentences=("conversion is worse: 18 % of users on v2 against 30 % on v1",),
        signals=signals(harmful=True),
    )
    last = replace(
        scene.steps[-1], spec=of, reason=cause, judgements=view.judgements, readings=view.readings, signals=view.signals
    )
    return Scene(view, (*scene.steps[:-1], last), scene.points)


def adaptive(now: float, name: str = "pay-v5", service: str = "pay") -> Scene:
    """A ramp that chooses its own shares: where it has been, and 100 % at the end."""
    scene = ramping(now, name, service)
    of = replace(scene.view.spec, stages=(), budget=Budget(200))
    state = replace(scene.view.state, stage=1, share=40_000, shares=(10_000, 40_000), spent=12.0)
    stages = (
        StageView(0, 10_000, 600.0, "auto", "passed", now - 1500, now - 420, "1 % was proven safe."),
        StageView(1, 40_000, 600.0, "auto", "current", now - 420),
        StageView(2, 1_000_000, 0.0, "auto", "ahead"),
    )
    return Scene(replace(scene.view, spec=of, state=state, stages=stages), scene.steps[:3], scene.points)


LONG = "the-very-long-rollout-name-that-somebody-gave-to-their-service-2"
MARKUP = "<img src=x onerror=alert(1)>"


def long_names(now: float) -> Scene:
    scene = ramping(now, LONG, "a-service-with-a-name-as-long-as-the-schema-will-allow-it-to-be-")
    return Scene(
        replace(scene.view, baseline="release-2026-11-21.build-48213", candidate="release-2026-11-22.build-48377"),
        scene.steps,
        scene.points,
    )


def loaded(now: float) -> Scene:
    """The longest names, and forty metrics: half of them guardrails, half of them outcomes."""
    scene = long_names(now)
    view, [guard, *_] = scene.view, scene.view.spec.guardrails
    judged = next(j for j in view.judgements if j.metric == guard.metric.name)
    read, outcome = experimenting(now).view.readings[0], OUTCOMES[0]
    names = [f"{LONG[:60]}-{i:02}" for i in range(40)]
    guards = tuple(replace(guard, metric=replace(guard.metric, name=n)) for n in names[:20])
    outcomes = tuple(replace(outcome, metric=replace(outcome.metric, name=n)) for n in names[20:])
    points = tuple(replace(p, metric=n) for n in names for p in scene.points if p.metric == guard.metric.name)
    return Scene(
        replace(
            view,
            spec=replace(view.spec, guardrails=guards, outcomes=outcomes),
            judgements=tuple(replace(judged, metric=n) for n in names[:20]),
            readings=tuple(replace(read, metric=n) for n in names[20:]),
            reading_sentences=tuple(f"{n}: users of the candidate bought as often." for n in names[20:]),
        ),
        scene.steps,
        points,
    )


def markup(now: float) -> Scene:
    """Names and reasons with markup everywhere: all of it must come out as text."""
    scene = experimenting(now, MARKUP, "<b>svc</b>")
    bad = "</script><script>alert(2)</script>"
    guards = tuple(
        replace(g, metric=replace(g.metric, name=f"<i>{g.metric.name}</i>")) for g in scene.view.spec.guardrails
    )
    foreign = f'<img src=x onerror=alert(4)>"{bad}'
    outcome = replace(OUTCOMES[0], metric=replace(CONVERSION, name="<s>buys</s>", event=foreign))
    of = replace(
        scene.view.spec,
        guardrails=guards,
        baseline="<u>v1</u>",
        candidate="<u>v2</u>",
        outcomes=(outcome,),
        experiment=Experiment(500_000, 60.0, "<s>buys</s>"),
    )
    view = replace(
        scene.view,
        baseline="<u>v1</u>",
        candidate="<u>v2</u>",
        spec=of,
        headline=f"Headline {bad}",
        needs_person=f"Act {bad}",
        waits=(f"Wait {bad}",),
        stages=tuple(replace(s, reason=f"Stage {bad}") for s in scene.view.stages),
        judgements=tuple(
            replace(j, metric=f"<i>{j.metric}</i>", missing=f"Missing {bad}") for j in scene.view.judgements
        ),
        readings=(replace(scene.view.readings[0], metric="<s>buys</s>"),),
        reading_sentences=(f"Read {bad}",),
        signals=tuple(replace(s, name=foreign + s.kind) for s in signals(harmful=True)),
        plan=f"Plan {bad}",
    )
    steps = tuple(
        replace(s, reason=f"Step {bad}", actor="<em>eve</em>", spec=of, readings=view.readings, signals=view.signals)
        for s in scene.steps
    )
    points = tuple(replace(p, metric=f"<i>{p.metric}</i>") for p in scene.points)
    return Scene(view, steps, points)


def failures(now: float) -> tuple[Failure, ...]:
    """What failed on a candidate: server errors, one that nobody answered, one that the baseline had to answer."""

    def request(
        ago: float, method: str, path: str, status: int, served: str, ms: float | None, trace: str = "", of: str = "v2"
    ) -> Request:
        route = f"{method} {path.rsplit('/', 1)[0]}/{{}}"
        return Request(now - ago, method, path, route, status, served, ms, trace, of)

    calm = request(3, "POST", "/orders/8113", 201, "v1", 88.0, "9c1d5e6a0b2f47d8a3c4e5f60718293a", "v1")
    return (
        Failure(request(2, "POST", "/orders/8114", 503, "v2", 1204.0, "4bf92f3577b34da6a3ce929d0e0e4736"), calm),
        Failure(request(9, "POST", "/orders/8101", 500, "v2", 941.0), calm),
        Failure(
            request(14, "GET", "/basket/ann", 0, "", None), request(4, "GET", "/basket/eve", 200, "v1", 31.0, of="v1")
        ),
        Failure(request(31, "GET", "/prices/77", 200, "v1", 45.0)),
    )


def reach() -> Reach:
    """Two stages of a sampled service, and segments of all kinds."""
    stages = (StageReach(0, 1204, 22_871), StageReach(1, 3020, 21_044, 1))
    segments = (
        SegmentReach("beta", 5000, 12, 0, more=True),
        SegmentReach("staff", 212, 48, 1),
        SegmentReach("trial", 90, 0, 0),
    )
    return Reach(stages, segments, ("americans", "everybody"), sampled=True, many=("everybody",))


def channels() -> tuple[Channel, ...]:
    """A signed webhook, Slack, and one with the longest name."""
    usual = ("waiting", "held", "rolled_back", "completed")
    return (
        Channel("oncall", "webhook", ("held", "rolled_back"), "https://hooks.example.com/fader", secret_env="S"),
        Channel("team", "slack", usual, url_env="SLACK_URL"),
        Channel(LONG[:63], "webhook", usual, "https://hooks.example.com/fader"),
    )


def learnt() -> tuple[LearningEvidence, ...]:
    """A day of the baseline: 30 % of 24,000 users bought, for 12 EUR each on average. Some have most of the errors."""
    slow = Histogram(tuple(range(100, 160)), tuple(10_000 - 160 * i for i in range(60)))
    errors = ArmSummary(24_000, 410_000, 1270, 2900, 31_000, 9.1e6)
    above = ArmSummary(24_000, 410_000, 20_500, 41_000, 490_000, 9.1e6)
    return (
        LearningEvidence("errors", 410_000, 24_000, 1270.0, summary=errors),
        LearningEvidence("latency", 410_000, 24_000, values=slow, summary=above),
        LearningEvidence(
            "conversion", 410_000, 24_000, 7200.0, summary=ArmSummary(24_000, 24_000, 7200, 7200, 7200, 24_000)
        ),
        LearningEvidence(
            "revenue", 410_000, 24_000, 288_000.0, summary=ArmSummary(24_000, 24_000, 288_000, 1.4e7, 288_000, 24_000)
        ),
    )


def gateways(now: float) -> tuple[GatewayReport, ...]:
    up = EndpointHealth("shop", "v2", "127.0.0.1:9002", True)
    return (
        GatewayReport("edge-1", now - 1, 4711, now - 86_400, 42, now - 420, endpoints=(up,)),
        GatewayReport(
            "edge-2",
            now - 1,
            4712,
            now - 86_400,
            41,
            now - 900,
            error="Envoy refused ruleset 42: listener shop: cannot bind 0.0.0.0:8080: Address already in use.",
        ),
        GatewayReport(
            "edge-3",
            now - 2,
            4713,
            now - 3600,
            42,
            now - 420,
            endpoints=(up, EndpointHealth("search", "v2", "10.0.4.17:9002", False, "connection refused")),
        ),
    )


def everything(now: float) -> tuple[Scene, ...]:
    return (
        completed(now),
        pending(now),
        ramping(now),
        learning(now),
        rolled_back(now),
        held(now),
        awaiting(now),
        experimenting(now),
        experimented(now),
        sells_less(now),
    )
