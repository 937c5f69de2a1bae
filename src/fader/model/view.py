"""What people are shown of a rollout: the same nouns and sentences in CLI, API, dashboard and notifications."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.evidence import HealthEvidence
from fader.model.rollout import RolloutSpec
from fader.model.state import RolloutState
from fader.model.verdict import Judgement, Reading, Signal


@dataclass(frozen=True, slots=True)
class StageView:
    """`status`: passed, current, ahead, stopped (the plug was pulled here) or skipped."""

    index: int
    share: int
    bake: float
    gate: str
    status: str
    since: float = 0.0
    until: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ArmView:
    """A further arm of an experiment. `share` in ppm while it holds it. `status`: ahead, running, withdrawn or ended;
    `units`: exposed to it alone, as far as is known; `sentence`: what there is to say, of harm too."""

    version: str
    share: int
    status: str
    units: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Harm:
    """`low` to `high` of the units that were harmed would have been spared on the baseline. `times_low` to
    `times_high`: how many times as many units fail on the candidate; 1e300 where nothing bounds it. Both hold at every
    look, and miss in 5 % of the rollouts at most."""

    low: int
    high: int
    times_low: float
    times_high: float


@dataclass(frozen=True, slots=True)
class RolloutView:
    """`headline`: one sentence, the state of things. `units_harmed`: candidate units with a failed request or one
    that the baseline had to answer; `harm`: what the change did to them, None while that is not known.
    `seconds_to_decision`: from the first candidate exposure to the end, 0 before. `needs_person`: why a person must
    act, or "". `commands`: what may be asked now. `reading_sentences` and `signal_sentences` go with `readings` and
    `signals`, one each; `plan`: what the experiment can show, or ""; `verdict`: what it came to, or "". `health`: of
    the data of the stage, None before there is any. `arms`: further ones of its experiment; `arm_judgements`: their
    guardrails and outcomes. `audience`: whom it is for, in a sentence, or "" for everybody.
    """

    name: str
    service: str
    baseline: str
    candidate: str
    spec: RolloutSpec
    state: RolloutState
    headline: str
    waits: tuple[str, ...]
    stages: tuple[StageView, ...]
    judgements: tuple[Judgement, ...]
    units_exposed: int
    units_harmed: int
    seconds_to_decision: float
    needs_person: str
    commands: tuple[str, ...]
    readings: tuple[Reading, ...] = ()
    signals: tuple[Signal, ...] = ()
    reading_sentences: tuple[str, ...] = ()
    signal_sentences: tuple[str, ...] = ()
    plan: str = ""
    verdict: str = ""
    health: HealthEvidence | None = None
    arms: tuple[ArmView, ...] = ()
    arm_judgements: tuple[Judgement, ...] = ()
    flag: str = ""
    audience: str = ""
    harm: Harm | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """As much of a `RolloutView` as tells where it stands in a list: known without its history."""

    name: str
    service: str
    spec: RolloutSpec
    state: RolloutState
    needs_person: str
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of one metric for the charts: cumulative inside the stage, with bands valid at every look.

    `*_value` is the share of failed requests, or the quantile in ms; low and high bound it; None where unknown.
    """

    at: float
    metric: str
    stage: int
    share: int
    candidate_value: float | None
    candidate_low: float | None
    candidate_high: float | None
    baseline_value: float | None
    baseline_low: float | None
    baseline_high: float | None
