"""Flags that a service sends are refused where the gateway cannot decide them, at their line."""

from __future__ import annotations

import pytest

from fader.errors import BadInput
from fader.schema import load_document
from fader.schema.service import MOST_SENT

FILE = """\
services:
  web:
    listen: 127.0.0.1:8080
    versions: {v1: http://127.0.0.1:9001}
    baseline: v1
    flags: FLAGS
flags:
  checkout:
    rules:
      - {variant: on, when: 'segment("beta")'}
      - {variant: on, share: 10%, name: first-users}
    units: {on: [ann]}
  rich:
    rules:
      - {variant: on, share: 10%, name: some}
      - {variant: on, when: 'country == "US"'}
  after: {requires: {checkout: on}}
  crowded: {rules: [{variant: on, when: 'segment("many")'}]}
segments:
  beta: {units: [bob]}
  many: {units: [MANY]}
""".replace("MANY", ", ".join(f"u{n}" for n in range(101)))


def load(flags: str) -> tuple[str, ...]:
    (service,) = load_document(FILE.replace("FLAGS", flags), "fader.yaml").services
    return service.flags


def test_what_a_service_sends() -> None:
    assert load("[checkout]") == ("checkout",)
    assert load("checkout") == ("checkout",)
    assert load("[]") == ()


@pytest.mark.parametrize(
    ("flags", "line", "message", "fix"),
    [
        ("[checkuot]", 6, 'services.web.flags.0: there is no flag "checkuot"', "did you mean checkout?"),
        ("[checkout, checkout]", 6, "services.web.flags: names checkout twice", "remove one of them"),
        (
            f"[{', '.join(f'f{n}' for n in range(MOST_SENT + 1))}]",
            6,
            f"services.web.flags: names {MOST_SENT + 1} flags, more than {MOST_SENT}",
            "send those that the app asks for",
        ),
        (
            "[rich]",
            16,
            "flags.rich.rules.1.when: at character 9: it asks for country, which a gateway does not know, and service "
            "web sends rich",
            'it can decide segment("NAME") of listed units, unit == "ID", || and &&; or take it out of '
            "services.web.flags and ask by the SDK or OFREP",
        ),
        (
            "[after]",
            17,
            "flags.after.requires: it depends on another flag, and service web sends after",
            "write its rules here too; or take it out of services.web.flags and ask by the SDK or OFREP",
        ),
        (
            "[crowded]",
            18,
            "flags.crowded: it names 101 units, and the gateway takes at most 100, and service web sends crowded",
            "draw them by a share, or name fewer; or take it out of services.web.flags and ask by the SDK or OFREP",
        ),
    ],
)
def test_each_mistake_at_its_line(flags: str, line: int, message: str, fix: str) -> None:
    with pytest.raises(BadInput) as refused:
        load(flags)
    (problem,) = refused.value.problems
    assert (problem.line, problem.message, problem.fix) == (line, message, fix)


def test_a_circle_of_segments_is_told_and_not_followed() -> None:
    with pytest.raises(BadInput, match="the segment depends on itself"):
        load_document(FILE.replace("FLAGS", "[checkout]").replace("{units: [bob]}", '{when: segment("beta")}'), "f")
