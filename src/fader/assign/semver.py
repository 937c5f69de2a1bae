"""Versions in the order of Semantic Versioning 2.0.0 (semver.org, section 11)."""

from __future__ import annotations

import re

#: Compares as the versions do: numbers, then 0 for a pre-release or 1 for a release, then the identifiers.
Precedence = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]

_NUMBER = r"(0|[1-9][0-9]{0,17})"
_VERSION = re.compile(
    rf"{_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER})?)?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def precedence(text: str) -> Precedence | None:
    """None when the text is no version. `5` and `5.4` are read as `5.0.0` and `5.4.0`; what follows + is ignored.

    >>> precedence("1.10") > precedence("1.9.3") > precedence("1.9.3-rc.1")
    True
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, pre = found.groups(default="")
    if not pre:
        return int(major), int(minor or 0), int(patch or 0), 1, ()
    identifiers = pre.split(".")
    if any(i.isdigit() and len(i) > 1 and i[0] == "0" for i in identifiers):
        return None
    # Numeric identifiers come before the others.
    ranks = tuple((0, int(i), "") if i.isdigit() else (1, 0, i) for i in identifiers)
    return int(major), int(minor or 0), int(patch or 0), 0, ranks
