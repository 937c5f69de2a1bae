"""Flags that have done their work: why one could be taken out of the code. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from fader.model.flag import Flag
from fader.model.share import WHOLE

DAY = 86_400.0


def stale(flag: Flag, since: float, now: float, after: float) -> tuple[str, ...]:
    """Reasons, () for none. `since`: when the flag was last changed or switched, 0 if that is not known; `after`:
    seconds for which it may give everybody the same answer."""
    found = []
    if flag.expires and _day(now) > flag.expires:
        found.append(f"its day was {flag.expires}")
    answer, kept = only_answer(flag), now - since
    if answer and since and kept >= after:
        found.append(f"everybody has had {answer} for {int(kept // DAY)} days")
    return tuple(found)


def only_answer(flag: Flag) -> str:
    """The variant that everybody gets, "" where it depends on who asks."""
    if not flag.enabled:
        return flag.off
    if flag.requires:
        return ""
    variants = {f.variant for f in flag.forced}
    for rule in flag.rules:
        variants.add(rule.variant)
        if not rule.condition and rule.share == WHOLE:
            break
    else:
        variants.add(flag.default)
    return variants.pop() if len(variants) == 1 else ""


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
