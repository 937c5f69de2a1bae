"""`notifications:`: what it comes to, and every mistake with its line and its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from fader.errors import BadInput
from fader.model.channel import Channel
from fader.schema import load_document

FILE = """\
flags: {theme: {}}
notifications:
  oncall:
    url: https://hooks.example.com/fader?room=7
    secret: {env: FADER_SECRET}
    on: [held, rolled_back]
    timeout: 5s
  team: {kind: slack, url: {env: SLACK_URL}}
"""


def refused(old: str, new: str) -> list[tuple[str, str]]:
    assert old in FILE
    with pytest.raises(BadInput) as error:
        load_document(FILE.replace(old, new), "fader.yaml")
    assert all(p.path == "fader.yaml" and p.line for p in error.value.problems)
    return [(f"{p.line}: {p.message}", p.fix) for p in error.value.problems]


def test_what_it_comes_to() -> None:
    usual = ("waiting", "held", "withdrawn", "rolled_back", "completed")
    assert load_document(FILE, "fader.yaml").settings.channels == (
        Channel(
            name="oncall",
            kind="webhook",
            on=("held", "rolled_back"),
            url="https://hooks.example.com/fader?room=7",
            secret_env="FADER_SECRET",
            timeout=5.0,
        ),
        Channel("team", "slack", usual, url_env="SLACK_URL"),
    )


def test_a_secret_may_lie_in_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "slack").write_text("https://h/s")
    text = FILE.replace("{env: SLACK_URL}", "{file: slack}")
    _, team = load_document(text, str(tmp_path / "fader.yaml")).settings.channels
    assert (team.url, team.url_file) == ("", str(tmp_path / "slack"))


@pytest.mark.parametrize(
    ("old", "new", "message", "fix"),
    [
        (
            "https://hooks.example.com/fader?room=7",
            "hooks:80",
            '4: notifications.oncall.url: "hooks:80" is no',
            "write",
        ),
        ("https://hooks.example.com/fader?room=7", "'http://[x'", "is not a URL", "write e.g. https://hooks"),
        ("https://hooks.example.com/fader?room=7", "http://me:pw@h/", "the url holds a password", "write url: {env:"),
        ("{env: FADER_SECRET}", "s3cret", "5: notifications.oncall.secret: a secret does not stand in", "put it into"),
        ("{env: FADER_SECRET}", "{}", "names neither env nor file", "write one of them"),
        ("{env: FADER_SECRET}", "{env: A, path: b}", "secret.path: unknown key", "known are: env, file"),
        ("[held, rolled_back]", "[held, rolled_bak]", "6: notifications.oncall.on", "did you mean rolled_back?"),
        ("[held, rolled_back]", "[]", "is empty: nothing would be told", "name some of started, waiting"),
        ("[held, rolled_back]", "held", "expected a list", "write [a, b]"),
        ("timeout: 5s", "timeout: 2m", "a timeout of 2m is outside 100ms to 1m", "write e.g. timeout: 10s"),
        (
            "{env: SLACK_URL}",
            "https://h/s3cret",
            "8: notifications.team.url: the address of a Slack webhook is a",
            "put",
        ),
        ("{env: SLACK_URL}", "{env: A}, secret: {env: B}", "Slack checks no signature", "remove secret"),
        ("kind: slack", "kind: pager", '"pager" is not one of webhook, slack', "known are: webhook, slack"),
        ("{kind: slack, url: {env: SLACK_URL}}", "{kind: slack}", "url is missing", "add url: https://hooks"),
        ("  team:", "  te am:", '"te am" cannot be a name', "use letters"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_its_fix(old: str, new: str, message: str, fix: str) -> None:
    found = refused(old, new)
    assert any(message in said and how.startswith(fix) for said, how in found), found
    assert not any("s3cret" in said + how or "pw" in said + how for said, how in found)
