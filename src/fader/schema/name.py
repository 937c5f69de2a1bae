"""Names of services, versions, metrics and rollouts. They go into headers, salts, URLs and file names."""

from __future__ import annotations

import re

from fader.schema.suggest import quoted

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def bad_name(name: str, version: bool = False) -> tuple[str, str] | None:
    """What is wrong with a name and the fix, or None. A version may hold dots: `1.10`."""
    if (_VERSION if version else _PLAIN).fullmatch(name):
        return None
    dots = ", dots" if version else ""
    return (
        f"{quoted(name)} cannot be a name",
        f"use letters, digits{dots}, - and _, at most 63, a letter or digit first",
    )
