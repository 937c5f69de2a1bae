"""Sentences about outcomes: what was read, what it came to, and what was planned."""

from __future__ import annotations

from fader.model.metric import Metric
from fader.model.rollout import Outcome, RolloutSpec
from fader.model.state import ACTIVE, RolloutState
from fader.model.verdict import Plan, Reading
from fader.rollout import words
from fader.stats.reading import smallest

VERDICTS = {
    "better": "better",
    "worse": "worse",
    "same": "no difference that matters",
    "undecided": "undecided",
    "unknown": "unknown",
}


def outcome_of(spec: RolloutSpec, metric: str) -> Outcome:
    return next(o for o in spec.outcomes if o.metric.name == metric)


def reading(spec: RolloutSpec, state: RolloutState, r: Reading, now: float) -> str:
    """`conversion is worse: 18 % of users on v2 against 30 % on v1 (…)`; what is undecided says what it lacks."""
    if r.verdict == "unknown":
        return f"{r.metric} is unknown: {r.missing}"
    known = f"{_compared(spec, r)}, {_interval(outcome_of(spec, r.metric).metric, r)}"
    open_still = r.verdict == "undecided" and state.phase in ACTIVE
    more = f"; {_lacks(spec, state, r, now)}" if open_still else ""
    return f"{r.metric} {_is(r)}: {known}{more}"


def _is(r: Reading) -> str:
    return "shows no difference that matters" if r.verdict == "same" else f"is {VERDICTS[r.verdict]}"


def _compared(spec: RolloutSpec, r: Reading) -> str:
    return _against(spec, r, spec.old)


def _against(spec: RolloutSpec, r: Reading, other: str) -> str:
    metric = outcome_of(spec, r.metric).metric
    if metric.kind == "quantile":
        return (
            f"its {words.quantile(metric)} is {words.value(r.candidate_value, metric)} on {spec.called(r.arm)} against "
            f"{words.value(r.baseline_value, metric)} on {other}"
        )
    return (
        f"{words.amount(r.candidate_value, metric)} {words.per(metric)} on {spec.called(r.arm)} against "
        f"{words.amount(r.baseline_value, metric)} on {other}"
    )


def _interval(metric: Metric, r: Reading) -> str:
    """The interval that may be read now: the tighter one only at the planned end."""
    low, high, alpha, when = r.low, r.high, r.alpha, "at every look"
    if r.fixed_low is not None and r.fixed_high is not None:
        low, high, alpha, when = r.fixed_low, r.fixed_high, r.fixed_alpha, "at the planned end"
    of = " in the share of slower requests" if metric.kind == "quantile" else ""
    return (
        f"a difference of {words.difference(r.effect, metric)}{of}, between {words.difference(low, metric)} and "
        f"{words.difference(high, metric)} ({100 * (1 - alpha):.3g} % sure {when})"
    )


def _lacks(spec: RolloutSpec, state: RolloutState, r: Reading, now: float) -> str:
    """How many more users, and how much time at the traffic of this stage, until the interval is decisive.

    Its width falls with the root of the number of users. It must shrink to the effect, if that stays as it is, or to
    the smallest one of interest, if that is larger.
    """
    seen, elapsed = r.candidate_units + r.baseline_units, now - state.stage_since
    half, outcome = (r.high - r.low) / 2, outcome_of(spec, r.metric)
    least = 0.0 if outcome.metric.kind == "quantile" else smallest(outcome, r.baseline_value)
    target = max(abs(r.effect), least)
    if seen == 0:
        return "no user with it was seen yet"
    if target <= 0 or elapsed <= 0:
        return "how many more users would decide it cannot be said yet"
    more = max(1.0, seen * ((half / target) ** 2 - 1))
    return f"about {words.users(more)} more would decide it, {words.span(max(1.0, elapsed * more / seen))} at this rate"


def verdict(spec: RolloutSpec, state: RolloutState, r: Reading) -> str:
    """What the experiment came to, beside what was planned. `state` is the one that was read."""
    found = f"{r.metric} {_is(r)} on {spec.new} after the experiment: {_compared(spec, r)}, "
    found += _interval(outcome_of(spec, r.metric).metric, r)
    seen = r.candidate_units + r.baseline_units
    if state.plan is None:
        return f"{found}, from {words.users(seen)}; there was no plan to hold it against"
    enough = "as planned" if seen >= state.plan.units else f"fewer than the {words.number(state.plan.units)} planned"
    return f"{found}, from {words.users(seen)}, {enough}"


def rival(spec: RolloutSpec, r: Reading) -> str:
    """A further arm that is better than the candidate; `r` is read against the candidate."""
    metric = outcome_of(spec, r.metric).metric
    return (
        f"{spec.called(r.arm)} is better than {spec.new}: {_against(spec, r, spec.new)}, {_interval(metric, r)}. A "
        f"rollout never changes its candidate: to go on with {spec.called(r.arm)}, abort and start one of it"
    )


def plan(spec: RolloutSpec, p: Plan) -> str:
    """What the experiment can show."""
    metric, days = outcome_of(spec, p.metric).metric, (spec.experiment.duration if spec.experiment else 0.0) / 86_400
    said = (
        f"a difference of {words.difference(p.smallest, metric).removeprefix('+')} in {p.metric} needs "
        f"{words.users(p.units)} for {100 * p.power:.3g} % power"
    )
    if not p.reachable:
        return said
    coming = words.users(p.units_per_day * days)
    return (
        f"{said}; {coming} come in {words.span(days * 86_400)}, enough for one of "
        f"{words.difference(p.reachable, metric).removeprefix('+')}"
    )


def planned(spec: RolloutSpec, made: Plan | None) -> str:
    """What there is to say of the experiment before it: "" without one."""
    if spec.experiment is None:
        return ""
    return plan(spec, made) if made else unplanned(spec.experiment.primary)


def unplanned(metric: str) -> str:
    return f"the experiment could not be planned: too little is known of {metric} before it"


def waits_reading(r: Reading) -> str:
    return f"the experiment cannot be read: {r.metric} is unknown: {r.missing}"


def asks(spec: RolloutSpec, state: RolloutState, said: str, ahead: int) -> str:
    at = words.share(state.share)
    return f"{spec.name} has read its experiment at {at} and waits for approval to go to {words.share(ahead)}: {said}"


def goes_on(spec: RolloutSpec, state: RolloutState, said: str, ahead: int) -> str:
    return f"{spec.new} goes from {words.share(state.share)} to {words.share(ahead)} of users: {said}"


def not_shown(metric: str, decide: str) -> str:
    """Why an experiment does not go on by itself."""
    what = "better" if decide == "better" else "no worse than tolerated"
    return f"{metric} was not shown to be {what}. Promote, or abort"
