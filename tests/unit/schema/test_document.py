"""A whole fader.yaml to the nouns of the model."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fader.errors import BadInput, Problem
from fader.model.metric import Comparison, Margin, Metric
from fader.model.rollout import Stage, Undecided
from fader.model.service import Address, Exclusion, HealthCheck, Service, Tls, UnitSource, Version
from fader.schema import Document, load_document

SMALL = """\
services:
  shop:
    listen: 127.0.0.1:8080
    versions: {v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}
    baseline: v1
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages: [5%, 100%]
    guardrails: {errors: , latency: 20%}
"""

FULL = """\
services:
  shop:
    listen: 0.0.0.0:8443
    hosts: [shop.example.com, "*.Shop.example.com"]
    tls: {cert: cert.pem, key: sub/key.pem}
    unit:
      - {jwt: {issuer: "https://id.example.com", jwks: jwks.json, claim: account}}
      - header: X-User-Id
      - {cookie: uid, issue: yes}
    versions:
      "1.10": [http://127.0.0.1:9001, "http://[::1]:9002"]
      v2:
        endpoints: ["https://shop-v2.internal"]
        health: {path: /ready, interval: 5s, timeout: 500ms}
        http2: true
    baseline: 1.10
    exclude: [{path: /healthz}, {prefix: /internal/}]
    health: /up
    timeout: 0s
    idle_timeout: 1h
    trust_baggage: true
    sample: 10%
  api:
    listen: 0.0.0.0:8443
    hosts: api.example.com
    tls: {cert: cert.pem, key: sub/key.pem}
    versions: {a: http://127.0.0.1:9003}
    baseline: a
metrics:
  checkout: {kind: proportion, where: "status < 300 && path == '/checkout'", better: higher}
  p99: {kind: quantile, q: 0.99, value: bytes_sent}
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages:
      - 0.0001%
      - {share: 5%, bake: 1h30m, gate: manual}
      - 100%
    bake: 15s
    guardrails: [errors, checkout, p99]
    shield: off
    on_harm: hold
    if_undecided: {after: 2d, then: rollback}
    profile: careful
"""


@pytest.fixture
def full(tmp_path: Path) -> Document:
    (tmp_path / "sub").mkdir()
    for name in ("cert.pem", "sub/key.pem", "jwks.json"):
        (tmp_path / name).write_text("x")
    return load_document(FULL, str(tmp_path / "fader.yaml"))


def refused(text: str) -> list[str]:
    with pytest.raises(BadInput) as error:
        load_document(text, "fader.yaml")
    return [f"{p.line}: {p.message}" for p in error.value.problems]


def test_defaults() -> None:
    document = load_document(SMALL, "fader.yaml")
    service, rollout = document.services[0], document.rollouts[0]
    assert service.unit == (UnitSource("cookie", "fader_uid", issue=True),)
    assert (service.hosts, service.tls, service.sample, service.timeout) == (("*",), None, 1_000_000, 15.0)
    assert rollout.baseline == "v1"
    assert rollout.stages == (Stage(50_000, 600.0), Stage(1_000_000, 0.0))
    assert [(g.metric.name, g.tolerate) for g in rollout.guardrails] == [
        ("errors", Margin("relative", 0.1)),
        ("latency", Margin("relative", 0.2)),
    ]
    assert rollout.if_undecided == Undecided(86_400.0, "hold")
    assert (rollout.shield, rollout.on_harm, rollout.profile) == ("connect", "rollback", "balanced")


def test_errors_and_latency_are_known_without_being_written() -> None:
    assert load_document(SMALL, "fader.yaml").metrics == (
        Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),)),
        Metric("latency", "quantile", value="duration_ms", q=0.95),
    )


def test_a_written_metric_takes_the_place_of_a_known_one() -> None:
    text = SMALL + "metrics: {errors: {kind: proportion, where: 'status >= 400'}}\n"
    document = load_document(text, "fader.yaml")
    assert document.rollouts[0].guardrails[0].metric.where == (Comparison("status", ">=", 400.0),)


def test_every_key_of_a_service(full: Document, tmp_path: Path) -> None:
    shop, api = full.services
    assert shop.listen == Address("0.0.0.0", 8443)
    assert shop.hosts == ("shop.example.com", "*.shop.example.com")
    assert shop.tls == Tls(str(tmp_path / "cert.pem"), str(tmp_path / "sub/key.pem"))
    assert shop.unit == (
        UnitSource("jwt", "account", issuer="https://id.example.com", jwks=str(tmp_path / "jwks.json")),
        UnitSource("header", "x-user-id"),
        UnitSource("cookie", "uid", issue=True),
    )
    assert shop.versions == (
        Version("1.10", (Address("127.0.0.1", 9001), Address("::1", 9002))),
        Version("v2", (Address("shop-v2.internal", 443, tls=True),), True, HealthCheck("/ready", 5.0, 0.5)),
    )
    assert shop.baseline == "1.10"
    assert shop.exclude == (Exclusion(path="/healthz"), Exclusion(prefix="/internal/"))
    assert shop.health == HealthCheck("/up", 2.0, 1.0)
    assert (shop.timeout, shop.idle_timeout, shop.trust_baggage, shop.sample) == (0.0, 3600.0, True, 100_000)
    assert api.hosts == ("api.example.com",)


def test_every_key_of_metrics_and_rollouts(full: Document) -> None:
    rollout = full.rollouts[0]
    assert rollout.stages == (Stage(1, 15.0), Stage(50_000, 5400.0, "manual"), Stage(1_000_000, 0.0))
    assert [g.metric for g in rollout.guardrails][1:] == [
        Metric(
            "checkout",
            "proportion",
            "higher",
            (Comparison("status", "<", 300.0), Comparison("path", "==", "/checkout")),
        ),
        Metric("p99", "quantile", value="bytes_sent", q=0.99),
    ]
    assert (rollout.baseline, rollout.shield, rollout.on_harm, rollout.profile) == ("1.10", "off", "hold", "careful")
    assert rollout.if_undecided == Undecided(172_800.0, "rollback")


def test_an_address_for_everybody_is_warned_of(full: Document) -> None:
    assert [(w.line, w.message) for w in full.warnings] == [
        (3, "services.shop.listen: 0.0.0.0:8443 is reachable from other machines"),
        (24, "services.api.listen: 0.0.0.0:8443 is reachable from other machines"),
    ]
    assert not load_document(SMALL, "fader.yaml").warnings


def test_a_later_problem_finds_its_line() -> None:
    document = load_document(SMALL, "fader.yaml")
    problem = document.problem(("services", "shop", "versions", "v2"), "v2 does not answer", "start it")
    assert str(problem) == "fader.yaml:4: v2 does not answer\n  fix: start it"


def test_a_broken_service_is_still_a_known_one() -> None:
    assert refused(SMALL.replace("8080", "80800")) == ["3: services.shop.listen: port 80800 is out of range"]


def test_two_certificates_may_share_a_port_by_host(full: Document) -> None:
    assert full.services[0].listen == full.services[1].listen


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "127.0.0.1:8080",
            "example.com:8080",
            '3: services.shop.listen: "example.com" is not an IP address of this machine',
        ),
        (
            "127.0.0.1:8080",
            "'[127.0.0.1]:80'",
            '3: services.shop.listen: "[127.0.0.1]" is not an IP address of this machine',
        ),
        ("127.0.0.1:8080", "{}", "3: services.shop.listen: is not an address"),
        (
            "http://127.0.0.1:9002",
            "ftp://127.0.0.1",
            '4: services.shop.versions.v2: "ftp://127.0.0.1" has the unknown scheme ftp',
        ),
        ("http://127.0.0.1:9002", '"http://a b"', '4: services.shop.versions.v2: "http://a b" has no valid host'),
        ("http://127.0.0.1:9002", '"http://[::1"', '4: services.shop.versions.v2: "http://[::1" is not a URL'),
        ("http://127.0.0.1:9002", "http://h:0", "4: services.shop.versions.v2: port 0 is out of range"),
        ("http://127.0.0.1:9002", "[]", "4: services.shop.versions.v2: has no endpoint"),
        ("http://127.0.0.1:9002", "[http://a, http://a]", "4: services.shop.versions.v2: names a:80 twice"),
        ("http://127.0.0.1:9002", "[http://a, https://b]", "4: services.shop.versions.v2: mixes http:// and https://"),
        ("http://127.0.0.1:9002", "[[http://a]]", "4: services.shop.versions.v2.0: is not a URL"),
        ("v2: http", "v/2: http", '4: services.shop.versions.v/2: "v/2" cannot be a name'),
        ("baseline: v1", "baseline: v1\n    hosts: [a.test:80]", '6: services.shop.hosts.0: "a.test:80" names a port'),
        ("baseline: v1", "baseline: v1\n    hosts: [a, A]", "6: services.shop.hosts: names a twice"),
        ("baseline: v1", "baseline: v1\n    hosts: []", "6: services.shop.hosts: is empty"),
        ("baseline: v1", "baseline: v1\n    hosts: ['a b']", '6: services.shop.hosts.0: "a b" is not a host name'),
        ("baseline: v1", "baseline: v1\n    unit: []", "6: services.shop.unit: is empty"),
        (
            "baseline: v1",
            "baseline: v1\n    unit: [{}]",
            "6: services.shop.unit.0: names none of header, cookie and jwt",
        ),
        (
            "baseline: v1",
            "baseline: v1\n    unit: [{header: x y}]",
            '6: services.shop.unit.0.header: "x y" cannot be a header\'s name',
        ),
        (
            "baseline: v1",
            "baseline: v1\n    unit: {cookie: a;b}",
            '6: services.shop.unit.cookie: "a;b" cannot be a cookie\'s name',
        ),
        (
            "baseline: v1",
            "baseline: v1\n    unit: {header: X-Fader-Unit}",
            "6: services.shop.unit.header: x-fader-unit is fader's own header and is stripped from requests",
        ),
        (
            "baseline: v1",
            "baseline: v1\n    unit: {cookie: uid, issue: true, continuity: true}",
            "6: services.shop.unit: has continuity and no other source: there is nothing to continue",
        ),
        (
            "baseline: v1",
            "baseline: v1\n    unit: [{header: x-user-id}, {cookie: uid, continuity: true}]",
            "6: services.shop.unit.1: continuity goes with issue alone",
        ),
        (
            "baseline: v1",
            "baseline: v1\n    unit: {jwt: {issuer: '', jwks: /}}",
            "6: services.shop.unit.jwt.issuer: is empty",
        ),
        ("baseline: v1", "baseline: v1\n    health: up", '6: services.shop.health: "up" does not begin with /'),
        (
            "baseline: v1",
            "baseline: v1\n    health: {interval: 0s}",
            "6: services.shop.health: the interval is below 100ms or the timeout below 10ms",
        ),
        (
            "baseline: v1",
            "baseline: v1\n    exclude: [{}]",
            "6: services.shop.exclude.0: names neither path nor prefix",
        ),
        (
            "baseline: v1",
            "baseline: v1\n    exclude: [{path: /a, prefix: /b}]",
            "6: services.shop.exclude.0: names both path and prefix",
        ),
        (
            "baseline: v1",
            "baseline: v1\n    trust_baggage: perhaps",
            '6: services.shop.trust_baggage: expected true or false, found "perhaps"',
        ),
        ("baseline: v1", "baseline: v1\n    sample: 0%", '6: services.shop.sample: "0%" is nobody'),
        ("service: shop", "service: [shop]", "8: rollouts.shop-v2.service: expected a text, found a list"),
        ("{errors: , latency: 20%}", "errors", '11: rollouts.shop-v2.guardrails: expected a mapping, found "errors"'),
        (
            "{errors: , latency: 20%}",
            "[errors, latncy]",
            '11: rollouts.shop-v2.guardrails.1: there is no metric "latncy"',
        ),
        (
            "[5%, 100%]",
            "[5%, {share: 100%, bake: 1m}]",
            "10: rollouts.shop-v2.stages.1: 100% ends the rollout and has no bake",
        ),
        ("[5%, 100%]", "[5%, 100%]\n    if_undecided: {after: 0s}", "11: rollouts.shop-v2.if_undecided.after: is zero"),
        ("rollouts:", "metrics: {m: {kind: proportion}}\nrollouts:", "6: metrics.m: a proportion needs where"),
        (
            "rollouts:",
            "metrics: {m: {kind: proportion, where: status > 1, q: 0.5}}\nrollouts:",
            "6: metrics.m.q: a proportion has no q",
        ),
        ("rollouts:", "metrics: {m: {kind: quantile, q: 0.9}}\nrollouts:", "6: metrics.m: a quantile needs value"),
        (
            "rollouts:",
            "metrics: {m: {kind: quantile, q: nan, value: duration_ms}}\nrollouts:",
            "6: metrics.m.q: q is nan, outside 0.5 to 0.999",
        ),
        (
            "rollouts:",
            "metrics: {m: {kind: quantile, q: 0.9, value: status}}\nrollouts:",
            '6: metrics.m.value: there is no value "status"',
        ),
        ("rollouts:", "metrics: {m: }\nrollouts:", "6: metrics.m: expected a mapping, found nothing"),
    ],
)
def test_what_is_refused(old: str, new: str, message: str) -> None:
    found = refused(SMALL.replace(old, new, 1))
    assert message in found


@pytest.mark.parametrize("unreadable", [".", "secret.pem"])
def test_a_file_that_cannot_be_read(unreadable: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("x")
    text = SMALL.replace("baseline: v1", f"baseline: v1\n    tls: {{cert: {unreadable}, key: key.pem}}")
    with pytest.raises(BadInput) as error:
        load_document(text, str(tmp_path / "fader.yaml"))
    expected = "is a directory" if unreadable == "." else "does not exist"
    assert expected in error.value.problems[0].message


FRAGMENTS = st.sampled_from(
    ["services", "shop", "listen", "127.0.0.1:8080", "versions", "v1", "http://a", "baseline", "metrics", "errors",
     "kind", "proportion", "rollouts", "stages", "5%", "100%", "guardrails", "unit", "exclude", "path", "health",
     "tls", "cert", "hosts", "*", "", "~", "where", "status >= 1", "q", "0.9", "bake", "10m", "\t", "'", "\n  "]
)  # fmt: skip
TREES = st.recursive(
    FRAGMENTS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FRAGMENTS, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=300)
@given(TREES)
def test_any_tree_is_read_or_refused(tree: object) -> None:
    import json

    check(json.dumps(tree))


@settings(max_examples=200)
@given(st.integers(0, len(SMALL)), st.text(alphabet="{}[]:,-&*!%\t\n '\"#ab0", max_size=4), st.integers(0, 5))
def test_any_slip_of_the_pen_is_read_or_refused(at: int, slip: str, gone: int) -> None:
    check(SMALL[:at] + slip + SMALL[at + gone :])


def test_of_many_names_a_few_are_listed() -> None:
    text = "flags:\n" + "".join(f"  f{i}: {{}}\n" for i in range(60)) + "  top: {requires: {zzzzz: [on]}}\n"
    with pytest.raises(BadInput) as refused:
        load_document(text, "fader.yaml")
    assert refused.value.problems[0].fix.endswith("f48, f49 and 11 more")


@pytest.mark.slow
def test_ten_thousand_flags_and_a_thousand_segments_are_read() -> None:
    flags = [
        f"""  flag-{i}:
    description: panel {i}, as agreed with the team
    owner: team {i % 40}
    rules:
      - {{variant: on, when: 'segment("segment-{i % 1_000}")'}}
      - {{variant: on, when: 'country in ["US", "CA"] && plan == "plan-{i}"', share: 10%, name: first}}
    units: {{on: [user-{i}], off: [user-{i + 1}]}}
    metadata: {{ticket: ABC-{i}}}
    environments: {{staging: {{default: on}}}}
"""
        for i in range(10_000)
    ]
    segments = [f"  segment-{i}: {{when: 'plan == \"plan-{i}\"', units: [user-{i}]}}\n" for i in range(1_000)]
    text = "environments: [production, staging]\nflags:\n" + "".join(flags) + "segments:\n" + "".join(segments)
    document = load_document(text, "fader.yaml", "staging")
    assert (len(document.flags), len(document.segments)) == (10_000, 1_000)
    assert (document.flags[-1].default, len(document.flags[-1].rules)) == ("on", 2)
    assert document.lines["flags", "flag-9999", "default"] == text[: text.index("segments:\n")].count("\n")


def check(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    services: tuple[Service, ...] = ()
    try:
        services = load_document(text, "fader.yaml").services
    except BadInput as error:
        problems = error.problems
    assert bool(problems) != bool(services)
    assert all(p.message and p.fix and p.path == "fader.yaml" for p in problems)
    assert all(p.line <= text.count("\n") + 1 for p in problems)
