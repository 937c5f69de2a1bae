"""A message for Slack's incoming webhooks, which Mattermost, Rocket.Chat and others take as well."""

from __future__ import annotations

from typing import Any

import msgspec

from fader.model.channel import Notice
from fader.notify.request import Request

#: Characters that Slack takes in a section, and on a button.
LONGEST, LONGEST_BUTTON = 3000, 75

_MARK = {"rolled_back": "✕", "aborted": "✕", "withdrawn": "✕", "held": "!", "waiting": "!", "completed": "✓"}


def request(notice: Notice, secret: str, now: float) -> Request:
    """The address itself is the secret there, and nothing is signed."""
    mark = _MARK.get(notice.kind, "")
    lines = [f"{mark} {plain(notice.sentence)}".strip()]
    if notice.needs:
        lines.append(plain(notice.needs))
    if notice.said:
        lines.append(f"“{plain(notice.said)}”, {plain(notice.actor)}")
    said: dict[str, Any] = {"text": "\n".join(lines)}
    if notice.url:
        words = f"Open {notice.rollout}" if notice.rollout else "Open the settings"
        # What shows no blocks shows the text, which therefore leads there too.
        said["blocks"] = [
            {"type": "section", "text": {"type": "mrkdwn", "text": said["text"][:LONGEST]}},
            {"type": "actions", "elements": [button(words, notice.url)]},
        ]
        said["text"] += f"\n<{plain(notice.url)}|{plain(words)}>"
    return Request(msgspec.json.encode(said), {"content-type": "application/json"})


def button(words: str, url: str) -> dict[str, Any]:
    """One that leads somewhere."""
    return {"type": "button", "text": {"type": "plain_text", "text": words[:LONGEST_BUTTON]}, "url": url}


def plain(text: str) -> str:
    """Text that Slack takes for no link and no mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
