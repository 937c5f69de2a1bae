"""Flags that have done their work: why one could be taken out of the code. Pure."""

from __future__ import annotations

from fader.model.flag import Flag
from fader.model.share import WHOLE
from fader.model.usage import DAYS, day_of

DAY = 86_400.0


def stale(
    flag: Flag, since: float, now: float, after: float, asked: str = "", counted: str = "", left: float = 0.0
) -> tuple[str, ...]:
    """Reasons, () for none. `since`: when the flag was last changed or switched, 0 if that is not known; `after`:
    seconds for which it may give everybody the same answer, or not be asked for at all. `asked`: the last day on which
    anybody asked for it, "" for none that is known; `counted`: the day since which that is counted, "" where it is
    not. `left`: when it was gone from all code, 0 where it is not, or where that is not known."""
    found = []
    if flag.expires and day_of(now) > flag.expires:
        found.append(f"its day was {flag.expires}")
    answer, kept = only_answer(flag), now - since
    if answer and since and kept >= after:
        found.append(f"everybody has had {answer} for {int(kept // DAY)} days")
    # Counts are kept for some weeks: a longer time is judged by these.
    longest = min(after, (DAYS - 1) * DAY)
    idle = not asked or asked < day_of(now - longest)
    if counted and counted <= day_of(now - longest) and since and now - since >= longest and idle:
        found.append(f"not evaluated since {asked}" if asked else f"never evaluated in {int(longest // DAY)} days")
    if left:
        gone = day_of(left)
        found.append(f"no longer in code since {gone}" + (f", though evaluated on {asked}" if asked > gone else ""))
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
