"""The pages in a real browser, under the content security policy that they are served with."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from dashboard_twin import scenes
from dashboard_twin.control import ScriptedControl
from dashboard_twin.server import TOKEN, Served, serving

pytestmark = pytest.mark.slow

expect.set_options(timeout=30_000)
Open = Callable[..., Page]


@pytest.fixture
def now() -> float:
    return time.time()


@pytest.fixture
def control(now: float) -> ScriptedControl:
    return ScriptedControl(*scenes.everything(now), gateways=scenes.gateways(now))


@pytest.fixture
def served(control: ScriptedControl) -> Iterator[Served]:
    with serving(control) as served:
        yield served


def live(page: Page) -> None:
    expect(page.locator("#link")).to_have_attribute("data-state", "live")


def test_a_change_reaches_an_open_page_without_a_reload(
    open_page: Open, served: Served, control: ScriptedControl, now: float
) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    page.evaluate("document.body.dataset.before = 'kept'")
    scene = scenes.rolled_back(now, "shop-v2", "shop")
    control.play(scene)
    expect(page.locator(".headline")).to_have_text(scene.view.headline)
    expect(page.locator(".fader-l .pulled")).to_be_visible()
    expect(page.locator("#history .step")).to_have_count(3)
    expect(page.locator(".mark[data-kind=down]")).to_have_count(1)
    expect(page).to_have_title("0\u202f% · shop-v2 · fader")
    assert page.evaluate("document.body.dataset.before") == "kept"
    assert page.said == []


def test_new_points_reach_the_legend_and_the_table(
    open_page: Open, served: Served, control: ScriptedControl, now: float
) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    scene = control.scenes["shop-v2"]
    last = scene.points[-2]
    assert last.metric == "errors"
    control.play(replace(scene, points=(*scene.points, replace(last, at=now, candidate_value=0.0777))))
    errors = page.locator('[data-metric="errors"]')
    expect(errors.locator(".legend")).to_contain_text("v2 7.8\u202f%")
    errors.get_by_text("Numbers behind this chart").click()
    expect(errors.locator("table")).to_contain_text("7.8\u202f%")


def test_a_change_reaches_the_overview(open_page: Open, served: Served, control: ScriptedControl, now: float) -> None:
    page = open_page()
    page.goto(served.url)
    live(page)
    control.play(scenes.ramping(now, "brand-new", "fresh"))
    row = page.locator(".row", has_text="brand-new")
    expect(row).to_contain_text("25\u202f%")
    row.get_by_role("link").click()
    expect(page).to_have_url(f"{served.url}/rollouts/brand-new")


def test_what_a_person_types_survives_a_change(open_page: Open, served: Served, control: ScriptedControl) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    page.get_by_text("Promote", exact=True).click()
    page.get_by_label("Reason, for the record").fill("half a sent")
    scene = control.scenes["shop-v2"]
    control.play(replace(scene, view=replace(scene.view, headline="Something moved.", commands=("promote", "abort"))))
    expect(page.locator(".headline")).to_have_text("Something moved.")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    field = page.get_by_label("Reason, for the record")
    expect(field).to_be_focused()
    expect(field).to_have_value("half a sent")


def test_pull_the_plug_by_mouse(open_page: Open, served: Served, control: ScriptedControl) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    page.get_by_text("Pull the plug", exact=True).click()
    assert control.asked == []
    page.get_by_role("button", name="Pull the plug now").click()
    expect(page.locator(".chip.p-aborted")).to_be_visible()
    expect(page.locator(".side.cand .side-share")).to_have_text("0\u202f%")
    expect(page.get_by_text("Pull the plug", exact=True)).to_have_count(0)
    assert [(n, c.name) for n, c in control.asked] == [("shop-v2", "abort")]


def test_pull_the_plug_by_keyboard_with_a_reason(open_page: Open, served: Served, control: ScriptedControl) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Pull the plug":
            break
    page.keyboard.press("Enter")
    expect(page.locator("details.plug input")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("details.plug")).not_to_have_attribute("open", "")
    page.keyboard.press("Enter")
    expect(page.locator("details.plug input")).to_be_focused()
    page.keyboard.type("customers call")
    page.keyboard.press("Enter")
    expect(page.locator(".chip.p-aborted")).to_be_visible()
    [(_, command)] = control.asked
    assert (command.name, command.reason) == ("abort", "customers call")


def test_pull_the_plug_without_script(open_page: Open, served: Served, control: ScriptedControl) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{served.url}/rollouts/shop-v2")
    page.get_by_text("Pull the plug", exact=True).click()
    page.get_by_role("button", name="Pull the plug now").click()
    expect(page.locator(".chip.p-aborted")).to_be_visible()
    assert [c.name for _, c in control.asked] == ["abort"]


def test_what_is_refused_is_said_beside_the_button(open_page: Open, served: Served, control: ScriptedControl) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    scene = control.scenes["shop-v2"]
    # The state moved on without an announcement: the button is still there, the command is not.
    control.scenes["shop-v2"] = replace(scene, view=replace(scene.view, commands=()))
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".actions .refusal:visible")).to_have_text("shop-v2 is ramping: it cannot pause now.")


def test_a_lost_connection_shows_and_heals(open_page: Open, served: Served, control: ScriptedControl) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    served.stop()
    expect(page.locator("#lost")).to_contain_text("The connection is lost")
    expect(page.locator("#link")).to_have_attribute("data-state", "lost")
    scene = control.scenes["shop-v2"]
    control.scenes["shop-v2"] = replace(scene, view=replace(scene.view, headline="Meanwhile it went on."))
    served.start()
    live(page)
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator(".headline")).to_have_text("Meanwhile it went on.")


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/login",
        *(
            f"/rollouts/{n}"
            for n in (
                "shop-v2",
                "checkout-v7",
                "search-v3",
                "shop-v1-8",
                "recommend-v12",
                "basket-v4",
                "mail-v2",
                "shop-v3",
                "shop-v4",
                "basket-v9",
                scenes.LONG,
            )
        ),
    ],
)
def test_a_narrow_screen_never_scrolls_sideways(
    open_page: Open, served: Served, control: ScriptedControl, now: float, address: str
) -> None:
    control.play(scenes.loaded(now))
    control.reached[scenes.LONG], control.failed[scenes.LONG] = scenes.reach(), scenes.failures(now)
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(served.url + address)
    if address != "/login":
        live(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for button in page.locator(".button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert page.said == []


def test_markup_is_text_and_the_console_is_quiet(
    open_page: Open, served: Served, control: ScriptedControl, now: float
) -> None:
    control.play(scenes.markup(now))
    page = open_page()
    page.goto(served.url)
    live(page)
    page.get_by_role("link", name=scenes.MARKUP).click()
    live(page)
    expect(page.locator("h1")).to_have_text(scenes.MARKUP)
    expect(page.locator(".headline")).to_have_text("Headline </script><script>alert(2)</script>")
    expect(page.locator("#history")).to_contain_text("<em>eve</em>")
    expect(page.locator("#main img, #main em, #main u, #main s")).to_have_count(0)
    expect(page.locator("#signals .signal-name").first).to_contain_text("<img src=x onerror=alert(4)>")
    expect(page.locator("#outcomes")).to_contain_text("<s>buys</s>")
    # What comes later, over the stream and through the charts, is text as well.
    scene = scenes.markup(now)
    control.play(replace(scene, view=replace(scene.view, headline="<img src=y onerror=alert(3)>")))
    expect(page.locator(".headline")).to_have_text("<img src=y onerror=alert(3)>")
    page.locator('[data-metric="<i>errors</i>"] .u-over').hover()
    expect(page.locator('[data-metric="<i>errors</i>"] .legend')).to_contain_text("<u>v2</u>")
    expect(page.locator("#main img, #main em, #main u")).to_have_count(0)
    assert page.said == []


def test_the_printed_link_signs_in_and_leaves_no_token_behind(open_page: Open, served: Served) -> None:
    page = open_page()
    page.goto(f"{served.url}/login#token={TOKEN}")
    expect(page).to_have_url(f"{served.url}/")
    assert [c["name"] for c in page.context.cookies()] == ["fader_session"]
    page.go_back()
    assert TOKEN not in page.url


def test_the_link_pasted_into_the_open_login_page_signs_in(open_page: Open, served: Served) -> None:
    page = open_page()
    page.goto(f"{served.url}/login")
    page.goto(f"{served.url}/login#token={TOKEN}")
    expect(page).to_have_url(f"{served.url}/")


def test_a_wrong_token_is_said_and_the_field_takes_the_right_one(open_page: Open, served: Served) -> None:
    page = open_page()
    page.goto(f"{served.url}/login#token=stale")
    expect(page.get_by_role("alert").filter(has_text="not the one of this server")).to_be_visible()
    assert "stale" not in page.url
    page.get_by_label("Token").fill(f" {TOKEN} ")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{served.url}/")


def test_a_decision_on_the_chart_opens_its_evidence(open_page: Open, served: Served) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v2")
    live(page)
    page.get_by_role("link", name="Decision 4, passed").click()
    expect(page).to_have_url(re.compile("#step-4$"))
    expect(page.locator("#step-4 table")).to_be_visible()


def test_times_are_in_the_readers_zone_with_the_exact_one_on_hover(open_page: Open, served: Served) -> None:
    page = open_page(timezone_id="Asia/Tokyo", locale="en-GB")
    page.goto(f"{served.url}/rollouts/checkout-v7")
    shown = page.locator("#stages time").first
    expect(shown).to_have_attribute("title", re.compile(r"GMT\+9|JST"))
    expect(shown).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))


def test_a_signal_and_a_reading_reach_an_open_page(
    open_page: Open, served: Served, control: ScriptedControl, now: float
) -> None:
    page = open_page()
    page.goto(f"{served.url}/rollouts/shop-v3")
    live(page)
    expect(page.locator("#signals .signal")).to_have_count(2)
    scene = control.scenes["shop-v3"]
    worse = replace(scene.view.readings[0], verdict="worse")
    found = replace(scene.view.signals[1], name="GET /complaints", harmful=True)
    control.play(replace(scene, view=replace(scene.view, readings=(worse,), signals=(*scene.view.signals, found))))
    expect(page.locator("#signals .signal").first).to_contain_text("GET /complaints")
    expect(page.locator("#signals .signal").first).to_contain_text("harmful")
    expect(page.locator("#outcomes .chip.v-worse")).to_have_text(re.compile("worse"))
    expect(page.locator("#glance .glance-row")).to_have_count(1 + 2 + 1 + 3)  # the scale, then what is drawn
    assert page.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_outcomes_and_signals_can_be_read(open_page: Open, served: Served, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    page.goto(f"{served.url}/rollouts/basket-v9")
    live(page)
    shown = [".chip.v-harmful", ".chip.v-worse", ".chip.v-signal", ".signal-name", ".signal .meta", ".says td",
             ".health", ".glance-words", ".glance-name .note"]  # fmt: skip
    present = [s for s in shown if page.locator(s).count()]
    assert set(shown) - set(present) == {".health"}  # rolled back: nobody has the candidate any more
    found = page.evaluate(CONTRAST, present)
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(open_page: Open, served: Served, scheme: str) -> None:
    """WCAG AA: the contrast of text against the ground it stands on is at least 4.5."""
    page = open_page(color_scheme=scheme)
    page.goto(f"{served.url}/rollouts/checkout-v7")
    live(page)
    found = page.evaluate(
        CONTRAST,
        [
            ".headline",
            ".meta",
            ".note",
            "dt",
            "dd.hurt",
            ".chip.p-rolled_back",
            ".chip.v-undecided",
            ".arm.cand",
            ".arm.base",
            ".side.cand .side-share",
            ".side.base .side-share",
            ".stage-status",
            ".button.primary",
        ],
    )
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}


CONTRAST = """(selectors) => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = (colour, under) => {
    paint.fillStyle = under; paint.fillRect(0, 0, 1, 1);
    paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const luminance = (rgb) => rgb.map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  return Object.fromEntries(selectors.map((selector) => {
    const element = document.querySelector(selector);
    let ground = "rgb(255, 255, 255)";
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") { ground = colour; break; }
    }
    const [a, b] = [parse(getComputedStyle(element).color, ground), parse(ground, "white")].map(luminance);
    return [selector, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)];
  }));
}"""
