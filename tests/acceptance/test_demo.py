"""`fader demo` as a user runs it: real shop, real gateway, real visitors; a bad release is pulled."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.slow

KEYS = [
    "rollout",
    "outcome",
    "stage",
    "cause",
    "units_exposed",
    "units_harmed",
    "seconds_to_decision",
    "requests",
    "failed_requests",
    "failed_reads",
    "signals",
    "readings",
]


def demo(scenario: str) -> dict[str, Any]:
    """The one JSON object that ends its standard output."""
    command = [sys.executable, "-m", "fader.cli.entry", "demo", "--scenario", scenario, "--exit", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=290, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    outcome = json.loads(result.stdout.strip().splitlines()[-1])
    assert list(outcome) == KEYS
    return dict(outcome)


def test_errors_are_rolled_back_before_many_are_harmed() -> None:
    """The first stage holds 100 users. One run in sixty is decided at the second; never later in 400 simulated ones."""
    outcome = demo("errors")
    assert outcome["outcome"] == "rolled_back", outcome
    assert outcome["stage"] in ("5%", "10%"), outcome
    assert 0 < outcome["units_harmed"] <= (25 if outcome["stage"] == "5%" else 50), outcome
    # The rise of all errors, or one route's error that v1 practically never has: whichever is proven first.
    assert "errors rose" in outcome["cause"] or "brought a new error, 500 " in outcome["cause"], outcome


def test_a_candidate_that_is_killed_fails_no_read() -> None:
    outcome = demo("crash")
    assert outcome["outcome"] == "rolled_back", outcome
    assert outcome["failed_reads"] == 0, outcome


def test_a_version_that_is_faster_and_sells_less_is_stopped_by_the_outcome() -> None:
    outcome = demo("conversion")
    assert outcome["outcome"] == "rolled_back", outcome
    assert "conversion fell" in outcome["cause"], outcome
    (reading,) = outcome["readings"]
    assert (reading["metric"], reading["effect"] < 0) == ("conversion", True), outcome


def test_what_nobody_asked_about_is_found_and_named() -> None:
    outcome = demo("side-effect")
    assert outcome["outcome"] == "completed", outcome
    found = {s["name"]: s for s in outcome["signals"]}
    assert "GET /support" in found, outcome
    assert 1 < found["GET /support"]["low"] < 2 < found["GET /support"]["high"], outcome


def test_a_flag_is_pulled_that_breaks_what_it_changes() -> None:
    """Every third order of those who have it fails; at 5 % about 30 of the visitors order at all."""
    outcome = demo("flag")
    assert (outcome["rollout"], outcome["outcome"]) == ("new-form", "rolled_back"), outcome
    assert outcome["stage"] in ("5%", "10%"), outcome
    assert 0 < outcome["units_harmed"] <= outcome["units_exposed"] < 100, outcome
    assert "errors rose" in outcome["cause"] or "brought a new error, 500 POST /order" in outcome["cause"], outcome


def test_an_experiment_reads_what_was_planted() -> None:
    """40 instead of 30 % of the visitors are persuaded. The interval that holds at every look claims 99 %."""
    outcome = demo("ab")
    assert outcome["outcome"] == "completed", outcome
    assert "conversion is better on v2 after the experiment" in outcome["cause"], outcome
    (reading,) = outcome["readings"]
    assert reading["verdict"] == "better", outcome
    assert reading["low"] < 0.10 < reading["high"], outcome
    assert reading["low"] < reading["fixed_low"] < reading["effect"] < reading["fixed_high"] < reading["high"], outcome
