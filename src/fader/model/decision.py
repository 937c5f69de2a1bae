"""The outcome of deciding, and the record that is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fader.model.evidence import Evidence
from fader.model.rollout import RolloutSpec
from fader.model.state import RolloutState
from fader.model.verdict import Judgement, Reading, Signal

Action = Literal["publish", "notify"]
CommandName = Literal["start", "pause", "resume", "approve", "promote", "abort", "retry"]


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asked for. `active` names another active rollout of the same service, if there is one."""

    name: CommandName
    actor: str = ""
    reason: str = ""
    active: str = ""
    same_units: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """`state` is the next state (the same object's equal when nothing changes); `actions` is empty then.

    `event` is the transition's name, "" without one; `reason` one sentence; `waits` one sentence per thing that
    the stage still waits for; `wake_at` when deciding again is due at the latest. `beside`: judgements of the
    further arms of an experiment.
    """

    state: RolloutState
    event: str = ""
    reason: str = ""
    actions: tuple[Action, ...] = ()
    waits: tuple[str, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    wake_at: float = 0.0
    readings: tuple[Reading, ...] = ()
    signals: tuple[Signal, ...] = ()
    beside: tuple[Judgement, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the append-only history: enough to decide again and compare. `seq` counts from 1 per rollout.

    A step by a person carries the `command`; one by fader the `evidence`.
    """

    seq: int
    rollout: str
    at: float
    spec: RolloutSpec
    before: RolloutState
    after: RolloutState
    event: str
    reason: str
    actor: str = "fader"
    command: Command | None = None
    evidence: Evidence | None = None
    judgements: tuple[Judgement, ...] = ()
    readings: tuple[Reading, ...] = ()
    signals: tuple[Signal, ...] = ()
