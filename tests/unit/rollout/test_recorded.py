"""What an earlier release recorded is still read: new fields have defaults, and the sentences still stand."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tests.unit.rollout.build import NOW

from fader.model.decision import Decision, Step
from fader.model.evidence import HealthEvidence
from fader.ports.events import Exposure
from fader.rollout.explain import findings, sentence
from fader.rollout.replay import again
from fader.rollout.view import view

RECORD = Path(__file__).parents[2] / "vectors" / "steps-0.1.json"


def test_steps_of_the_first_release() -> None:
    """Recorded by release 0.1: a start, a ramp to 10 %, a pause, a rollback, a retry."""
    steps = msgspec.json.decode(RECORD.read_bytes(), type=tuple[Step, ...])
    assert [s.event for s in steps] == [
        "start", "learned", "advance", "pause", "resume", "roll_back", "retry", "learned",
    ]  # fmt: skip
    for step in steps:
        assert sentence(step).startswith(step.reason)
        assert findings(step) == ()
        assert (step.after.plan, step.after.shares, step.spec.outcomes) == (None, (), ())
        decided = again(step)
        assert decided is not None
        assert (decided.event, decided.state.phase, decided.state.share) == (
            step.event,
            step.after.phase,
            step.after.share,
        )
    evidence = steps[1].evidence
    assert evidence is not None
    assert (evidence.health, evidence.names) == (HealthEvidence(), ())
    last = steps[-1]
    shown = view(last.spec, last.after, Decision(last.after), Exposure(), steps, NOW)
    assert [s.share for s in shown.stages] == [50_000, 100_000, 250_000, 500_000, 1_000_000]
