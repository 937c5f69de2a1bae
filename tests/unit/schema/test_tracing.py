"""`tracing:`: what it comes to, and every mistake with its line and its fix."""

from __future__ import annotations

import pytest

from fader.errors import BadInput
from fader.schema import load_document

FILE = "flags: {theme: {}}\ntracing: {url: URL}\n"
GOOD = "https://trace.example.com/trace/{trace_id}?from=fader#{trace_id}"


def test_what_it_comes_to() -> None:
    assert load_document(FILE.replace("URL", f"'{GOOD}'"), "fader.yaml").settings.tracing == GOOD
    assert load_document("flags: {theme: {}}\n", "fader.yaml").settings.tracing == ""
    assert load_document("flags: {theme: {}}\ntracing:\n", "fader.yaml").settings.tracing == ""


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("javascript:alert('{trace_id}')", "is no http:// or https:// address"),
        ("//trace.example.com/{trace_id}", "is no http:// or https:// address"),
        ("https://trace.example.com/ {trace_id}", "is no http:// or https:// address"),
        ("https://trace.example.com/\u202e{trace_id}", "is no http:// or https:// address"),
        ("https://[trace/{trace_id}", "is not a URL"),
        ("https://me:pw@trace.example.com/{trace_id}", "the url holds a password"),
        ("https://trace.example.com/", "has no place for the trace"),
        ("https://{trace_id}.example.com/", "has no place for the trace"),
        ("https://trace.example.com/{trace_id}/{span_id}", "holds something else in braces"),
    ],
)
def test_what_is_no_link_is_refused_at_its_line(url: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        load_document(FILE.replace("URL", '"' + url + '"'), "fader.yaml")
    [problem] = error.value.problems
    assert (problem.line, problem.path) == (2, "fader.yaml")
    assert message in problem.message
    assert "https://trace.example.com/trace/{trace_id}" in problem.fix
    assert "pw" not in problem.message + problem.fix


@pytest.mark.parametrize("written", ["https://h/{trace_id}", "[a]", "{}", "{address: x}"])
def test_another_shape_is_refused(written: str) -> None:
    with pytest.raises(BadInput) as error:
        load_document(f"flags: {{theme: {{}}}}\ntracing: {written!r}\n".replace("'", ""), "fader.yaml")
    assert all(p.line == 2 for p in error.value.problems)
