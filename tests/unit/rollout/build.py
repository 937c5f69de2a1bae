"""A rollout at any point of its life, for tests."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.stats.build import arm, error_guardrail, latency_guardrail, values

from fader.model.decision import Command, CommandName
from fader.model.evidence import Evidence, GatewayEvidence, LearningEvidence, MetricEvidence
from fader.model.metric import Margin, Metric
from fader.model.rollout import Outcome, RolloutSpec, Stage
from fader.model.share import WHOLE
from fader.model.state import Basis, Phase, RolloutState
from fader.model.summary import ArmSummary

NOW = 1_700_000_000.0
SHARES = (50_000, 100_000, 250_000, 500_000, WHOLE)
BASES = (Basis("errors", 0.003), Basis("latency", 0.05, 100.0))


def spec(**changes: object) -> RolloutSpec:
    whole = RolloutSpec(
        "shop-v2",
        "shop",
        "v1",
        "v2",
        tuple(Stage(share, 15.0) for share in SHARES),
        (error_guardrail(0.01), latency_guardrail(0.1)),
    )
    return replace(whole, **changes)


def state(phase: Phase = Phase.RAMPING, stage: int = 0, since: float = NOW - 60, **changes: object) -> RolloutState:
    """At `stage` for a minute. In a phase without a stage, as it is there."""
    if phase in (Phase.PENDING, Phase.LEARNING):
        stage = -1
    if phase is Phase.COMPLETED:
        stage = len(SHARES) - 1
    ended = phase in (Phase.COMPLETED, Phase.ROLLED_BACK, Phase.ABORTED)
    share = 0 if stage < 0 or phase in (Phase.ROLLED_BACK, Phase.ABORTED) else SHARES[stage]
    whole = RolloutState(
        "shop-v2",
        phase,
        revision=3,
        stage=stage,
        share=share,
        started_at=since - 10,
        stage_since=since,
        ended_at=NOW - 5 if ended else 0.0,
        bases=BASES if stage >= 0 else (),
    )
    return replace(whole, **changes)


def gateway(**changes: object) -> GatewayEvidence:
    return replace(GatewayEvidence(NOW - 0.5, 7, NOW - 60), **changes)


def metric(
    name: str, candidate: ArmSummary, baseline: ArmSummary, c_ms: float = 80, b_ms: float = 80
) -> MetricEvidence:
    if name == "errors":
        return MetricEvidence(name, candidate, baseline)
    return MetricEvidence(name, candidate, baseline, values((c_ms, 100)), values((b_ms, 100)))


def arms(share: int, candidate_rate: float, baseline_rate: float, units: int = 20_000) -> tuple[ArmSummary, ArmSummary]:
    k = round(units * share / WHOLE)
    n = units - k
    return arm(k, 5, round(k * candidate_rate)), arm(n, 5, round(n * baseline_rate))


def evidence(
    stage: int = 0, errors: float = 0.0, slow: float = 0.0, units: int = 20_000, **changes: object
) -> Evidence:
    """Healthy at `stage`, with `errors` and `slow` as the candidate's rise in its share of units."""
    share = SHARES[stage]
    bad, fine = arms(share, 0.015 + errors, 0.015, units)
    late, usual = arms(share, 0.25 + slow, 0.25, units)
    found = (
        metric("errors", bad, fine),
        metric(
            "latency", replace(late, over=late.events // 9 if not slow else late.events), usual, 200 if slow else 80
        ),
    )
    whole = Evidence(NOW, stage, found, gateway=gateway(), wanted_version=7)
    return replace(whole, **changes)


def learning(requests: int = 500, units: int = 80, **changes: object) -> Evidence:
    found = (
        LearningEvidence("errors", requests, units, 3.0),
        LearningEvidence("latency", requests, units, 0.0, values((50, 90), (100, 10))),
    )
    return replace(Evidence(NOW, -1, learning=found, gateway=gateway(), wanted_version=7), **changes)


def command(name: CommandName, **changes: object) -> Command:
    return replace(Command(name, "ann"), **changes)


CONVERSION = Metric("conversion", "proportion", "higher", of="units", event="order")
BUYERS = Outcome(CONVERSION, Margin("relative", 0.05), Margin("relative", 0.02))


def bought(share: int, candidate: float, baseline: float, units: int = 20_000) -> MetricEvidence:
    """`units` of both arms were exposed, and such parts of them bought."""
    k = round(units * share / WHOLE)
    return MetricEvidence("conversion", _buyers(k, candidate), _buyers(units - k, baseline))


def _buyers(units: int, rate: float) -> ArmSummary:
    y = round(units * rate)
    return ArmSummary(units, units, y, y, y, units, y, y)


def sold(stage: int, candidate: float, baseline: float, units: int = 20_000, **changes: object) -> Evidence:
    """Healthy as to requests; the outcome is what differs."""
    found = evidence(stage, units=units)
    return replace(found, metrics=(*found.metrics, bought(SHARES[stage], candidate, baseline, units)), **changes)
