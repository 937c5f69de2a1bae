"""Server-sent events, read line by line."""

from __future__ import annotations

import pytest

from fader.sdk.sse import Event, events


def read(text: bytes) -> list[Event]:
    return list(events(text.splitlines(keepends=True)))


def test_events_comments_and_what_is_cut_off() -> None:
    stream = b": hello\n\nevent: change\nid: 7-a\ndata: {}\n\n: still here\n\nevent: change\nid: 8-b\ndata: {"
    assert read(stream) == [Event("", "", b""), Event("change", "7-a", b"{}"), Event("", "7-a", b"")]


def test_several_lines_of_data_line_ends_and_fields_that_are_unknown() -> None:
    stream = b"retry: 5\r\nevent:x\r\ndata: a\r\ndata:\r\ndata:  b\r\nodd\r\n\r\n"
    assert read(stream) == [Event("x", "", b"a\n\n b")]


def test_what_is_no_text() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        read(b"event: \xff\n\n")
