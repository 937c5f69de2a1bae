from __future__ import annotations

from pathlib import Path

import pytest

from fader.errors import Refused
from fader.model.state import ACTIVE, ENDED, Phase
from fader.rollout.transitions import EVENTS, TABLE, diagram, follow

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "decisions.md"


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_answers_every_event(phase: Phase, event: str) -> None:
    if event in TABLE[phase]:
        assert follow(phase, event) is TABLE[phase][event]
    else:
        with pytest.raises(Refused, match="knows no"):
            follow(phase, event)


def test_every_phase_is_in_the_table_and_reached() -> None:
    assert set(TABLE) == set(Phase) == ACTIVE | ENDED | {Phase.PENDING}
    reached, frontier = {Phase.PENDING}, [Phase.PENDING]
    while frontier:
        for phase in TABLE[frontier.pop()].values():
            if phase not in reached:
                reached.add(phase)
                frontier.append(phase)
    assert reached == set(Phase)


def test_the_plug_can_be_pulled_whenever_somebody_has_the_candidate() -> None:
    for phase in (ACTIVE - {Phase.LEARNING}) | {Phase.COMPLETED}:
        assert "abort" in TABLE[phase]
    for phase in ACTIVE - {Phase.LEARNING}:
        assert "roll_back" in TABLE[phase]


def test_only_a_person_leaves_an_ended_phase() -> None:
    assert {e for phase in ENDED for e in TABLE[phase]} == {"abort", "retry"}


def test_the_docs_hold_the_diagram() -> None:
    assert f"```mermaid\n{diagram()}```" in DOCS.read_text()
