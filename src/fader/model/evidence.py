"""What is known about a stage at one moment: summaries, or a reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fader.model.series import Block
from fader.model.summary import ArmSummary, Histogram


@dataclass(frozen=True, slots=True)
class Restart:
    """First-event units since a later moment of the stage: for harm that sets in late. `number` counts from 1; the
    whole stage is instance 0 and stands in the summaries. When an instance begins depends on the past alone."""

    number: int
    candidate: int
    baseline: int


@dataclass(frozen=True, slots=True)
class Beside:
    """What a further arm has beside its sums: the values of a quantile, and first-event units since later moments
    (of a `Restart`, `candidate` is the arm's)."""

    arm: str
    values: Histogram = Histogram()
    restarts: tuple[Restart, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """`missing` is empty, or says why there are no numbers (then the summaries are not to be used).

    `others`: further arms by version, where there are more than two; each is compared with the baseline.
    `blocks`: the intervals of an external metric, which has no units.
    `beside`: what else is known of them.
    """

    metric: str
    candidate: ArmSummary = ArmSummary()
    baseline: ArmSummary = ArmSummary()
    candidate_values: Histogram = Histogram()
    baseline_values: Histogram = Histogram()
    missing: str = ""
    restarts: tuple[Restart, ...] = ()
    others: tuple[tuple[str, ArmSummary], ...] = ()
    blocks: tuple[Block, ...] = ()
    beside: tuple[Beside, ...] = ()

    def of(self, arm: str) -> MetricEvidence:
        """The same of a further arm, in the candidate's place, against the baseline."""
        summary = dict(self.others).get(arm)
        if summary is None:
            return MetricEvidence(self.metric, missing=self.missing or f"no evidence of {arm} arrived")
        more = next((b for b in self.beside if b.arm == arm), Beside(arm))
        return replace(
            self,
            candidate=summary,
            candidate_values=more.values,
            restarts=more.restarts,
            others=(),
            beside=(),
        )

    def against_candidate(self, arm: str) -> MetricEvidence:
        """The same of a further arm, with the candidate in the baseline's place."""
        return replace(self.of(arm), baseline=self.candidate, baseline_values=self.candidate_values, restarts=())


@dataclass(frozen=True, slots=True)
class HealthEvidence:
    """Whether the data of a stage can be trusted; all counts are units of the stage unless said otherwise.

    `candidate_units`, `baseline_units`: exposed, inside the sample: the sample-ratio test. `crossed`: were exposed
    to both arms; they count in neither from then on. `silent`: exposed by the app (an `exposure` event) without any
    request or outcome; `unexposed`: with outcomes of the rollout's metrics but never exposed. `skew`: seconds by
    which the median event of the last minutes lies ahead of (positive) or behind the server's clock. `weight`: the
    estimated number of requests (sum of 1/p) per request that the gateway counted, 1 when sampling is sound; it rests
    on `weighed` sampled units, 0 where there is nothing to be said. `others`: exposed units of each further arm.
    """

    candidate_units: int = 0
    baseline_units: int = 0
    crossed: int = 0
    silent: int = 0
    unexposed: int = 0
    skew: float = 0.0
    weight: float = 1.0
    weighed: int = 0
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class NameEvidence:
    """Units of a stage in which something occurred at least once, whatever it is.

    `kind`: event (an outcome's name), route (request template, `GET /items/{}`), or fingerprint (an error: type,
    route, status, normalised message). `better`: its declared direction, "" where none was declared.
    """

    kind: Literal["event", "route", "fingerprint"]
    name: str
    candidate: int
    baseline: int
    better: Literal["lower", "higher", ""] = ""


@dataclass(frozen=True, slots=True)
class LearningEvidence:
    """The baseline alone, over the last 24 h: enough requests from enough units freeze the bases.

    `summary`: of an outcome, what a unit did in the window (n = 1 each): its mean and spread are what a plan needs.
    """

    metric: str
    requests: int = 0
    units: int = 0
    events: float = 0.0
    values: Histogram = Histogram()
    summary: ArmSummary = ArmSummary()


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
    `names`: what occurred in the stage, for the scan; `names_dropped`: names beyond the bound, not looked at.
    `arriving`: before the first stage of an adaptive ramp, users that came within the time of one step; 0: not known.
    """

    at: float
    stage: int
    metrics: tuple[MetricEvidence, ...] = ()
    learning: tuple[LearningEvidence, ...] = ()
    gateway: GatewayEvidence = GatewayEvidence()
    wanted_version: int = 0
    lost_requests: int = 0
    missing: str = ""
    health: HealthEvidence = HealthEvidence()
    names: tuple[NameEvidence, ...] = ()
    names_dropped: int = 0
    arriving: int = 0

    def metric(self, name: str) -> MetricEvidence:
        for m in self.metrics:
            if m.metric == name:
                return m
        return MetricEvidence(name, missing=self.missing or f"no evidence for {name} arrived")
