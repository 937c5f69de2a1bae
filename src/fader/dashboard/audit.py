"""GET /audit: every step of a rollout, switch of a flag and apply; filtered, in pages by the address, or as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fader.clock import Clock
from fader.dashboard.live import Snapshot
from fader.dashboard.templating import Templates
from fader.model.audit import Filter, Place, Record, place
from fader.model.share import percent
from fader.ports.control import Control
from fader.schema.audit import filter_of, place_of, place_text, query_of, written

#: Records on one page, and how many are read at once for a file.
PAGE = 50
CHUNK = 500
#: The spans that are offered beside the fields: name → seconds.
SPANS = {"24 hours": 86_400.0, "7 days": 7 * 86_400.0, "30 days": 30 * 86_400.0}
COLUMNS = ("at", "rollout", "seq", "event", "actor", "before", "share", "reason", "said", "attempt", "flag")
#: A spreadsheet takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Spot:
    """A page: the newest records, or those beside a place."""

    wanted: Filter
    before: Place | None = None
    after: Place | None = None

    def address(self, **more: str) -> str:
        query = query_of(self.wanted) | more
        return "/audit" + (f"?{urlencode(query)}" if query else "")


def spot(query: Mapping[str, str]) -> Spot:
    """Raises BadInput."""
    return Spot(filter_of(query), place_of(query.get("before", "")), place_of(query.get("after", "")))


@dataclass(frozen=True, slots=True)
class Around:
    """Addresses beside this page, "" where nothing lies there."""

    newest: str
    newer: str
    older: str
    csv: str
    json: str


class Audit:
    def __init__(self, control: Control, templates: Templates, clock: Clock) -> None:
        self._control, self._templates, self._clock = control, templates, clock

    async def snapshot(self, query: Mapping[str, str]) -> Snapshot:
        """Raises BadInput, Unavailable."""
        at = spot(query)
        found = await self._control.records(at.wanted, PAGE + 1, before=at.before, after=at.after)
        # One more than is shown tells whether there is a further page; it lies on the side that one came from.
        if at.after is None:
            shown, older, newer = found[:PAGE], len(found) > PAGE, at.before is not None
        else:
            shown, older, newer = found[-PAGE:], True, len(found) > PAGE
        total = await self._control.recorded(at.wanted)
        around = Around(
            newest=at.address() if newer else "",
            newer=at.address(after=place_text(place(shown[0]))) if newer and shown else "",
            older=at.address(before=place_text(place(shown[-1]))) if older and shown else "",
            csv=at.address().replace("/audit", "/audit.csv", 1),
            json=at.address().replace("/audit", "/audit.json", 1),
        )
        html = self._templates.render(
            "audit_records.html", records=shown, total=total, around=around, wanted=at.wanted != Filter()
        )
        return Snapshot(title="Audit · fader", at=self._clock(), regions={"records": html})

    async def page(self, request: Request) -> Response:
        at, now = spot(request.query_params), self._clock()
        spans = {
            name: Spot(replace(at.wanted, since=now - now % 60 - length, until=0.0)).address()
            for name, length in SPANS.items()
        }
        return self._templates.page(
            "audit.html",
            page=await self.snapshot(request.query_params),
            choices=await self._control.choices(),
            wanted=at.wanted,
            since=written(at.wanted.since),
            until=written(at.wanted.until),
            spans=spans,
            live="" if at.before or at.after else f"/audit/live{at.address().removeprefix('/audit')}",
        )

    async def csv(self, request: Request) -> Response:
        wanted = filter_of(request.query_params)
        return download(_csv(self._chunks(wanted)), "text/csv; charset=utf-8", "fader-audit.csv")

    async def json(self, request: Request) -> Response:
        wanted = filter_of(request.query_params)
        return download(_json(self._chunks(wanted)), "application/json", "fader-audit.json")

    async def _chunks(self, wanted: Filter) -> AsyncIterator[tuple[Record, ...]]:
        """All of them, newest first; what comes while they are read is not among them."""
        before: Place | None = None
        while found := await self._control.records(wanted, CHUNK, before=before):
            yield found
            before = place(found[-1])


def download(body: AsyncIterator[bytes], kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(body, media_type=kind, headers=headers)


async def _csv(chunks: AsyncIterator[tuple[Record, ...]]) -> AsyncIterator[bytes]:
    yield _rows([COLUMNS])
    async for records in chunks:
        yield _rows(_line(r) for r in records)


def _line(record: Record) -> tuple[str, ...]:
    at = datetime.fromtimestamp(record.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    plain = asdict(record) | {"at": at, "before": percent(record.before), "share": percent(record.share)}
    return tuple(_harmless(str(plain[c])) for c in COLUMNS)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _rows(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


async def _json(chunks: AsyncIterator[tuple[Record, ...]]) -> AsyncIterator[bytes]:
    comma = b""
    yield b'{"records":['
    async for records in chunks:
        yield comma + b",\n".join(map(msgspec.json.encode, records))
        comma = b",\n"
    yield b"]}\n"
