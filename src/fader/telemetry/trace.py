"""The trace that a request belongs to, from its header `traceparent`."""

from __future__ import annotations

import re

#: W3C Trace Context, section 3.2: version, trace id, parent id and flags; later versions may go on after a hyphen.
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def trace_id(parent: str | None) -> str | None:
    """32 hexadecimal digits; None of what is no header of that kind."""
    found = _PARENT.fullmatch(parent) if parent else None
    return found[1] if found else None
