"""Where a client gets its ruleset from."""

from __future__ import annotations

import http.client
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Protocol
from urllib.parse import urlsplit

from fader.errors import Unavailable

#: Seconds that the server may be late beyond the wait that was asked for.
PATIENCE = 10.0


class KeyRefused(Unavailable):
    """The server answers, and does not accept the key."""


class Source(Protocol):
    def fetch(self, have: int, wait: float) -> bytes | None:
        """The ruleset as soon as its version is not `have`; None when nothing changed for `wait` seconds.

        Raises Unavailable, and of it KeyRefused.
        """

    def close(self) -> None:
        """For ever. A `fetch` that waits, in another thread, raises Unavailable."""

    def again(self) -> Source:
        """The same source for a forked process, which must not share a connection with its parent."""


class HttpSource:
    """A fader server, by one connection that is kept open. For one thread, but for `close`."""

    def __init__(self, server: str, key: str) -> None:
        """Raises ValueError for an address that is none."""
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{server!r} is no address of a server: write http://HOST:PORT")
        self._server, self._key, self._closed = server, key, False
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port)

    def fetch(self, have: int, wait: float) -> bytes | None:
        if self._closed:
            raise Unavailable("the source is closed")
        connection = self._connection
        connection.timeout = wait + PATIENCE
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        headers = {"Authorization": f"Bearer {self._key}"}
        try:
            connection.request("GET", f"/v1/sdk/ruleset?have={have}&wait={wait:g}", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # AttributeError: http.client, when `close` took the socket away meanwhile.
            connection.close()
            raise Unavailable(f"{self._server} does not answer: {error or type(error).__name__}") from None
        if answer.status == http.client.NOT_MODIFIED:
            return None
        if answer.status == http.client.UNAUTHORIZED:
            raise KeyRefused(f"{self._server} does not accept the key")
        if answer.status != http.client.OK:
            raise Unavailable(f"{self._server} answered {answer.status}")
        return body

    def close(self) -> None:
        self._closed = True
        if (sock := self._connection.sock) is not None:
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)
        self._connection.close()

    def again(self) -> HttpSource:
        return HttpSource(self._server, self._key)
