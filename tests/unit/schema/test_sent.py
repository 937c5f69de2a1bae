"""Flags that a service sends are refused where the gateway cannot decide them, at their line."""

from __future__ import annotations

import pytest

from fader.assign.reduce import MOST_COMPARED
from fader.errors import BadInput
from fader.model.flag import Forced
from fader.model.request import RequestAttribute, RequestText
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
  ordered: {rules: [{variant: on, when: 'semver(version) >= semver("2.1")'}]}
  here: {rules: [{variant: on, when: 'country == "US" && request.path.startsWith("/shop")'}]}
  afterwards: {requires: {ordered: on, after: on}}
segments:
  beta: {units: [bob]}
  many: {units: [MANY]}
""".replace("MANY", ", ".join(f"u{n}" for n in range(5_001)))


def load(flags: str) -> tuple[str, ...]:
    (service,) = load_document(FILE.replace("FLAGS", flags), "fader.yaml").services
    return service.flags


def test_what_a_service_sends() -> None:
    assert load("[checkout]") == ("checkout",)
    assert load("checkout") == ("checkout",)
    assert load("[]") == ()
    assert load("[after]") == ("after",)


def test_what_the_flags_require_counts_too() -> None:
    """A chain of flags, each of which requires the one before."""

    def chain(length: int) -> str:
        more = "".join(f"  c{n}: {{requires: {{c{n - 1}: on}}}}\n" for n in range(1, length))
        return FILE.replace("FLAGS", f"[c{length - 1}]").replace("segments:", f"  c0: {{}}\n{more}segments:")

    load_document(chain(MOST_SENT), "f")
    with pytest.raises(BadInput, match=f"need {MOST_SENT + 1} flags with those that they require, more than 50"):
        load_document(chain(MOST_SENT + 1), "f")


def test_an_attribute_is_that_of_the_service_that_sends_the_flag() -> None:
    text = FILE.replace("FLAGS", "[here]\n    attributes: ATTRIBUTES")
    (web,) = load_document(text.replace("ATTRIBUTES", "{country: {header: X-Country}}"), "f").services
    assert web.attributes == (RequestAttribute("country", RequestText("header", "x-country")),)
    assert load_document(text.replace("ATTRIBUTES", "{country: x-country}"), "f").services == (web,)
    second = """\
  api:
    listen: 127.0.0.1:8081
    versions: {v1: http://127.0.0.1:9001}
    baseline: v1
    flags: [here]
flags:
"""
    with pytest.raises(BadInput, match=r"it asks for country, and nothing says .* service api sends here"):
        load_document(text.replace("ATTRIBUTES", "{country: x-country}").replace("flags:\n", second, 1), "f")


@pytest.mark.parametrize(
    ("attributes", "message", "fix"),
    [
        ("{country: {}}", "country: names none of header, cookie, query and jwt", "write one of them"),
        ("{country: {header: a, cookie: b}}", "country: names header and cookie", "write one of them"),
        ("{country: {header: a b}}", 'country.header: "a b" cannot be the name of a header', "write e.g."),
        ("{country: {header: x-fader-unit}}", "country.header: x-fader-unit is stripped", "name another header"),
        ("{country: {query: a&b}}", 'country.query: "a&b" cannot be the name of a parameter', "write e.g."),
        ("{unit: {header: a}}", "unit: unit is the unit itself in conditions", "take another name"),
        ("{request: {header: a}}", "request: request is the request itself", "take another name"),
        ("{a-b: {header: a}}", '"a-b" cannot be an attribute\'s name', "use letters, digits and _"),
    ],
)
def test_a_mistake_in_an_attribute(attributes: str, message: str, fix: str) -> None:
    with pytest.raises(BadInput) as refused:
        load(f"[here]\n    attributes: {attributes}")
    assert any(message in p.message and fix in p.fix for p in refused.value.problems), refused.value.problems


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
            "flags.rich.rules.1.when: at character 1: it asks for country, and nothing says where a request holds it, "
            "and service web sends rich",
            "add attributes: {country: {header: x-country}} to the service; or take it out of services.web.flags and "
            "ask by the SDK or OFREP",
        ),
        (
            "[ordered]",
            19,
            "flags.ordered.rules.0.when: at character 17: it compares by order, which a gateway cannot decide, and "
            "service web sends ordered",
            "a gateway compares texts: ==, !=, in [...], startsWith, endsWith, contains, matches, has, "
            'segment("NAME"), !, &&, || and ? :; or take it out of services.web.flags and ask by the SDK or OFREP',
        ),
        (
            "[afterwards]",
            19,
            "flags.ordered.rules.0.when: at character 17: it compares by order, which a gateway cannot decide, and "
            "service web sends a flag that requires ordered",
            "a gateway compares texts: ==, !=, in [...], startsWith, endsWith, contains, matches, has, "
            'segment("NAME"), !, &&, || and ? :; or take it out of services.web.flags and ask by the SDK or OFREP',
        ),
        (
            "[crowded]",
            18,
            "flags.crowded.rules.0.when: at character 1: segment many lists 5,001 units, and the gateway takes at most "
            "5,000, and service web sends crowded",
            "draw units by a share, or ask for it by the SDK; or take it out of "
            "services.web.flags and ask by the SDK or OFREP",
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


ROLLOUT = """\
services:
  web:
    listen: 127.0.0.1:8080
    versions: {v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}
    baseline: v1
    attributes: {country: x-country}
rollouts:
  web-v2:
    service: web
    candidate: v2
    stages: [50%, 100%]
    guardrails: [errors]
    audience: AUDIENCE
segments:
  beta-users: {units: [bob]}
  us: {when: 'country == "US"'}
  old: {when: 'semver(version) < semver("2")'}
"""


@pytest.mark.parametrize(
    ("written", "audience"),
    [
        ("beta-users", 'segment("beta-users")'),
        ("us", 'segment("us")'),
        ("""'country in ["US", "CA"] && request.path != "/"'""", 'country in ["US", "CA"] && request.path != "/"'),
        ("", ""),
    ],
)
def test_an_audience_is_a_condition_or_the_name_of_a_segment(written: str, audience: str) -> None:
    (rollout,) = load_document(ROLLOUT.replace("AUDIENCE", written), "f").rollouts
    assert rollout.audience == audience


@pytest.mark.parametrize(
    ("written", "message", "fix"),
    [
        ("beta-user", 'there is no segment "beta-user"', "did you mean beta-users?"),
        ("""'segment("bta") || country == "US"'""", 'at character 9: there is no segment "bta"', "known are"),
        ("""'country = "US"'""", "at character 9: = is not expected", "write =="),
        ("old", "at character 1: segment old: at character 17: it compares by order", "a gateway compares texts"),
        ("""'plan == "pro"'""", "at character 1: it asks for plan, and nothing says", "add attributes: {plan:"),
    ],
)
def test_a_mistake_in_an_audience(written: str, message: str, fix: str) -> None:
    with pytest.raises(BadInput) as refused:
        load_document(ROLLOUT.replace("AUDIENCE", written), "f")
    (problem,) = refused.value.problems
    assert (problem.line, message in problem.message, fix in problem.fix) == (13, True, True), problem


def test_the_audience_of_a_flag_is_one_that_each_gateway_can_decide_that_sends_it_or_what_requires_it() -> None:
    flags = """\
flags:
  base: {rules: [{variant: on, when: RULE}]}
  after: {requires: {base: on}}
rollouts:
"""
    text = ROLLOUT.replace("rollouts:\n", flags).replace("service: web", "flag: base")
    text = text.replace("candidate: v2", "candidate: on").replace("[errors]", "[orders]").replace("AUDIENCE", "us")
    text += "metrics: {orders: {kind: proportion, of: units, event: order, better: higher}}\n"
    plain = text.replace("RULE", "'unit == \"ann\"'")
    load_document(plain, "f")
    sent = plain.replace("attributes: {country: x-country}", "flags: after")
    with pytest.raises(BadInput, match=r"f:\d+: rollouts\.web-v2\.audience: .*: it asks for country, and nothing says"):
        load_document(sent, "f")
    load_document(sent.replace("flags: after", "flags: after\n    attributes: {country: x-country}"), "f")
    # The bound is one for the rules and the audience together.
    many = ", ".join(f'"{n}"' for n in range(MOST_COMPARED))
    with pytest.raises(BadInput, match=r"rollouts\.web-v2\.audience: .* it takes more than 100 comparisons"):
        load_document(
            text.replace("RULE", f"'unit in [{many}]'").replace("attributes:", "flags: base\n    attributes:"), "f"
        )


def test_a_rollout_names_units_that_have_a_version_in_any_case() -> None:
    text = ROLLOUT.replace("AUDIENCE", "us\n    units: {v2: [ann, bob], v1: carl}")
    (rollout,) = load_document(text, "f").rollouts
    assert rollout.forced == (Forced("ann", "v2"), Forced("bob", "v2"), Forced("carl", "v1"))


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ("{v3: [ann]}", "rollouts.web-v2.units.v3: v3 is neither the baseline of web nor tried by this rollout"),
        ("{v2: [ann], v1: [ann]}", 'rollouts.web-v2.units.v1.0: "ann" cannot get v1'),
        ("{v2: ['']}", 'rollouts.web-v2.units.v2.0: "" cannot get v2'),
        (
            f"{{v2: [{', '.join(f'u{n}' for n in range(MOST_COMPARED + 1))}]}}",
            "rollouts.web-v2.units: it takes more than 100 comparisons, the most that the gateway makes",
        ),
    ],
)
def test_a_mistake_in_the_units_of_a_rollout(units: str, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        load_document(ROLLOUT.replace("AUDIENCE", f"us\n    units: {units}"), "f")
    (problem,) = refused.value.problems
    assert (problem.line, problem.message) == (14, message)


def test_the_units_of_a_flag_stand_with_the_flag() -> None:
    text = ROLLOUT.replace("service: web", "flag: base").replace(
        "candidate: v2", "candidate: on\n    units: {on: [ann]}"
    )
    with pytest.raises(BadInput, match=r"units: are those of the flag"):
        load_document(text.replace("AUDIENCE", "us") + "flags: {base: {}}\n", "f")


def test_the_gateway_tells_exposures_of_what_it_hands_over() -> None:
    text = FILE.replace("FLAGS", "[checkout]\n    exposures: gateway")
    assert [s.exposures for s in load_document(text, "f").services] == ["gateway"]
    assert [s.exposures for s in load_document(FILE.replace("FLAGS", "[checkout]"), "f").services] == ["app"]
    with pytest.raises(
        BadInput, match=r"fader.yaml:7: services.web.exposures: is gateway, and the gateway hands over no flags"
    ):
        load_document(FILE.replace("FLAGS", "[]\n    exposures: gateway"), "fader.yaml")
    with pytest.raises(
        BadInput,
        match=r"fader.yaml:7: services.web.exposures: .*the log that they are read from holds a sample of the units",
    ):
        load_document(text.replace("exposures: gateway", "exposures: gateway\n    sample: 50%"), "fader.yaml")
