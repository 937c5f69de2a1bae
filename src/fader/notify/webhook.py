"""A signed webhook after the specification Standard Webhooks 1.0 (standardwebhooks.com), for which receivers find
libraries in every language."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec

from fader.model.channel import Notice
from fader.notify.request import Request, Unsendable

#: What a secret of the specification begins with; the rest is base64.
PREFIX = "whsec_"
#: Bytes that a key has at least.
SHORTEST = 24
#: What is told of the rollout, beside the sentence.
FIELDS = (
    *("needs", "said", "rollout", "service", "flag", "baseline", "candidate"),
    *("attempt", "seq", "phase", "share"),
)


def request(notice: Notice, secret: str, now: float) -> Request:
    """Signed when there is a `secret`. `now` becomes the timestamp by which a receiver refuses what is repeated long
    after. Raises Unsendable when the secret is none."""
    body = msgspec.json.encode(payload(notice))
    headers = {"content-type": "application/json", "webhook-id": notice.id, "webhook-timestamp": str(int(now))}
    if secret:
        headers["webhook-signature"] = signature(secret, notice.id, int(now), body)
    return Request(body, headers)


def payload(notice: Notice) -> dict[str, Any]:
    """`type`, `timestamp` and `data`, as the specification has it."""
    at = datetime.fromtimestamp(notice.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data: dict[str, Any] = {"sentence": notice.sentence, "actor": notice.actor}
    if notice.rollout:
        data |= {name: getattr(notice, name) for name in FIELDS}
        data["page"] = notice.page
    data["url"] = notice.url
    return {"type": notice.kind if notice.kind == "test" else f"rollout.{notice.kind}", "timestamp": at, "data": data}


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`. Raises Unsendable."""
    signed = hmac.digest(key(secret), f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def key(secret: str) -> bytes:
    """Raises Unsendable."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) < SHORTEST:
        fix = "make one with: openssl rand -base64 32"
        raise Unsendable(f"its secret is not the base64 of {SHORTEST} bytes or more; {fix}")
    return found
