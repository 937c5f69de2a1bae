"""The page of a unit: its id goes in by a body and comes out in no address."""

import re
from collections.abc import Callable

import httpx2
import pytest

from dashboard_twin import scenes, services
from dashboard_twin.control import ScriptedControl
from fader.assign.bucket import bucket

Made = Callable[[ScriptedControl], httpx2.AsyncClient]
INSIDE = next(f"user-{i}" for i in range(1000) if bucket(f"user-{i}", "shop/shop-v2") < 250_000)


async def test_a_unit_is_told_per_service_with_bucket_share_and_reason(client: Made, now: float) -> None:
    async with client(ScriptedControl(*scenes.everything(now), live=services.live())) as http:
        answer = await http.post("/units", data={"unit": f"  {INSIDE}\n"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert f"{bucket(INSIDE, 'shop/shop-v2'):,}" in answer.text
    assert "0 to 249,999" in answer.text
    assert "among the 25 % of users to whom shop-v2 has given v2" in answer.text
    assert "no rollout is active on mail: everybody has v1" in answer.text
    assert "search-v3 has given v2 to nobody yet" in answer.text
    assert 'href="/rollouts/shop-v1-8"' in answer.text


async def test_the_id_stands_in_no_address(client: Made, now: float) -> None:
    async with client(ScriptedControl(*scenes.everything(now), live=services.live())) as http:
        answer = await http.post("/units", data={"unit": "ann@example.com"})
        assert (await http.get("/units?unit=ann@example.com")).text.count("ann@example.com") == 0
    assert answer.url.query == b""
    assert not [a for a in re.findall(r'(?:href|action|src)="([^"]*)"', answer.text) if "ann" in a]


@pytest.mark.parametrize("unit", ["", "   "])
async def test_an_empty_id_is_refused_in_words(client: Made, unit: str) -> None:
    async with client(ScriptedControl()) as http:
        answer = await http.post("/units", data={"unit": unit})
    assert answer.status_code == 422
    assert "An empty id is no unit" in answer.text


async def test_an_id_with_markup_comes_out_as_text(client: Made) -> None:
    async with client(ScriptedControl(live=services.live())) as http:
        answer = await http.post("/units", data={"unit": '"><script>alert(1)</script>'})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text


async def test_without_a_question_there_is_no_answer(client: Made, now: float) -> None:
    async with client(ScriptedControl(*scenes.everything(now), live=services.live())) as http:
        assert "Why" not in (await http.get("/units")).text
