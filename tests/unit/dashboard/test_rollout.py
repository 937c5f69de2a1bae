import re
from dataclasses import replace

import pytest

from dashboard_twin import scenes
from dashboard_twin.control import Scene, ScriptedControl
from fader.dashboard.live import Snapshot
from fader.dashboard.rollout import REGIONS, Rollout, guardrail_lines, proof, title
from fader.dashboard.templating import HERE, Templates, made_from
from fader.dashboard.upcoming import Next, next_step
from fader.model.reach import Reach
from fader.model.rollout import Budget
from fader.model.settings import Settings
from fader.model.state import Phase
from fader.model.verdict import Verdict
from fader.model.view import Point


def test_the_next_step_names_its_share_and_its_earliest_time(now: float) -> None:
    view = scenes.ramping(now).view
    assert next_step(view) == Next("50\u202f%", "when proven safe", now - 420 + 600)


@pytest.mark.parametrize(
    ("phase", "when"),
    [
        (Phase.PAUSED, "after a resume"),
        (Phase.HELD, "a person must decide"),
        (Phase.AWAITING, "when a person approves"),
        (Phase.COMPLETED, "nothing more"),
        (Phase.ABORTED, "nothing more"),
    ],
)
def test_no_time_is_promised_where_nothing_moves(now: float, phase: Phase, when: str) -> None:
    view = scenes.ramping(now).view
    upcoming = next_step(replace(view, state=replace(view.state, phase=phase)))
    assert (upcoming.when, upcoming.earliest) == (when, 0.0)


def test_before_the_first_stage_the_first_share_comes_next(now: float) -> None:
    assert next_step(scenes.learning(now).view).share == "5\u202f%"
    assert next_step(scenes.pending(now).view).share == "5\u202f%"


def test_an_adaptive_ramp_promises_a_limit_and_no_share(now: float) -> None:
    view = scenes.adaptive(now).view
    assert next_step(view) == Next("≤ 11\u202f%", "when proven safe", now - 420 + 600)
    before = replace(view, state=replace(view.state, phase=Phase.LEARNING, stage=-1, share=0, shares=()))
    assert next_step(before).share == "≤ 10\u202f%"
    given = replace(before, spec=replace(view.spec, budget=Budget(200, first=30_000)))
    assert next_step(given).share == "3\u202f%"


def test_an_experiment_is_read_before_anything_moves(now: float) -> None:
    view = scenes.experimenting(now).view
    day = 86_400.0
    assert next_step(view) == Next("100\u202f%", "when the experiment is read", now - 12.4 * day + 14 * day)


def test_every_phase_has_a_next_step(now: float) -> None:
    view = scenes.ramping(now).view
    for phase in Phase:
        assert next_step(replace(view, state=replace(view.state, phase=phase))).when


def test_proof_is_a_part_of_what_is_needed() -> None:
    assert [proof(e, 5.0) for e in (-3.0, 0.0, 2.5, 5.0, 9.0)] == [0, 0, 50, 100, 100]
    assert proof(1.0, 0.0) == 0


def test_a_guardrail_without_a_judgement_is_unknown(now: float) -> None:
    lines = guardrail_lines(scenes.learning(now).view)
    assert [(g.judgement.verdict, g.forest) for g in lines] == [(Verdict.UNKNOWN, None)] * 2


def test_a_quantile_names_its_frozen_threshold(now: float) -> None:
    assert [g.slower_than for g in guardrail_lines(scenes.ramping(now).view)] == ["", "182\u00a0ms"]


def test_the_title_says_what_needs_a_person(now: float) -> None:
    assert title(scenes.held(now).view) == "! 25\u202f% · recommend-v12 · fader"
    assert title(scenes.ramping(now).view) == "25\u202f% · shop-v2 · fader"


class Reading(ScriptedControl):
    """Notes from where on points were read."""

    def __init__(self, *given: Scene) -> None:
        super().__init__(*given)
        self.read: list[float] = []

    async def points(self, name: str, since: float = 0.0) -> tuple[Point, ...]:
        self.read.append(since)
        return await super().points(name, since)


async def fresh(scene: Scene, now: float) -> Snapshot:
    return await Rollout(ScriptedControl(scene), Templates(), lambda: now).snapshot("shop-v2")


async def test_a_page_drawn_again_reads_only_what_is_new_and_shows_the_same(now: float) -> None:
    scene = scenes.ramping(now)
    control = Reading(scene)
    page = Rollout(control, Templates(), lambda: now)
    await page.snapshot("shop-v2")
    later = scenes.curve(now + 5, now - 420, 2, 250_000, 0.004, 180.0)
    moved = scenes.rolled_back(now, "shop-v2", "shop")
    for each in (replace(scene, points=(*scene.points, *later)), moved, scene):
        control.play(each)
        again = await page.snapshot("shop-v2")
        assert again.regions["history"] == (await fresh(each, now)).regions["history"]
    assert control.read == [0.0, scene.points[-1].at, later[-1].at, later[-1].at]


async def test_traces_lead_to_where_they_are_looked_at(now: float) -> None:
    control = ScriptedControl(scenes.ramping(now))
    control.failed["shop-v2"] = scenes.failures(now)
    page = Rollout(control, Templates(), lambda: now)
    html = (await page.snapshot("shop-v2")).regions["failing"]
    assert "trace <code>4bf92f3577b34da6a3ce929d0e0e4736</code>" in html
    assert "<a href" not in html
    control.states.apply((), (), settings=Settings(tracing='https://t.example/x?a="b"&id={trace_id}'))
    html = (await page.snapshot("shop-v2")).regions["failing"]
    assert 'href="https://t.example/x?a=&#34;b&#34;&amp;id=4bf92f3577b34da6a3ce929d0e0e4736" rel="noreferrer"' in html
    assert html.count("<a href") == 3  # two failed ones have the same beside them


async def test_what_fails_stands_beside_what_is_like_it(now: float) -> None:
    control = ScriptedControl(scenes.rolled_back(now))
    page = Rollout(control, Templates(), lambda: now)
    assert (await page.snapshot("checkout-v7")).regions["failing"].strip() == ""
    control.failed["checkout-v7"] = scenes.failures(now)
    html = (await page.snapshot("checkout-v7")).regions["failing"]
    assert html.index("/orders/8114") < html.index("503") < html.index("/orders/8113")
    assert "no answer" in html
    assert "answered by v1" in html
    assert "none like it lately" in html


async def test_what_fails_of_a_flag_is_of_users_and_of_the_service_that_it_names(now: float) -> None:
    scene = scenes.ramping_flag(now)
    control = ScriptedControl(scene)
    control.failed["new-form"] = scenes.failures(now)
    page = Rollout(control, Templates(), lambda: now)
    html = (await page.snapshot("new-form")).regions["failing"]
    assert "of users with new-checkout=on, beside one like it of users with new-checkout=off" in html
    assert html.count("answered by") == 1
    control.failed.clear()
    for harmed, told in ((3, True), (0, False)):
        control.play(replace(scene, view=replace(scene.view, service="", units_harmed=harmed)))
        assert ("names no service" in (await page.snapshot("new-form")).regions["failing"]) is told
    control.play(replace(scene, view=replace(scene.view, units_harmed=3)))
    assert (await page.snapshot("new-form")).regions["failing"].strip() == ""


async def test_users_are_told_by_stage_and_by_segment(now: float) -> None:
    control = ScriptedControl(scenes.ramping(now))
    page = Rollout(control, Templates(), lambda: now)
    assert (await page.snapshot("shop-v2")).regions["reach"].strip() == ""
    control.reached["shop-v2"] = scenes.reach()
    regions = (await page.snapshot("shop-v2")).regions
    words = re.sub(r"<[^>]+>", "", regions["stages"])
    assert "1,204 users with v2, 22,871 with v1" in words
    assert "in the sample, 3,020 users with v2, 21,044 with v1; 1 met both and counts in neither" in words
    assert regions["reach"].index("staff") < regions["reach"].index("beta")
    assert "2.1\u202f% of them" in regions["reach"]
    rows = dict(re.findall(r'<tr data-key="([^"]+)">(.*)</tr>', regions["reach"]))
    assert "known only in the app" in rows["americans"]
    assert "known only in the app" in rows["beta"]
    assert "known only in the app" not in rows["staff"]
    assert "too many are listed" in rows["everybody"]
    assert not re.search(r">0<", rows["americans"] + rows["everybody"])
    assert "more are not counted" not in regions["reach"]
    control.reached["shop-v2"] = Reach(uncounted=tuple(f"by-rule-{i}" for i in range(13)))
    html = (await page.snapshot("shop-v2")).regions["reach"]
    assert "by-rule-9" in html
    assert "by-rule-10" not in html
    assert "3 more are not counted" in html


async def test_what_a_template_may_read_decides_whether_it_is_drawn_anew(now: float) -> None:
    view = scenes.ramping(now).view
    more = replace(view, units_exposed=view.units_exposed + 1)
    assert made_from("rollout_banner.html", {"view": view}) == made_from("rollout_banner.html", {"view": more})
    needs = replace(more, needs_person="Somebody must look.")
    assert made_from("rollout_banner.html", {"view": more}) != made_from("rollout_banner.html", {"view": needs})


@pytest.mark.parametrize("region", [*REGIONS, "table"])
def test_the_parts_of_a_rollout_include_no_other_template(region: str) -> None:
    source = (HERE / "templates" / f"rollout_{region}.html").read_text()
    assert "{% include" not in source
    assert "{% extends" not in source
    assert "with context" not in source
