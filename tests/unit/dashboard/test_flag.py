"""The pages of flags over HTTP: who gets what in words, the switch, and explanations that an address holds."""

import re
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest

from dashboard_twin import flags, scenes
from dashboard_twin.control import ScriptedControl
from fader.dashboard.flag import rule_lines, segments_in
from fader.dashboard.pages import Pages
from fader.model.codebase import Codebase, Found
from fader.model.flag import HeldOut, Piece, Rule
from fader.model.segment import Segment
from fader.model.share import Draw, Interval
from fader.model.usage import Usage
from fader.ports.states import Entry

Made = Callable[[ScriptedControl], httpx2.AsyncClient]


def control() -> ScriptedControl:
    return ScriptedControl(flags=flags.everything(), clock=lambda: 1_764_000_000.0)


async def test_the_list_has_each_flag_with_its_state(client: Made) -> None:
    async with client(control()) as http:
        text = (await http.get("/flags")).text
    assert re.findall(r'<tr data-key="([^"]+)"', text) == ["new-checkout", "theme", "limits"]
    assert text.count("v-safe") == 2
    assert text.count("v-harmful") == 1


async def test_many_flags_are_shown_page_by_page_and_found_by_name_and_owner(client: Made) -> None:
    [theme] = (f for f in flags.everything()[0] if f.name == "theme")
    many = tuple(replace(theme, name=f"theme-{i}", owner="Search" if i % 10 else "Shop") for i in range(250))
    rows = re.compile(r'<tr data-key="([^"]+)"')
    async with client(ScriptedControl(flags=(many, ()))) as http:

        async def shown(query: str) -> tuple[list[str], str]:
            text = (await http.get(f"/flags?{query}")).text
            return rows.findall(text), text

        first, text = await shown("")
        assert first == [f"theme-{i}" for i in range(100)]
        assert "page 1 of 3, 250 flags" in text
        assert 'rel="prev"' not in text
        assert 'href="/flags?page=2"' in text
        last, text = await shown("page=3")
        assert last == [f"theme-{i}" for i in range(200, 250)]
        assert 'rel="next"' not in text
        assert 'data-live="/live/flags?page=3"' in text
        assert (await shown("q=shop"))[0] == [f"theme-{i}" for i in range(0, 250, 10)]
        assert 'href="/flags?q=Search&amp;page=2"' in (await shown("q=Search"))[1]
        assert "There is nothing on page 9." in (await shown("page=9"))[1]
        assert "No flag has “&lt;b&gt;” in its name or owner." in (await shown("q=<b>"))[1]

    control = ScriptedControl(flags=(many, ()))
    pages = Pages(control, control.flags, control.applier, control.installation, control.notifier, lambda: 0.0)
    assert rows.findall((await pages.snapshot("/flags?page=3", 0.0)).regions["flags"]) == last


async def test_the_list_follows_what_is_switched(client: Made) -> None:
    board = control()
    async with client(board) as http:
        before = (await http.get("/flags")).text
        board.flags.switch("theme", False, "ann", "")
        after = (await http.get("/flags")).text
    assert (before.count("v-harmful"), after.count("v-harmful")) == (1, 2)


async def test_without_flags_the_page_teaches_the_first(client: Made) -> None:
    async with client(ScriptedControl()) as http:
        assert "fader apply -f fader.yaml" in (await http.get("/flags")).text


async def test_a_flag_is_told_in_words_and_in_cel(client: Made) -> None:
    async with client(control()) as http:
        text = (await http.get("/flags/new-checkout")).text
    assert "for whom it holds that country is &#34;US&#34; and app.version is at least version 2.10 get" in text
    assert "country == &#34;US&#34;" in text
    assert "30\u202f%" in text
    assert "email ends with &#34;@example.com&#34;" in text
    assert "beta" not in text.split("segments-title")[2]
    assert text.count("–</td>") >= 2 * 2
    assert "as it was applied" in text


async def test_how_often_each_variant_was_given(client: Made) -> None:
    board = control()
    days = (("2025-11-20", 1_500), ("2025-11-24", 7))
    board.states.add_usage(tuple(Usage("new-checkout", "on", day, count) for day, count in days))
    async with client(board) as http:
        text = (await http.get("/flags/new-checkout")).text
    rows = re.findall(r'data-label="Today">([^<]*)</td><td class="r num" data-label="7 days">([^<]*)<', text)
    assert sorted(rows) == [("0", "0"), ("7", "1,507")]


async def test_a_flag_that_has_done_its_work_says_so(client: Made) -> None:
    now = 1_764_000_000.0  # 2025-11-24
    there, segments = flags.everything()
    aged = tuple(replace(f, expires="2025-11-23" if f.name == "theme" else "2026-01-31") for f in there)
    board = ScriptedControl(flags=(aged, segments), clock=lambda: now)
    async with client(board) as http:
        theme, limits = [(await http.get(f"/flags/{name}")).text for name in ("theme", "limits")]
    assert "It has done its work: its day was 2025-11-23." in theme
    assert "To be gone from the code by 2026-01-31." in limits


async def test_a_stale_flag_is_marked_in_the_list(client: Made) -> None:
    there, segments = flags.everything()
    old = replace(there[1], expires="2025-11-01")
    async with client(ScriptedControl(flags=((there[0], old), segments), clock=lambda: 1_764_000_000.0)) as http:
        text = (await http.get("/flags")).text
    fresh, stale = re.findall(r"<tr data-key.*?</tr>", text, re.DOTALL)
    assert "stale" not in fresh
    assert re.search(r'<span class="chip v-undecided"[^>]*><span aria-hidden="true">…</span> stale</span>', stale)
    assert "2025-11-01" in stale


def in_code(text: str) -> list[str]:
    """What the page says of each codebase, without its markup."""
    listed = text.partition('id="code-title"')[2].partition("</ol>")[0].replace("</p>", " ")
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", item)).strip() for item in listed.split("<li>")[1:]]


async def test_where_a_flag_stands_in_code(client: Made, now: float) -> None:
    board = control()
    flags.report(board.states, flags.searches(now))
    async with client(board) as http:
        checkout, theme, limits = [
            (await http.get(f"/flags/{name}")).text for name in ("new-checkout", "theme", "limits")
        ]
        listed = (await http.get("/flags")).text
    shop, mail = in_code(checkout)
    assert shop.startswith(
        "shop Seen in code: 12 references in 4 files, as of 2025-11-24 14:00 UTC. src/checkout/page.py:41, "
    )
    assert shop.endswith("src/checkout/tests/test_page.py:18 and 7 more")
    assert mail == "mail Not in code as of 2025-11-22 16:00 UTC, nor in any search before."
    assert "has done its work" not in checkout
    assert in_code(theme)[0] == (
        "shop No longer in code since 2025-11-24 14:00 UTC. "
        "It was seen last 2025-11-15 16:00 UTC; searched last 2025-11-24 14:00 UTC."
    )
    assert "It has done its work: no longer in code since 2025-11-24." in theme
    assert len(in_code(limits)) == 2
    assert "has done its work" not in limits, "it was in no code yet"
    stale = [row for row in re.findall(r"<tr data-key.*?</tr>", listed, re.DOTALL) if "stale" in row]
    assert [re.findall(r'data-key="([^"]+)"', row) for row in stale] == [["theme"]]
    assert "no longer in code since 2025-11-24" in stale[0]


async def test_what_nobody_has_reported_is_not_known(client: Made, now: float) -> None:
    board = control()
    async with client(board) as http:
        unknown = (await http.get("/flags/theme")).text
        board.states.put_codebase(Codebase("shop", now), (Found("limits", 1, 1, ("a.py:1",)),))
        unasked, limits = [(await http.get(f"/flags/{name}")).text for name in ("theme", "limits")]
    assert "Nobody has reported where it stands in code: <code>fader flags unused --code . --report</code>" in unknown
    assert in_code(unasked) == ["shop Not known: it was not searched for this flag."]
    assert in_code(limits) == ["shop Seen in code: 1 reference in 1 file, as of 2025-11-24 16:00 UTC. a.py:1"]


async def test_many_codebases_and_long_places_and_markup(client: Made, now: float) -> None:
    board = ScriptedControl(flags=flags.extreme(), clock=lambda: now)
    flags.report(board.states, flags.many_searches(now))
    async with client(board) as http:
        many, marked = [(await http.get(f"/flags/{name}")).text for name in (scenes.LONG, "marked")]
    assert len(in_code(many)) == 20
    assert "20 of 24 codebases." in many
    assert "987,654,321" in many
    assert "&lt;script&gt;alert(7)&lt;/script&gt;:2" in marked
    assert "<script>alert" not in marked


async def test_a_switch_works_with_and_without_script_and_stands_in_the_audit(client: Made) -> None:
    board = control()
    async with client(board) as http:
        form = await http.post("/flags/new-checkout/off", data={"reason": " orders \n fail "})
        assert (form.status_code, form.headers["location"]) == (303, "/flags/new-checkout")
        off = (await http.get("/flags/new-checkout")).text
        assert "Everybody gets off, whatever the rules say." in off
        assert "orders fail" in off
        assert 'action="/flags/new-checkout/on"' in off
        script = await http.post("/flags/new-checkout/on", headers={"accept": "application/json"})
        assert script.json() == {"headline": "new-checkout is on: its rules decide."}
        audit = (await http.get("/audit?flag=new-checkout")).text
    assert [(s.enabled, s.actor, s.reason) for s in board.states.switches()] == [
        (False, "dashboard", "orders fail"),
        (True, "dashboard", ""),
    ]
    assert re.findall(r'<tr data-key="([^"]+)"', audit) == ["flags/2", "flags/1"]
    assert 'href="/flags/new-checkout"' in audit
    assert "orders fail" in audit


@pytest.mark.parametrize(("path", "status"), [("/flags/none/off", 404), ("/flags/theme/up", 404)])
async def test_what_is_not_there_is_not_switched(client: Made, path: str, status: int) -> None:
    board = control()
    async with client(board) as http:
        assert (await http.post(path)).status_code == status
        assert (await http.post("/flags/theme/off", data={"reason": "x" * 1001})).status_code == 422
        assert (await http.get("/flags/none")).status_code == 404
    assert board.states.switches() == ()


async def test_an_explanation_stands_in_the_address(client: Made) -> None:
    async with client(control()) as http:
        asked = {"unit": "u1", "attributes": 'country=US\napp={"version": "2.11.0"}\n'}
        text = (await http.get("/flags/new-checkout", params=asked)).text
        nobody = (await http.get("/flags/new-checkout", params={"unit": ""})).text
        unasked = (await http.get("/flags/new-checkout")).text
    assert re.search(r"bucket [\d,]+ is (not )?below 300,000", text)
    assert "Nobody in particular" in nobody
    assert "decided here" in nobody
    assert "decided here" not in unasked


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"unit": "u", "attributes": "country"}, "&#34;country&#34; is no attribute"),
        ({"unit": "u" * 5000}, "The question is too long."),
    ],
)
async def test_a_question_that_is_none_is_refused_in_words(client: Made, asked: dict[str, str], why: str) -> None:
    async with client(control()) as http:
        answer = await http.get("/flags/new-checkout", params=asked)
    assert answer.status_code == 422
    assert why in answer.text


def test_segments_are_those_that_conditions_reach() -> None:
    outer, inner = Segment("staff", 'segment("inner")'), Segment("inner", "a == 1")
    found = segments_in(flags.CHECKOUT, (flags.BETA, outer, inner))
    assert [s.name for s in found] == ["staff", "inner"]
    assert segments_in(flags.THEME, (flags.STAFF,)) == ()


def test_a_rule_without_a_name_is_called_by_its_place() -> None:
    assert next((r.name, r.words, r.rule) for r in rule_lines(flags.CHECKOUT)) == (
        "rule 1",
        "they are in the segment staff",
        Rule("on", 'segment("staff")'),
    )


def under_way(now: float) -> ScriptedControl:
    """A rollout moves new-checkout."""
    scene = scenes.ramping_flag(now)
    board = ScriptedControl(scene, flags=flags.everything(), clock=lambda: now)
    there, segments = flags.everything()
    board.states.apply((), (Entry(scene.view.spec, scene.view.state, ""),), there, segments)
    board.flags.switch("new-checkout", True, "ann", "")  # which publishes
    return board


async def test_a_flag_shows_how_far_its_rollout_is(client: Made, now: float) -> None:
    async with client(under_way(now)) as http:
        text = (await http.get("/flags/new-checkout")).text
        listed = (await http.get("/flags")).text
        other = (await http.get("/flags/theme")).text
        asked = (await http.get("/flags/new-checkout?unit=nobody-knows&attributes=country=US")).text
    assert "new-form gives on to 25\u202f% of those whom no rule settles." in text
    assert "of the others for whom it holds that country is &#34;US&#34; get <b>on</b>" in text
    assert "Everybody else gets <b>off</b>" in text
    assert re.search(r'data-label="Role">candidate<', text)
    assert text.count('href="/rollouts/new-form"') == 2
    assert "flag new-checkout" in text
    assert "new-form: 25\u202f% get on" in listed
    assert "This flag has had no rollout" in other
    assert "rollout new-form: 25% get on" in asked


async def test_a_rollout_of_a_flag_speaks_of_the_flag(client: Made, now: float) -> None:
    async with client(under_way(now)) as http:
        page, overview = (await http.get("/rollouts/new-form")).text, (await http.get("/?q=new-checkout")).text
        metric = (await http.get("/metrics-defined/errors")).text
    assert '<a href="/flags/new-checkout">flag new-checkout</a>' in page
    assert "were given new-checkout=on" in page
    assert "Everybody goes back to new-checkout=off, at once." in page
    assert "of users have new-checkout=on now" in page
    assert "Share of users with new-checkout=on" in page
    assert "/preview" not in page
    assert "version" not in re.sub(r"(?s)<head>.*?</head>|<script.*?</script>", "", page).replace("aria-live", "")
    assert 'data-key="new-form"' in overview
    assert "flag new-checkout" in metric


async def test_weights_and_who_is_held_out_stand_among_the_rules(client: Made, now: float) -> None:
    pieces = tuple(Piece(v, Interval(at, 400_000 if at else 600_000)) for v, at in (("blue", 0), ("red", 600_000)))
    held = (HeldOut(Draw("holdout/q4", Interval(0, 50_000)), "blue"),)
    there, segments = flags.everything()
    weighted = tuple(replace(f, split=pieces, held=held) if f.name == "theme" else f for f in there)
    board = ScriptedControl(flags=(weighted, segments), clock=lambda: now)
    scene = scenes.ramping_flag(now)
    of = replace(scene.view.spec, layer=Draw("layer/checkout", Interval(0, 500_000)), holdouts=(held[0].draw,))
    board.states.apply((), (Entry(of, scene.view.state, ""),), weighted, segments)
    board.flags.switch("new-checkout", True, "ann", "")
    async with client(board) as http:
        theme, moved = [(await http.get(f"/flags/{name}")).text for name in ("theme", "new-checkout")]
    assert "Everybody is drawn by weights." in theme
    assert "<b>blue</b> by 60\u202f%, <b>red</b> by 40\u202f%; without a unit, <b>blue</b>" in theme
    assert re.search(r'data-label="Role">by weight<', theme)
    assert re.search(
        r'holdout/q4</span><div><p><b class="num">5\u202f%</b> of all are held out and keep <b>blue</b>', theme
    )
    assert "It has 50\u202f% of <code>layer/checkout</code> to itself." in moved
    assert "It does not reach <code>holdout/q4</code>." in moved
