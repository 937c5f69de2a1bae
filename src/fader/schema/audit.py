"""What people write to search the history: the query of the audit page and of its export, and of the API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from fader.errors import BadInput, Problem
from fader.model.audit import Filter, Place


def filter_of(query: Mapping[str, str]) -> Filter:
    """`rollout`, `flag`, `actor`, `event`, `from`, `until`; what is absent does not filter. Raises BadInput."""
    return Filter(
        rollout=query.get("rollout", "").strip(),
        actor=query.get("actor", "").strip(),
        event=query.get("event", "").strip(),
        since=_time("from", query.get("from", "")),
        until=_time("until", query.get("until", "")),
        flag=query.get("flag", "").strip(),
    )


def query_of(wanted: Filter) -> dict[str, str]:
    """The other way around, without what does not filter."""
    times = {"from": wanted.since, "until": wanted.until}
    named = {"rollout": wanted.rollout, "flag": wanted.flag, "actor": wanted.actor, "event": wanted.event}
    return {key: text for key, text in (named | {k: written(at) for k, at in times.items()}).items() if text}


def _time(name: str, text: str) -> float:
    """`2026-11-25`, `2026-11-25T14:30` or `…:05`, in UTC unless it names a zone; "" is 0."""
    if not text.strip():
        return 0.0
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(Problem(f"{name} is no time: {text!r}", "write 2026-11-25 or 2026-11-25T14:30 (UTC)")) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def written(at: float) -> str:
    """A time in UTC as it is read back, "" for 0."""
    if not at:
        return ""
    when = datetime.fromtimestamp(at, UTC)
    return f"{when:%Y-%m-%dT%H:%M}" if not (when.second or when.microsecond) else f"{when:%Y-%m-%dT%H:%M:%S}"


def place_of(text: str) -> Place | None:
    """The place that `place_text` made; None of "". Raises BadInput."""
    if not text:
        return None
    at, _, rest = text.partition("~")
    seq, _, rollout = rest.partition("~")
    try:
        found = Place(float(at), rollout, int(seq))
        if not math.isfinite(found.at):
            raise ValueError
    except ValueError:
        raise BadInput(Problem(f"{text!r} is no place in the history", "follow a link of a page")) from None
    return found


def place_text(at: Place) -> str:
    return f"{at.at!r}~{at.seq}~{at.rollout}"
