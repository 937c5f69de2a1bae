"""Middleware for WSGI: Flask, Pyramid, Bottle, and whatever speaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import Context, copy_context
from typing import Any

from fader.sdk.asking import ask_as
from fader.sdk.incoming import HEADER, AttributesOf, Incoming, UnitOf, cookie_of, text_of
from fader.sdk.tracker import Tracker

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]
Told = Callable[[Exception | None], None]


class WsgiMiddleware:
    """`app = WsgiMiddleware(app)`; in Flask `app.wsgi_app = WsgiMiddleware(app.wsgi_app)`.

    The unit is what the gateway says, else what stands in the cookie called `cookie`. `unit(environ)` takes the place
    of both, and `attributes(environ)` adds attributes; both are called when a flag is first asked for. `tracker` is
    told exceptions that nobody caught, and answers of 5xx.
    """

    def __init__(
        self,
        app: App,
        *,
        unit: UnitOf[Environ] | None = None,
        attributes: AttributesOf[Environ] | None = None,
        cookie: str = "",
        tracker: Tracker | None = None,
    ) -> None:
        self._app = app
        self._incoming = Incoming(unit or (lambda environ: unit_of(environ, cookie)), attributes, tracker)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The app runs in a context of its own, and so does what it yields later: nothing of one request is left for
        the next, and it does not matter in which thread the server goes on."""
        asker, context, status = self._incoming.asker(environ), copy_context(), 0

        def noting(line: str, *rest: Any) -> Any:
            nonlocal status
            status = int(line[:3]) if line[:3].isdecimal() else 0
            return start_response(line, *rest)

        def told(raised: Exception | None) -> None:
            path = _bytes(environ.get("PATH_INFO", "")).decode(errors="replace")
            self._incoming.failed(asker, f"{environ.get('REQUEST_METHOD', 'GET')} {path}", raised, status)

        context.run(ask_as, asker)
        try:
            body = context.run(self._app, environ, noting)
        except Exception as error:
            context.run(told, error)
            raise
        if isinstance(body, list | tuple) or _is_file(body, environ):
            context.run(told, None)
            return body
        return _Streamed(body, context, told)


class _Streamed:
    """A body that the app makes while it is sent."""

    def __init__(self, body: Iterable[bytes], context: Context, told: Told) -> None:
        self._body, self._context, self._told = body, context, told
        self._raised: Exception | None = None
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._parts is None:
                self._parts = self._context.run(iter, self._body)
            return self._context.run(next, self._parts)
        except StopIteration:
            raise
        except Exception as error:
            self._raised = error
            raise

    def close(self) -> None:
        """What a server calls at the end, however it came."""
        try:
            if close := getattr(self._body, "close", None):
                self._context.run(close)
        finally:
            self._context.run(self._told, self._raised)


def unit_of(environ: Environ, cookie: str) -> str:
    unit = text_of(_header(environ, HEADER))
    return unit or (cookie_of(_header(environ, "cookie"), cookie) if cookie else "")


def _header(environ: Environ, name: str) -> bytes:
    return _bytes(environ.get("HTTP_" + name.upper().replace("-", "_"), ""))


def _bytes(value: str) -> bytes:
    """WSGI hands bytes on as characters of Latin-1; where a test says more than that, nothing is made of it."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _is_file(body: Iterable[bytes], environ: Environ) -> bool:
    """What the server sends by itself when it finds its own wrapper."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)
