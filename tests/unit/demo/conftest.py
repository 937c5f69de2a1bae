"""Views of the demo's rollout at several moments."""

from collections.abc import Callable

import pytest

from fader.model.metric import Comparison, Margin, Metric
from fader.model.rollout import Guardrail, RolloutSpec, Stage
from fader.model.state import Phase, RolloutState
from fader.model.verdict import Judgement
from fader.model.view import RolloutView, StageView

SHARES = (50_000, 100_000, 250_000, 500_000, 1_000_000)
ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))
SPEC = RolloutSpec(
    name="shop-v2",
    service="shop",
    baseline="v1",
    candidate="v2",
    stages=tuple(Stage(share, 15.0) for share in SHARES),
    guardrails=(Guardrail(ERRORS, Margin("absolute", 0.01)),),
)


def _view(
    phase: Phase,
    *,
    stage: int = 0,
    cause: str = "",
    headline: str = "5% of users have v2",
    seconds: float = 0.0,
    judgements: tuple[Judgement, ...] = (),
) -> RolloutView:
    ended = phase in (Phase.ROLLED_BACK, Phase.HELD)
    return RolloutView(
        name="shop-v2",
        service="shop",
        baseline="v1",
        candidate="v2",
        spec=SPEC,
        state=RolloutState(
            "shop-v2", phase, stage=stage, share=0 if ended or stage < 0 else SHARES[stage], cause=cause
        ),
        headline=headline,
        waits=("15 s of baking are left",) if phase is Phase.RAMPING else (),
        stages=tuple(
            StageView(
                i,
                share,
                15.0,
                "auto",
                "passed" if i < stage else ("stopped" if ended else "current") if i == stage else "ahead",
            )
            for i, share in enumerate(SHARES)
        ),
        judgements=judgements,
        units_exposed=104,
        units_harmed=17,
        seconds_to_decision=seconds,
        needs_person="",
        commands=(),
    )


@pytest.fixture
def view() -> Callable[..., RolloutView]:
    return _view
