"""What is known about a stage at one moment: summaries, or a reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.summary import ArmSummary, Histogram


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """`missing` is empty, or says why there are no numbers (then the summaries are not to be used)."""

    metric: str
    candidate: ArmSummary = ArmSummary()
    baseline: ArmSummary = ArmSummary()
    candidate_values: Histogram = Histogram()
    baseline_values: Histogram = Histogram()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class LearningEvidence:
    """The baseline alone, over the last 24 h: enough requests from enough units freeze the bases."""

    metric: str
    requests: int = 0
    units: int = 0
    events: float = 0.0
    values: Histogram = Histogram()


@dataclass(frozen=True, slots=True)
class GatewayEvidence:
    """What the gateway last said. Times are seconds since 1970 UTC; 0 is "never".

    `applied_version` / `applied_at`: the ruleset that Envoy acknowledged, and when. `error`: a refused config.
    `candidate_down_since`: when the last healthy candidate endpoint went away, 0 while there is one.
    """

    reported_at: float = 0.0
    applied_version: int = 0
    applied_at: float = 0.0
    error: str = ""
    candidate_down_since: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything one decision rests on. `wanted_version` is the ruleset that carries this state's share;
    `lost_requests`: requests that Envoy counted and the log did not deliver (a loss check, never a test).
    """

    at: float
    stage: int
    metrics: tuple[MetricEvidence, ...] = ()
    learning: tuple[LearningEvidence, ...] = ()
    gateway: GatewayEvidence = GatewayEvidence()
    wanted_version: int = 0
    lost_requests: int = 0
    missing: str = ""

    def metric(self, name: str) -> MetricEvidence:
        for m in self.metrics:
            if m.metric == name:
                return m
        return MetricEvidence(name, missing=f"no evidence for {name} arrived")
