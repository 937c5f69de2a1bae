"""GET /flags: all flags, those of a name or an owner, page by page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from fader.clock import Clock
from fader.dashboard.live import Snapshot
from fader.dashboard.overview import page_of
from fader.dashboard.templating import Templates
from fader.engine.flag_desk import FlagDesk

#: Flags on one page.
PAGE = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: flags whose name or owner holds `text`, and a page of them."""

    text: str = ""
    page: int = 1

    def address(self, page: int = 1) -> str:
        query = {"q": self.text, "page": str(page) if page > 1 else ""}
        kept = urlencode({k: v for k, v in query.items() if v})
        return f"/flags?{kept}" if kept else "/flags"


def asked(query: Mapping[str, str]) -> Asked:
    return Asked(query.get("q", "").strip(), page_of(query))


class FlagList:
    def __init__(self, desk: FlagDesk, templates: Templates, clock: Clock) -> None:
        self._desk, self._templates, self._clock = desk, templates, clock

    def snapshot(self, query: Mapping[str, str]) -> Snapshot:
        wanted = asked(query)
        found = self._desk.found(wanted.text)
        html = self._templates.render(
            "flags_list.html",
            standings=self._desk.standings(flags=found[(wanted.page - 1) * PAGE : wanted.page * PAGE]),
            asked=wanted,
            found=len(found),
            total=len(self._desk.ruleset.flags),
            pages=math.ceil(len(found) / PAGE),
        )
        return Snapshot(title="Flags · fader", at=self._clock(), regions={"flags": html})
