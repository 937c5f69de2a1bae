"""The thread that counts a client's evaluations, and tells the server once a minute."""

from __future__ import annotations

import atexit
import http.client
import weakref
from collections.abc import Callable, Mapping
from threading import Event, Thread, current_thread
from urllib.parse import urlsplit

from fader.assign.evaluate import Evaluator
from fader.sdk.counts import Counts

#: Seconds of a slice, and slices between two deliveries.
SLICE, EVERY = 1.0, 60
#: Seconds that a delivery may take.
TIMEOUT = 2.0


class Counting:
    """Ends when its owner is closed or forgotten, and at exit, and tells what is left to tell then."""

    def __init__(self, server: str, key: str, recount: Callable[[], None], every: int = EVERY) -> None:
        """`recount`, a method of the owner: take the evaluators anew, from `around`. `every`: slices between two
        deliveries."""
        parts = urlsplit(server)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address, self._key, self._every = (parts.hostname or "", parts.port), key, every
        self._recount = weakref.WeakMethod(recount)
        self._begin()
        atexit.register(self.close)

    def around(self, evaluators: Mapping[str, Evaluator]) -> Mapping[str, Evaluator]:
        return self._counts.around(evaluators)

    def close(self) -> None:
        """Evaluators go on, and what they count is told to nobody."""
        if self._stop.is_set():
            return
        self._stop.set()
        if self._thread is not current_thread():
            self._thread.join(TIMEOUT)
        self._counts.turn()
        self._deliver()
        atexit.unregister(self.close)

    def forked(self) -> None:
        """Threads do not live on in a forked process; what was counted before is told by the parent."""
        if not self._stop.is_set():
            self._begin()

    def _begin(self) -> None:
        self._counts, self._stop = Counts(), Event()
        self._thread = Thread(target=self._run, args=(self._stop,), name="fader-counting", daemon=True)
        self._thread.start()

    def _run(self, stop: Event) -> None:
        turns = 0
        while not stop.wait(SLICE):
            if not self._turn():
                self.close()
                return
            turns += 1
            if turns % self._every == 0:
                self._deliver()

    def _turn(self) -> bool:
        """Whether there is an owner still. Holds it no longer than this."""
        recount, before = self._recount(), self._counts.weight
        if recount is None:
            return False
        self._counts.turn()
        if self._counts.weight != before:
            recount()
        return True

    def _deliver(self) -> None:
        body = self._counts.delivery()
        if body is not None and self._taken(body):
            self._counts.delivered()

    def _taken(self, body: bytes) -> bool:
        """Also what the server refuses for good, as one without this route does."""
        connection = self._kind(*self._address, timeout=TIMEOUT)
        try:
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/sdk/evaluations", body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return status < http.client.INTERNAL_SERVER_ERROR and status != http.client.TOO_MANY_REQUESTS
