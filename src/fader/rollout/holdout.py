"""How a holdout is followed and read: the units that no rollout reaches against all others. Pure.

The arms are drawn by a hash and a unit enters by what no rollout can cause, so that all units are compared, those too
that a rollout has not reached yet (intention to treat): the reading is of the sum of what was shipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fader.model.evidence import HealthEvidence, LearningEvidence, MetricEvidence
from fader.model.holdout import Holdout, HoldoutState, HoldoutView, Measured, MetricReading
from fader.model.metric import Metric
from fader.model.rollout import Outcome
from fader.model.share import WHOLE
from fader.model.verdict import Reading
from fader.ports.events import Cell, CellMetric
from fader.rollout import explain_holdout as explain
from fader.rollout.learning import UNITS, needed
from fader.rollout.plan import PAST
from fader.stats.histogram import merged, quantile
from fader.stats.reading import read
from fader.stats.srm import LOG_ALARM, log_e_srm

#: What the arms are called where an arm has a name.
HELD, OTHERS = "held out", "others"
#: Units with an event that the smaller arm must be expected to hold by what both arms have together, before a normal
#: law is trusted. It looks at no arm, so it hides nothing and shows nothing.
EXPECTED = 20


def follow(
    state: HoldoutState | None, wanted: Holdout | None, thresholds: Mapping[str, float], now: float
) -> HoldoutState | None:
    """The state that comes next; the same when nothing has changed.

    What ends, ends in one step and begins anew in the next. `thresholds`: of quantiles that are not measured yet, as
    far as they are learnt. A metric that was measured once goes on as long as the holdout, so that the reading of what
    a rollout was judged by does not end when that leaves the file.
    """
    if wanted is None or (state is not None and not state.until and state.draw != wanted.draw):
        return state if state is None or state.until else replace(state, until=now)
    if state is None or state.until:
        state = HoldoutState(wanted.name, wanted.draw, state.attempt + 1 if state else 1, now)
    measured = list(state.measured)
    for outcome in wanted.metrics:
        at = next(
            (i for i, m in enumerate(measured) if m.outcome.metric.name == outcome.metric.name and not m.until), -1
        )
        if at >= 0 and measured[at].outcome.metric == outcome.metric:
            measured[at] = replace(measured[at], outcome=outcome)
            continue
        if at >= 0:
            measured[at] = replace(measured[at], until=now)
        threshold = thresholds.get(outcome.metric.name, 0.0)
        if outcome.metric.kind != "quantile" or threshold > 0:
            measured.append(Measured(outcome, len(measured), now, threshold=threshold))
    return replace(state, measured=tuple(measured), rollouts=wanted.rollouts)


def unlearnt(state: HoldoutState | None, wanted: Holdout) -> tuple[Outcome, ...]:
    """Those on quantiles whose value must be learnt before they can be measured."""
    known = {m.outcome.metric for m in state.measured if not m.until} if state and not state.until else set()
    return tuple(o for o in wanted.metrics if o.metric.kind == "quantile" and o.metric not in known)


def threshold(metric: Metric, found: Iterable[LearningEvidence]) -> float:
    """The value of a quantile over all services, 0 while too little is known."""
    parts = [x for x in found if x.metric == metric.name]
    if sum(x.requests for x in parts) < needed(metric) or sum(x.units for x in parts) < UNITS:
        return 0.0
    return quantile(merged(x.values for x in parts), metric.q) or 0.0


def cell(state: HoldoutState, measured: Measured) -> Cell:
    """The sums of one metric. What units did before is a covariate as long as nothing could have come of it: in the
    first attempt, for what is measured from its beginning."""
    metric = CellMetric(measured.outcome.metric, measured.threshold, measured.threshold)
    fresh = state.attempt == 1 and measured.since == state.since
    return Cell(
        rollout=state.draw.salt,
        attempt=state.attempt,
        stage=measured.number,
        service="",
        candidate="",
        salt=state.draw.salt,
        interval=state.draw.interval,
        metrics=(metric,),
        since=measured.since,
        until=measured.until or state.until,
        past=state.since - PAST if fresh else 0.0,
        draw=state.draw,
    )


def view(
    state: HoldoutState,
    wanted: Holdout | None,
    evidence: Mapping[int, MetricEvidence],
    health: HealthEvidence,
    now: float,
) -> HoldoutView:
    """`evidence`: by the number of the metric; `health`: of the one that is measured for the longest time."""
    others, held, share = health.candidate_units, health.baseline_units, state.draw.interval.width
    log_e = log_e_srm(others, held, 1 - share / WHOLE)
    mismatch = log_e >= LOG_ALARM
    shown = HoldoutView(
        name=state.name,
        share=share,
        rollouts=state.rollouts,
        since=state.since,
        until=state.until,
        held=held,
        others=others,
        log_e_ratio=log_e,
        mismatch=mismatch,
        headline="",
    )
    why = explain.mismatch(shown) if mismatch else ""
    readings = [_reading(state, m, evidence, share, why) for m in state.measured if not m.until]
    if wanted is not None and not state.until:
        readings += [_unread(o) for o in unlearnt(state, wanted)]
    return replace(shown, headline=explain.headline(shown, now), readings=tuple(readings))


def _unread(outcome: Outcome) -> MetricReading:
    reading = Reading(outcome.metric.name, OTHERS, "unknown", missing=explain.unlearnt(outcome.metric))
    return MetricReading(outcome, reading, explain.reading(outcome.metric, reading))


def _reading(
    state: HoldoutState, measured: Measured, evidence: Mapping[int, MetricEvidence], share: int, why: str
) -> MetricReading:
    outcome = measured.outcome
    name = outcome.metric.name
    found = evidence.get(measured.number, MetricEvidence(name, missing="nothing is summed of it yet"))
    missing = why or found.missing or _too_few(found, share)
    reading = read(outcome, replace(found, missing=missing), candidate=OTHERS)[0]
    said = explain.reading(outcome.metric, reading, measured.threshold)
    return MetricReading(outcome, reading, said, measured.since, measured.threshold)


def _too_few(found: MetricEvidence, share: int) -> str:
    """Why a normal law is not to be trusted yet, or ""."""
    held, others = found.baseline, found.candidate
    if not held.units or not others.units:
        return explain.nobody(held.units, others.units)
    if min(held.units, others.units) < UNITS:
        return explain.few_units(min(held.units, others.units), UNITS)
    smaller, had = min(share, WHOLE - share) / WHOLE, held.first + others.first
    return explain.few_events(had, EXPECTED / smaller) if had * smaller < EXPECTED else ""
