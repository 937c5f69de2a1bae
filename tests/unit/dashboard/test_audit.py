"""The history of all rollouts as pages and as files."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest

from dashboard_twin import scenes
from dashboard_twin.control import Scene, ScriptedControl
from fader.dashboard.audit import PAGE, Audit
from fader.dashboard.templating import Templates

Made = Callable[[ScriptedControl], httpx2.AsyncClient]


def many(now: float, steps: int) -> Scene:
    scene = scenes.ramping(now)
    made = tuple(replace(scene.steps[0], seq=i + 1, at=now - 10.0 * (steps - i)) for i in range(steps))
    return replace(scene, steps=made)


def rows(text: str) -> list[str]:
    return re.findall(r'<tr data-key="([^"]+)"', text)


def link(text: str, words: str) -> str:
    [found] = re.findall(rf'<a [^>]*href="([^"]+)"[^>]*>{words}</a>', text)
    return found.replace("&amp;", "&")


async def test_pages_lead_to_each_other_and_hold_while_steps_come(client: Made, now: float) -> None:
    control = ScriptedControl(many(now, 2 * PAGE + 5))
    every = [f"shop-v2/{i}" for i in range(2 * PAGE + 5, 0, -1)]
    async with client(control) as http:
        first = (await http.get("/audit?rollout=shop-v2")).text
        assert rows(first) == every[:PAGE]
        assert "Newer" not in first
        second_at = link(first, "Older")
        assert "rollout=shop-v2" in second_at
        second = (await http.get(second_at)).text
        assert rows(second) == every[PAGE : 2 * PAGE]
        third = (await http.get(link(second, "Older"))).text
        assert rows(third) == every[2 * PAGE :]
        assert "Older" not in third
        assert rows((await http.get(link(third, "Newer"))).text) == every[PAGE : 2 * PAGE]
        back = (await http.get(link(second, "Newer"))).text
        assert rows(back) == every[:PAGE]
        assert "Newer" not in back
        control.play(many(now, 2 * PAGE + 9))
        assert rows((await http.get(second_at)).text) == rows((await http.get(second_at)).text)
        assert link((await http.get(second_at)).text, "Newest") == "/audit?rollout=shop-v2"


async def test_a_filter_stands_in_the_address_the_fields_and_the_files(client: Made, now: float) -> None:
    async with client(ScriptedControl(*scenes.everything(now))) as http:
        page = (await http.get("/audit?actor=fader&event=harm")).text
        assert rows(page) == ["checkout-v7/3", "basket-v9/3"]
        assert '<option value="fader" selected>' in page
        assert '<option value="harm" selected>' in page
        assert link(page, "CSV") == "/audit.csv?actor=fader&event=harm"
        assert link(page, "JSON") == "/audit.json?actor=fader&event=harm"
        none = (await http.get("/audit?rollout=nothing")).text
        assert rows(none) == []
        assert "No step is like that" in none
        wrong = await http.get("/audit?from=yesterday")
        assert wrong.status_code == 422
        assert "from is no time" in wrong.text
        assert (await http.get("/audit?before=x")).status_code == 422


async def test_a_flag_is_found_by_the_rollouts_that_move_it(client: Made, now: float) -> None:
    scene = scenes.ramping_flag(now)
    async with client(ScriptedControl(scenes.ramping(now), scene)) as http:
        page = (await http.get("/audit?flag=new-checkout")).text
        tree = json.loads((await http.get("/audit.json?flag=new-checkout")).text)
    assert rows(page) == [f"new-form/{step.seq}" for step in scene.steps[::-1]]
    assert '<a href="/flags/new-checkout">new-checkout</a>' in page
    assert '<option value="new-checkout" selected>' in page
    assert {(r["rollout"], r["flag"]) for r in tree["records"]} == {("new-form", "new-checkout")}


async def test_files_hold_every_step_that_is_asked_for(client: Made, now: float) -> None:
    async with client(ScriptedControl(many(now, 1200), scenes.rolled_back(now))) as http:
        table = await http.get("/audit.csv?rollout=shop-v2")
        tree = await http.get("/audit.json")
    read = list(csv.DictReader(io.StringIO(table.text)))
    assert [int(r["seq"]) for r in read] == list(range(1200, 0, -1))
    assert (read[0]["rollout"], read[0]["actor"], read[0]["share"]) == ("shop-v2", "ada", "0%")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", read[0]["at"])
    assert 'filename="fader-audit.csv"' in table.headers["content-disposition"]
    records = json.loads(tree.text)["records"]
    assert len(records) == 1203
    assert [r["at"] for r in records] == sorted((r["at"] for r in records), reverse=True)


async def test_an_empty_history_is_still_a_file(client: Made) -> None:
    async with client(ScriptedControl()) as http:
        assert json.loads((await http.get("/audit.json")).text) == {"records": []}
        assert (await http.get("/audit.csv")).text.strip().startswith("at,rollout,seq")
        assert "Nothing has happened yet" in (await http.get("/audit")).text


@pytest.mark.parametrize("said", ["=cmd|' /C calc'!A0", "+1", "-1", "@x"])
async def test_no_spreadsheet_takes_a_reason_for_a_formula(client: Made, now: float, said: str) -> None:
    scene = scenes.learning(now)
    step = replace(scene.steps[0], command=replace(scene.steps[0].command, reason=said))
    async with client(ScriptedControl(replace(scene, steps=(step,)))) as http:
        [row] = csv.DictReader(io.StringIO((await http.get("/audit.csv")).text))
    assert row["said"] == f"'{said}"


async def test_the_newest_page_is_live_and_an_older_one_is_not(client: Made, now: float) -> None:
    control = ScriptedControl(many(now, PAGE + 5))
    async with client(control) as http:
        first = (await http.get("/audit?actor=ada")).text
        assert 'data-live="/audit/live?actor=ada"' in first
        assert "data-live" not in (await http.get(link(first, "Older"))).text
    page = await Audit(control, Templates(), lambda: now).snapshot({"actor": "ada"})
    assert list(page.regions) == ["records"]


async def test_an_apply_in_the_page_stands_in_the_history_and_in_its_files(client: Made) -> None:
    control = ScriptedControl()
    text = "flags: {theme: {description: '<b>'}}\n"
    async with client(control) as http:
        assert "the first step is a configuration that is applied" in (await http.get("/audit")).text
        seen = re.search(
            r'name="seen" value="(\w+)"', (await http.post("/configuration/plan", data={"text": text})).text
        )
        assert seen
        await http.post("/configuration/apply", data={"text": text, "seen": seen[1]})
        page = (await http.get("/audit?event=apply&actor=dashboard")).text
        as_csv = (await http.get("/audit.csv?event=apply")).text
        as_json = (await http.get("/audit.json")).json()
    assert rows(page) == ["applies/-1"]
    assert '<a href="/configuration">configuration</a>' in page
    assert "added flag theme" in page
    [line] = csv.DictReader(io.StringIO(as_csv))
    assert (line["event"], line["actor"], line["reason"]) == ("apply", "dashboard", "added flag theme")
    assert [r["event"] for r in as_json["records"]] == ["apply"]
