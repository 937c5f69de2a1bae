"""What occurred in a cell of the in-memory twin, by name: found by looking at everything."""

from __future__ import annotations

from collections import defaultdict

from fader.model.evidence import NameEvidence
from fader.ports.events import Names
from fader.telemetry.fingerprint import of_request
from fader.telemetry.memory_cells import OpenCell, arms_of, units_of
from fader.telemetry.memory_units import exposures, within
from fader.telemetry.names import MOST, Kind
from fader.telemetry.tracked import EXPOSURE


def names_of(known: OpenCell) -> Names:
    exposed = exposures(known.cell, known.within(), known.tracked)
    found: dict[tuple[Kind, str], list[tuple[float, str, bool]]] = defaultdict(list)
    for line in known.within():
        for arm in arms_of(known.cell, line, exposed):
            if line.route:
                found["route", line.route].append((line.at, line.u or "", arm))
            if line.status >= 500:
                found["fingerprint", of_request(line.status, line.route or "")].append((line.at, line.u or "", arm))
    for event in known.tracked:
        if event.name != EXPOSURE and within(known.cell, event.t):
            for arm in (True, False):
                if (event.u, arm) in exposed and event.t >= exposed[event.u, arm].first:
                    found["event", event.name].append((event.t, event.u, arm))
                    if event.mark:
                        found["fingerprint", event.mark].append((event.t, event.u, arm))
    ordered = sorted(found.items(), key=lambda item: (min(t for t, _, _ in item[1]), *item[0]))
    return Names(
        tuple(
            NameEvidence(kind, name, units_of(what, True), units_of(what, False))
            for (kind, name), what in ordered[:MOST]
        ),
        len(ordered[MOST:]),
    )
