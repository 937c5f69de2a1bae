"""What the change is for: each outcome with its effect, and the experiment with its plan. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fader.dashboard import chart, digits
from fader.dashboard.forest import Forest, of_reading
from fader.model.rollout import Outcome
from fader.model.state import ENDED
from fader.model.verdict import Judgement, Plan, Reading, Verdict
from fader.model.view import RolloutView
from fader.rollout.explain_outcome import VERDICTS

AND_THEN = {
    "ask": "then a person decides",
    "better": "then it goes on only if it is better",
    "not_worse": "then it goes on unless it is worse",
}


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """One arm of one outcome. `interval` holds at every look; `fixed` is the tighter one of the planned end, "" before
    it. `relative` and its interval are "" where the baseline may be 0. `sentence` says all of it. `harmful`: a loss
    beyond `tolerate` is proven."""

    outcome: Outcome
    reading: Reading
    title: str
    verdict: str
    harmful: bool
    candidate: str
    baseline: str
    effect: str
    interval: str
    fixed: str
    relative: str
    relative_interval: str
    forest: Forest | None
    sentence: str


@dataclass(frozen=True, slots=True)
class ExperimentLine:
    """`seen`: users of both arms so far; `part`: of those that the plan asks for, 0 to 100. `ends`: when the stage of
    the experiment is read, 0 while it has not begun. `baseline` is that of the plan, `smallest` and `reachable` are
    effects in words, "" where they cannot be said."""

    primary: str
    share: str
    duration: float
    decides: str
    plan: Plan | None
    baseline: str
    smallest: str
    reachable: str
    seen: int
    part: int
    ends: float


def outcome_lines(view: RolloutView) -> list[OutcomeLine]:
    """At least one line per outcome, in the order of the spec."""
    judged = {(j.metric, j.arm or view.candidate): j for j in (*view.judgements, *view.arm_judgements)}
    said = dict(zip(view.readings, view.reading_sentences, strict=False))
    made = []
    for outcome in view.spec.outcomes:
        name = outcome.metric.name
        readings = [r for r in view.readings if r.metric == name]
        if not readings:
            readings = [Reading(name, view.candidate, "unknown", missing="Not read yet.")]
        made += [_line(outcome, r, judged.get((name, r.arm)), said.get(r, "")) for r in readings]
    return made


def _line(outcome: Outcome, r: Reading, judgement: Judgement | None, sentence: str) -> OutcomeLine:
    metric = outcome.metric
    bounds = (r.relative_low, r.relative_high)
    return OutcomeLine(
        outcome=outcome,
        reading=r,
        title=chart.title_of(metric),
        verdict=VERDICTS[r.verdict],
        harmful=judgement is not None and judgement.verdict is Verdict.HARMFUL,
        candidate=digits.fine(r.candidate_value, metric),
        baseline=digits.fine(r.baseline_value, metric),
        effect=digits.effect(r.effect, metric),
        interval=digits.effects(r.low, r.high, metric),
        fixed=digits.effects(r.fixed_low, r.fixed_high, metric),
        relative="" if r.relative is None else digits.signed(r.relative),
        relative_interval="" if None in bounds else " to ".join(digits.signed(b) for b in bounds if b is not None),
        forest=of_reading(outcome, r) if r.verdict != "unknown" else None,
        sentence=sentence if r.verdict != "unknown" else "",
    )


def experiment_line(view: RolloutView) -> ExperimentLine | None:
    """None where the rollout is none, or its primary outcome is not there."""
    experiment, plan = view.spec.experiment, view.state.plan
    primary = next((o for o in view.spec.outcomes if experiment and o.metric.name == experiment.primary), None)
    if experiment is None or primary is None:
        return None
    stage = next((s for s in view.stages if s.share == experiment.share), None)
    running = stage is not None and stage.since > 0 and view.state.phase not in ENDED
    here = stage is not None and stage.since > 0
    reading = next((r for r in view.readings if r.metric == experiment.primary), None)
    seen = reading.candidate_units + reading.baseline_units if reading and here else 0
    return ExperimentLine(
        primary=experiment.primary,
        share=digits.share(experiment.share),
        duration=experiment.duration,
        decides=AND_THEN[experiment.decide],
        plan=plan,
        baseline=digits.fine(plan.baseline, primary.metric) if plan else "",
        smallest=_size(plan.smallest, primary) if plan else "",
        reachable=_size(plan.reachable, primary) if plan and plan.reachable else "",
        seen=seen,
        part=min(100, round(100 * seen / plan.units)) if plan and plan.units else 0,
        ends=stage.since + experiment.duration if stage and running and not stage.until else 0.0,
    )


def _size(effect: float, outcome: Outcome) -> str:
    return digits.effect(abs(effect), outcome.metric).removeprefix("+")
