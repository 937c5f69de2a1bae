"""Flags, metrics, experiments, settings, the configuration and failing requests in a real browser."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from dashboard_twin import flags, scenes
from dashboard_twin.control import ScriptedControl
from dashboard_twin.server import Served, serving
from fader.model.settings import Settings

pytestmark = pytest.mark.slow

expect.set_options(timeout=30_000)
Open = Callable[..., Page]
FILE = "flags:\n  theme:\n    rules: [{variant: on, share: 10%, name: first}]\n"


@pytest.fixture
def now() -> float:
    return time.time()


@pytest.fixture
def control(now: float) -> ScriptedControl:
    control = ScriptedControl(*scenes.everything(now), gateways=scenes.gateways(now), flags=flags.extreme())
    control.learning = scenes.learnt()
    return control


@pytest.fixture
def served(control: ScriptedControl) -> Iterator[Served]:
    with serving(control) as served:
        yield served


def live(page: Page) -> None:
    expect(page.locator("#link")).to_have_attribute("data-state", "live")


def test_a_flag_is_switched_off_by_keyboard_and_every_open_page_shows_it(
    open_page: Open, served: Served, control: ScriptedControl
) -> None:
    listed, audit, page = open_page(), open_page(), open_page()
    listed.goto(f"{served.url}/flags")
    audit.goto(f"{served.url}/audit")
    page.goto(f"{served.url}/flags/new-checkout")
    for each in (listed, audit, page):
        live(each)
    page.get_by_text("Switch off", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("details.plug input")).to_be_focused()
    page.keyboard.type("orders <b>fail</b>")
    page.keyboard.press("Enter")
    expect(page.locator(".headline")).to_have_text("Everybody gets off, whatever the rules say.")
    expect(page.locator("#switches tbody tr")).to_contain_text("orders <b>fail</b>")
    expect(listed.locator('[data-key="new-checkout"] .chip')).to_contain_text("off")
    expect(audit.locator(".records tbody tr").first).to_contain_text("flag new-checkout was switched off")
    assert [(s.enabled, s.reason) for s in control.states.switches()] == [(False, "orders <b>fail</b>")]
    assert page.said == []


def test_a_flag_is_switched_without_script(open_page: Open, served: Served, control: ScriptedControl) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{served.url}/flags/limits")
    page.get_by_text("Switch on", exact=True).click()
    page.get_by_role("button", name="Switch on now").click()
    expect(page.locator(".headline")).to_contain_text("Everybody gets few.")
    assert [s.enabled for s in control.states.switches()] == [True]


def test_a_unit_is_explained_and_the_address_holds(open_page: Open, served: Served) -> None:
    page = open_page()
    page.goto(f"{served.url}/flags/new-checkout")
    page.get_by_role("textbox", name="Unit").fill("u1")
    page.get_by_label("Attributes").fill('country=US\napp={"version": "2.11.0"}')
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".trail .decided")).to_have_count(1)
    expect(page.locator(".answer-line")).to_contain_text("u1 gets")
    other = open_page()
    other.goto(page.url)
    expect(other.locator(".answer-line")).to_have_text(page.locator(".answer-line").inner_text())
    expect(other.get_by_label("Attributes")).to_have_value('country=US\napp={"version": "2.11.0"}')


def test_a_configuration_is_changed_by_its_difference(open_page: Open, control: ScriptedControl, now: float) -> None:
    fresh = ScriptedControl()
    with serving(fresh) as served:
        page = open_page()
        page.goto(f"{served.url}/configuration")
        page.get_by_label("The configuration").fill(FILE.replace("variant: on", "variant: onn"))
        page.get_by_role("button", name="Look at the changes").click()
        expect(page.locator(".wrongs")).to_contain_text("Line 3")
        page.said.clear()  # the console names the status, 422
        page.get_by_label("The configuration").fill(FILE)
        page.get_by_role("button", name="Look at the changes").click()
        expect(page.locator(".diff .d-add")).to_have_count(3)
        assert fresh.states.flags() == ()
        page.get_by_role("button", name="Apply this").click()
        expect(page.locator(".banner-done")).to_contain_text("Applied.")
        page.goto(f"{served.url}/flags/theme")
        page.get_by_role("link", name="Edit").click()
        expect(page.get_by_label("The configuration")).to_have_value(FILE)
        expect(page.locator("#text")).to_have_js_property("selectionStart", FILE.index("  theme:"))
        assert page.said == []
    assert [f.name for f in fresh.states.flags()] == ["theme"]


def test_metrics_experiments_and_settings_follow_what_happens(
    open_page: Open, served: Served, control: ScriptedControl, now: float
) -> None:
    metric, experiments, settings = open_page(), open_page(), open_page()
    metric.goto(f"{served.url}/metrics-defined/conversion")
    experiments.goto(f"{served.url}/experiments")
    settings.goto(f"{served.url}/settings")
    for page in (metric, experiments, settings):
        live(page)
    expect(metric.locator("#head")).to_contain_text("pp")
    expect(settings.locator("#settings")).to_contain_text("judges")
    control.failing = "OSError: disk"
    control.play(scenes.experimented(now, "shop-v3"))
    expect(experiments.locator('[data-key="shop-v3"]').first).to_contain_text("completed")
    expect(metric.locator("#now")).to_contain_text("No active rollout watches it")
    expect(settings.locator("#settings")).to_contain_text("every rollout holds: OSError: disk")
    for page in (metric, experiments, settings):
        assert page.said == []


def test_a_channel_is_tried_by_keyboard(open_page: Open, served: Served, control: ScriptedControl) -> None:
    control.states.apply((), (), settings=Settings(scenes.channels()))
    control.messenger.down["team"] = "answered with HTTP 410: <b>no_service</b>"
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(f"{served.url}/settings")
    live(page)
    for name, said in (("oncall", "arrives"), ("team", "Answered with HTTP 410: <b>no_service</b>, since")):
        page.get_by_role("button", name=f"Send a test to {name}").focus()
        page.keyboard.press("Enter")
        expect(page.locator(f'[data-key="channel-{name}"]')).to_contain_text(said)
    assert [name for name, _ in control.messenger.taken] == ["oncall"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.said == []


def test_what_fails_reaches_the_open_rollout(
    open_page: Open, served: Served, control: ScriptedControl, now: float
) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    expect(page.get_by_role("heading", name="Failing requests")).to_have_count(0)
    control.failed["shop-v2"] = scenes.failures(now)
    control.announce("shop-v2")
    expect(page.get_by_role("region", name="Failing requests, table")).to_contain_text("POST /orders/8114")
    named = page.locator('meta[property="og:image"]').get_attribute("content") or ""
    image = page.request.get(served.url + urlsplit(named).path)
    assert image.headers["content-type"] == "image/png"
