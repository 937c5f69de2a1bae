"""Pages of other origins in a real Chromium: with a client key they evaluate flags by fetch, and reach nothing else.

The browser's own rules are the test: a preflight that is not answered as it asks, or a header that is not exposed, and
the page learns nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.integration.live.up import Fader, fader_up, until

pytestmark = pytest.mark.slow

FILE = """
flags:
  banner:
    client: true
    kind: string
    variants: {spring: "Spring sale", none: ""}
    default: none
    rules: [{variant: spring, when: 'page == "home"'}]
  secret: {}
"""
Open = Callable[..., Page]

#: What came back, as far as the browser lets the page know.
ASK = """
async ([url, key, more]) => {
  const headers = {"content-type": "application/json", ...more};
  if (key) headers.authorization = `Bearer ${key}`;
  const context = {targetingKey: "visitor-3", page: "home"};
  try {
    const found = await fetch(url, {method: "POST", headers, body: JSON.stringify({context})});
    return {status: found.status, etag: found.headers.get("etag"), text: await found.text()};
  } catch (error) {
    return {refused: error.name};
  }
}
"""
READ = """
async ([url, how]) => {
  try {
    const found = await fetch(url, how);
    return {status: found.status};
  } catch (error) {
    return {refused: error.name};
  }
}
"""
LISTEN = """
(url) => {
  window.heard = [];
  const source = new EventSource(url);
  source.onopen = () => window.heard.push("open");
  source.onmessage = (event) => window.heard.push(event.data);
}
"""
REFUSED = {"refused": "TypeError"}


class Shop(BaseHTTPRequestHandler):
    """An empty page of an origin of its own."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>shop</title>")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """Of the same site as the server, on another port: cookies go with its requests, and only the origin differs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def fader(tmp_path: Path) -> Iterator[Fader]:
    with fader_up(tmp_path, FILE) as running:
        yield running


def test_a_page_of_another_origin_evaluates_with_the_client_key(fader: Fader, shop: str, open_page: Open) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(shop)
    every, key = f"{fader.url}/ofrep/v1/evaluate/flags", fader.key("client-key")
    first = page.evaluate(ASK, [every, key, {}])
    assert first["status"] == 200
    assert '"spring"' in first["text"]
    assert "secret" not in first["text"]
    assert first["etag"], "a header that the page may read"
    held = page.evaluate(ASK, [every, key, {"if-none-match": first["etag"]}])
    assert (held["status"], held["text"]) == (304, "")
    single = page.evaluate(ASK, [f"{every}/banner", "", {"x-api-key": key}])
    assert single["status"] == 200
    assert '"spring"' in single["text"]
    fader.switch("banner", "off")
    changed = page.evaluate(ASK, [every, key, {"if-none-match": first["etag"]}])
    assert (changed["status"], changed["etag"] == first["etag"]) == (200, False)
    wrong = page.evaluate(ASK, [every, "wrong", {}])
    assert wrong["status"] == 401, "said, and not hidden by the browser"
    unknown = page.evaluate(ASK, [every, key, {"x-unknown": "1"}])
    assert unknown == REFUSED, "the preflight allows the headers that are needed, and no other"
    assert all(url.startswith((fader.url, shop)) for url in asked)


def test_a_page_of_another_origin_hears_of_changes(fader: Fader, shop: str, open_page: Open) -> None:
    page = open_page()
    page.goto(shop)
    found = page.evaluate(ASK, [f"{fader.url}/ofrep/v1/evaluate/flags", fader.key("client-key"), {}])
    path = found["text"].partition('"requestUri":"')[2].partition('"')[0]
    assert path.startswith("/ofrep/v1/events")
    page.evaluate(LISTEN, fader.url + path)
    until(lambda: page.evaluate("window.heard")[:1] == ["open"])
    fader.switch("banner", "off")
    until(lambda: any("refetch" in each for each in page.evaluate("window.heard")))


def test_a_page_of_another_origin_reaches_nothing_else(fader: Fader, shop: str, open_page: Open) -> None:
    """Not even with the operator's token, nor with the session of somebody who has the dashboard open."""
    page = open_page()
    page.goto(f"{fader.url}/login")
    token = fader.key("token")
    login = {"method": "POST", "headers": {"content-type": "application/json"}, "body": f'{{"token": "{token}"}}'}
    assert page.evaluate(READ, [f"{fader.url}/login", login]) == {"status": 204}
    assert page.evaluate(READ, [f"{fader.url}/v1/rollouts", {}]) == {"status": 200}
    page.goto(shop)
    with_token = {"headers": {"authorization": f"Bearer {token}"}}
    for path in ("/v1/health", "/v1/rollouts", "/v1/flags", "/v1/sdk/ruleset"):
        assert page.evaluate(READ, [fader.url + path, {}]) == REFUSED, path
        assert page.evaluate(READ, [fader.url + path, with_token]) == REFUSED, path
        assert page.evaluate(READ, [fader.url + path, {"credentials": "include"}]) == REFUSED, path
    every = f"{fader.url}/ofrep/v1/evaluate/flags"
    session = {"method": "POST", "credentials": "include", "body": "{}"}
    assert page.evaluate(READ, [every, session]) == REFUSED, "a session evaluates nothing"
    blind = {"method": "POST", "mode": "no-cors", "credentials": "include", "body": '{"reason": "forged"}'}
    page.evaluate(READ, [f"{fader.url}/v1/flags/banner/off", blind])
    assert fader.post("/ofrep/v1/evaluate/flags/banner", {"context": {"targetingKey": "a"}})[1]["reason"] != "DISABLED"
