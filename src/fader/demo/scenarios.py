"""What can happen to a release: stories told with the same shop and the same visitors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fader.errors import BadInput, Problem
from fader.model.share import WHOLE

SERVICE = "shop"


@dataclass(frozen=True, slots=True)
class Manners:
    """How a version of the shop behaves: the share of requests it fails, how many times slower it is, the share of the
    visitors whom its pages persuade to buy, the share whom they leave with a question for `/support`, and the share of
    orders that its new form fails."""

    error_rate: float = 0.003
    slow_factor: float = 1.0
    appeal: float = 0.3
    confusion: float = 0.08
    form_error_rate: float = 0.0


RAMP = ("5%", "10%", "25%", "50%", "100%")


@dataclass(frozen=True, slots=True)
class Scenario:
    """`killed_at`: the share in ppm at which v2 is killed with SIGKILL; 0 is never.

    `ends`: what a rollout must come to here; `latency`: the tolerated rise of p95 at 100 %, much where the story is
    another, as a busy machine may slow one of two processes. `sells`: whether the share of visitors who buy is an
    outcome. `experiment`: how long the stage of 50 % is held and then read; "" is none. `warm_up`: seconds of traffic
    before the start; visitors who are known from before tell more. `turnover`: the share of requests for which a
    visitor leaves and another comes, so that what is not proven yet can be. `flag`: what is rolled out instead of v2,
    in an app that is v1 for everybody; "" is none.
    """

    name: str
    story: str
    ends: str
    v1: Manners = Manners()
    v2: Manners = Manners()
    killed_at: int = 0
    latency: str = "10%"
    stages: tuple[str, ...] = RAMP
    sells: bool = False
    experiment: str = ""
    warm_up: float = 3.0
    turnover: float = 0.0
    flag: str = ""

    @property
    def rollout(self) -> str:
        return "new-form" if self.flag else "shop-v2"

    @property
    def versions(self) -> dict[str, Manners]:
        """Those that run."""
        return {"v1": self.v1} if self.flag else {"v1": self.v1, "v2": self.v2}


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
        Scenario(
            "conversion",
            "v2 answers faster, but 18 % of its visitors buy instead of 30 %",
            "rolled_back",
            v2=Manners(slow_factor=0.7, appeal=0.18),
            sells=True,
            warm_up=15.0,
            turnover=0.03,
        ),
        # Here and in the next one no version fails of itself, as nothing but what it does to people shall be found.
        Scenario(
            "side-effect",
            "v2 sells as well, but 16 % of its visitors look for help instead of 8 %, and nobody asked about that",
            "completed",
            v1=Manners(error_rate=0.0),
            v2=Manners(error_rate=0.0, confusion=0.16),
            latency="100%",
            stages=("5%", "10%", "25%", "{share: 50%, bake: 30s}", "100%"),
            sells=True,
            warm_up=15.0,
            turnover=0.05,
        ),
        Scenario(
            "ab",
            "v2 persuades 40 % of its visitors to buy instead of 30 %: an experiment at 50 % finds out",
            "completed",
            v1=Manners(error_rate=0.0),
            v2=Manners(error_rate=0.0, appeal=0.4),
            latency="100%",
            stages=("10%", "50%", "100%"),
            sells=True,
            experiment="60s",
            warm_up=15.0,
        ),
        Scenario(
            "flag",
            "one version for all, and a flag in its code: with checkout=on, every third order fails",
            "rolled_back",
            v1=Manners(form_error_rate=1 / 3),
            flag="checkout",
        ),
    )
}


def scenario_named(name: str) -> Scenario:
    """Raises BadInput that lists the names there are."""
    if name not in SCENARIOS:
        raise BadInput(Problem(f'there is no scenario "{name}"', f"use one of: {', '.join(SCENARIOS)}"))
    return SCENARIOS[name]


_CONVERSION = "  conversion: {kind: proportion, of: units, event: order, better: higher}\n"


def fader_yaml(scenario: Scenario, *, listen: int, versions: Mapping[str, int]) -> str:
    """The file that the demo applies; `listen`, and `versions` by name, are ports on 127.0.0.1."""
    upstreams = ", ".join(f"{name}: http://127.0.0.1:{port}" for name, port in versions.items())
    flags, moves = "", f"service: {SERVICE}\n    candidate: v2\n    shield: connect"
    if scenario.flag:
        flags = f"flags:\n  {scenario.flag}: {{description: the new order form, owner: shop team}}\n"
        moves = f'flag: {scenario.flag}\n    service: {SERVICE}\n    candidate: "on"'
    text = f"""\
# The demo's scenario "{scenario.name}": {scenario.story}.
services:
  {SERVICE}:
    listen: 127.0.0.1:{listen}
    unit: [{{cookie: fader_uid, issue: true}}]
    versions: {{{upstreams}}}
    baseline: v1
    exclude: [{{path: /healthz}}]
    health: {{path: /healthz, interval: 1s, timeout: 1s}}
{flags}metrics:
  errors: {{kind: proportion, of: requests, where: "status >= 500", better: lower}}
  latency: {{kind: quantile, q: 0.95, of: requests, value: duration_ms, better: lower}}
rollouts:
  {scenario.rollout}:
    {moves}
    stages: [{", ".join(scenario.stages)}]
    bake: 15s
    guardrails: {{errors: {{tolerate: 1pp}}, latency: {{tolerate: {scenario.latency}}}}}
    on_harm: rollback
"""
    if scenario.sells:
        text = text.replace("rollouts:\n", f"{_CONVERSION}rollouts:\n", 1)
        interest = ", smallest: 30%" if scenario.experiment else ""
        text += f"    outcomes: {{conversion: {{tolerate: 10%{interest}}}}}\n"
    if scenario.experiment:
        text += f"    experiment: {{share: 50%, for: {scenario.experiment}, primary: conversion, decide: better}}\n"
    return text
