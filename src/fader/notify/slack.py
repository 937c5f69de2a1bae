"""A message for Slack's incoming webhooks, which Mattermost, Rocket.Chat and others take as well."""

from __future__ import annotations

import msgspec

from fader.model.channel import Notice
from fader.notify.request import Request

_MARK = {"rolled_back": "✕", "aborted": "✕", "withdrawn": "✕", "held": "!", "waiting": "!", "completed": "✓"}


def request(notice: Notice, secret: str, now: float) -> Request:
    """The address itself is the secret there, and nothing is signed."""
    mark = _MARK.get(notice.kind, "")
    lines = [f"{mark} {plain(notice.sentence)}".strip()]
    if notice.needs:
        lines.append(plain(notice.needs))
    if notice.said:
        lines.append(f"“{plain(notice.said)}”, {plain(notice.actor)}")
    return Request(msgspec.json.encode({"text": "\n".join(lines)}), {"content-type": "application/json"})


def plain(text: str) -> str:
    """Text that Slack takes for no link and no mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
