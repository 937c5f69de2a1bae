"""OFREP's stream of events: something has changed, fetch again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple

import msgspec

from fader.api.edition import Edition
from fader.api.feed import STILL_HERE, Feed
from fader.clock import Clock
from fader.model.ruleset import Ruleset

#: Seconds after a change for which whoever comes without an id is told of it: they may have fetched before it.
RECENT = 60.0


class Standing(NamedTuple):
    """What a kind of key evaluates, as a tag of it, in force since `since` as far as is known."""

    edition: Edition
    tag: str
    since: float


class Notices:
    """For each kind of key: with a client key only of what may change the answers to it, and never a rule."""

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed, self._clock = feed, clock
        self._standings: dict[bool, Standing] = {}

    async def follow(self, last: str, client: bool) -> AsyncIterator[bytes]:
        """Server-sent events without end. `last`: the id of the last one that was received, "" for whoever is new."""
        async with aclosing(self._feed.editions()) as editions:
            async for edition in editions:
                now = self._standing(edition, client)
                if last == now.tag:
                    yield STILL_HERE
                elif not last and self._clock() - now.since > RECENT:
                    yield b"id: %b\n\n" % now.tag.encode()  # no event: it sets what a reconnection begins from
                else:
                    yield _refetch(now)
                last = now.tag

    def _standing(self, edition: Edition, client: bool) -> Standing:
        held = self._standings.get(client)
        if held is None or held.edition is not edition:
            tag = Edition(for_clients(edition.ruleset), edition).digest if client else edition.digest
            since = held.since if held is not None and held.tag == tag else self._clock()
            held = self._standings[client] = Standing(edition, tag, since)
        return held


def for_clients(ruleset: Ruleset) -> Ruleset:
    """The flags that a client key may evaluate and what they require; segments are any flag's."""
    flags = {flag.name: flag for flag in ruleset.flags}
    waiting, seen = [flag.name for flag in ruleset.flags if flag.client], set[str]()
    while waiting:
        name = waiting.pop()
        if name in flags and name not in seen:
            seen.add(name)
            waiting += [required.flag for required in flags[name].requires]
    return replace(ruleset, flags=tuple(flag for flag in ruleset.flags if flag.name in seen))


def _refetch(now: Standing) -> bytes:
    data = {"type": "refetchEvaluation", "etag": now.tag, "lastModified": int(now.since)}
    return b"id: %b\ndata: %b\n\n" % (now.tag.encode(), msgspec.json.encode(data))
