"""The source over a socket: a stream of changes, long polls where there is none, and how it comes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from fader.errors import Unavailable
from fader.sdk.source import Change, HttpSource, KeyRefused

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n"
WHOLE = b"event: ruleset\nid: 7-a\ndata: {whole}\n\n"
CHANGE = b"event: change\nid: 8-b\ndata: {change}\n\n"
PATIENCE = 20.0


class Script:
    """A server that answers each request with the next of its texts, and then ends the connection, or holds it open
    when the text is followed by None. `asked`: the requests, as they came."""

    def __init__(self, *answers: bytes | None) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        self._held: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while self._answers:
            connection = self._listening.accept()[0]
            text = b""
            while b"\r\n\r\n" not in text:
                text += connection.recv(65_536)
            self.asked.append(text.decode())
            answer = self._answers.pop(0)
            connection.sendall(answer or b"")
            if self._answers and self._answers[0] is None:
                self._answers.pop(0)
                self._held.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        self._thread.join(PATIENCE)
        for each in (*self._held, self._listening):
            each.close()

    def paths(self) -> list[str]:
        return [asked.split(" ")[1].partition("?")[0] for asked in self.asked]

    def ids(self) -> list[str]:
        """The id of the last event that each request named."""
        return [asked.partition("Last-Event-ID: ")[2].partition("\r\n")[0] for asked in self.asked]


@pytest.fixture
def serve() -> Iterator[type[Script]]:
    made: list[Script] = []

    class Noted(Script):
        def __init__(self, *answers: bytes | None) -> None:
            super().__init__(*answers)
            made.append(self)

    yield Noted
    for script in made:
        script.close()


def answer(status: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    head = ("HTTP/1.1 " + status, "connection: close", f"content-type: {kind}", f"content-length: {len(body)}")
    return "\r\n".join((*head, "", "")).encode() + body


def fetch(source: HttpSource, have: int) -> bytes | Change | type[Exception] | None:
    try:
        return source.fetch(have, 0.0)
    except Unavailable as error:
        return type(error)


def test_the_whole_then_changes_and_signs_of_life(serve: type[Script]) -> None:
    script = serve(STREAM + WHOLE + b": still here\n\n" + CHANGE + b"event: later\ndata: x\n\n")
    source = HttpSource(script.url, "key")
    found = [fetch(source, have) for have in (-1, 7, 7, 8, 8)]
    assert found == [b"{whole}", None, Change(b"{change}"), None, Unavailable]
    assert "Authorization: Bearer key\r\n" in script.asked[0]
    assert (script.paths(), script.ids()) == (["/v1/sdk/stream"], [""])


def test_a_stream_in_chunks(serve: type[Script]) -> None:
    head = STREAM.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n")
    text = WHOLE.replace(b"{whole}", b"x" * 100_000) + CHANGE
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in (text[:10], text[10:70_000], text[70_000:]))
    source = HttpSource(serve(head + chunks + b"0\r\n\r\n").url, "key")
    assert [fetch(source, have) for have in (-1, 7, 8)] == [b"x" * 100_000, Change(b"{change}"), Unavailable]


def test_who_comes_back_says_what_came_last(serve: type[Script]) -> None:
    script = serve(STREAM + WHOLE, STREAM + CHANGE)
    source = HttpSource(script.url, "key")
    assert [fetch(source, have) for have in (-1, 7, 7)] == [b"{whole}", Unavailable, Change(b"{change}")]
    assert script.ids() == ["", "7-a"]


def test_who_did_not_take_what_came_gets_the_whole(serve: type[Script]) -> None:
    script = serve(STREAM + WHOLE + CHANGE, None, STREAM + WHOLE)
    source = HttpSource(script.url, "key")
    assert [fetch(source, have) for have in (-1, 7, 7)] == [b"{whole}", Change(b"{change}"), b"{whole}"]
    assert script.ids() == ["", ""]


@pytest.mark.parametrize("none", [answer("404 Not Found"), answer("200 OK", b"<p>hello", "text/html")])
def test_long_polls_where_no_stream_is_offered(serve: type[Script], none: bytes) -> None:
    script = serve(none, answer("200 OK", b"{whole}"), answer("304 Not Modified"), answer("503 Busy"), STREAM + WHOLE)
    source = HttpSource(script.url, "key")
    found = [fetch(source, have) for have in (-1, 7, 7, 7)]
    assert found == [b"{whole}", None, Unavailable, b"{whole}"]
    assert script.paths() == ["/v1/sdk/stream", *["/v1/sdk/ruleset"] * 3, "/v1/sdk/stream"]


def test_a_proxy_that_keeps_events_back_is_no_stream(serve: type[Script]) -> None:
    script = serve(STREAM, None, answer("200 OK", b"{whole}"))
    assert fetch(HttpSource(script.url, "key", patience=0.2), -1) == b"{whole}"
    assert script.paths() == ["/v1/sdk/stream", "/v1/sdk/ruleset"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (answer("401 No"), KeyRefused),
        (answer("500 Oh"), Unavailable),
        (b"", Unavailable),
        (b"nonsense\r\n\r\n", Unavailable),
        (STREAM + WHOLE.replace(b"7-a", b"seven"), Unavailable),
        (STREAM + WHOLE[:-1], Unavailable),
    ],
)
def test_what_fails(serve: type[Script], given: bytes, found: type[Exception]) -> None:
    assert fetch(HttpSource(serve(given).url, "key"), -1) == found


def test_closing_ends_a_wait(serve: type[Script]) -> None:
    source = HttpSource(serve(STREAM + WHOLE, None).url, "key")
    assert fetch(source, -1) == b"{whole}"
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.append(fetch(source, 7)))
    waiting.start()
    source.close()
    waiting.join(PATIENCE)
    assert found == [Unavailable]
    assert fetch(source, 7) == Unavailable
