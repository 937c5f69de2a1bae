"""What can happen to a release: five stories, told with the same shop, the same visitors and the same ramp."""

from __future__ import annotations

from dataclasses import dataclass

from fader.errors import BadInput, Problem
from fader.model.share import WHOLE

ROLLOUT = "shop-v2"
SERVICE = "shop"


@dataclass(frozen=True, slots=True)
class Manners:
    """How a version of the shop behaves: the share of requests it fails, and how many times slower it is."""

    error_rate: float = 0.003
    slow_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`killed_at`: the share in ppm at which v2 is killed with SIGKILL; 0 is never.

    `ends`: what a rollout must come to here; `latency`: the tolerated rise of p95 at 100 %.
    """

    name: str
    story: str
    ends: str
    v1: Manners = Manners()
    v2: Manners = Manners()
    killed_at: int = 0
    latency: str = "10%"


SCENARIOS = {
    s.name: s
    for s in (
        Scenario("healthy", "v2 is as good as v1", "completed"),
        Scenario("errors", "v2 fails 3 % of its requests, v1 0.3 %", "rolled_back", v2=Manners(error_rate=0.03)),
        Scenario("slow", "v2 takes twice as long", "rolled_back", v2=Manners(slow_factor=2.0)),
        # No version fails of itself here, so that every failure the visitors see was caused by the kill.
        Scenario(
            "crash",
            "v2 is killed with SIGKILL at 25 %",
            "rolled_back",
            v1=Manners(error_rate=0.0),
            v2=Manners(error_rate=0.0),
            killed_at=WHOLE // 4,
        ),
        Scenario(
            "flaky-baseline",
            "both versions fail 3 % of their requests",
            "completed",
            v1=Manners(error_rate=0.03),
            v2=Manners(error_rate=0.03),
        ),
    )
}


def scenario_named(name: str) -> Scenario:
    """Raises BadInput that lists the names there are."""
    if name not in SCENARIOS:
        raise BadInput(Problem(f'there is no scenario "{name}"', f"use one of: {', '.join(SCENARIOS)}"))
    return SCENARIOS[name]


def fader_yaml(scenario: Scenario, *, listen: int, v1: int, v2: int) -> str:
    """The file that the demo applies; the arguments are ports on 127.0.0.1."""
    return f"""\
# The demo's scenario "{scenario.name}": {scenario.story}.
services:
  {SERVICE}:
    listen: 127.0.0.1:{listen}
    unit: [{{cookie: fader_uid, issue: true}}]
    versions: {{v1: http://127.0.0.1:{v1}, v2: http://127.0.0.1:{v2}}}
    baseline: v1
    exclude: [{{path: /healthz}}]
    health: {{path: /healthz, interval: 1s, timeout: 1s}}
metrics:
  errors: {{kind: proportion, of: requests, where: "status >= 500", better: lower}}
  latency: {{kind: quantile, q: 0.95, of: requests, value: duration_ms, better: lower}}
rollouts:
  {ROLLOUT}:
    service: {SERVICE}
    candidate: v2
    stages: [5%, 10%, 25%, 50%, 100%]
    bake: 15s
    guardrails: {{errors: {{tolerate: 1pp}}, latency: {{tolerate: {scenario.latency}}}}}
    shield: connect
    on_harm: rollback
"""
