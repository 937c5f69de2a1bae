"""The control plane as the gateway sees it: three endpoints, any of which may be gone at any time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

import httpx2
import msgspec

from fader.errors import Refused, Unavailable
from fader.model.report import GatewayReport
from fader.model.ruleset import Ruleset

T = TypeVar("T")


class ControlPlane(Protocol):
    """Each raises Unavailable (try again) or Refused (the server understood and said no)."""

    async def ruleset(self, have: int, wait: float) -> Ruleset | None:
        """The ruleset as soon as its version is not `have`; None when nothing changed for `wait` seconds."""

    async def lines(self, segment: str, offset: int, lines: bytes) -> int:
        """Hand over whole lines that begin at byte `offset` of `segment`; returns up to where the server holds it."""

    async def report(self, report: GatewayReport) -> None: ...


class Held(msgspec.Struct):
    held: int


class HttpControlPlane:
    """The ControlPlane over HTTP. The token is read again when the server no longer takes it. `close` when done."""

    def __init__(
        self, url: str, token_file: Path, gateway: str, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._token_file = token_file
        self._gateway = gateway
        self._token = ""
        self._client = httpx2.AsyncClient(base_url=url, transport=transport, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def ruleset(self, have: int, wait: float) -> Ruleset | None:
        response = await self._send(
            "GET",
            "/v1/gateway/ruleset",
            params={"have": str(have), "wait": f"{wait:g}"},
            patience=wait + 10.0,
        )
        if response.status_code == 304:
            return None
        return _decode(response.content, Ruleset)

    async def lines(self, segment: str, offset: int, lines: bytes) -> int:
        response = await self._send(
            "POST",
            "/v1/gateway/lines",
            params={"gateway": self._gateway, "segment": segment, "offset": str(offset)},
            content=lines,
            content_type="application/x-ndjson",
        )
        return _decode(response.content, Held).held

    async def report(self, report: GatewayReport) -> None:
        await self._send(
            "POST", "/v1/gateway/report", content=msgspec.json.encode(report), content_type="application/json"
        )

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        content: bytes | None = None,
        content_type: str = "",
        patience: float = 10.0,
    ) -> httpx2.Response:
        for fresh in (False, True):
            headers = {"authorization": f"Bearer {self._read_token(again=fresh)}"}
            if content_type:
                headers["content-type"] = content_type
            try:
                response = await self._client.request(
                    method,
                    path,
                    params=params,
                    content=content,
                    headers=headers,
                    timeout=httpx2.Timeout(10.0, connect=2.0, read=patience),
                )
            except (httpx2.HTTPError, OSError) as error:
                raise Unavailable(f"the server does not answer: {error or type(error).__name__}") from error
            if response.status_code != 401:
                break
        return _checked(response, path)

    def _read_token(self, *, again: bool) -> str:
        if again or not self._token:
            try:
                self._token = self._token_file.read_text().strip()
            except OSError as error:
                raise Unavailable(f"the gateway's token cannot be read: {error}") from error
        return self._token


def _checked(response: httpx2.Response, path: str) -> httpx2.Response:
    status = response.status_code
    if status in (200, 204, 304):
        return response
    words = f"the server answered {status} to {path}"
    if status == 401:
        raise Refused(f"{words}: it does not know this gateway's token")
    if 400 <= status < 500 and status not in (408, 429):
        raise Refused(f"{words}: {response.text[:300]}")
    raise Unavailable(words)


def _decode(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise Unavailable(f"the server's answer cannot be read: {error}") from error
