"""Who carries a notice to a channel."""

from __future__ import annotations

from typing import Protocol

from fader.model.channel import Channel, Notice


class Messenger(Protocol):
    async def send(self, channel: Channel, notice: Notice) -> str:
        """Once, within the channel's timeout. "" when it was taken, else why not: never with what is secret. Never
        raises."""

    def place(self, channel: Channel) -> str:
        """Where the channel is, as it may be shown: without what may be secret."""

    def trouble(self, channel: Channel) -> str:
        """Why nothing can be sent, as far as that can be told without sending, or ""."""
