"""The commands for flags, against a stand-in server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Fader, Shop


def test_the_list_says_who_switched_and_why(fader: Fader) -> None:
    ended = fader("flags")
    assert ended.code == 0
    for words in (
        "checkout",
        "off",
        "boolean",
        "on, off",
        "2",
        "shop team",
        "checkout was switched off by ann",
        "orders fail",
    ):
        assert words in ended.out
    assert json.loads(fader("flags", "--json").out)["flags"][0]["flag"]["name"] == "checkout"


@pytest.mark.parametrize(
    ("position", "said"),
    [("off", "checkout is off: everybody gets off\n"), ("on", "checkout is on: its rules decide\n")],
)
def test_a_switch_is_sent_with_its_reason(fader: Fader, shop: Shop, position: str, said: str) -> None:
    ended = fader("flag", position, "checkout", "--reason", "orders fail")
    assert (ended.code, ended.out) == (0, said)
    assert shop.asked == [("POST", f"/v1/flags/checkout/{position}", {"reason": "orders fail"})]


def test_an_explanation_prints_the_path(fader: Fader, shop: Shop) -> None:
    attributes = ("--attr", "country=US", "--attr", "age=17", "--attr", 'zip="017"', "--attr", 'groups=["a"]')
    ended = fader("explain", "checkout", "--unit", "ann", *attributes)
    assert ended.out == "  switch\n    on\n▶ us\n    holds: on\nann gets on (TARGETING_MATCH): true\n"
    asked = {"unit": "ann", "attributes": {"country": "US", "age": 17, "zip": "017", "groups": ["a"]}}
    assert shop.asked == [("POST", "/v1/flags/checkout/explain", asked)]
    assert "nobody in particular gets on" in fader("explain", "checkout").out
    assert json.loads(fader("explain", "checkout", "--json").out)["answer"]["variant"] == "on"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("flag", "off", "none"), 4, "there is no flag named 'none'"),
        (("flag", "kill", "checkout"), 2, "kill"),
        (("explain", "none"), 4, "there is no flag named 'none'"),
        (("explain", "checkout", "--attr", "country"), 2, '"country" is no attribute'),
    ],
)
def test_what_is_refused(fader: Fader, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = fader(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
