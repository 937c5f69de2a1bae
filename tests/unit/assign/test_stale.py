"""Which flags have done their work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fader.assign.stale import DAY, only_answer, stale
from fader.model.flag import Flag, Forced, Prerequisite, Rule, Variant
from fader.model.usage import day_of

FLAG = Flag("f", "boolean", (Variant("on", True), Variant("off", False)), "off", "off")
TARGETED = replace(FLAG, rules=(Rule("on", "a == 1"),))
NOW = 1_800_000_000.0  # 2027-01-15


@pytest.mark.parametrize(
    ("flag", "answer"),
    [
        (FLAG, "off"),
        (replace(FLAG, enabled=False, rules=(Rule("on", share=5000, name="r"),)), "off"),
        (replace(FLAG, rules=(Rule("on"),)), "on"),
        (replace(FLAG, rules=(Rule("on"), Rule("off"))), "on"),
        (replace(FLAG, rules=(Rule("off", "a == 1"),)), "off"),
        (replace(FLAG, rules=(Rule("on", "a == 1"),)), ""),
        (replace(FLAG, rules=(Rule("on", share=5000, name="r"),)), ""),
        (replace(FLAG, forced=(Forced("ann", "on"),)), ""),
        (replace(FLAG, rules=(Rule("on"),), forced=(Forced("ann", "on"),)), "on"),
        (replace(FLAG, requires=(Prerequisite("g", ("on",)),)), ""),
    ],
)
def test_whether_everybody_gets_the_same(flag: Flag, answer: str) -> None:
    assert only_answer(flag) == answer


def test_the_same_for_long_is_stale() -> None:
    assert stale(FLAG, NOW - 30 * DAY, NOW, 30 * DAY) == ("everybody has had off for 30 days",)
    assert stale(FLAG, NOW - 30 * DAY + 1, NOW, 30 * DAY) == ()
    assert stale(replace(FLAG, rules=(Rule("on", "a == 1"),)), NOW - 90 * DAY, NOW, 30 * DAY) == ()


def test_what_is_not_known_is_no_reason() -> None:
    assert stale(FLAG, 0.0, NOW, 30 * DAY) == ()


def test_past_its_day() -> None:
    assert stale(replace(FLAG, expires="2027-01-14"), NOW, NOW, 30 * DAY) == ("its day was 2027-01-14",)
    assert stale(replace(FLAG, expires="2027-01-15"), NOW, NOW, 30 * DAY) == ()


@pytest.mark.parametrize(
    ("since", "asked", "counted", "after", "stale_for"),
    [
        (NOW - 40 * DAY, "", "2026-01-01", 30 * DAY, 30),
        (NOW - 40 * DAY, day_of(NOW - 31 * DAY), "2026-01-01", 30 * DAY, 30),
        (NOW - 40 * DAY, day_of(NOW - 29 * DAY), "2026-01-01", 30 * DAY, 0),
        (NOW - 20 * DAY, "", "2026-01-01", 30 * DAY, 0),
        (NOW - 40 * DAY, "", day_of(NOW - 20 * DAY), 30 * DAY, 0),
        (NOW - 40 * DAY, "", "", 30 * DAY, 0),
        (0.0, "", "2026-01-01", 30 * DAY, 0),
        (NOW - 90 * DAY, "", "2026-01-01", 60 * DAY, 34),
    ],
)
def test_what_nobody_asks_for(since: float, asked: str, counted: str, after: float, stale_for: int) -> None:
    """Where it is known: what was not counted, or for too short a time, is no evidence."""
    reasons = stale(TARGETED, since, NOW, after, asked, counted)
    said = f"not evaluated since {asked}" if asked else f"never evaluated in {stale_for} days"
    assert reasons == ((said,) if stale_for else ())


@pytest.mark.parametrize(
    ("left", "asked", "said"),
    [
        (0.0, "", ()),
        (NOW - 3 * DAY, "", ("no longer in code since 2027-01-12",)),
        (NOW - 3 * DAY, "2027-01-12", ("no longer in code since 2027-01-12",)),
        (NOW - 3 * DAY, "2027-01-13", ("no longer in code since 2027-01-12, though evaluated on 2027-01-13",)),
    ],
)
def test_what_no_code_names_any_more(left: float, asked: str, said: tuple[str, ...]) -> None:
    """Versions that run still may ask for it."""
    assert stale(TARGETED, NOW, NOW, 30 * DAY, asked, "", left) == said
