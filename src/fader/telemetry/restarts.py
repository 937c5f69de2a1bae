"""Later moments from which first-event units are counted anew, for harm that sets in late. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from fader.model.evidence import Restart

#: Seconds of a slot: an instance begins with one.
SLOT = 60
#: An instance begins after this many slots (an hour) or units of both arms together, whichever comes first.
SLOTS = 60
UNITS = 200
#: The newest that are given.
KEPT = 64


def restarts(slots: Mapping[int, tuple[int, int]]) -> tuple[Restart, ...]:
    """`slots`: number of the slot since the stage began → (candidate's, baseline's) units whose first event fell
    into it. When an instance begins depends on the sum of both before it, never on who they were."""
    begins: list[int] = []
    begin = counted = 0
    for slot in sorted(slots):
        while slot >= begin + SLOTS:
            begin, counted = begin + SLOTS, 0
            begins.append(begin)
        counted += sum(slots[slot])
        if counted >= UNITS:
            begin, counted = slot + 1, 0
            begins.append(begin)
    found: list[Restart] = []
    candidate = baseline = 0
    later = sorted(slots, reverse=True)
    for number in range(len(begins), max(0, len(begins) - KEPT), -1):
        while later and later[0] >= begins[number - 1]:
            more = slots[later.pop(0)]
            candidate, baseline = candidate + more[0], baseline + more[1]
        found.append(Restart(number, candidate, baseline))
    return tuple(reversed(found))
