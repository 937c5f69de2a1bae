"""One file for several environments: what differs, and what is refused."""

from __future__ import annotations

import pytest

from fader.errors import BadInput
from fader.schema import load_document

FILE = """\
environments: [dev, staging, production]
services:
  shop:
    listen: 127.0.0.1:8080
    versions: {v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}
    baseline: v1
    environments:
      staging:
        listen: 127.0.0.1:8081
        versions: {v1: http://127.0.0.1:9101, v2: http://127.0.0.1:9102}
flags:
  checkout:
    description: the new form
    environments:
      dev: {default: "on"}
      production:
        enabled: false
        units: {"on": [ann]}
  banner: {}
layers:
  front: {form: 40%, price: 60%}
holdouts:
  q4: 5%
  few: {share: 1%, rollouts: [form]}
rollouts:
  form:
    flag: banner
    service: shop
    candidate: "on"
    environments: [production]
    stages: [5%, 100%]
    guardrails: [errors]
  price:
    service: shop
    candidate: v2
    stages: [5%, 100%]
    guardrails: [errors]
"""


def test_each_environment_has_its_own_values_of_the_same_definitions() -> None:
    dev, staging, production = (load_document(FILE, "f", name) for name in ("dev", "staging", "production"))
    assert [d.services[0].listen.port for d in (dev, staging, production)] == [8080, 8081, 8080]
    assert [d.services[0].versions[1].endpoints[0].port for d in (dev, staging, production)] == [9002, 9102, 9002]
    flags = [d.flags[0] for d in (dev, staging, production)]
    assert [f.default for f in flags] == ["on", "off", "off"]
    assert [f.enabled for f in flags] == [True, True, False]
    assert [len(f.forced) for f in flags] == [0, 0, 1]
    assert {f.description for f in flags} == {"the new form"}


def test_a_rollout_is_where_it_is_said_to_be_and_so_are_those_that_name_it() -> None:
    staging, production = load_document(FILE, "f", "staging"), load_document(FILE, "f", "production")
    assert [r.name for r in staging.rollouts] == ["price"]
    assert [d.salt for d in staging.holdouts] == ["holdout/q4"]
    assert [r.name for r in production.rollouts] == ["form", "price"]
    assert [len(r.holdouts) for r in production.rollouts] == [2, 1]
    assert [r.layer.interval.start for r in production.rollouts if r.layer] == [0, 400_000]
    assert [r.layer.interval.start for r in staging.rollouts if r.layer] == [0]


def test_a_file_without_environments_is_for_every_server() -> None:
    alone = "flags: {checkout: {}}\n"
    assert load_document(alone, "f", "staging").flags == load_document(alone, "f", "").flags


def test_of_several_environments_one_must_be_named_and_a_single_one_need_not() -> None:
    single = "environments: [dev]\nflags: {checkout: {environments: {dev: {default: 'on'}}}}\n"
    document = load_document(single, "f")
    assert (document.environment, document.flags[0].default) == ("dev", "on")
    assert refused(FILE, None) == [
        (
            1,
            "environments: the file is for dev, staging, production, and none of them is asked for",
            "say which, e.g. --environment dev",
        )
    ]


def refused(text: str, environment: str | None) -> list[tuple[int, str, str]]:
    with pytest.raises(BadInput) as error:
        load_document(text, "fader.yaml", environment)
    return [(p.line, p.message, p.fix) for p in error.value.problems]


@pytest.mark.parametrize(
    ("old", "new", "environment", "line", "message", "fix"),
    [
        ("", "", "", 1, "and this server is of no environment", "--environment dev"),
        ("", "", "stagin", 1, "stagin is none of the environments of the file", "staging"),
        ("[dev, staging, production]", "[dev, dev, staging, production]", None, 1, '"dev" stands twice', "remove"),
        ("[dev, staging, production]", "[dev, staging, production, a/b]", None, 1, "cannot be a name", "letters"),
        ("[dev, staging, production]", "production", None, 1, "is no list of names", "environments: [staging"),
        ("      dev: {default", "      dv: {default", None, 15, 'there is no environment "dv"', "dev"),
        ("ments: [production]", "ments: [prod]", None, 30, 'there is no environment "prod"', "production"),
        ('default: "on"', 'default: "yes"', None, 15, 'there is no variant "yes"', "on"),
        ('default: "on"', 'kind: string', None, 15, "unknown key", ""),
        ("enabled: false", "enabled: perhaps", None, 17, "", ""),
        ("127.0.0.1:8081", "nowhere", None, 9, "", ""),
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, environment: str | None, line: int, message: str, fix: str) -> None:
    found = refused(FILE.replace(old, new, 1) if old else FILE, environment)
    assert any(at == line and message in said and fix in how for at, said, how in found), found


def test_a_mistake_in_any_environment_is_found_before_it_gets_there() -> None:
    wrong = FILE.replace('units: {"on": [ann]}', "rules: [{variant: up}]")
    for environment in ("dev", "staging", "production"):
        assert [line for line, *_ in refused(wrong, environment)] == [18]
