"""What users did, told to fader from inside an app: in the background, and never in the app's way."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import traceback
import weakref
from collections import deque
from collections.abc import Mapping
from threading import Condition, Thread
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from fader.clock import Clock, system_clock

#: Events of one request, and its bytes, stay below what the server takes.
BATCH = 500
BATCH_BYTES = 900_000
#: Seconds that a request may take, and between attempts of one that failed: from the first up to the second.
TIMEOUT = 5.0
PAUSES = (0.5, 30.0)


#: Those that must go on in a forked process.
_TRACKERS: weakref.WeakSet[Tracker] = weakref.WeakSet()


class Tracker:
    """`Tracker("http://127.0.0.1:7070", token).track("order", "ann", {"amount": 19.9})`. For several threads, and over
    a fork: what waits stays with the parent, and the child begins with nothing.

    Every call returns at once and never raises. Events wait in a queue of at most `limit`; one that does not fit is
    dropped and counted. They are sent every `every` seconds by a thread of its own; a batch that the server could not
    take is sent again as it is, which is harmless because each event carries an id. What the server refuses for good
    is dropped and counted. At exit, up to two seconds are spent on what still waits.
    """

    def __init__(
        self, url: str, token: str, *, limit: int = 10_000, every: float = 1.0, clock: Clock = system_clock
    ) -> None:
        """Raises ValueError for a url that is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https address")
        self._host, self._tls = (parts.hostname, parts.port), parts.scheme == "https"
        self._path = parts.path.rstrip("/") + "/v1/events"
        self._token, self._limit, self._every, self._clock = token, limit, every, clock
        self._closed = False
        self._begin()
        atexit.register(self.close)
        _TRACKERS.add(self)

    def track(self, name: str, unit: str, properties: Mapping[str, float | str | bool] | None = None) -> None:
        """`unit` did `name`, now."""
        self._put(name, unit, properties or {})

    def exposure(self, rollout: str, version: str, unit: str) -> None:
        """`unit` was shown `version` by the app itself. Where the gateway assigns, it says so on its own."""
        self._put("exposure", unit, {}, rollout=rollout, version=version)

    def error(self, exception: BaseException, unit: str, route: str = "") -> None:
        """Something went wrong for `unit`; what is the same error is counted together."""
        try:
            message = str(exception)[:1_000]
            frames = traceback.extract_tb(exception.__traceback__)
            at = {"function": frames[-1].name} if frames else {}
        except Exception:  # a broken __str__ must not become the app's second error
            message, at = "", {}
        self._put("error", unit, {"type": type(exception).__name__, "message": message, "route": route} | at)

    @property
    def dropped(self) -> int:
        """Events so far that did not fit or were refused."""
        with self._changed:
            return self._dropped

    def flush(self, timeout: float = 5.0) -> bool:
        """Send what waits, now; whether all of it was taken within `timeout` seconds."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._queue and not self._sending, timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Flush and end the thread. Later events are dropped."""
        if self._closed:
            return
        self.flush(timeout)
        with self._changed:
            self._closed = True
            self._dropped += len(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        atexit.unregister(self.close)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> None:
        """With nothing that waits, and a thread."""
        self._queue: deque[bytes] = deque()
        self._changed = Condition()
        self._sending = self._dropped = 0
        self._hurry = False
        self._thread = Thread(target=self._run, name="fader-tracker", daemon=True)
        self._thread.start()

    def _forked(self) -> None:
        """Threads do not live on in a forked process, and the lock may have been held when it was made. What waited
        is sent by the parent."""
        if not self._closed:
            self._begin()

    def _put(self, name: str, unit: str, properties: Mapping[str, Any], **more: str) -> None:
        try:
            event = {"id": uuid4().hex, "name": name, "unit": unit, "at": self._clock(), "properties": dict(properties)}
            text = json.dumps(event | more, allow_nan=False).encode()
        except Exception:  # what cannot be sent: the app goes on
            text = b""
        with self._changed:
            if not text or self._closed or len(self._queue) >= self._limit or len(text) > BATCH_BYTES // 2:
                self._dropped += 1
                return
            self._queue.append(text)
            if len(self._queue) == BATCH:
                self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._hurry or len(self._queue) >= BATCH, self._every)
                if self._closed:
                    return
                self._hurry = False
                batch = self._batch()
            while batch:
                self._deliver(batch)
                with self._changed:
                    self._sending = 0
                    batch = [] if self._closed else self._batch()
                    self._changed.notify_all()

    def _batch(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        while self._queue and len(batch) < BATCH and size + len(self._queue[0]) < BATCH_BYTES:
            batch.append(self._queue.popleft())
            size += len(batch[-1]) + 1
        self._sending = len(batch)
        return batch

    def _deliver(self, batch: list[bytes]) -> None:
        """Until it is taken or refused for good."""
        pause = PAUSES[0]
        while True:
            status = self._post(b'{"events":[' + b",".join(batch) + b"]}")
            if status == 202:
                return
            if status == 422 and len(batch) > 1:  # the server takes all or nothing: find the one that it refuses
                middle = len(batch) // 2
                self._deliver(batch[:middle])
                self._deliver(batch[middle:])
                return
            with self._changed:
                if 400 <= status < 500 and status not in (408, 429):
                    self._dropped += len(batch)
                    return
                self._changed.wait_for(lambda: self._closed, pause)
                if self._closed:
                    self._dropped += len(batch)
                    return
            pause = min(2 * pause, PAUSES[1])

    def _post(self, body: bytes) -> int:
        """The status, 0 without an answer."""
        connect = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = connect(self._host[0], self._host[1], timeout=TIMEOUT)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request("POST", self._path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def _after_fork() -> None:
    for tracker in list(_TRACKERS):
        tracker._forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_after_fork)
