"""Asking providers over HTTP: the one place that does their I/O, with a timeout, retries and the token."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import httpx2

from fader.model.external import Answer, External, Provider, Question
from fader.providers import prometheus, web
from fader.providers.request import NoNumber, Request

_KINDS = {"prometheus": prometheus, "web": web}
#: Seconds before the second and the third try.
BACK_OFF = (0.25, 1.0)
#: Statuses that may be others the next time.
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
#: More is not what a number comes in. Bytes.
LONGEST = 1_000_000


class HttpProviders:
    """Implements `ports.providers.Providers`."""

    def __init__(
        self,
        transport: httpx2.AsyncBaseTransport | None = None,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        # Proxies are not taken from the environment, nor are redirects followed: the token goes where the file says.
        self._client = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)
        self._environment, self._sleep = environment, sleep

    async def ask(self, external: External, candidate: Question, baseline: Question) -> Answer:
        provider = external.provider
        try:
            headers = self._headers(provider)
            async with asyncio.timeout(provider.timeout):
                ours = await self._numbers(external, candidate, headers)
                theirs = await self._numbers(external, baseline, headers)
        except TimeoutError:
            return Answer(missing=f"{provider.name} did not answer within {provider.timeout:g} s")
        except NoNumber as why:
            return Answer(missing=f"{provider.name} {why}")
        return Answer(ours, theirs)

    async def close(self) -> None:
        await self._client.aclose()

    async def _numbers(self, external: External, question: Question, headers: dict[str, str]) -> tuple[float, ...]:
        """Requests that are the same are sent once, so that their numbers are of one moment."""
        kind, bodies = _KINDS[external.provider.kind], dict[Request, bytes]()
        numbers = []
        for text in external.texts:
            request = kind.request(external, text, question)
            if request not in bodies:
                bodies[request] = await self._body(request, headers)
            try:
                numbers.append(kind.parse(external, text, question, bodies[request]))
            except NoNumber as why:
                raise NoNumber(f"{why}, of {question.version}") from None
        return tuple(numbers)

    async def _body(self, request: Request, headers: dict[str, str]) -> bytes:
        for pause in (*BACK_OFF, None):
            try:
                return await self._once(request, headers, last=pause is None)
            except _Again:
                await self._sleep(pause or 0.0)
        raise AssertionError("the last try answers or raises NoNumber")

    async def _once(self, request: Request, headers: dict[str, str], *, last: bool) -> bytes:
        try:
            # The whole has its own timeout, which a single step of it cannot outlast.
            async with self._client.stream(
                "GET", request.url, params=request.parameters or None, headers=headers, timeout=None
            ) as response:
                if response.status_code in AGAIN and not last:
                    raise _Again
                body = bytearray()
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > LONGEST:
                        raise NoNumber("answered with more than a megabyte")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            if last:
                raise NoNumber(f"cannot be reached: {str(error) or type(error).__name__}") from None
            raise _Again from None
        if response.status_code != 200:
            raise NoNumber(f"answered with HTTP {response.status_code}{_said(bytes(body))}")
        return bytes(body)

    def _headers(self, provider: Provider) -> dict[str, str]:
        headers = {"accept": "application/json"}
        if token := self._token(provider):
            headers["authorization"] = f"Bearer {token}"
        return headers

    def _token(self, provider: Provider) -> str:
        """Read anew for each question, so that a token may be exchanged. Raises NoNumber."""
        if provider.token_env:
            if not (token := self._environment.get(provider.token_env, "").strip()):
                raise NoNumber(f"was not asked: the environment variable {provider.token_env} of the server is not set")
        elif provider.token_file:
            try:
                token = Path(provider.token_file).read_text(encoding="ascii").strip()
            except (OSError, ValueError):
                raise NoNumber(f"was not asked: its token file {provider.token_file} cannot be read") from None
        else:
            return ""
        if not token.isascii() or not token.isprintable():
            raise NoNumber("was not asked: its token is no single line of text")
        return token


class _Again(Exception):
    """Worth another try."""


def _said(body: bytes) -> str:
    """The first line of what stands beside an error, for a person."""
    text = body.decode("utf-8", "replace").strip().partition("\n")[0][:120]
    return f": {text}" if text and text.isprintable() and not text.startswith("<") else ""
