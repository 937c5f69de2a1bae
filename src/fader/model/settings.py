"""What is applied beside services, rollouts and flags."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.channel import Channel


@dataclass(frozen=True, slots=True)
class Settings:
    channels: tuple[Channel, ...] = ()


#: Before anything is applied.
NOTHING = Settings()
