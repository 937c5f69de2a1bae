"""What is shown of a rollout to those who are not signed in: nothing, or its card alone."""

from __future__ import annotations

import re

import httpx2
import pytest
from tests.unit.api.conftest import Plane

from fader.model.front import Front

FILE = """
services:
  warehouse: {listen: "127.0.0.1:8080", versions: {red: "http://127.0.0.1:9001", blue: "http://127.0.0.1:9002"},
    baseline: red}
rollouts:
  shop-v2: {service: warehouse, candidate: blue, stages: [{share: 5%, bake: 10m}, {share: 100%}],
    guardrails: {errors: {tolerate: 0.2pp}}}
"""
HTML = {"accept": "text/html,*/*"}


@pytest.fixture
async def open_plane() -> Plane:
    plane = Plane(front=Front("https://fader.example.com", public_cards=True))
    await plane.apply(FILE)
    return plane


def properties(html: str) -> dict[str, str]:
    return dict(re.findall(r'<meta property="(og:[a-z:]+)" content="([^"]*)">', html))


async def test_by_default_nothing_is_shown(plane: Plane) -> None:
    await plane.apply(FILE)
    async with plane.client("") as chat, plane.client("operator-token") as person:
        page, card = await chat.get("/rollouts/shop-v2", headers=HTML), await chat.get("/rollouts/shop-v2/card.png")
        seen = await person.get("/rollouts/shop-v2/card.png")
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2Frollouts%2Fshop-v2")
    assert card.status_code == 401
    assert (seen.status_code, seen.headers["cache-control"]) == (200, "no-store")
    assert seen.headers.get_list("cross-origin-resource-policy") == ["same-origin"]


@pytest.mark.parametrize("headers", [HTML, {"accept": "*/*"}])
async def test_a_chat_is_shown_the_card_and_nothing_else(open_plane: Plane, headers: dict[str, str]) -> None:
    async with open_plane.client("") as chat:
        page, card = await chat.get("/rollouts/shop-v2", headers=headers), await chat.get("/rollouts/shop-v2/card.png")
    assert page.status_code == 200
    assert properties(page.text) | {"og:type": "", "og:site_name": ""} == {
        "og:type": "",
        "og:site_name": "",
        "og:title": "shop-v2",
        "og:description": "pending at 0\u202f%",
        "og:url": "https://fader.example.com/rollouts/shop-v2",
        "og:image": "https://fader.example.com/rollouts/shop-v2/card.png",
        "og:image:width": "1200",
        "og:image:height": "630",
    }
    for secret in ("warehouse", "red", "blue", "errors"):
        assert not re.search(rf"\b{secret}\b", page.text)
    assert '<input type="hidden" name="next" value="/rollouts/shop-v2">' in page.text
    assert (card.status_code, card.headers["content-type"]) == (200, "image/png")
    assert card.headers.get_list("cross-origin-resource-policy") == ["cross-origin"]
    assert card.headers["cache-control"] == "public, max-age=60"


async def test_a_name_that_does_not_exist_tells_no_other(open_plane: Plane) -> None:
    async with open_plane.client("") as chat:
        page, card = await chat.get("/rollouts/nothing", headers=HTML), await chat.get("/rollouts/nothing/card.png")
    assert (page.status_code, card.status_code) == (200, 404)
    assert properties(page.text) == {}
    assert "shop-v2" not in page.text + card.text


async def test_who_is_signed_in_sees_the_whole_page(open_plane: Plane) -> None:
    async with open_plane.client("operator-token") as person:
        page = (await person.get("/rollouts/shop-v2", headers=HTML)).text
    assert "warehouse" in page
    assert properties(page)["og:image"] == "https://fader.example.com/rollouts/shop-v2/card.png"


async def test_answers_name_the_address_of_the_dashboard(open_plane: Plane) -> None:
    async with open_plane.client("operator-token") as person:
        one, every = await person.get("/v1/rollouts/shop-v2"), await person.get("/v1/rollouts")
    assert one.json()["url"] == "https://fader.example.com/rollouts/shop-v2"
    assert every.json()["url"] == "https://fader.example.com"


async def test_cards_are_not_given_without_end(open_plane: Plane) -> None:
    async with open_plane.client("") as chat:
        answers: list[httpx2.Response] = []
        while len(answers) < 1000 and not (answers and answers[-1].status_code == 429):
            answers.append(await chat.get("/rollouts/nothing/card.png"))
    assert answers[-1].status_code == 429
