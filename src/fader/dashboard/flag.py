"""GET /flags/{name}: what a flag decides for whom, its rollouts, its switch, and the way of one unit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from fader.assign.attribute import attribute
from fader.assign.cel import segments_of
from fader.assign.cel_parser import parse
from fader.assign.evaluate import rule_name
from fader.assign.pieces import weights
from fader.assign.trail import Trail
from fader.assign.words import in_words
from fader.clock import Clock
from fader.dashboard.commands import form, reason_of
from fader.dashboard.live import Snapshot
from fader.dashboard.overview import line, listed
from fader.dashboard.templating import Templates, flag_address
from fader.engine.flag_desk import FlagDesk, Standing
from fader.errors import BadInput, Problem
from fader.model.codebase import Sighting
from fader.model.flag import Flag, Rule, Value
from fader.model.segment import Segment
from fader.ports.control import Control

#: Switches, rollouts, codebases, forced units and listed units that a page shows; how many more there are is said.
SHOWN = 20
REGIONS = ("head", "rules", "rollouts", "code", "switches")
#: What may be asked of one explanation; characters.
LONGEST = 4096


@dataclass(frozen=True, slots=True)
class RuleLine:
    """`words`: the condition as people say it; `cel` as the file has it, "" for everybody."""

    name: str
    rule: Rule
    words: str
    cel: str


@dataclass(frozen=True, slots=True)
class Question:
    """`attributes` as they were written, one `name=value` on a line. `trail` is None while nothing was asked."""

    unit: str = ""
    attributes: str = ""
    trail: Trail | None = None
    refusal: str = ""


def rule_lines(flag: Flag) -> tuple[RuleLine, ...]:
    return tuple(
        RuleLine(rule_name(flag, i), rule, in_words(rule.condition), rule.condition)
        for i, rule in enumerate(flag.rules)
    )


def forced_by_variant(flag: Flag) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Variant and the units that get it whatever the rules say."""
    found: dict[str, list[str]] = {}
    for forced in flag.forced:
        found.setdefault(forced.variant, []).append(forced.unit)
    return tuple((variant, tuple(units)) for variant, units in found.items())


def segments_in(flag: Flag, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Those that its conditions and its rollout name, and those that these name in turn, in the order of the file."""
    known = {s.name: s for s in segments}
    found: set[str] = set()
    ahead = [rule.condition for rule in flag.rules] + ([flag.move.audience] if flag.move else [])
    while ahead:
        condition = ahead.pop()
        for name, _ in segments_of(parse(condition)) if condition else ():
            if name in known and name not in found:
                found.add(name)
                ahead.append(known[name].condition)
    return tuple(s for s in segments if s.name in found)


def in_order(code: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
    """Codebases that name the flag, those that did once, those that never did, those that are not known to."""
    return tuple(sorted(code, key=lambda s: (not s.references, not s.gone, not s.at, s.codebase)))


def written(value: Value) -> str:
    """The value of a variant as JSON."""
    return json.dumps(value, ensure_ascii=False)


class FlagPages:
    def __init__(self, desk: FlagDesk, control: Control, templates: Templates, clock: Clock) -> None:
        self._desk, self._control, self._templates, self._clock = desk, control, templates, clock

    async def snapshot(self, name: str) -> Snapshot:
        """Raises NotFound, Unavailable."""
        standing, now = self._desk.standing(name), self._clock()
        briefs = listed([brief for brief in await self._control.briefs() if brief.flag == name], now)
        views = await self._control.rollouts([brief.name for brief in briefs[:SHOWN]])
        flag, segments = standing.flag, self._desk.ruleset.segments
        context = {
            "flag": flag,
            "switches": standing.switches[::-1],
            "last": standing.switches[-1] if standing.switches else None,
            "rules": rule_lines(flag),
            "variants": [(v, written(v.value)) for v in flag.variants],
            "forced": forced_by_variant(flag),
            "segments": [(s, in_words(s.condition) if s.condition else "") for s in segments_in(flag, segments)],
            "weights": weights(flag.split),
            "audience": in_words(flag.move.audience) if flag.move and flag.move.audience else "",
            "rollouts": [line(view) for view in listed(views, now)],
            "total": len(briefs),
            "shown": SHOWN,
            "stale": standing.stale,
            "given": {g.variant: g for g in standing.given},
            "code": in_order(standing.code),
        }
        regions = {r: self._templates.render(f"flag_{r}.html", **context) for r in REGIONS}
        mark = "" if flag.enabled else "off · "
        return Snapshot(title=f"{mark}{name} · fader", at=now, regions=regions)

    async def page(self, request: Request) -> Response:
        """The explanation stands in the address, so that it can be pasted into a chat. Raises NotFound."""
        name = request.path_params["name"]
        page = await self.snapshot(name)
        asked = self._explained(name, request.query_params)
        return self._templates.page(
            "flag.html", status=422 if asked.refusal else 200, page=page, name=name, asked=asked, written=written
        )

    def _explained(self, name: str, query: Mapping[str, str]) -> Question:
        unit, text = query.get("unit", "").strip(), query.get("attributes", "").strip()
        if "unit" not in query and "attributes" not in query:
            return Question()
        try:
            if len(unit) > LONGEST or len(text) > LONGEST:
                raise BadInput(Problem("The question is too long.", f"Keep it under {LONGEST} characters."))
            attributes = dict(attribute(line) for line in text.splitlines() if line.strip())
            return Question(unit, text, self._desk.explain(name, unit, attributes))
        except BadInput as refused:
            return Question(unit, text, refusal=str(refused))
        except UnicodeEncodeError:
            return Question("", text, refusal="The unit is no valid text.")

    async def switch(self, request: Request, *, enabled: bool) -> Response:
        """Raises NotFound, BadInput."""
        name = request.path_params["name"]
        standing = self._desk.switch(name, enabled, "dashboard", reason_of(await form(request)))
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"headline": headline(standing)})
        return RedirectResponse(flag_address(name), 303)


def headline(standing: Standing) -> str:
    flag = standing.flag
    return f"{flag.name} is on: its rules decide." if flag.enabled else f"{flag.name} is off: {flag.off} for everybody."
