"""The page of experiments: plan, progress, both intervals, and what happens at the end."""

from collections.abc import Callable

import httpx2

from dashboard_twin import scenes
from dashboard_twin.control import ScriptedControl
from fader.dashboard.experiments import card
from fader.dashboard.outcomes import AND_THEN

Made = Callable[[ScriptedControl], httpx2.AsyncClient]


async def test_what_runs_stands_first_with_its_plan_and_what_was_read_has_both_intervals(
    client: Made, now: float
) -> None:
    control = ScriptedControl(scenes.experimented(now), scenes.ramping(now), scenes.experimenting(now))
    async with client(control) as http:
        text = (await http.get("/experiments")).text
    assert text.index('href="/rollouts/shop-v3"') < text.index('href="/rollouts/shop-v4"')
    assert "shop-v2" not in text
    assert scenes.experimenting(now).view.plan in text
    running, read = text.split('aria-label="shop-v4"')
    assert "not read yet" in running
    experiment = scenes.experimenting(now).view.spec.experiment
    assert experiment is not None
    assert AND_THEN[experiment.decide] in text
    assert "At the planned end" in read
    held = card(scenes.experimented(now).view)
    assert held is not None
    for line in held.primary:
        assert line.interval in read
        assert line.fixed
        assert line.fixed in read


def test_a_rollout_without_an_experiment_has_no_card(now: float) -> None:
    assert card(scenes.ramping(now).view) is None


async def test_without_any_the_page_teaches_the_first(client: Made, now: float) -> None:
    async with client(ScriptedControl(scenes.ramping(now))) as http:
        assert "experiment: {share: 50%" in (await http.get("/experiments")).text
