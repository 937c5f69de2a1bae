"""The pages over HTTP, without a browser: what stands in them, what a button does, what an error says."""

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

import fader.dashboard
from dashboard_twin import flags, holdouts, scenes, services
from dashboard_twin.control import Scene, ScriptedControl
from fader.dashboard.templating import Templates, prepare

Client = httpx2.AsyncClient


class Tags(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


Made = Callable[[ScriptedControl], Client]
ALL = [scenes.ramping, scenes.rolled_back, scenes.learning, scenes.completed, scenes.held, scenes.awaiting,
       scenes.pending, scenes.long_names, scenes.experimenting, scenes.experimented, scenes.adaptive,
       scenes.sells_less]  # fmt: skip


@pytest.mark.parametrize("make", ALL)
async def test_every_state_has_its_page(client: Made, now: float, make: Callable[[float], Scene]) -> None:
    scene = make(now)
    async with client(ScriptedControl(scene)) as http:
        page = await http.get(f"/rollouts/{scene.view.name}")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert scene.view.headline.replace("'", "&#39;") in page.text
    for wait in scene.view.waits:
        assert wait in page.text
    for command in scene.view.commands:
        assert f'action="/rollouts/{scene.view.name}/{command}"' in page.text


async def test_a_rollout_says_whom_it_is_for(client: Made, now: float) -> None:
    scene = scenes.ramping(now)
    named = replace(
        scene, view=replace(scene.view, audience='only where country is "US"; elsewhere v1, as no evidence')
    )
    for made, shown in ((scene, False), (named, True)):
        async with client(ScriptedControl(made)) as http:
            page = await http.get(f"/rollouts/{scene.view.name}")
        assert ("only where country is &#34;US&#34;; elsewhere v1, as no evidence" in page.text) is shown


@pytest.mark.parametrize("make", [*ALL, scenes.markup])
async def test_no_page_has_inline_script_or_style(client: Made, now: float, make: Callable[[float], Scene]) -> None:
    scene = make(now)
    async with client(ScriptedControl(scene, gateways=scenes.gateways(now))) as http:
        pages = [await http.get("/"), await http.get(f"/rollouts/{scene.view.name}"), await http.get("/login")]
    for page in pages:
        assert page.status_code == 200
        tags = Tags(page.text)
        assert [name for _, attributes in tags.seen for name in attributes if name == "style" or name[:2] == "on"] == []
        assert all("src" in a or a.get("type") == "application/json" for tag, a in tags.seen if tag == "script")
        assert "style" not in {tag for tag, _ in tags.seen}


BESIDE = (
    "/metrics-defined",
    "/experiments",
    f"/holdouts/{quote(scenes.MARKUP)}",
    "/settings",
    "/configuration",
    "/flags",
    "/flags/marked",
    "/flags/marked?unit=<img>&attributes=<s>=<img>",
    "/audit",
    "/audit?rollout=<img>",
    "/services",
    f"/services/{quote(scenes.MARKUP)}",
    "/units",
    "/?q=<img>",
)


async def test_no_page_beside_the_rollout_has_inline_script_or_style(client: Made, now: float) -> None:
    control = ScriptedControl(
        scenes.markup(now), services=(services.markup(now),), live=services.live(), flags=flags.extreme()
    )
    control.holding = (holdouts.markup(now),)
    async with client(control) as http:
        pages = [await http.get(address) for address in BESIDE] + [await http.post("/units", data={"unit": "user-1"})]
    for page in pages:
        assert page.status_code == 200
        tags = Tags(page.text)
        assert [name for _, attributes in tags.seen for name in attributes if name == "style" or name[:2] == "on"] == []
        assert {a["src"] for tag, a in tags.seen if tag == "script"} == {"/static/fader.js"}
        assert "style" not in {tag for tag, _ in tags.seen}


async def test_markup_comes_out_as_text(client: Made, now: float) -> None:
    control = ScriptedControl(scenes.markup(now), services=(services.markup(now),), flags=flags.extreme())
    control.holding = (holdouts.markup(now),)
    async with client(control) as http:
        for address in ("/", f"/rollouts/{scenes.MARKUP}", *BESIDE):
            text = (await http.get(address)).text
            assert "<img" not in text
            assert "<s>" not in text
            assert "<script>alert" not in text
            assert "<u>v1" not in text


async def test_a_page_shows_outcomes_the_experiment_and_signals(client: Made, now: float) -> None:
    async with client(ScriptedControl(scenes.experimenting(now), scenes.sells_less(now))) as http:
        running = (await http.get("/rollouts/shop-v3")).text
        stopped = (await http.get("/rollouts/basket-v9")).text
    for words in ("Outcomes", "61,400", "at every look", "GET /support", "1.6 to 2.4 times as many", "clocks agree"):
        assert words in running
    assert scenes.experimenting(now).view.plan in running
    assert running.count("so it stops nothing") == 2
    assert stopped.count("so it stops nothing") == 1
    assert stopped.index("refund") < stopped.index("GET /support")
    assert stopped.index("harmful") < stopped.index("conversion is worse")


async def test_a_reading_at_its_planned_end_shows_both_intervals(client: Made, now: float) -> None:
    scene = scenes.experimented(now)
    async with client(ScriptedControl(scene)) as http:
        text = (await http.get("/rollouts/shop-v4")).text
    assert scene.view.verdict in text
    assert "+0.79 to +3.0\u00a0pp" in text
    assert "+0.12 to +3.7\u00a0pp" in text


async def test_a_rollout_without_outcomes_has_no_such_part(client: Made, now: float) -> None:
    async with client(ScriptedControl(scenes.ramping(now), scenes.pending(now))) as http:
        text = (await http.get("/rollouts/shop-v2")).text
        before = (await http.get("/rollouts/mail-v2")).text
    assert "outcomes-title" not in text
    assert "No event, route or error differs" in text
    assert "signals-title" not in before
    assert "glance-title" not in before


async def test_the_overview_shows_each_rollout_and_gateway(client: Made, now: float) -> None:
    async with client(ScriptedControl(*scenes.everything(now), gateways=scenes.gateways(now))) as http:
        text = (await http.get("/")).text
    for scene in scenes.everything(now):
        assert f'href="/rollouts/{scene.view.name}"' in text
    assert "Envoy refused ruleset 42" in text
    assert text.index("recommend-v12") < text.index("shop-v2")


async def test_an_empty_overview_teaches_the_first_rollout(client: Made) -> None:
    async with client(ScriptedControl()) as http:
        text = (await http.get("/")).text
    for line in ("stages: [5%, 10%, 25%, 50%, 100%]", "fader apply -f fader.yaml", "fader start shop-v2"):
        assert line in text


async def test_a_button_works_without_script(client: Made, now: float) -> None:
    control = ScriptedControl(scenes.ramping(now))
    async with client(control) as http:
        answer = await http.post("/rollouts/shop-v2/abort", data={"reason": "customers call\n in"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/rollouts/shop-v2")
    [(name, command)] = control.asked
    assert (name, command.name, command.reason, command.actor) == ("shop-v2", "abort", "customers call in", "dashboard")


async def test_a_button_answers_a_script_with_the_new_headline(client: Made, now: float) -> None:
    async with client(ScriptedControl(scenes.ramping(now))) as http:
        answer = await http.post("/rollouts/shop-v2/pause", headers={"accept": "application/json"})
    assert answer.json() == {"headline": "pause was asked for by dashboard."}


async def test_the_same_users_are_asked_for_by_a_tick(client: Made, now: float) -> None:
    control = ScriptedControl(scenes.rolled_back(now))
    async with client(control) as http:
        await http.post("/rollouts/checkout-v7/retry", data={"same_units": "1"})
    assert control.asked[0][1].same_units


async def test_what_is_refused_says_why(client: Made, now: float) -> None:
    control = ScriptedControl(scenes.rolled_back(now))
    why = "checkout-v7 is rolled_back: it cannot pause now."
    async with client(control) as http:
        page = await http.post("/rollouts/checkout-v7/pause")
        problem = await http.post("/rollouts/checkout-v7/pause", headers={"accept": "application/json"})
    assert page.status_code == problem.status_code == 409
    assert why in page.text
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["detail"] == why
    assert control.asked == []


async def test_a_promotion_needs_a_reason(client: Made, now: float) -> None:
    control = ScriptedControl(scenes.ramping(now))
    async with client(control) as http:
        answer = await http.post("/rollouts/shop-v2/promote", data={"reason": "   "})
        assert (answer.status_code, control.asked) == (422, [])
        assert "needs a reason" in answer.text
        assert (await http.post("/rollouts/shop-v2/promote", data={"reason": "CEO demo"})).status_code == 303
    assert control.asked[0][1].reason == "CEO demo"


@pytest.mark.parametrize("reason", ["x" * 1001, "x" * 100_000])
async def test_a_reason_has_an_end(client: Made, now: float, reason: str) -> None:
    control = ScriptedControl(scenes.ramping(now))
    async with client(control) as http:
        assert (await http.post("/rollouts/shop-v2/abort", data={"reason": reason})).status_code == 422
    assert control.asked == []


async def test_a_preview_shows_link_and_header(client: Made, now: float) -> None:
    async with client(ScriptedControl(scenes.ramping(now), scenes.completed(now))) as http:
        page = await http.post("/rollouts/shop-v2/preview")
        assert "x-fader-preview: s3cret" in page.text
        assert 'href="http://127.0.0.1:8080/?fader_preview=s3cret"' in page.text
        assert (await http.post("/rollouts/shop-v1-8/preview")).status_code == 409


async def test_what_is_not_there_names_what_is(client: Made, now: float) -> None:
    async with client(ScriptedControl(scenes.ramping(now))) as http:
        for address in ("/rollouts/nothing", "/rollouts/nothing/live"):
            answer = await http.get(address)
            assert answer.status_code == 404
            assert "shop-v2" in answer.text
        assert (await http.post("/rollouts/shop-v2/explode")).status_code == 404
        assert (await http.get("/rollouts/shop-v2/abort")).status_code == 405


async def test_the_login_page_says_when_the_token_is_wrong(client: Made) -> None:
    async with client(ScriptedControl()) as http:
        fine, wrong = await http.get("/login"), await http.get("/login?wrong=1")
    alert = re.compile(r'id="login-refusal"[^>]*>([^<]*)<')
    assert alert.findall(fine.text) == [""]
    assert "not the one of this server" in alert.findall(wrong.text)[0]


async def test_assets_are_asked_for_again_each_time_and_found_unchanged(client: Made) -> None:
    async with client(ScriptedControl()) as http:
        first = await http.get("/static/fader.css")
        again = await http.get("/static/fader.css", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, first.headers["cache-control"]) == (200, 304, "no-cache")


def test_all_assets_together_stay_small_and_come_from_here() -> None:
    static = Path(fader.dashboard.__file__).parent / "static"
    files = [f for f in static.rglob("*") if f.suffix in (".js", ".css", ".svg")]
    assert sum(len(gzip.compress(f.read_bytes())) for f in files) < 150_000
    for file in files:
        if "vendor" not in file.parts:
            assert not re.search(r"(?:src|href|import|url)\W{0,3}https?://", file.read_text())
    for package in (static / "vendor").iterdir():
        assert package.is_file() or (package / "LICENSE").read_text()


def test_every_template_compiles_before_it_is_asked_for() -> None:
    prepare()
    assert Templates().render("flag_switches.html", flag=flags.THEME, switches=(), shown=1)
