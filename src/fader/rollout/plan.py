"""From the frozen spec and the state to shares, margins and thresholds of a stage."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, floor, log, log10

from fader.model.arm import Arm
from fader.model.rollout import Guardrail, RolloutSpec, Stage
from fader.model.share import WHOLE, Interval
from fader.model.state import Basis, RolloutState
from fader.ports.events import Cell, CellMetric
from fader.stats.judge import Stakes
from fader.stats.noninferiority import DEEPEST
from fader.stats.weights import harm_threshold, safe_threshold

#: The largest share that an adaptive ramp takes below 100 %: beyond it the baseline is the smaller arm, and a larger
#: share would be known less well.
HALF = WHOLE // 2
#: The first share of an adaptive ramp whose traffic is not known, and the most that any begins with, unless it is
#: given. In ppm.
LEAST_KNOWN, MOST_AT_FIRST = 10_000, 100_000
#: How far before the attempt a unit's own past is looked at (CUPED), and so how long events are kept. Seconds: two
#: weeks hold every weekday twice.
PAST = 14 * 86_400.0


def route(spec: RolloutSpec, state: RolloutState) -> tuple[Stage, ...]:
    """The stages of this attempt as far as they are known, the holdback and 100 % last.

    The bake of an experiment's stage is at least the experiment's duration. An adaptive ramp shows where it has been.
    """
    ramp: tuple[Stage, ...] = ()
    if spec.budget is not None:
        ramp = tuple(Stage(share, spec.budget.bake) for share in state.shares if share <= HALF)
    below = (*ramp, *spec.judged)
    return (*(_held_for(spec, stage) for stage in below), Stage(WHOLE, 0.0))


def _held_for(spec: RolloutSpec, stage: Stage) -> Stage:
    if spec.experiment is None or stage.share != spec.experiment.share:
        return stage
    return replace(stage, bake=max(stage.bake, spec.experiment.duration))


def stage_of(spec: RolloutSpec, state: RolloutState) -> Stage:
    """The stage that the state stands at, not before the first. Raises IndexError where the plan has become shorter."""
    return route(spec, state)[state.stage]


def is_experiment(spec: RolloutSpec, state: RolloutState) -> bool:
    """Whether this is the stage that is held to be read."""
    return spec.experiment is not None and stage_of(spec, state).share == spec.experiment.share


def is_holdback(spec: RolloutSpec, state: RolloutState) -> bool:
    """Whether everybody has the candidate but the few who are held back."""
    return spec.holdback is not None and stage_of(spec, state).share == WHOLE - spec.holdback.share


def further(spec: RolloutSpec, state: RolloutState) -> tuple[Arm, ...]:
    """The further arms of the stage of `state`: none but in an experiment's. They lie behind the candidate's interval,
    one after the other, so that the candidate's units are the same with and without them."""
    experiment = spec.experiment
    if experiment is None or state.stage < 0 or not is_experiment(spec, state):
        return ()
    share = experiment.share
    return tuple(
        Arm(version, Interval((state.start + k * share) % WHOLE, share), version in state.out)
        for k, version in enumerate(experiment.beside, start=1)
    )


def baseline_share(spec: RolloutSpec, state: RolloutState) -> int:
    """What the stage of `state` leaves the baseline, in ppm. The share of an arm that was withdrawn is nobody's."""
    return WHOLE - stage_of(spec, state).share - sum(arm.interval.width for arm in further(spec, state))


def next_share(spec: RolloutSpec, state: RolloutState) -> int:
    """What the candidate gets after the stage of `state`, in ppm; WHOLE after the last judged one.

    Of an adaptive ramp, the most that it may get: its margins rest on this, so that what is seen does not move them.
    """
    if spec.budget is None:
        stages = route(spec, state)
        return stages[min(state.stage + 1, len(stages) - 1)].share
    if state.stage < 0:
        return spec.budget.first or MOST_AT_FIRST
    share = stage_of(spec, state).share
    reach = _reach(share, spec.budget.factor)
    if share < HALF and (reach < WHOLE or spec.experiment is not None):
        return min(HALF, reach)
    return next((stage.share for stage in spec.judged if stage.share > share), WHOLE)


def _reach(share: int, factor: float) -> int:
    """The next of the fewest steps to 100 % of which none is larger than `factor`: all of the same ratio, since a
    short one at the end costs a stratum and proves little. In ppm."""
    steps = max(1, ceil(log(WHOLE / share) / log(factor) - 1e-9))
    return WHOLE if steps == 1 else two_digits(share * (WHOLE / share) ** (1 / steps))


def two_digits(ppm: float) -> int:
    """Down to two significant digits: 3.2 %, not 3.2417 %."""
    if ppm < 1:
        return 0
    unit = 10 ** max(0, floor(log10(ppm)) - 1)
    return int(ppm // unit * unit)


def is_last(spec: RolloutSpec, state: RolloutState) -> bool:
    """Whether passing this stage completes the rollout."""
    return next_share(spec, state) == WHOLE


def stakes(spec: RolloutSpec, state: RolloutState) -> Stakes:
    """What the judgements of a judged stage are held against."""
    return Stakes(
        stage_of(spec, state).share,
        next_share(spec, state),
        harm_threshold(spec, state.stage),
        safe_threshold(),
        baseline_share(spec, state),
    )


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
    """The stratum of `state.stage`. It stays the same after the stage has ended: the share is the route's.

    `since`: when the gateway acknowledged the share; `until`: when the next was decided, 0 while open.
    """
    scale = WHOLE / next_share(spec, state)
    metrics = []
    for guardrail in spec.watched:
        learnt = basis(state, guardrail.metric.name)
        threshold = learnt.threshold if learnt and guardrail.metric.kind == "quantile" else 0.0
        margin = quantile_margin(guardrail, threshold, scale) if threshold else 0.0
        metrics.append(CellMetric(guardrail.metric, threshold, margin))
    return Cell(
        rollout=spec.name,
        attempt=state.attempt,
        stage=state.stage,
        service=spec.service,
        flag=spec.flag,
        candidate=spec.candidate,
        salt=spec.salt,
        interval=Interval(state.start, stage_of(spec, state).share),
        metrics=tuple(metrics),
        since=since,
        until=until,
        past=state.started_at - PAST if state.started_at else 0.0,
        arms=further(spec, replace(state, withdrawn=())),
    )
