"""What applying a configuration changes, and the record that it was done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is service, rollout, flag, segment, channel, holdout or link; `action` is add, change, remove or same."""

    kind: str
    name: str
    action: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """Somebody applied a configuration. `changes`: what became different by it; `path`: the file that it came from, ""
    for none. `at`: seconds since 1970 UTC."""

    at: float
    actor: str = ""
    path: str = ""
    changes: tuple[Change, ...] = ()
