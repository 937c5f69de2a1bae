"""From the frozen spec and the state to shares, margins and thresholds of a stage."""

from __future__ import annotations

from fader.model.rollout import Guardrail, RolloutSpec
from fader.model.share import WHOLE, Interval
from fader.model.state import Basis, RolloutState
from fader.ports.events import Cell, CellMetric
from fader.stats.judge import Stakes
from fader.stats.noninferiority import DEEPEST
from fader.stats.weights import harm_threshold, safe_threshold


def is_last(spec: RolloutSpec, stage: int) -> bool:
    """Whether passing this stage completes the rollout."""
    return stage + 1 >= len(spec.judged)


def next_share(spec: RolloutSpec, stage: int) -> int:
    """What the candidate gets after `stage`, in ppm; WHOLE after the last judged one."""
    return WHOLE if is_last(spec, stage) else spec.stages[stage + 1].share


def stakes(spec: RolloutSpec, stage: int) -> Stakes:
    """What the judgements of a judged stage are held against."""
    return Stakes(spec.stages[stage].share, next_share(spec, stage), harm_threshold(spec, stage), safe_threshold())


def basis(state: RolloutState, metric: str) -> Basis | None:
    return next((b for b in state.bases if b.metric == metric), None)


def quantile_margin(guardrail: Guardrail, threshold: float, scale: float) -> float:
    """The value that the candidate's quantile must stay on the good side of; `scale` is 1 / next share."""
    lower = guardrail.metric.better == "lower"
    amount = guardrail.tolerate.value * scale
    if guardrail.tolerate.kind == "absolute":
        return threshold + amount if lower else max(threshold - amount, (1 - DEEPEST) * threshold)
    return threshold * (1 + amount if lower else 1 - min(amount, DEEPEST))


def cell(spec: RolloutSpec, state: RolloutState, since: float, until: float = 0.0) -> Cell:
    """The stratum of `state.stage`. It stays the same after the stage has ended: the share is the spec's.

    `since`: when the gateway acknowledged the share; `until`: when the next was decided, 0 while open.
    """
    scale = WHOLE / next_share(spec, state.stage)
    metrics = []
    for guardrail in spec.guardrails:
        learnt = basis(state, guardrail.metric.name)
        threshold = learnt.threshold if learnt and guardrail.metric.kind == "quantile" else 0.0
        margin = quantile_margin(guardrail, threshold, scale) if threshold else 0.0
        metrics.append(CellMetric(guardrail.metric, threshold, margin))
    return Cell(
        rollout=spec.name,
        attempt=state.attempt,
        stage=state.stage,
        service=spec.service,
        candidate=spec.candidate,
        salt=spec.salt,
        interval=Interval(state.start, spec.stages[state.stage].share),
        metrics=tuple(metrics),
        since=since,
        until=until,
    )
