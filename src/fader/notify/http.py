"""Sending notices over HTTP: the one place that does their I/O and that reads what is secret."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from fader.clock import Clock, system_clock
from fader.model.channel import Channel, Notice
from fader.notify import slack, webhook
from fader.notify.request import Unsendable

_KINDS = {"webhook": webhook, "slack": slack}
#: As much of what stands beside a refusal is read. Bytes.
LONGEST = 4096


class HttpMessenger:
    """Implements `ports.messenger.Messenger`. What it says never holds an address or a secret."""

    def __init__(
        self,
        transport: httpx2.AsyncBaseTransport | None = None,
        environment: Mapping[str, str] = os.environ,
        clock: Clock = system_clock,
    ) -> None:
        # Proxies are not taken from the environment, nor are redirects followed: a notice goes where the file says.
        self._client = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)
        self._environment, self._clock = environment, clock

    async def send(self, channel: Channel, notice: Notice) -> str:
        try:
            url = self._url(channel)
            request = _KINDS[channel.kind].request(notice, self._secret(channel), self._clock())
            async with (
                asyncio.timeout(channel.timeout),
                self._client.stream(
                    "POST", url, content=request.body, headers=dict(request.headers), timeout=None
                ) as answer,
            ):
                return "" if answer.is_success else f"answered with HTTP {answer.status_code}{await _said(answer)}"
        except Unsendable as why:
            return str(why)
        except TimeoutError:
            return f"did not answer within {channel.timeout:g} s"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return f"cannot be reached: {_why(error)}"

    def place(self, channel: Channel) -> str:
        try:
            parts = urlsplit(self._url(channel))
        except (Unsendable, ValueError):
            return f"${channel.url_env}" if channel.url_env else channel.url_file
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def trouble(self, channel: Channel) -> str:
        try:
            self._url(channel)
            if secret := self._secret(channel):
                webhook.key(secret)
        except Unsendable as why:
            return str(why)
        return ""

    async def close(self) -> None:
        await self._client.aclose()

    def _url(self, channel: Channel) -> str:
        """Raises Unsendable."""
        url = channel.url or self._read("address", channel.url_env, channel.url_file)
        try:
            parts = urlsplit(url)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise Unsendable("its address is no http:// or https:// address")
        return url

    def _secret(self, channel: Channel) -> str:
        """ "" for none. Raises Unsendable."""
        if not (channel.secret_env or channel.secret_file):
            return ""
        return self._read("secret", channel.secret_env, channel.secret_file)

    def _read(self, what: str, variable: str, file: str) -> str:
        """Read anew each time, so that it may be exchanged. Raises Unsendable."""
        if variable:
            if not (text := self._environment.get(variable, "").strip()):
                raise Unsendable(f"the environment variable {variable} of the server, its {what}, is not set")
        else:
            try:
                text = Path(file).read_text(encoding="ascii").strip()
            except (OSError, ValueError):
                raise Unsendable(f"the file {file} with its {what} cannot be read") from None
        if not text or not text.isascii() or not text.isprintable():
            raise Unsendable(f"its {what} is no single line of text")
        return text


def _why(error: Exception) -> str:
    """What the library says may hold the address; what the system says does not."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


async def _said(answer: httpx2.Response) -> str:
    """The first line of what stands beside a refusal, for a person."""
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > LONGEST:
            break
    text = body.decode("utf-8", "replace").strip().partition("\n")[0][:120]
    return f": {text}" if text and text.isprintable() and not text.startswith("<") else ""
