"""A whole fader with real traffic in a real browser: from nothing to everybody, and a plug that is pulled by itself."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.acceptance.conftest import Rig, Versions
from tests.integration.dashboard.conftest import picture

pytestmark = pytest.mark.slow

ROLLOUT = """
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages: [{share: 30%, bake: 2s}, {share: 60%, bake: 2s, gate: manual}, {share: 80%, bake: 1h}, 100%]
    guardrails: {errors: {tolerate: 20pp}}
"""
#: A step waits for the baseline to be learnt, for users and for proof; a noisy machine may take its time. Milliseconds.
PATIENCE = 120_000
Open = Callable[..., Page]
expect.set_options(timeout=30_000)


@pytest.fixture
def versions() -> Iterator[Versions]:
    upstreams = Versions()
    yield upstreams
    upstreams.close()


class Users(threading.Thread):
    """Sixty of them, again and again. `failed` counts what was answered otherwise than with 200."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(daemon=True)
        self._rig, self._leave = rig, threading.Event()
        self.failed = 0

    def run(self) -> None:
        asked = 0
        while not self._leave.wait(0.003):
            asked += 1
            try:
                self.failed += self._rig.get(f"user-{asked % 60}")[0] != 200
            except OSError:
                self.failed += 1

    def stop(self) -> None:
        self._leave.set()
        self.join(10)


class Oncall(ThreadingHTTPServer):
    """Where a channel leads to. `sentences`: what it was told, by kind."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.sentences: dict[str, str] = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Told(BaseHTTPRequestHandler):
    server: Oncall

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.sentences[body["type"]] = body["data"]["sentence"]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


def sign_in(page: Page, rig: Rig) -> None:
    page.goto(f"http://127.0.0.1:{rig.api_port}/login#token={(rig.data / 'token').read_text().strip()}")
    expect(page).to_have_url(f"http://127.0.0.1:{rig.api_port}/")


def test_the_first_rollout_from_the_empty_state_to_completed(
    open_page: Open, versions: Versions, tmp_path: Path
) -> None:
    rig = Rig(tmp_path, ROLLOUT, versions)
    text = rig.file.read_text()
    users = Users(rig)
    try:
        rig.up(empty=True)
        page = open_page()
        sign_in(page, rig)
        expect(page.get_by_role("heading", name="Nothing is rolling out yet")).to_be_visible()
        picture(page, "first-rollout-1-empty")

        page.get_by_role("link", name="write it here").click()
        page.get_by_label("The configuration").fill(text.replace("candidate: v2", "candidate: v3"))
        page.get_by_role("button", name="Look at the changes").click()
        expect(page.get_by_role("alert")).to_contain_text("v3")
        page.said.clear()  # the console names the status, 422
        page.get_by_label("The configuration").fill(text)
        page.get_by_role("button", name="Look at the changes").click()
        expect(page.locator(".ruled")).to_contain_text("shop-v2")
        expect(page.locator(".diff .d-add")).to_have_count(len(text.splitlines()))
        assert rig.api("GET", "/v1/rollouts")["rollouts"] == []
        picture(page, "first-rollout-2-plan")
        page.get_by_role("button", name="Apply this").click()
        expect(page.locator(".banner-done")).to_contain_text("Applied.")

        page.get_by_role("link", name="Rollouts").first.click()
        page.get_by_role("link", name="shop-v2").first.click()
        expect(page.locator("#link")).to_have_attribute("data-state", "live")
        expect(page.locator(".headline")).to_contain_text("everybody has v1")
        rig.until(lambda: rig.get("alice") == (200, "v1"), "the gateway serves what was written in the page")
        users.start()
        page.get_by_text("Start", exact=True).click()
        page.get_by_role("button", name="Start the rollout").click()
        expect(page.locator(".chip.p-awaiting")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("#stages")).to_contain_text("errors proven less than")
        picture(page, "first-rollout-3-ramp")

        page.locator("summary", has_text="Approve").click()
        page.locator(".panel:visible").get_by_role("button", name="Approve").click()
        expect(page.locator(".side.cand .side-share")).to_have_text(re.compile(r"80.%"), timeout=PATIENCE)
        page.get_by_text("Promote", exact=True).click()
        page.get_by_label("Reason, for the record").fill("the campaign starts <today>")
        page.get_by_role("button", name="Promote unproven").click()
        expect(page.locator(".chip.p-completed")).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".headline")).to_have_text("shop-v2 is completed: everybody has v2")
        expect(page.locator("#history .step").first).to_contain_text("the campaign starts <today>")
        picture(page, "first-rollout-4-completed")
        rig.until(lambda: {rig.get(f"user-{i}") for i in range(60)} == {(200, "v2")}, "everybody has v2")
        assert page.said == []
    finally:
        if users.ident is not None:
            users.stop()
        rig.down()
    assert users.failed == 0


def test_a_rollback_as_it_happens_on_a_page_that_has_outlived_the_server(
    open_page: Open, versions: Versions, tmp_path: Path
) -> None:
    oncall = Oncall()
    channel = f'{{url: "http://127.0.0.1:{oncall.server_port}/", on: [started, rolled_back]}}'
    written = ROLLOUT.replace("bake: 2s", "bake: 1h").replace("20pp", "1pp")
    fader = Rig(tmp_path, f"{written}notifications: {{oncall: {channel}}}\n", versions)
    users = Users(fader)
    try:
        fader.up()
        users.start()
        fader.api("POST", "/v1/rollouts/shop-v2/start", {})
        page = open_page(viewport={"width": 390, "height": 844})
        sign_in(page, fader)
        page.get_by_role("link", name="shop-v2").first.click()
        expect(page.locator(".side.cand .side-share")).to_have_text(re.compile(r"^30.%"), timeout=PATIENCE)
        page.evaluate("document.body.dataset.before = 'kept'")
        assert page.said == []

        # That a lost connection shows is another test: here the server may be back before anybody would have noticed.
        server = fader.pids()["server"]
        with page.expect_response(lambda r: r.url.endswith("/live") and r.status == 200, timeout=PATIENCE):
            os.kill(server, signal.SIGKILL)
        assert fader.pids()["server"] != server
        expect(page.locator("#link")).to_have_attribute("data-state", "live", timeout=PATIENCE)
        expect(page.locator("#lost")).to_be_hidden()
        page.said.clear()  # the console names the connections that were refused meanwhile

        versions.failing.add("v2")
        expect(page.locator(".chip.p-rolled_back")).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".headline")).to_contain_text(
            re.compile("was rolled back at 30.%: .*(errors rose|a new error)")
        )
        expect(page.locator(".side.cand .side-share")).to_have_text(re.compile(r"^0.%"))
        expect(page.locator(".fader-l .pulled")).to_be_visible()
        expect(page.locator("#failing")).to_contain_text("500")
        assert page.evaluate("document.body.dataset.before") == "kept"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        picture(page, "rollback-as-it-happens")
        fader.until(lambda: {fader.get(f"user-{i}") for i in range(60)} == {(200, "v1")}, "everybody has v1")
        assert page.said == []
        fader.until(lambda: "rollout.rolled_back" in oncall.sentences, "the channel is told")
        assert set(oncall.sentences) == {"rollout.started", "rollout.rolled_back"}
        expect(page.locator(".headline")).to_have_text(oncall.sentences["rollout.rolled_back"])
    finally:
        if users.ident is not None:
            users.stop()
        fader.down()
        oncall.close()
