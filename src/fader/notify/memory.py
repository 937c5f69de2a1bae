"""The in-memory twin of the messenger: for tests, it keeps what it was given."""

from __future__ import annotations

from urllib.parse import urlsplit

from fader.model.channel import Channel, Notice


class MemoryMessenger:
    """`down`: by channel, why nothing is taken."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Notice]] = []
        self.asked = 0
        self.down: dict[str, str] = {}

    async def send(self, channel: Channel, notice: Notice) -> str:
        self.asked += 1
        why = self.down.get(channel.name, "")
        if not why:
            self.taken.append((channel.name, notice))
        return why

    def place(self, channel: Channel) -> str:
        parts = urlsplit(channel.url)
        return f"{parts.scheme}://{parts.hostname}" if channel.url else f"${channel.url_env}"

    def trouble(self, channel: Channel) -> str:
        return ""
