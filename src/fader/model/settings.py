"""What is applied beside services, rollouts and flags."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.channel import Channel
from fader.model.holdout import Holdout

#: What stands for a trace in the address of `Settings.tracing`.
TRACE_ID = "{trace_id}"


@dataclass(frozen=True, slots=True)
class Settings:
    """`tracing`: the address at which a trace is looked at, with `{trace_id}` in it; "" for none."""

    channels: tuple[Channel, ...] = ()
    tracing: str = ""
    holdouts: tuple[Holdout, ...] = ()


#: Before anything is applied.
NOTHING = Settings()
