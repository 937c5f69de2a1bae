"""Where a client gets its ruleset from."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator
from contextlib import suppress
from socket import SHUT_RDWR, socket
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from fader.errors import Unavailable
from fader.sdk.sse import Event, events

#: Seconds that the server may be late: beyond the wait that was asked for, and with the first event of a stream.
PATIENCE = 10.0
#: Seconds without a sign of life after which a stream is dead; the server gives one every 10.
SILENT_STREAM = 25.0
#: What a server or a proxy answers that has no stream.
NO_STREAM = (
    http.client.NOT_FOUND,
    http.client.METHOD_NOT_ALLOWED,
    http.client.NOT_ACCEPTABLE,
    http.client.NOT_IMPLEMENTED,
)

log = logging.getLogger("fader.sdk")


class KeyRefused(Unavailable):
    """The server answers, and does not accept the key."""


class NotOffered(Unavailable):
    """The server answers, and not with a stream."""


class Change(NamedTuple):
    """What is different in a ruleset from the one before, as the server sends it."""

    body: bytes


class Source(Protocol):
    def fetch(self, have: int, wait: float) -> bytes | Change | None:
        """What makes the ruleset of version `have` the newest: the whole one, or the change since it, as soon as there
        is any; -1 asks for the whole. None when nothing changed for `wait` seconds, or less.

        Raises Unavailable, and of it KeyRefused.
        """

    def close(self) -> None:
        """For ever. A `fetch` that waits, in another thread, raises Unavailable."""

    def again(self) -> Source:
        """The same source for a forked process, which must not share a connection with its parent."""


class HttpSource:
    """A fader server, by one connection that is kept open: a stream of changes, or long polls where none is offered.
    For one thread, but for `close`."""

    def __init__(self, server: str, key: str, patience: float = PATIENCE) -> None:
        """Raises ValueError for an address that is none."""
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{server!r} is no address of a server: write http://HOST:PORT")
        self._server, self._key, self._patience, self._closed = server, key, patience, False
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port)
        self._socket: socket | None = None
        self._offered = True
        self._events: Iterator[Event] | None = None
        self._last, self._version = "", -1

    def fetch(self, have: int, wait: float) -> bytes | Change | None:
        if self._offered:
            try:
                return self._follow(have)
            except NotOffered as error:
                log.info("no stream of changes (%s), asking by long polls", error)
                self._offered = False
        try:
            return self._poll(have, wait)
        except Unavailable:
            self._offered = True  # whoever comes back may offer one
            raise

    def close(self) -> None:
        self._closed = True
        if (sock := self._socket or self._connection.sock) is not None:
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)
        self._connection.close()

    def again(self) -> HttpSource:
        return HttpSource(self._server, self._key, self._patience)

    def _follow(self, have: int) -> bytes | Change | None:
        """The next event. A client that did not take the last one, whatever the reason, gets the whole."""
        stream = self._events if have == self._version else None
        begins = stream is None
        try:
            if stream is None:
                stream = self._events = self._open(have)
            event = next(stream, None)
            if event is not None and event.kind in ("ruleset", "change"):
                self._last, self._version = event.id, int(event.id.partition("-")[0])
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            self._leave()
            if begins and isinstance(error, TimeoutError):  # somebody between keeps back what the server sends at once
                raise NotOffered(f"{self._server} begins a stream and sends nothing") from None
            raise self._silent(error) from None
        if event is None:
            self._leave()
            raise Unavailable(f"{self._server} ended the stream")
        if self._socket is not None:
            self._socket.settimeout(SILENT_STREAM)
        if event.kind == "change":
            return Change(event.data)
        return event.data if event.kind == "ruleset" else None

    def _open(self, have: int) -> Iterator[Event]:
        self._leave()
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._last and have == self._version:
            headers["Last-Event-ID"] = self._last
        answer = self._ask("/v1/sdk/stream", headers, self._patience)
        stream = answer.status == http.client.OK and answer.headers.get_content_type() == "text/event-stream"
        if answer.status in NO_STREAM or (answer.status == http.client.OK and not stream):
            self._leave()
            raise NotOffered(f"{self._server} answered {answer.status}")
        if not stream:
            self._leave()
            raise self._refusal(answer.status)
        return events(answer)

    def _poll(self, have: int, wait: float) -> bytes | None:
        answer = self._ask(f"/v1/sdk/ruleset?have={have}&wait={wait:g}", {}, wait + self._patience)
        try:
            body = answer.read()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            self._leave()
            raise self._silent(error) from None
        if answer.status == http.client.NOT_MODIFIED:
            return None
        if answer.status != http.client.OK:
            raise self._refusal(answer.status)
        return body

    def _ask(self, path: str, headers: dict[str, str], timeout: float) -> http.client.HTTPResponse:
        if self._closed:
            raise Unavailable("the source is closed")
        connection = self._connection
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._key}", **headers})
            self._socket = connection.sock  # kept: http.client forgets it when the answer is to end the connection
            return connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # AttributeError: http.client, when `close` took the socket away meanwhile.
            self._leave()
            raise self._silent(error) from None

    def _leave(self) -> None:
        """The connection, and with it the stream."""
        self._events = self._socket = None
        self._connection.close()

    def _silent(self, error: Exception) -> Unavailable:
        return Unavailable(f"{self._server} does not answer: {error or type(error).__name__}")

    def _refusal(self, status: int) -> Unavailable:
        if status == http.client.UNAUTHORIZED:
            return KeyRefused(f"{self._server} does not accept the key")
        return Unavailable(f"{self._server} answered {status}")
