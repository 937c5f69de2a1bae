"""Returning visitors at a steady rate, whatever the shop does: an open loop hides no slow answer."""

from __future__ import annotations

import asyncio
from random import Random

from fader.demo.connection import Answer, Pool
from fader.demo.tally import Tally
from fader.demo.visitor import Effect, Visit, Visitor, people

#: How often the crowd looks who is due, in seconds.
TICK = 0.01
#: After a stall at most this much of the rate is caught up, in seconds: no flood that nobody asked for.
CATCH_UP = 0.1
#: The rate grows to its full height over this time, in seconds: the shop is not met by a herd.
RUN_UP = 2.0
#: More requests are never open at a time.
MOST_OPEN = 512


class Crowd:
    """`visitors` people who ask `rate` times a second in all. Seeded: the same people do the same things.

    Everybody comes once before anybody comes again, so that within visitors/rate seconds all hold a cookie.
    """

    def __init__(self, host: str, port: int, *, visitors: int, rate: float, seed: int) -> None:
        self.tally = Tally()
        self._rate = rate
        self._host = f"{host}:{port}"
        self._pool = Pool(host, port)
        self._chance = Random(seed)
        self._people = people(visitors, self._chance)
        self._newcomers = list(self._people)
        self._busy: set[int] = set()
        self._open: set[asyncio.Task[None]] = set()

    @property
    def settled(self) -> bool:
        """Whether everybody has been there once."""
        return not self._newcomers

    async def run(self) -> None:
        """Until cancelled; then the open requests are let go uncounted."""
        loop = asyncio.get_running_loop()
        due = 0.0
        last = began = loop.time()
        try:
            while True:
                await asyncio.sleep(TICK)
                now = loop.time()
                rate = self._rate * min(1.0, (now - began) / RUN_UP)
                due = min(due + (now - last) * rate, max(1.0, CATCH_UP * rate))
                last = now
                while due >= 1.0:
                    due -= 1.0
                    self._send_one()
        finally:
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            self._pool.close()

    def _send_one(self) -> None:
        visitor = self._choose()
        if visitor is None or len(self._open) >= MOST_OPEN:
            self.tally.skipped += 1
            return
        self._busy.add(id(visitor))
        task = asyncio.create_task(self._visit(visitor))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def _choose(self) -> Visitor | None:
        """Somebody who does not wait for an answer: nobody asks twice at once, least of all without a cookie."""
        if self._newcomers:
            return self._newcomers.pop()
        for _ in range(20):
            visitor = self._chance.choice(self._people)
            if id(visitor) not in self._busy:
                return visitor
        return None

    async def _visit(self, visitor: Visitor) -> None:
        visit = visitor.next_visit(self._chance)
        try:
            answer = await self._pool.ask(request_bytes(self._host, visit, visitor.cookie_header))
        finally:
            self._busy.discard(id(visitor))
        visitor.saw(visit, answer.status, answer.set_cookies, _page(answer))
        self.tally.count(visit.method, answer.status, answer.version)


def _page(answer: Answer) -> Effect | None:
    if answer.appeal is None or answer.confusion is None:
        return None
    return Effect(answer.appeal, answer.confusion)


def request_bytes(host: str, visit: Visit, cookies: str) -> bytes:
    """The request as it goes over the wire."""
    lines = [f"{visit.method} {visit.path} HTTP/1.1", f"Host: {host}", "User-Agent: fader-demo"]
    if cookies:
        lines.append(f"Cookie: {cookies}")
    if visit.method == "POST":
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(visit.body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + visit.body).encode()
