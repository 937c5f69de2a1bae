"""`providers:` and metrics of kind `external`: what they come to, and every mistake with its line and its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from fader.errors import BadInput
from fader.model.external import External, Provider
from fader.model.metric import Margin
from fader.schema import load_document

FILE = """\
services:
  shop: {listen: "127.0.0.1:8080", versions: {v1: "http://127.0.0.1:9001", v2: "http://127.0.0.1:9002"}, baseline: v1}
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages: [5%, 100%]
    guardrails: {failures: 0.2pp, cpu: 10%}
providers:
  prom: {kind: prometheus, url: http://127.0.0.1:9090/base/, token: {env: PROM_TOKEN}, timeout: 2s}
  stats: {kind: web, url: https://stats.example.com}
metrics:
  failures: {kind: external, provider: prom, events: 'e{v="{{version}}"}', total: 'n{v="{{version}}"}', better: lower}
  cpu: {kind: external, provider: stats, series: "$.cpu[0]", path: "/x?v={{version}}", every: 1m, better: lower}
"""
PROM = Provider("prom", "prometheus", "http://127.0.0.1:9090/base", "PROM_TOKEN", "", 2.0)


def refused(old: str, new: str) -> list[tuple[str, str]]:
    assert old in FILE
    with pytest.raises(BadInput) as error:
        load_document(FILE.replace(old, new), "fader.yaml")
    assert all(p.path == "fader.yaml" and p.line for p in error.value.problems)
    return [(f"{p.line}: {p.message}", p.fix) for p in error.value.problems]


def test_what_it_comes_to() -> None:
    document = load_document(FILE, "fader.yaml")
    failures, cpu = (g.metric for g in document.rollouts[0].guardrails)
    assert failures.external == External(PROM, 'e{v="{{version}}"}', 'n{v="{{version}}"}')
    assert document.rollouts[0].guardrails[0].tolerate == Margin("absolute", 0.002)
    stats = Provider("stats", "web", "https://stats.example.com")
    assert cpu.external == External(stats, series="$.cpu[0]", path="/x?v={{version}}", every=60.0)
    assert (cpu.is_share, failures.is_share) == (False, True)
    assert document.providers == (PROM, stats)


def test_a_token_file_stands_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    text = FILE.replace("{env: PROM_TOKEN}", "{file: token}")
    document = load_document(text, str(tmp_path / "fader.yaml"))
    assert document.providers[0].token_file == str(tmp_path / "token")


@pytest.mark.parametrize(
    ("old", "new", "message", "fix"),
    [
        ("provider: prom,", "provider: pron,", 'there is no provider "pron"', "did you mean prom?"),
        ("provider: prom, ", "", "an external metric needs provider", "add e.g. provider: prom"),
        (", total: 'n{v=\"{{version}}\"}'", "", "needs total", "add events and total for counters, or series"),
        (
            "events: 'e",
            "series: 'x{{version}}', events: 'e",
            "counters and a series at once",
            "write events and total,",
        ),
        ("e{v=", 'e{s="{{servce}}",v=', 'there is no placeholder "{{servce}}"', "did you mean service?"),
        ('{v="{{version}}"}\', total', "', total", "the query is the same for both versions", "select one, e.g."),
        ("?v={{version}}", "", "what is asked is the same for both versions", 'add e.g. "?version={{version}}"'),
        (', path: "/x?v={{version}}"', "", "a metric of a web provider needs a path", "add e.g. path:"),
        ("$.cpu[0]", "$..cpu", '"$..cpu" is not a JSON path', "write e.g. $.errors or $.rows[0].value"),
        ("total: 'n", "path: /x, total: 'n", "a query of Prometheus has no path", "remove path"),
        ("every: 1m", "every: 10ms", "every 10ms is outside 1s to 1h", "write e.g. every: 15s"),
        ("every: 1m", "every: 15s, event: order", "an external metric has no event", "remove event: the provider"),
        ("every: 1m", "every: 15s, q: 0.9", "an external metric has no q", "remove q, or write kind: quantile"),
        (
            "{{version}}\"}', better: lower}",
            "{{version}}\"}'}",
            "nothing says whether more of it is better",
            "add better:",
        ),
        ("cpu: 10%", "cpu: 1pp", "cpu is no share and has no percentage points", "write a part of the baseline's"),
        (
            "guardrails: {failures: 0.2pp, cpu: 10%}",
            "guardrails: [failures]\n    outcomes: {cpu: 10%}",
            "cpu is external and knows no users",
            "name it under guardrails",
        ),
        ("{env: PROM_TOKEN}", "s3cret", "a token does not stand in this file", "put it into an environment variable"),
        ("{env: PROM_TOKEN}", "{env: 's3-cret'}", "is no name of an environment variable", "write the name of a"),
        ("{env: PROM_TOKEN}", "{}", "names neither env nor file", "write one of them, e.g. {env: PROMETHEUS_TOKEN}"),
        ("{env: PROM_TOKEN}", "{file: nowhere}", 'the file "nowhere" does not exist', "put it at "),
        ("http://127.0.0.1:9090/base/", "http://me:pw@h:1", "the url holds a password", "write token: {env: NAME}"),
        ("http://127.0.0.1:9090/base/", "h:9090", '"h:9090" is no http:// or https:// address', "write e.g. http://"),
        ("http://127.0.0.1:9090/base/", "'http://h/?a=b'", "holds more than a path", "write the part before it"),
        ("timeout: 2s", "timeout: 2m", "a timeout of 2m is outside 100ms to 20s", "write e.g. timeout: 5s"),
        ("kind: web", "kind: datadog", '"datadog" is not one of prometheus, web', "known are: prometheus, web"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_its_fix(old: str, new: str, message: str, fix: str) -> None:
    found = refused(old, new)
    assert any(message in said and how.startswith(fix) for said, how in found), found


def test_a_secret_is_not_repeated() -> None:
    assert not any("s3" in said + fix for said, fix in refused("{env: PROM_TOKEN}", "{env: 's3-cret'}"))
    assert not any("pw" in said + fix for said, fix in refused("http://127.0.0.1:9090/base/", "http://me:pw@h:1"))


def test_a_broken_provider_is_no_unknown_one() -> None:
    found = refused("timeout: 2s", "timeout: 2")
    assert len(found) == 1
