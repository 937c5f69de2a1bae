"""A year of rollouts on 40 services, as the state store keeps it: what the dashboard's cost is measured over."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from fader.gateway.bootstrap import LATENCY_BUCKETS
from fader.model.channel import Channel
from fader.model.decision import Command, Step
from fader.model.evidence import Evidence, MetricEvidence
from fader.model.flag import Flag, Rule, Variant
from fader.model.metric import Comparison, Margin, Metric
from fader.model.report import EndpointHealth, GatewayReport, VersionCount
from fader.model.rollout import Experiment, Guardrail, Outcome, RolloutSpec, Stage
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.settings import Settings
from fader.model.state import Basis, Phase, RolloutState
from fader.model.summary import ArmSummary, Histogram
from fader.model.verdict import Judgement, Verdict
from fader.model.view import Point
from fader.model.written import Written
from fader.ports.states import Entry, StateStore

NOW = 1_764_000_000.0
YEAR = 365 * 86_400.0
SERVICES = 40
POINTS = 300
#: Times that each page is asked for.
ROUNDS = 40
SHARES = (10_000, 50_000, 100_000, 250_000, 500_000, 1_000_000)
METRICS = (
    Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),)),
    Metric("checkout-errors", "proportion", where=(Comparison("path", "==", "/checkout"),)),
    Metric("latency", "quantile", value="duration_ms", q=0.95),
)
GUARDRAILS = tuple(Guardrail(m, Margin("relative", 0.1)) for m in METRICS)


FLAGS = tuple(
    Flag(
        f"flag-{i:03}",
        "boolean",
        (Variant("on", True), Variant("off", False)),
        "off",
        "off",
        rules=tuple(Rule("on", f'country == "US" && plan in ["a", "b", "{k}"]', 100_000, f"r{k}") for k in range(3)),
    )
    for i in range(2_000)
)
#: The flag that the last rollout moves; all others move services.
MOVED = FLAGS[7].name
SETTINGS = Settings(tuple(Channel(f"channel-{i}", "webhook", ("held",), "https://hooks.example.com") for i in range(5)))


def name_of(i: int) -> str:
    """As long as a name may be."""
    return f"rollout-{i:04}-of-a-release-whose-name-is-as-long-as-names-may-be-here"[:63]


def service(i: int) -> Service:
    versions = tuple(Version(f"v{n}", (Address("127.0.0.1", 9000 + n),)) for n in range(1, 4))
    return Service(
        f"service-{i:02}", Address("127.0.0.1", 8000 + i), (UnitSource("header", "x-user-id"),), versions, "v1"
    )


def judgements(chance: Random) -> tuple[Judgement, ...]:
    return tuple(
        Judgement(
            m.name,
            Verdict.SAFE,
            candidate_rate=0.0031 + chance.random() * 1e-4,
            baseline_rate=0.003 + chance.random() * 1e-5,
            rise=0.0001 + chance.random() * 1e-4,
            low=-0.001 - chance.random() * 1e-4,
            high=0.0012 + chance.random() * 1e-4,
            log_e_harm=chance.random(),
            harm_threshold=5.1,
            log_e_safe=5.2,
            safe_threshold=5.1,
            margin=0.02,
            candidate_units=4000 + chance.randrange(1000),
            baseline_units=40_000,
            candidate_first=12,
            baseline_first=118,
            candidate_value=182.0,
            baseline_value=180.0,
        )
        for m in METRICS
    )


def evidence(at: float, stage: int, chance: Random) -> Evidence:
    def arm() -> ArmSummary:
        return ArmSummary(*(chance.randrange(1, 100_000) for _ in range(5)))

    def values() -> Histogram:
        return Histogram(tuple(range(60)), tuple(chance.randrange(1, 5000) for _ in range(60)))

    return Evidence(at, stage, tuple(MetricEvidence(m.name, arm(), arm(), values(), values()) for m in METRICS))


def steps(spec: RolloutSpec, began: float, *, active: bool, chance: Random) -> list[Step]:
    """One attempt that was rolled back, then one that completed or goes on."""
    made: list[Step] = []
    state, at = RolloutState(spec.name), began

    def step(name: str, by: str = "fader", **changes: Any) -> None:
        nonlocal state, at
        after = replace(state, revision=state.revision + 1, cause=f"{name} of {spec.name}", **changes)
        asked = Command("start", by, "the release of this week") if by != "fader" else None
        reason = f"{spec.candidate} goes from one share to the next of users: every guardrail is proven less worse"
        seen = None if asked else evidence(at, state.stage, chance)
        judged = () if asked else judgements(chance)
        made.append(Step(after.revision, spec.name, at, spec, state, after, name, reason, by, asked, seen, judged))
        state, at = after, at + chance.uniform(600, 1200)

    bases = tuple(Basis(m.name, 0.003, 180.0) for m in METRICS)
    who = chance.choice(("ann", "bob", "carl", "ci", "dashboard"))
    for attempt in (1, 2):
        step("start" if attempt == 1 else "retry", who, phase=Phase.LEARNING, attempt=attempt, stage=-1, started_at=at)
        last = 3 if active or attempt == 1 else 5
        for stage in range(last):
            changes: dict[str, Any] = {
                "phase": Phase.RAMPING,
                "stage": stage,
                "share": SHARES[stage],
                "stage_since": at,
                "bases": bases,
            }
            step("advance", **changes)
            if stage == 1:
                step("pause", who, phase=Phase.PAUSED)
                step("resume", who, phase=Phase.RAMPING)
        if attempt == 1:
            step("harm", phase=Phase.ROLLED_BACK, share=0, ended_at=at)
        elif not active:
            step("complete", phase=Phase.COMPLETED, stage=5, share=1_000_000, ended_at=at)
    return made


def points(began: float, chance: Random) -> tuple[Point, ...]:
    """The charts of an attempt of three stages, cumulative as they are."""
    return tuple(
        Point(began + 8.0 * i, m.name, i * 3 // POINTS, SHARES[i * 3 // POINTS], *(chance.random() for _ in range(6)))
        for i in range(POINTS)
        for m in METRICS
    )


def fill(states: StateStore, rollouts: int, seed: int) -> int:
    """Returns the number of steps."""
    chance = Random(seed)
    services = tuple(service(i) for i in range(SERVICES))
    stages = tuple(Stage(s, 600.0) for s in SHARES)
    specs = [
        RolloutSpec(name_of(i), services[i % SERVICES].name, "v1", "v2", stages, GUARDRAILS) for i in range(rollouts)
    ]
    specs[0] = RolloutSpec(name_of(0), "", "off", "on", stages, GUARDRAILS, flag=MOVED)
    # Some hold an experiment: the last one of each fifth service.
    for i in range(rollouts - SERVICES, rollouts, 5):
        outcome = Outcome(METRICS[0], Margin("relative", 0.1))
        specs[i] = replace(specs[i], outcomes=(outcome,), experiment=Experiment(SHARES[2], 86_400.0, "errors"))
    entries = tuple(Entry(spec, RolloutState(spec.name), "secret") for spec in specs)
    states.apply(services, entries, FLAGS, settings=SETTINGS)
    states.write(Written("".join(f"# line {i} of what was written by hand\n" for i in range(12_000)), at=NOW))
    total = 0
    for i, spec in enumerate(specs):
        active = i >= rollouts - SERVICES
        began = NOW - 20_000 if active else NOW - YEAR + i * (YEAR - 86_400 * 3) / rollouts
        made = steps(spec, began, active=active, chance=chance)
        for step in made:
            states.save(step)
        states.put_points(spec.name, points(made[-1].after.started_at, chance))
        total += len(made)
    return total


def gateway(second: int) -> GatewayReport:
    bins = tuple((b / 1000, 40 * second + i) for i, b in enumerate((*LATENCY_BUCKETS, 1e12)))
    names = [(f"service-{i:02}", v) for i in range(SERVICES) for v in ("v1", "v2")]
    return GatewayReport(
        "edge",
        NOW - 3600 + second,
        1,
        NOW - YEAR,
        1,
        NOW - 60,
        endpoints=tuple(EndpointHealth(s, v, "127.0.0.1:9001", healthy=True) for s, v in names),
        counts=tuple(VersionCount(s, v, "rollout", 900 * second, second, latency_bins=bins) for s, v in names),
    )
