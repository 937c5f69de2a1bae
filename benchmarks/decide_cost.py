"""What one decision costs: judge two guardrails and pass all gates, in the middle of a stage.

Run: python -m benchmarks.decide_cost
"""

from __future__ import annotations

import platform
import time
from dataclasses import replace

from fader.model.evidence import Evidence, GatewayEvidence, MetricEvidence
from fader.model.metric import Comparison, Margin, Metric
from fader.model.rollout import Guardrail, RolloutSpec, Stage
from fader.model.state import Basis, Phase, RolloutState
from fader.model.summary import ArmSummary, Histogram
from fader.rollout.decide import decide

NOW = 1_700_000_000.0
ROUNDS = 2000


def main() -> None:
    errors = Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),))
    latency = Metric("latency", "quantile", value="duration_ms", q=0.95)
    shares = (50_000, 100_000, 250_000, 500_000, 1_000_000)
    spec = RolloutSpec(
        "shop-v2",
        "shop",
        "v1",
        "v2",
        tuple(Stage(share, 600.0) for share in shares),
        (Guardrail(errors, Margin("absolute", 0.002)), Guardrail(latency, Margin("relative", 0.1))),
    )
    state = RolloutState(
        "shop-v2",
        Phase.RAMPING,
        stage=1,
        share=100_000,
        stage_since=NOW - 100,
        bases=(Basis("errors", 0.003), Basis("latency", 0.05, 100.0)),
    )
    values = Histogram(tuple(range(200)), (5,) * 200)
    small = ArmSummary(200, 1000, 4, 4, 20, 5000, 4, 4)
    large = ArmSummary(1800, 9000, 27, 27, 135, 45_000, 27, 27)
    slow = replace(small, events=50, yy=50, yn=250, first=50, over=30, over_yy=30, over_yn=150)
    usual = replace(large, events=450, yy=450, yn=2250, first=450)
    metrics = (MetricEvidence("errors", small, large), MetricEvidence("latency", slow, usual, values, values))
    evidence = Evidence(NOW, 1, metrics, gateway=GatewayEvidence(NOW, 1), wanted_version=1)
    decide(spec, state, evidence, NOW)
    began = time.process_time()
    for _ in range(ROUNDS):
        decide(spec, state, evidence, NOW)
    each = (time.process_time() - began) / ROUNDS
    print(f"{each * 1000:.2f} ms of CPU a decision with two guardrails (Python {platform.python_version()})")


if __name__ == "__main__":
    main()
