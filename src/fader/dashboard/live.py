"""Open pages kept live: one watcher renders each page once per change and hands the pieces to all who look.

The watcher runs only while somebody looks. Two hundred open pages of one rollout cost one rendering per change.
A new stream begins with everything, so a page that lost its connection heals by connecting again; when all come back
at once, as after a restart of the server, they share that rendering too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fader.errors import FaderError

#: Changes that come faster than this are shown together; seconds.
COALESCE = 0.25
#: A page about several rollouts is drawn at most this often: each of them may move at any time; seconds.
AT_MOST = 0.75
#: Figures grow at every tick. A page of one rollout shows new ones this often, one about several that often; seconds.
FIGURES = 2.0, 3.0
#: Everything is rendered again this often even without a change: gateways report without announcing it.
REFRESH = 5.0
#: A page that opens is given what another one was given so lately, unless it was drawn again since; seconds.
SHARED = 0.5
#: A stream that has nothing to say says so this often; the page takes silence for a lost connection.
BEAT = 10.0
#: Chart rows that may wait for a reader that does not read; then its stream ends and it starts afresh.
BACKLOG = 5_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A page at one moment: `regions` maps element id → inner HTML; `chart` as in `chart.chart`, None without one."""

    title: str
    at: float
    regions: dict[str, str]
    chart: dict[str, Any] | None = None


#: Render the page of a key with chart points later than a time. A key is a rollout's name, or for a page about
#: several the path with its query. Raises FaderError.
Render = Callable[[str, float], Awaitable[Snapshot]]


@dataclass(eq=False, slots=True)
class Mailbox:
    """What one reader has not been sent yet: the latest of each region, and the chart rows since.

    `seen` is what its page shows once everything is sent: only what differs goes out.
    """

    seen: dict[str, str] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def put(self, news: Snapshot, shared: dict[tuple[str, ...], Snapshot] | None = None) -> None:
        """`shared`: what readers that are not behind are sent of these news, by region: one object for all of them."""
        changed = {name: html for name, html in news.regions.items() if self.seen.get(name) != html}
        if not changed and not rows(news.chart):
            return
        self.seen = news.regions
        held, chart = self.snapshot, news.chart
        if held is not None:
            changed = held.regions | changed
            if held.chart and chart and held.chart["attempt"] == chart["attempt"]:
                chart = joined(held.chart, chart)
        fresh = Snapshot(news.title, news.at, changed, chart)
        self.snapshot = fresh if held is not None or shared is None else shared.setdefault(tuple(changed), fresh)
        self.closed = self.closed or rows(chart) > BACKLOG
        self.filled.set()

    def close(self) -> None:
        self.closed = True
        self.filled.set()


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a page, as those are given it that open it at about the same time. `at`: when its drawing began, by the
    loop's clock."""

    at: float
    drawing: asyncio.Task[tuple[Snapshot, bytes]]


def rows(chart: dict[str, Any] | None) -> int:
    return sum(len(m["rows"]) for m in chart["metrics"]) if chart else 0


def joined(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    """The later chart with the rows of both."""
    before = {m["name"]: m["rows"] for m in first["metrics"]}
    return then | {"metrics": [m | {"rows": before.get(m["name"], []) + m["rows"]} for m in then["metrics"]]}


class Live:
    """`moves`: the number of the last change of a name that must be seen at once, of all for ""; without it, that is
    every change."""

    def __init__(
        self,
        render: Render,
        changes: Callable[[], AsyncIterator[str]],
        moves: Callable[[str], int] | None = None,
        refresh: float = REFRESH,
        figures: tuple[float, float] = FIGURES,
    ) -> None:
        self._render = render
        self._changes = changes
        self._moves = moves
        self._refresh, self._figures = refresh, figures
        self._readers: dict[str, set[Mailbox]] = {}
        self._drawn: dict[str, float] = {}
        self._moved: set[str] = set()
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._posted: dict[str, float] = {}
        self._said: tuple[Snapshot, bytes] | None = None
        self._wholes: dict[str, Whole] = {}

    @property
    def readers(self) -> int:
        return sum(map(len, self._readers.values()))

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """Server-sent events for one open page, beginning with all of it. Raises FaderError before the first."""
        mailbox = Mailbox()
        self._readers.setdefault(key, set()).add(mailbox)
        try:
            first, said = await self._whole(key)
            mailbox.seen = first.regions | (mailbox.snapshot.regions if mailbox.snapshot else {})
            self._drawn.setdefault(key, latest(first.chart, 0.0))
            self._posted.setdefault(key, asyncio.get_running_loop().time())
            if self._watcher is None or self._watcher.done():
                self._watcher = asyncio.create_task(self._watch(), name="dashboard-live")
            yield said
            while not mailbox.closed:
                try:
                    await asyncio.wait_for(mailbox.filled.wait(), BEAT)
                except TimeoutError:
                    yield event("beat", {})
                    continue
                mailbox.filled.clear()
                news, mailbox.snapshot = mailbox.snapshot, None
                if news is not None and not mailbox.closed:
                    yield self._say(news)
        finally:
            self._leave(key, mailbox)

    async def _whole(self, key: str) -> tuple[Snapshot, bytes]:
        """Raises FaderError. The drawing goes on if whoever asked first leaves: others may wait for it."""
        now, whole = asyncio.get_running_loop().time(), self._wholes.get(key)
        if whole is None or now - whole.at > SHARED:
            whole = self._wholes[key] = Whole(now, asyncio.create_task(self._draw(key)))
            whole.drawing.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(whole.drawing)

    async def _draw(self, key: str) -> tuple[Snapshot, bytes]:
        drawn = await self._render(key, 0.0)
        return drawn, event("page", {"whole": True, **parts(drawn)})

    def _say(self, news: Snapshot) -> bytes:
        """Two hundred readers wake one after the other for the same news: it is written down once."""
        if self._said is None or self._said[0] is not news:
            self._said = news, event("page", {"whole": False, **parts(news)})
        return self._said[1]

    def _leave(self, key: str, mailbox: Mailbox) -> None:
        readers = self._readers.get(key, set())
        readers.discard(mailbox)
        if not readers:
            self._readers.pop(key, None)
            self._drawn.pop(key, None)
            self._posted.pop(key, None)
            self._wholes.pop(key, None)
        if not self._readers and self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    async def _watch(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._push())
        finally:
            # Without a watcher nobody must believe that the page is live: the streams end, the pages come back.
            for mailbox in [m for boxes in self._readers.values() for m in boxes]:
                mailbox.close()

    async def _listen(self) -> None:
        before = self._moves("") if self._moves else 0
        heard: dict[str, int] = {}
        async for name in self._changes():
            told = {name, *(key for key in self._readers if key.startswith("/"))}
            last = self._moves(name) if self._moves else None
            if last is None or last > heard.get(name, before):
                heard[name] = last or 0
                self._moved |= told
                for key in told:
                    self._wholes.pop(key, None)
            else:
                self._dirty |= told
            self._wake.set()

    async def _push(self) -> None:
        time = asyncio.get_running_loop().time
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._refresh)
            self._wake.clear()
            for key in tuple(self._readers):
                for each in (*self._moved, key):  # what moves meanwhile does not wait for the figures of others
                    if each in self._readers and self._due(each, time() - self._posted.get(each, 0.0)):
                        self._moved.discard(each)
                        self._dirty.discard(each)
                        self._posted[each] = time()
                        await self._post(each)
                await asyncio.sleep(0)  # so that it is heard, and requests are answered between two pages
            self._moved &= self._readers.keys()
            self._dirty &= self._readers.keys()
            if self._moved or self._dirty:
                self._wake.set()  # what is not due yet
            await asyncio.sleep(COALESCE)

    def _due(self, key: str, age: float) -> bool:
        """`age`: seconds since the page was drawn last."""
        several = key.startswith("/")
        if age >= self._refresh or (key in self._moved and not (several and age < AT_MOST)):
            return True
        return key in self._dirty and age >= self._figures[several]

    async def _post(self, key: str) -> None:
        self._wholes.pop(key, None)
        try:
            now = await self._render(key, self._drawn.get(key, 0.0))
        except FaderError:
            # The rollout is gone or the store does not answer: the page connects again and is told which.
            for mailbox in tuple(self._readers.get(key, ())):
                mailbox.close()
            return
        if key in self._readers:
            self._drawn[key] = latest(now.chart, self._drawn.get(key, 0.0))
        shared: dict[tuple[str, ...], Snapshot] = {}
        for mailbox in tuple(self._readers.get(key, ())):
            mailbox.put(now, shared)


def latest(chart: dict[str, Any] | None, before: float) -> float:
    """The time of the newest row."""
    return max((r[0] for m in (chart["metrics"] if chart else ()) for r in m["rows"]), default=before)


def parts(snapshot: Snapshot) -> dict[str, Any]:
    return {"title": snapshot.title, "at": snapshot.at, "regions": snapshot.regions, "chart": snapshot.chart}


def event(name: str, data: dict[str, Any]) -> bytes:
    """One server-sent event. JSON has no raw line break, so the data is one line."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
