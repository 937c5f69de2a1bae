"""The fingerprint of an error: what is the same whenever the same thing goes wrong. Pure."""

from __future__ import annotations

import re

#: A message is cut here, before and after it was normalised. Characters.
MESSAGE = 200
#: What is read of a message at all: replacing may shorten it a lot.
READ = 2_000

#: In this order: what is quoted may hold anything; an address holds numbers, an id holds digits.
_REPLACED = (
    (re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`"), "<text>"),
    (re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "<url>"),
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "<email>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b"), "<address>"),
    (re.compile(r"(?<!\w)\[?([0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}\]?(:\d+)?", re.IGNORECASE), "<address>"),
    (re.compile(r"\b(?=[a-z_-]*\d)(?=[\d_-]*[a-z])[\w-]{6,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def message_of(text: str) -> str:
    """The message with numbers, ids, quoted parts and addresses replaced, on one line, at most 200 characters."""
    text = text[:READ]
    for pattern, name in _REPLACED:
        text = pattern.sub(name, text)
    return text.strip()[:MESSAGE].rstrip()


def of_request(status: int, route: str) -> str:
    """Of a request that failed: `502 GET /items/{}`."""
    return f"{status} {route}".rstrip()


def of_error(kind: str, route: str, status: str, message: str) -> str:
    """Of an `error` event: its type, route, status and normalised message; what is unknown is left out."""
    parts = (kind.strip()[:MESSAGE], route.strip()[:MESSAGE], status.strip()[:20])
    head = " ".join(part for part in parts if part)
    return ": ".join(part for part in (head, message_of(message)) if part)
