"""Conditions as people read them."""

import pytest

from fader.assign.cel import CelError
from fader.assign.words import in_words


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("", "everybody"),
        ('country == "US"', 'country is "US"'),
        ('segment("beta") && age >= 18', "they are in the segment beta and age is at least 18"),
        ('!segment("staff")', "they are not in the segment staff"),
        ('a == "x" && (b != 2 || c < 1.5)', 'a is "x" and (b is not 2 or c is below 1.5)'),
        ('plan in ["pro", "team"]', 'plan is one of "pro", "team"'),
        ("plan in []", "never"),
        ('"beta" in groups', 'groups has "beta"'),
        ('ip in cidr("10.0.0.0/8")', 'ip lies in "10.0.0.0/8"'),
        ('semver(app.version) >= semver("2.10")', "app.version is at least version 2.10"),
        (
            'timestamp(created) < timestamp("2026-01-31T00:00:00Z")',
            "created is below the moment 2026-01-31T00:00:00Z",
        ),
        ('unit.startsWith("a")', 'the unit starts with "a"'),
        ('email.matches("^a")', 'email matches the pattern "^a"'),
        ("has(device.os) && !employee", "device.os is given and it is false that employee is true"),
        ("a ? b : false", "b is true where a is true, and never elsewhere"),
        ("true", "always"),
    ],
)
def test_a_condition_in_words(condition: str, words: str) -> None:
    assert in_words(condition) == words


def test_what_is_not_sound_is_not_said() -> None:
    with pytest.raises(CelError):
        in_words("country ==")
