"""Envoy's admin interface on its Unix socket (mode 0600, with an allow-list)."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import Protocol

import httpx2

from fader.errors import Unavailable
from fader.gateway.counts import COUNTS_PATH, HEALTH_PATH


class Admin(Protocol):
    """What the agent asks of a running Envoy. Everything raises Unavailable when Envoy does not answer."""

    async def ready(self) -> bool:
        """Whether Envoy has everything it waits for at start."""

    async def stats(self, pattern: str) -> dict[str, str]:
        """Statistics whose name matches the regular expression, as text; texts without their quotes."""

    async def counts(self) -> str:
        """The exact counts by version, in Prometheus' text format."""

    async def clusters(self) -> str:
        """`/clusters?format=json`: every endpoint with its health and its counts."""

    async def reopen_logs(self) -> None: ...

    async def drain(self, *, graceful: bool) -> None:
        """Graceful: every answer asks its connection to close. Otherwise: accept no new connection."""


class AdminSocket:
    """The Admin of a real Envoy. `close` when done."""

    def __init__(self, path: Path, timeout: float = 2.0) -> None:
        self._path = path
        self._client = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(uds=str(path)),
            base_url="http://envoy",
            timeout=timeout,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def peer(self) -> int | None:
        """The process that listens on the socket, as the kernel knows it; None when nobody does."""
        return await asyncio.to_thread(peer, self._path)

    async def ready(self) -> bool:
        return (await self._send("GET", "/ready", allow=(503,))).status_code == 200

    async def stats(self, pattern: str) -> dict[str, str]:
        response = await self._send("GET", "/stats", params={"filter": pattern})
        found: dict[str, str] = {}
        for line in response.text.splitlines():
            name, colon, value = line.partition(": ")
            if colon:
                found[name] = value.strip('"')
        return found

    async def counts(self) -> str:
        return (await self._send("GET", COUNTS_PATH)).text

    async def clusters(self) -> str:
        return (await self._send("GET", HEALTH_PATH)).text

    async def reopen_logs(self) -> None:
        await self._send("POST", "/reopen_logs")

    async def drain(self, *, graceful: bool) -> None:
        # `skip_exit`: the end of the drain must not end the process; the agent ends it when the last request is done.
        await self._send("POST", "/drain_listeners?graceful&skip_exit" if graceful else "/drain_listeners")

    async def _send(
        self, method: str, path: str, params: dict[str, str] | None = None, allow: tuple[int, ...] = ()
    ) -> httpx2.Response:
        try:
            response = await self._client.request(method, path, params=params)
        except (httpx2.HTTPError, OSError) as error:
            raise Unavailable(f"Envoy's admin socket does not answer: {error or type(error).__name__}") from error
        if response.status_code != 200 and response.status_code not in allow:
            raise Unavailable(f"Envoy's admin socket answered {response.status_code} to {path}")
        return response


def peer(path: Path) -> int | None:
    """The process that listens on a Unix socket (SO_PEERCRED), None when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(0.5)
        try:
            connection.connect(str(path))
        except OSError:
            return None
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid or None
