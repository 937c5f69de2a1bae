"""Who asks inside a request, by the middleware for ASGI and that for WSGI, over the protocols themselves."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from tests.unit.sdk.test_tracker import Store as EventStore
from tests.unit.sdk.test_tracker import serving, tracker

from fader.ports.events import Tracked
from fader.sdk import AsgiMiddleware, WsgiMiddleware, asking
from fader.sdk.asking import asked_by


class Ledger(EventStore):
    """Keeps what it took as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Tracked] = []

    def track(self, events: tuple[Tracked, ...]) -> None:
        super().track(events)
        self.taken += events


def who() -> str:
    unit, attributes = asked_by()
    return f"{unit} {dict(attributes)}"


# By hand


def test_asking_is_for_its_block_and_its_thread() -> None:
    assert asked_by({"a": 1}) == ("", {"a": 1})
    seen: list[str] = []
    with asking("ann", {"country": "US", "plan": "pro"}):
        assert asked_by() == ("ann", {"country": "US", "plan": "pro"})
        assert asked_by({"plan": "team"}) == ("ann", {"country": "US", "plan": "team"})
        thread = threading.Thread(target=lambda: seen.append(who()))
        thread.start()
        thread.join()
        with asking("bob"):
            assert asked_by() == ("bob", {})
        assert asked_by()[0] == "ann"
    assert asked_by()[0] == ""
    assert seen == [" {}"]


# ASGI


async def plain(request: Request) -> PlainTextResponse:
    here, other_task, other_thread = who(), await asyncio.create_task(later()), await asyncio.to_thread(who)
    assert here == other_task == other_thread
    return PlainTextResponse(here)


async def later() -> str:
    await asyncio.sleep(0)
    return who()


async def streamed(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        for _ in range(2):
            await asyncio.sleep(0)
            yield who() + ";"

    return StreamingResponse(parts())


async def fails(request: Request) -> PlainTextResponse:
    raise KeyError("item 7")


async def unavailable(request: Request) -> PlainTextResponse:
    return PlainTextResponse("", 503)


ROUTES = [Route(f"/{view.__name__}", view) for view in (plain, streamed, fails, unavailable)]


async def ask(app: Any, path: str, **headers: str | bytes) -> httpx2.Response:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://app") as client:
        named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        return await client.get(path, headers=[(n, v.encode() if isinstance(v, str) else v) for n, v in named])


UNITS: list[tuple[dict[str, str | bytes], str]] = [
    ({}, ""),
    ({"x_fader_unit": "ann"}, "ann"),
    ({"x_fader_unit": "Jörg"}, "Jörg"),
    ({"x_fader_unit": b"J\xf6rg"}, ""),
    ({"cookie": "a=1; visitor=v1; visitor=v2"}, "v1"),
    ({"cookie": 'visitor="v=1"'}, "v=1"),
    ({"cookie": b"bad=\xff; visitor=v1"}, "v1"),
    ({"cookie": "xvisitor=v1"}, ""),
    ({"x_fader_unit": "ann", "cookie": "visitor=v1"}, "ann"),
    ({"x_fader_unit": "", "cookie": "visitor=v1"}, "v1"),
]


@pytest.mark.parametrize(("headers", "unit"), UNITS)
async def test_asgi_knows_the_unit(headers: dict[str, str | bytes], unit: str) -> None:
    app = AsgiMiddleware(Starlette(routes=ROUTES), cookie="visitor")
    assert (await ask(app, "/plain", **headers)).text == f"{unit} {{}}"
    assert (await ask(app, "/streamed", **headers)).text == f"{unit} {{}};" * 2
    assert asked_by()[0] == ""


async def test_asgi_keeps_requests_apart() -> None:
    app = AsgiMiddleware(Starlette(routes=ROUTES))
    answers = await asyncio.gather(*(ask(app, "/streamed", x_fader_unit=f"u{n}") for n in range(50)))
    assert [answer.text for answer in answers] == [f"u{n} {{}};" * 2 for n in range(50)]


async def test_asgi_by_functions_that_see_what_stands_further_inside() -> None:
    calls: list[str] = []

    def unit(scope: Any) -> int:
        calls.append("unit")
        return len(scope["route"].path)

    app = Starlette(routes=ROUTES)
    app.add_middleware(AsgiMiddleware, unit=unit, attributes=lambda scope: {"path": scope["path"]})
    assert (await ask(app, "/plain", x_fader_unit="ann")).text == "6 {'path': '/plain'}"
    assert calls == ["unit"]
    assert (await ask(app, "/unavailable")).status_code == 503
    assert calls == ["unit"]


async def test_asgi_tells_websockets_too_and_lets_the_rest_through() -> None:
    async def greet(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(who())
        await socket.close()

    app = AsgiMiddleware(Starlette(routes=[WebSocketRoute("/", greet)]))
    sent: list[Any] = []
    received = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect"}])

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"x-fader-unit", b"ann")]
    await app({"type": "websocket", "path": "/", "headers": headers, "query_string": b""}, receive, send)
    assert sent[1]["text"] == "ann {}"
    received = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    await app({"type": "lifespan"}, receive, send)
    assert sent[-1] == {"type": "lifespan.shutdown.complete"}


async def test_functions_that_fail_cost_the_request_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: object) -> Any:
        raise LookupError("no session")

    async def view(request: Request) -> PlainTextResponse:
        return PlainTextResponse(who())

    routes = [Route("/", view)]
    with caplog.at_level(logging.WARNING, "fader.sdk"):
        nobody = AsgiMiddleware(Starlette(routes=routes), unit=broken, attributes=lambda scope: {"a": 1})
        assert [(await ask(nobody, "/")).text for _ in range(3)] == [" {'a': 1}"] * 3
        bare = AsgiMiddleware(Starlette(routes=routes), unit=lambda scope: "ann", attributes=broken)
        assert [(await ask(bare, "/")).text for _ in range(3)] == ["ann {}"] * 3
    assert [r.getMessage() for r in caplog.records] == [
        f"the {what} of a request could not be found out" for what in ("unit", "attributes")
    ]


async def test_asgi_reports_errors_of_somebody_when_it_is_asked_to() -> None:
    store = Ledger()
    with serving(store) as url, tracker(url) as tracking:
        for app in (
            AsgiMiddleware(Starlette(routes=ROUTES), tracker=tracking),
            AsgiMiddleware(Starlette(routes=ROUTES)),
        ):
            for headers in ({"x_fader_unit": "ann"}, {}):
                assert (await ask(app, "/plain", **headers)).status_code == 200
                assert (await ask(app, "/fails", **headers)).status_code == 500
                assert (await ask(app, "/unavailable", **headers)).status_code == 503
        assert await asyncio.to_thread(tracking.flush)
        assert tracking.dropped == 0
    assert [reported(event) for event in store.taken] == [
        ("error", "ann", {"type": "KeyError", "message": "'item 7'", "route": "GET /fails", "function": "fails"}),
        ("error", "ann", {"status": 503.0, "route": "GET /unavailable"}),
    ]


def reported(event: Tracked) -> tuple[str, str, dict[str, Any]]:
    return event.name, event.unit, dict(event.properties)


# WSGI


def wsgi_app(environ: dict[str, Any], start_response: StartResponse) -> Any:
    path = environ["PATH_INFO"]
    if path == "/fails":
        raise KeyError("item 7")
    start_response("503 Later" if path == "/unavailable" else "200 OK", [("content-type", "text/plain")])
    if path == "/file":
        return environ["wsgi.file_wrapper"](environ["test.file"])
    return parts(path) if path.startswith("/streamed") else [who().encode()]


def parts(path: str) -> Iterator[bytes]:
    for _ in range(2):
        yield who().encode() + b";"
    if path.endswith("fails"):
        raise KeyError("item 8")


def wsgi(app: Any, path: str, **headers: str | bytes) -> tuple[str, str]:
    """Status and body, as a server asks for them. Raises what the app raises."""
    environ: dict[str, Any] = {"QUERY_STRING": "", "wsgi.file_wrapper": FileWrapper, "test.file": io.BytesIO(b"file")}
    setup_testing_defaults(environ)
    environ["PATH_INFO"] = path
    for name, value in headers.items():
        environ[f"HTTP_{name.upper()}"] = (value.encode() if isinstance(value, str) else value).decode("latin-1")
    told: list[str] = []

    def start_response(status: str, headers: Any, error: Any = None) -> Callable[[bytes], object]:
        told.append(status)
        return lambda data: None

    body = validator(app)(environ, start_response)
    try:
        text = b"".join(body).decode()
    finally:
        body.close()
    return told[0], text


@pytest.mark.parametrize(("headers", "unit"), UNITS)
def test_wsgi_knows_the_unit(headers: dict[str, str | bytes], unit: str) -> None:
    app = WsgiMiddleware(wsgi_app, cookie="visitor")
    assert wsgi(app, "/plain", **headers) == ("200 OK", f"{unit} {{}}")
    assert wsgi(app, "/streamed", **headers) == ("200 OK", f"{unit} {{}};" * 2)
    assert asked_by()[0] == ""


def test_wsgi_keeps_streams_apart_whoever_goes_on_with_them() -> None:
    app = WsgiMiddleware(wsgi_app, unit=lambda environ: environ["PATH_INFO"][-1])
    bodies = [iter(app({"PATH_INFO": f"/streamed/{n}"}, lambda *_: None)) for n in range(3)]
    assert [next(body) for body in bodies] == [b"%d {};" % n for n in range(3)]
    seen: list[bytes] = []
    thread = threading.Thread(target=lambda: seen.extend(next(body) for body in reversed(bodies)))
    thread.start()
    thread.join()
    assert seen == [b"%d {};" % n for n in (2, 1, 0)]


def test_wsgi_leaves_a_file_to_the_server() -> None:
    app, environ = WsgiMiddleware(wsgi_app), {"PATH_INFO": "/file", "test.file": io.BytesIO(b"file")}
    assert isinstance(app(environ | {"wsgi.file_wrapper": FileWrapper}, lambda *_: None), FileWrapper)
    assert wsgi(app, "/file") == ("200 OK", "file")


def test_wsgi_reports_errors_of_somebody_when_it_is_asked_to() -> None:
    store = Ledger()
    with serving(store) as url, tracker(url) as tracking:
        for app in (WsgiMiddleware(wsgi_app, tracker=tracking), WsgiMiddleware(wsgi_app)):
            for headers in ({"x_fader_unit": "ann"}, {}):
                assert wsgi(app, "/plain", **headers)[0] == "200 OK"
                assert wsgi(app, "/unavailable", **headers)[0] == "503 Later"
                with pytest.raises(KeyError, match="item 7"):
                    wsgi(app, "/fails", **headers)
                with pytest.raises(KeyError, match="item 8"):
                    wsgi(app, "/streamed/fails", **headers)
        assert tracking.flush()
        assert tracking.dropped == 0
    error = {"type": "KeyError", "message": "'item 7'", "route": "GET /fails", "function": "wsgi_app"}
    late = {"type": "KeyError", "message": "'item 8'", "route": "GET /streamed/fails", "function": "parts"}
    assert [reported(event) for event in store.taken] == [
        ("error", "ann", {"status": 503.0, "route": "GET /unavailable"}),
        ("error", "ann", error),
        ("error", "ann", late),
    ]
