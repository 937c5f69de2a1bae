"""/configuration: what is applied, as it was written; changed here unless a file manages it, never unseen."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from fader.dashboard.commands import form
from fader.dashboard.templating import Templates
from fader.engine.apply import Applier, Plan
from fader.errors import BadInput, Conflict, Problem, Refused
from fader.model.written import Written
from fader.schema.source import nearest, read

#: The largest configuration that is edited in a browser; bytes. URL encoding makes up to three of each.
LARGEST = 1_000_000
#: How a text without a file is called in messages.
NAME = "fader.yaml"


@dataclass(frozen=True, slots=True)
class DiffLine:
    """`kind`: add, drop, same or gap."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A problem beside the line that it is about; `line` is 0 and `text` "" where it is about the whole."""

    line: int
    text: str
    message: str
    fix: str


def diff(old: str, new: str) -> tuple[DiffLine, ...]:
    """What changes, with three lines around; () for nothing."""
    kinds = {"+": "add", "-": "drop", " ": "same", "@": "gap"}
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm=""))[2:]
    return tuple(DiffLine(kinds[line[0]], line if line[0] == "@" else line[1:]) for line in lines)


def wrong(text: str, problems: tuple[Problem, ...]) -> tuple[Wrong, ...]:
    lines = text.splitlines()
    return tuple(
        Wrong(p.line, lines[p.line - 1] if 0 < p.line <= len(lines) else "", p.message, p.fix) for p in problems
    )


def mark(text: str) -> str:
    """By which a change knows whether what it was shown against is still there."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def line_of(text: str, query: Mapping[str, str]) -> int:
    """Where the rollout or flag that the address names begins, counted from 1; 0 where none is named or found."""
    for section, key in (("rollouts", "rollout"), ("flags", "flag")):
        if name := query.get(key, ""):
            at, line = nearest(read(text, NAME).lines, (section, name))
            return line if at == (section, name) else 0
    return 0


class Configuration:
    def __init__(self, applier: Applier, templates: Templates) -> None:
        self._applier, self._templates = applier, templates

    async def page(self, request: Request) -> Response:
        written = self._applier.written
        text = written.text if written else ""
        line = await asyncio.to_thread(line_of, text, request.query_params)
        return self._shown(written, text, line=line)

    async def plan(self, request: Request) -> Response:
        """What the text would change; nothing is changed. Raises Refused where a file manages it."""
        written, text, _ = await self._asked(request)
        try:
            document = await asyncio.to_thread(self._applier.read, text, NAME)
            return self._shown(written, text, plan=await self._applier.plan(document))
        except BadInput as bad:
            return self._shown(written, text, bad=bad, status=422)

    async def apply(self, request: Request) -> Response:
        """Raises Refused where a file manages it, and Conflict where what it was compared with is no longer there."""
        written, text, seen = await self._asked(request)
        if seen != mark(written.text if written else ""):
            raise Conflict("Somebody applied another configuration meanwhile. Look at the changes again.")
        try:
            document = await asyncio.to_thread(self._applier.read, text, NAME)
            plan = await self._applier.apply(document, Written(text, actor="dashboard"))
        except BadInput as bad:
            return self._shown(written, text, bad=bad, status=422)
        return self._shown(self._applier.written, text, plan=plan, done=True)

    async def _asked(self, request: Request) -> tuple[Written | None, str, str]:
        fields = await form(request, 3 * LARGEST)
        written = self._applier.written
        if written and written.path:
            raise Refused(f"This configuration is managed from {written.path}. Change it there, and apply it.")
        if written is None and self._applier.holds:
            raise Refused("How what is applied was written is not known. Apply it once from its file.")
        text = fields.get("text", "").replace("\r\n", "\n")
        return written, text, fields.get("seen", "")

    def _shown(
        self,
        written: Written | None,
        text: str,
        *,
        plan: Plan | None = None,
        bad: BadInput | None = None,
        done: bool = False,
        line: int = 0,
        status: int = 200,
    ) -> Response:
        held = written.text if written else ""
        return self._templates.page(
            "configuration.html",
            status=status,
            written=written,
            unknown=written is None and self._applier.holds,
            text=text,
            seen=mark(held),
            plan=plan,
            changes=[c for c in plan.changes if c.action != "same"] if plan else [],
            diff=() if done or text == held else diff(held, text),
            wrong=wrong(text, bad.problems) if bad else (),
            done=done,
            line=line,
        )
