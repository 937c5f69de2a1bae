"""The client: evaluates flags in the process, from a ruleset that a thread keeps up to date."""

from __future__ import annotations

import os
import random
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from fader.assign.evaluate import Evaluator, Flags
from fader.errors import Unavailable
from fader.model.evaluation import Evaluation
from fader.sdk.answers import Answers, log
from fader.sdk.asking import NOTHING, asked_by
from fader.sdk.cache import Cache
from fader.sdk.counting import Counting
from fader.sdk.document import Held, Unreadable, changed, read_ruleset
from fader.sdk.exposures import Exposures
from fader.sdk.source import Change, HttpSource, KeyRefused, Source
from fader.sdk.tracker import Tracker

#: Seconds that the server holds a request for a ruleset that has not changed, where it offers no stream.
LONG_POLL = 20.0
#: Seconds without word from the server that are more than a long poll and a restart take.
SILENCE = 30.0
#: Seconds to wait after a failure: doubled from the first to the most, and drawn, so that clients come one by one.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

#: Those that must go on in a forked process.
_CLIENTS: weakref.WeakSet[Client] = weakref.WeakSet()


class Client(Answers):
    """Holds the last good ruleset and never depends on the server being up. Safe for use from several threads, from
    asyncio (evaluating waits for nothing) and over a fork.

    What a rollout gave to whom is told to the server in the background, and `track` tells what users did then.
    `cache`: file that keeps the ruleset for a start without server. Before there is any ruleset, all answers are the
    caller's defaults. `ready` waits until the server was asked: a ruleset from the disk may know nothing of a switch.
    """

    def __init__(
        self,
        server: str,
        key: str,
        *,
        cache: str | Path | None = None,
        silence: float = SILENCE,
        source: Source | None = None,
        tracker: Tracker | None = None,
    ) -> None:
        """`key` is the server key. `silence`: seconds without word from the server after which listeners are told.
        `source` takes the place of the server, in tests. `tracker` tells what happens; without one the client makes its
        own when there is something to tell. Raises ValueError for an address that is none."""
        super().__init__()
        self._source = source or HttpSource(server, key)
        self._server = server, key
        self._tracker, self._own_tracker = tracker, tracker is None
        self._exposures = Exposures()
        self._cache = Cache(Path(cache)) if cache else None
        self._ruleset = Held(0, (), ())
        self._evaluators: Mapping[str, Evaluator] = {}
        self._bare = self._evaluators
        self._counting = Counting(server, key, self._recount) if source is None else None
        self._held = False
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._began, self._heard, self._refused = time.monotonic(), 0.0, False
        self._silence = silence
        self._recall()
        self._begin()
        _CLIENTS.add(self)

    def evaluate(
        self, flag: str, default: Any, unit: str | None = None, attributes: Mapping[str, Any] = NOTHING
    ) -> Evaluation:
        try:
            if unit is None:
                unit, attributes = asked_by(attributes)
            found = self._evaluators[flag](unit, attributes)
        except Exception as error:
            return self._unanswered(flag, default, error)
        if found.rollout:
            self._tell(found, unit)
        return found

    def track(self, name: str, unit: str | None = None, properties: Mapping[str, float | str | bool] = NOTHING) -> None:
        try:
            self._telling().track(name, asked_by()[0] if unit is None else unit, properties)
        except Exception as error:
            log.warning("%s cannot be tracked: %s", name, error)

    @property
    def version(self) -> int:
        """Of the ruleset in force; 0 before the first."""
        return self._ruleset.version

    @property
    def age(self) -> float:
        """Seconds since the server last confirmed the ruleset; infinite before it ever did."""
        return time.monotonic() - self._heard if self._heard else float("inf")

    @property
    def refused(self) -> bool:
        """Whether the server, when it was last asked, did not accept the key."""
        return self._refused

    def ready(self, timeout: float = 5.0) -> bool:
        """Wait for the server's ruleset, at most `timeout` seconds; not for a server that fails while there is one
        from the disk. Whether there is a ruleset."""
        self._ready.wait(timeout)
        return self._held

    def close(self) -> None:
        """Tell what is left to tell and stop keeping up to date; evaluating goes on with what there is."""
        self._stop.set()
        if self._counting:
            self._counting.close()
        if self._tracker and self._own_tracker:
            self._tracker.close()
        self._source.close()
        if self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, found: Evaluation, unit: str) -> None:
        """Whatever becomes of it, the answer stands."""
        try:
            if self._exposures.new(found, unit):
                self._telling().exposure(found.rollout, found.variant, unit)
        except Exception as error:
            log.warning("an exposure to %s cannot be told: %s", found.rollout, error)

    def _telling(self) -> Tracker:
        if self._tracker is None:
            with self._lock:
                self._tracker = self._tracker or Tracker(*self._server)
        return self._tracker

    def _unanswered(self, flag: str, default: Any, error: Exception) -> Evaluation:
        if not self._held:
            return self._failed(flag, default, "PROVIDER_NOT_READY", "no ruleset has arrived yet")
        if isinstance(flag, str) and flag not in self._evaluators:
            return self._failed(flag, default, "FLAG_NOT_FOUND", "there is no such flag")
        return self._failed(flag, default, "GENERAL", f"{type(error).__name__}: {error}")

    def _begin(self) -> None:
        self._thread = threading.Thread(target=_keep_up, args=(weakref.ref(self),), name="fader-sdk", daemon=True)
        self._thread.start()

    def _recall(self) -> None:
        """What the last process held."""
        whole, *changes = (self._cache.load() if self._cache else None) or [b""]
        if not whole:
            return
        try:
            ruleset = read_ruleset(whole)
            for change in changes:
                ruleset = changed(ruleset, change)
            self._take(ruleset)
        except Unreadable as error:
            log.warning("the cached ruleset cannot be read, waiting for the server (%s)", error)

    def _take(self, ruleset: Held) -> None:
        self._bare = Flags(ruleset.flags, ruleset.segments).evaluators
        self._recount()
        self._exposures.follow(ruleset.flags)
        self._ruleset = ruleset
        self._held = True

    def _recount(self) -> None:
        """Evaluations are counted, or not, as it is their turn. By two threads: a newer ruleset that came meanwhile
        wins."""
        while True:
            bare = self._bare
            self._evaluators = self._counting.around(bare) if self._counting else bare
            if bare is self._bare:
                return

    def _update(self, confirmed: bool) -> None:
        """One turn: wait for news and take it. `confirmed`: whether this process heard of the ruleset in force already;
        what comes from the disk is asked for again. Listeners are told before anybody who waits goes on.
        Raises Unavailable, Unreadable, and the last good one stays."""
        whole = not confirmed or (self._cache is not None and self._cache.full)
        news = self._source.fetch(-1 if whole else self._ruleset.version, LONG_POLL if confirmed else 0.0)
        if news is not None:
            self._take(changed(self._ruleset, news.body) if isinstance(news, Change) else read_ruleset(news))
            self._store(news)
        self._heard, self._refused = time.monotonic(), False
        self._listeners.tell("back")
        if news is not None:
            self._listeners.tell("changed")

    def _store(self, news: bytes | Change) -> None:
        if self._cache is None:
            return
        try:
            if isinstance(news, Change):
                self._cache.add(news.body)
            else:
                self._cache.store(news)
        except OSError as error:
            log.warning("the ruleset cannot be cached: %s", error)

    def _failing(self, error: Exception) -> None:
        """A turn brought nothing."""
        self._refused = isinstance(error, KeyRefused)
        if not self._stop.is_set() and time.monotonic() - (self._heard or self._began) > self._silence:
            self._listeners.tell("silent")

    def _settle(self) -> None:
        """The server was asked: what there is now is the best there is."""
        if self._held:
            self._ready.set()

    def _forked(self) -> None:
        """Threads do not live on in a forked process, and a lock may have been held when it was made."""
        if self._stop.is_set():
            return
        self._exposures.forked()
        if self._counting:
            self._counting.forked()
            self._recount()
        self._lock, self._stop, ready = threading.Lock(), threading.Event(), self._ready.is_set()
        self._ready = threading.Event()
        if ready:
            self._ready.set()
        self._source = self._source.again()
        self._begin()


def _keep_up(mine: weakref.ref[Client]) -> None:
    """The thread. Holds the client only while it works, so that one that is forgotten ends."""
    pause, told, confirmed = FIRST_PAUSE, "", False
    while True:
        stop, failure = _turn(mine, confirmed)
        if stop is None or stop.is_set():
            return
        if not failure:
            confirmed, pause, told = True, FIRST_PAUSE, ""
            continue
        if failure != told:
            told = failure
            log.warning("no ruleset from the server, serving the last one: %s", told)
        stop.wait(pause * random.uniform(0.5, 1.0))
        pause = min(pause * 2, LONGEST_PAUSE)


def _turn(mine: weakref.ref[Client], confirmed: bool) -> tuple[threading.Event | None, str]:
    """What stops the thread, None when the client is gone; and why there is no news, "" when all is well."""
    client = mine()
    if client is None or client._stop.is_set():
        return None, ""
    failure = ""
    try:
        client._update(confirmed)
    except Exception as error:  # of any kind: a thread that ends would leave the app with an old ruleset for ever
        known = isinstance(error, Unavailable | Unreadable)
        failure = str(error) if known else f"{type(error).__name__}: {error}"
        client._failing(error)
    client._settle()
    return client._stop, failure


def _after_fork() -> None:
    for client in list(_CLIENTS):
        client._forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_after_fork)
