"""The picture of a rollout for where its link is shown."""

import io
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest
from PIL import Image

from dashboard_twin import scenes
from dashboard_twin.control import Scene, ScriptedControl
from fader.dashboard.card import CANDIDATE, HARM, SIZES, SLOT_AT, SLOT_HIGH, card, fitted, font, guest_card, wrapped
from fader.dashboard.tags import summary

Made = Callable[[ScriptedControl], httpx2.AsyncClient]


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def colours(image: Image.Image, box: tuple[int, int, int, int]) -> set[str]:
    found = image.crop(box).getcolors(1 << 20) or []
    return {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in found}


@pytest.mark.parametrize("make", [scenes.ramping, scenes.pending, scenes.completed, scenes.long_names, scenes.markup])
def test_every_rollout_has_its_picture(now: float, make: Callable[[float], Scene]) -> None:
    png = card(make(now).view)
    assert opened(png).size == (1200, 630)
    assert len(png) < 150_000


def test_the_slot_is_lit_as_far_as_the_share_goes(now: float) -> None:
    row = (SLOT_AT + 8, SLOT_AT + SLOT_HIGH - 8)
    half, none = opened(card(scenes.ramping(now).view)), opened(card(scenes.rolled_back(now).view))
    assert CANDIDATE in colours(half, (300, row[0], 310, row[1]))
    assert CANDIDATE not in colours(half, (900, row[0], 1000, row[1]))
    assert CANDIDATE not in colours(none, (300, row[0], 1000, row[1]))
    assert HARM in colours(none, (280, row[0], 340, row[1]))


def test_lines_fit_and_what_is_too_long_is_cut_with_dots() -> None:
    text = "word " * 30 + "a" * 200
    for size in SIZES:
        lines = wrapped(text, size, 1000)
        assert max(map(font(size).getlength, lines)) <= 1000
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert fitted("short", 1000, 196) == (SIZES[0], ["short"])
    size, cut = fitted(text * 20, 1000, 196)
    assert (size, cut[-1][-4:]) == (SIZES[-1], " ...")
    assert len(cut) == 196 // (size * 4 // 3)
    assert max(map(font(size).getlength, cut)) <= 1000


def test_those_who_are_not_signed_in_see_only_name_phase_share_and_verdict(now: float) -> None:
    view = scenes.rolled_back(now).view
    other = replace(
        view,
        service="other",
        baseline="one",
        candidate="two",
        headline="Something else.",
        units_exposed=7,
        units_harmed=3,
        needs_person="Somebody.",
        stages=tuple(replace(stage, share=stage.share // 2) for stage in view.stages),
        spec=replace(view.spec, service="other", baseline="one", candidate="two"),
    )
    assert guest_card(view, "rolled back") == guest_card(other, "rolled back")
    assert card(view) != card(other)
    assert guest_card(view, "rolled back") != guest_card(replace(view, name="another"), "rolled back")
    assert guest_card(view, "rolled back") != guest_card(view, "held")


@pytest.mark.parametrize(
    ("make", "said"),
    [(scenes.ramping, "ramping at 25\u202f%, undecided"), (scenes.pending, "pending at 0\u202f%"),
     (scenes.rolled_back, "rolled back at 0\u202f%, harmful")],
)  # fmt: skip
def test_the_summary_is_the_worst_of_all_guardrails(now: float, make: Callable[[float], Scene], said: str) -> None:
    assert summary(make(now).view) == said


async def test_the_page_names_its_picture(client: Made, now: float) -> None:
    async with client(ScriptedControl(scenes.ramping(now))) as http:
        page = (await http.get("/rollouts/shop-v2")).text
        picture = await http.get("/rollouts/shop-v2/card.png")
        missing = await http.get("/rollouts/nothing/card.png")
    assert '<meta property="og:image" content="http://127.0.0.1:7070/rollouts/shop-v2/card.png">' in page
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert opened(picture.content).size == (1200, 630)
    assert missing.status_code == 404
