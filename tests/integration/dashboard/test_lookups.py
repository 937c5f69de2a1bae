"""Audit, services, units and the long overview in a real browser; axe-core on every page."""

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from dashboard_twin import flags, scenes, services
from dashboard_twin.control import ScriptedControl
from dashboard_twin.server import Served, serving
from fader.dashboard.overview import Group, grouped
from fader.model.settings import Settings

pytestmark = pytest.mark.slow

expect.set_options(timeout=30_000)
Open = Callable[..., Page]
PAGES = (
    "/",
    "/?group=ended",
    "/audit",
    "/audit?actor=fader",
    "/services",
    "/services/shop",
    "/services/mail",
    "/units",
    "/metrics-defined",
    "/metrics-defined/conversion",
    "/metrics-defined/latency",
    "/experiments",
    "/settings",
    "/configuration",
    "/flags",
    "/flags/new-checkout?unit=ann&attributes=country%3DUS",
    f"/flags/{scenes.LONG}",
    "/rollouts/shop-v2",
    "/rollouts/checkout-v7",
    "/login",
)


@pytest.fixture
def now() -> float:
    return time.time()


@pytest.fixture
def control(now: float) -> ScriptedControl:
    control = ScriptedControl(
        *scenes.everything(now),
        gateways=scenes.gateways(now),
        services=(*services.everything(now), services.extreme(now)),
        live=services.live(),
        flags=flags.extreme(),
    )
    control.failed["shop-v2"] = scenes.failures(now)
    control.reached["shop-v2"] = scenes.reach()
    control.learning = scenes.learnt()
    control.states.apply((), (), *flags.extreme(), settings=Settings(scenes.channels()))
    control.messenger.down["team"] = "answered with HTTP 410"
    return control


@pytest.fixture
def served(control: ScriptedControl) -> Iterator[Served]:
    with serving(control) as served:
        yield served


def live(page: Page) -> None:
    expect(page.locator("#link")).to_have_attribute("data-state", "live")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(open_page: Open, served: Served, scheme: str) -> None:
    found = {}
    page = open_page(color_scheme=scheme)
    for address in PAGES:
        page.goto(served.url + address)
        found[address] = serious(page)
    page.goto(f"{served.url}/units")
    page.get_by_label("Unit").fill("user-42")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    found["/units, answered"] = serious(page)
    assert {address: what for address, what in found.items() if what} == {}


def serious(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {node['target']} {node['failureSummary']}"
        for v in violations
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]


def test_axe_would_find_what_is_wrong(open_page: Open, served: Served) -> None:
    page = open_page()
    page.goto(f"{served.url}/units")
    page.evaluate("document.querySelector('label[for=unit]').remove()")
    assert any(line.startswith("label:") for line in serious(page))


@pytest.mark.parametrize("width", [390, 768, 1440, 2560])
def test_no_page_scrolls_sideways(
    open_page: Open, served: Served, control: ScriptedControl, now: float, width: int
) -> None:
    control.play(scenes.long_names(now))
    page = open_page(viewport={"width": width, "height": 844})
    for address in (*PAGES[:-3], f"/services/{services.LONG_SERVICE}"):
        page.goto(served.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    assert page.said == []


def test_the_audit_is_filtered_by_keyboard_and_its_address_holds(open_page: Open, served: Served) -> None:
    page = open_page()
    page.goto(f"{served.url}/audit")
    page.get_by_label("Rollout").fill("checkout-v7")
    page.get_by_label("Who").select_option("fader")
    page.keyboard.press("Tab")
    page.get_by_label("Rollout").press("Enter")
    expect(page.locator(".records tbody tr")).to_have_count(2)
    address = page.url
    assert "rollout=checkout-v7" in address
    assert "actor=fader" in address
    other = open_page()
    other.goto(address)
    expect(other.locator(".records tbody tr")).to_have_count(2)
    expect(other.get_by_label("Rollout")).to_have_value("checkout-v7")
    other.locator(".records tbody tr").first.get_by_role("link").click()
    expect(other).to_have_url(f"{served.url}/rollouts/checkout-v7#step-3")


def test_the_audit_is_taken_along_as_it_is_filtered(open_page: Open, served: Served, tmp_path: Path) -> None:
    page = open_page()
    page.goto(f"{served.url}/audit?rollout=shop-v2")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "fader-audit.csv"
    assert [r["rollout"] for r in csv.DictReader(file.read_text().splitlines())] == ["shop-v2"] * 4


def test_a_step_reaches_the_open_audit(open_page: Open, served: Served, control: ScriptedControl, now: float) -> None:
    page = open_page()
    page.goto(f"{served.url}/audit")
    live(page)
    page.evaluate("document.body.dataset.before = 'kept'")
    control.play(scenes.rolled_back(now + 460, "fresh-v2", "fresh"))
    expect(page.locator(".records tbody tr").first).to_contain_text("fresh-v2")
    assert page.evaluate("document.body.dataset.before") == "kept"


def test_a_service_follows_its_baseline_and_keeps_its_table_open(
    open_page: Open, served: Served, control: ScriptedControl
) -> None:
    page = open_page()
    page.goto(f"{served.url}/services/shop")
    live(page)
    page.get_by_text("Numbers behind these pictures").click()
    expect(page.get_by_role("region", name="Traffic, table")).to_be_visible()
    control.upstreams["shop"] = replace(control.upstreams["shop"], baseline="v2", candidate="")
    control.announce("shop-v2")
    expect(page.locator("#head")).to_contain_text("everybody has v2")
    expect(page.get_by_role("region", name="Traffic, table")).to_be_visible()
    assert page.said == []


def test_a_unit_is_looked_up_by_keyboard_and_stands_in_no_address(open_page: Open, served: Served) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served.url}/units")
    page.get_by_label("Unit").focus()
    page.keyboard.type("user-42")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Now, table")).to_contain_text("shop-v2")
    assert asked
    assert not [url for url in asked if "user-42" in url]
    assert page.said == []


def test_markup_in_services_units_and_reasons_is_text(
    open_page: Open, served: Served, control: ScriptedControl, now: float
) -> None:
    control.play(scenes.markup(now))
    control.upstreams[scenes.MARKUP] = services.markup(now)
    page = open_page()
    page.goto(f"{served.url}/services")
    page.get_by_role("link", name=scenes.MARKUP).click()
    expect(page.locator("h1")).to_have_text(scenes.MARKUP)
    page.goto(f"{served.url}/audit")
    expect(page.locator(".records")).to_contain_text("</script><script>alert(2)</script>")
    page.goto(f"{served.url}/units")
    page.get_by_label("Unit").fill("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_label("Unit")).to_have_value("<img src=x onerror=alert(1)>")
    expect(page.locator("#main img, #main em, #main u")).to_have_count(0)
    assert page.said == []


def test_five_hundred_rollouts_are_found_again(
    open_page: Open, served: Served, control: ScriptedControl, now: float
) -> None:
    for i in range(500):
        scene = scenes.completed(now - 3600 * i, f"{scenes.LONG[:58]}-{i:04}", f"service-{i % 7}")
        control.scenes[scene.view.name] = scene
    page = open_page()
    page.goto(served.url)
    live(page)
    expect(page.locator(".group-title").first).to_contain_text("Needs a person")
    assert page.locator(".row").count() < 60
    ended = len(grouped([scene.view for scene in control.scenes.values()], now)[Group.ENDED])
    page.get_by_role("link", name=f"All {ended}").click()
    expect(page.get_by_text("page 1 of 11")).to_be_visible()
    page.get_by_role("link", name="Further").click()
    expect(page).to_have_url(f"{served.url}/?group=ended&page=2")
    page.goto(served.url)
    page.get_by_label("Rollout or service").fill("-0321")
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(1)
    live(page)
