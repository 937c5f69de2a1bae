"""Broken configurations: each is refused with one message that names file, line, what is wrong and the fix."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fader.cli.entry import run

GOOD = """\
services:
  shop:
    listen: 127.0.0.1:8080
    unit: [{header: x-user-id}, {cookie: fader_uid, issue: true}]
    versions: {v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}
    baseline: v1
    exclude: [{path: /healthz}]
metrics:
  errors:  {kind: proportion, of: requests, where: "status >= 500", better: lower}
  latency: {kind: quantile, q: 0.95, of: requests, value: duration_ms, better: lower}
rollouts:
  shop-v2:
    service: shop
    candidate: v2
    stages: [5%, 10%, 25%, 50%, 100%]
    bake: 10m
    guardrails: {errors: {tolerate: 0.2pp}, latency: {tolerate: 10%}}
    shield: connect
    on_harm: rollback
    if_undecided: {after: 24h, then: hold}
"""

ROLLOUT = "rollouts.shop-v2"

#: What is replaced in GOOD, by what, and the message: "LINE: what is wrong", the fix.
EDITS: dict[str, tuple[str, str, str, str]] = {
    "an unknown key of the file": (
        "rollouts:\n",
        "rolouts:\n",
        "11: rolouts: unknown key",
        "did you mean rollouts?",
    ),
    "an unknown key of a service": (
        "    baseline: v1\n",
        "    baseline: v1\n    basline: v2\n",
        "7: services.shop.basline: unknown key",
        "did you mean baseline?",
    ),
    "an unknown key of a rollout": (
        "on_harm: rollback",
        "onharm: rollback",
        "19: rollouts.shop-v2.onharm: unknown key",
        "did you mean on_harm?",
    ),
    "an unknown key that is like no other": (
        "{after: 24h, then: hold}",
        "{after: 24h, xyzzy: hold}",
        "20: rollouts.shop-v2.if_undecided.xyzzy: unknown key",
        "known are: after, then",
    ),
    "a misspelt metric": (
        "{errors: {tolerate: 0.2pp}",
        "{erors: {tolerate: 0.2pp}",
        '17: rollouts.shop-v2.guardrails.erors: there is no metric "erors"',
        "did you mean errors?",
    ),
    "a misspelt service": (
        "service: shop",
        "service: shpo",
        '13: rollouts.shop-v2.service: there is no service "shpo"',
        "did you mean shop?",
    ),
    "an unknown candidate": (
        "candidate: v2",
        "candidate: v3",
        '14: rollouts.shop-v2.candidate: service shop has no version "v3"',
        "did you mean v2?",
    ),
    "a candidate that is the baseline": (
        "candidate: v2",
        "candidate: v1",
        "14: rollouts.shop-v2.candidate: v1 is the baseline of shop",
        "name another version: v2",
    ),
    "an unknown baseline": (
        "baseline: v1",
        "baseline: main",
        '6: services.shop.baseline: there is no version "main"',
        "known are: v1, v2",
    ),
    "a service without versions": (
        "{v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}",
        "{}",
        "5: services.shop.versions: has no version",
        "name at least one, e.g. {v1: http://127.0.0.1:9001}",
    ),
    "a missing key": (
        "    baseline: v1\n",
        "",
        "2: services.shop: baseline is missing",
        "add baseline: v1",
    ),
    "shares out of order": (
        "[5%, 10%, 25%, 50%, 100%]",
        "[5%, 25%, 10%, 50%, 100%]",
        "15: rollouts.shop-v2.stages.2: 10% does not rise above 25%",
        "write [5%, 10%, 25%, 50%, 100%]",
    ),
    "the same share twice": (
        "[5%, 10%, 25%, 50%, 100%]",
        "[5%, 5%, 100%]",
        "15: rollouts.shop-v2.stages.1: 5% does not rise above 5%",
        "write [5%, 100%]",
    ),
    "stages that do not end with everybody": (
        "[5%, 10%, 25%, 50%, 100%]",
        "[5%, 50%]",
        "15: rollouts.shop-v2.stages.1: end at 50%",
        "add 100% as the last stage",
    ),
    "everybody at once": (
        "[5%, 10%, 25%, 50%, 100%]",
        "[100%]",
        "15: rollouts.shop-v2.stages: go to 100% at once, with nobody left to compare with",
        "write e.g. stages: [5%, 10%, 25%, 50%, 100%]",
    ),
    "no stages": (
        "[5%, 10%, 25%, 50%, 100%]",
        "[]",
        "15: rollouts.shop-v2.stages: is empty",
        "write e.g. stages: [5%, 10%, 25%, 50%, 100%]",
    ),
    "a share above 100 %": (
        "[5%,",
        "[500%,",
        '15: rollouts.shop-v2.stages.0: "500%" is more than everybody',
        "write a percentage from 0.0001% to 100%, e.g. 5%",
    ),
    "a share of nobody": (
        "[5%,",
        "[0%,",
        '15: rollouts.shop-v2.stages.0: "0%" is nobody',
        "write a percentage from 0.0001% to 100%, e.g. 5%",
    ),
    "a share that is too fine": (
        "[5%,",
        "[0.00005%,",
        '15: rollouts.shop-v2.stages.0: "0.00005%" is finer than 0.0001%',
        "use at most four digits behind the point",
    ),
    "a share without its unit": (
        "[5%,",
        "[5,",
        '15: rollouts.shop-v2.stages.0: "5" has no %',
        "write 5%",
    ),
    "a manual gate at the end": (
        "50%, 100%]",
        "50%, {share: 100%, gate: manual}]",
        "15: rollouts.shop-v2.stages.4: 100% ends the rollout and has no gate: manual",
        "put gate: manual on the stage before it",
    ),
    "an unknown gate": (
        "50%, 100%]",
        "{share: 50%, gate: manuel}, 100%]",
        '15: rollouts.shop-v2.stages.3.gate: "manuel" is not one of auto, manual',
        "did you mean manual?",
    ),
    "a duration without its unit": (
        "bake: 10m",
        "bake: 10",
        '16: rollouts.shop-v2.bake: "10" has no unit',
        "write 10s for seconds or 10m for minutes",
    ),
    "a negative duration": (
        "bake: 10m",
        "bake: -10m",
        '16: rollouts.shop-v2.bake: "-10m" is negative',
        "write 10m",
    ),
    "a duration in an unknown unit": (
        "bake: 10m",
        "bake: 10 fortnights",
        '16: rollouts.shop-v2.bake: "10 fortnights" is not a duration',
        "write a number with ms, s, m, h or d, e.g. 15s, 10m, 1h30m",
    ),
    "giving up before a stage has baked": (
        "after: 24h",
        "after: 1m",
        "20: rollouts.shop-v2.if_undecided.after: 1m ends before a stage has baked for 10m",
        "write at least 10m",
    ),
    "going on without proof": (
        "then: hold",
        "then: promote",
        '20: rollouts.shop-v2.if_undecided.then: "promote" is not possible: never silently on',
        "write then: hold or then: rollback",
    ),
    "a tolerance without its unit": (
        "0.2pp",
        "0.2",
        '17: rollouts.shop-v2.guardrails.errors.tolerate: "0.2" has no unit',
        "write 0.2pp (percentage points) or 0.2% (of the baseline)",
    ),
    "a tolerance in an unknown unit": (
        "tolerate: 10%",
        "tolerate: 10ms",
        '17: rollouts.shop-v2.guardrails.latency.tolerate: "10ms" has the unknown unit ms',
        "write 0.2pp (percentage points) or 10% (of the baseline's value)",
    ),
    "percentage points of a quantile": (
        "tolerate: 10%",
        "tolerate: 1pp",
        "17: rollouts.shop-v2.guardrails.latency.tolerate: latency is a quantile and has no percentage points",
        "write a part of the baseline's value, e.g. 10%",
    ),
    "no tolerance at all": (
        "0.2pp",
        "0pp",
        '17: rollouts.shop-v2.guardrails.errors.tolerate: "0pp" tolerates nothing, which no data can prove',
        "write 0.2pp (percentage points) or 10% (of the baseline's value)",
    ),
    "no guardrails": (
        "{errors: {tolerate: 0.2pp}, latency: {tolerate: 10%}}",
        "{}",
        "17: rollouts.shop-v2.guardrails: is empty: nothing would be watched",
        "write e.g. guardrails: {errors: {tolerate: 0.2pp}, latency: {tolerate: 10%}}",
    ),
    "a misspelt choice": (
        "shield: connect",
        "shield: conect",
        '18: rollouts.shop-v2.shield: "conect" is not one of connect, errors, off',
        "did you mean connect?",
    ),
    "a list where a word belongs": (
        "on_harm: rollback",
        "on_harm: [rollback]",
        "19: rollouts.shop-v2.on_harm: a list is not one of rollback, hold",
        "write one of rollback, hold",
    ),
    "a word where a list belongs": (
        "[5%, 10%, 25%, 50%, 100%]",
        "5%",
        '15: rollouts.shop-v2.stages: expected a list, found "5%"',
        "write [a, b], or indented lines that begin with -",
    ),
    "a port out of range": (
        "listen: 127.0.0.1:8080",
        "listen: 127.0.0.1:80800",
        "3: services.shop.listen: port 80800 is out of range",
        "use a port from 1 to 65535",
    ),
    "a port alone": (
        "listen: 127.0.0.1:8080",
        "listen: 8080",
        '3: services.shop.listen: "8080" has no address',
        "write 127.0.0.1:8080",
    ),
    "an address alone": (
        "listen: 127.0.0.1:8080",
        "listen: 127.0.0.1",
        '3: services.shop.listen: "127.0.0.1" has no port',
        "write an address and a port, e.g. 127.0.0.1:8080",
    ),
    "a version without http://": (
        "v2: http://127.0.0.1:9002",
        "v2: 127.0.0.1:9002",
        '5: services.shop.versions.v2: "127.0.0.1:9002" has no scheme',
        "write http://127.0.0.1:9002",
    ),
    "a version with a path": (
        "v2: http://127.0.0.1:9002",
        "v2: http://127.0.0.1:9002/app",
        '5: services.shop.versions.v2: "http://127.0.0.1:9002/app" holds more than a host and a port',
        "write http://127.0.0.1:9002; the request's own path is kept",
    ),
    "a version that is the gateway itself": (
        "v2: http://127.0.0.1:9002",
        "v2: http://127.0.0.1:8080",
        "5: services.shop.versions.v2: 127.0.0.1:8080 is where the service itself listens: requests would circle",
        "listen on another port than the version itself",
    ),
    "a unit of two kinds": (
        "{header: x-user-id}",
        "{header: x-user-id, cookie: uid}",
        "4: services.shop.unit.0: names header and cookie",
        "write one per entry, e.g. [{header: x-user-id}, {cookie: fader_uid}]",
    ),
    "an issued header": (
        "{header: x-user-id}",
        "{header: x-user-id, issue: true}",
        "4: services.shop.unit.0: issue does not go with header",
        "only a cookie can be issued: {cookie: fader_uid, issue: true}",
    ),
    "a unit behind the issued cookie": (
        "[{header: x-user-id}, {cookie: fader_uid, issue: true}]",
        "[{cookie: fader_uid, issue: true}, {header: x-user-id}]",
        "4: services.shop.unit: has entries behind the issued cookie, which always holds an id",
        "put the issued cookie last",
    ),
    "an exclusion without /": (
        "path: /healthz",
        "path: healthz",
        '7: services.shop.exclude.0: "healthz" does not begin with /',
        "write /healthz",
    ),
    "a TLS file that is not there": (
        "    baseline: v1\n",
        "    baseline: v1\n    tls: {cert: fader.yaml, key: missing.pem}\n",
        '7: services.shop.tls.key: the file "missing.pem" does not exist',
        "put it at {directory}/missing.pem, or name another file",
    ),
    "two services on one port": (
        "metrics:\n",
        "  api: {listen: 127.0.0.1:8080, versions: {a: http://127.0.0.1:9003}, baseline: a}\nmetrics:\n",
        "8: services.api.listen: shop listens on 127.0.0.1:8080 for the host * too",
        "take another port, or give each service its own hosts: [shop.example.com]",
    ),
    "TLS and none on one port": (
        "metrics:\n",
        "  api: {listen: 127.0.0.1:8080, hosts: [a.test], versions: {a: http://127.0.0.1:9003}, baseline: a,\n"
        "        tls: {cert: fader.yaml, key: fader.yaml}}\nmetrics:\n",
        "8: services.api.listen: api speaks TLS on 127.0.0.1:8080 and shop does not",
        "give shop tls: too, or another port",
    ),
    "every address and one of them": (
        "metrics:\n",
        "  api: {listen: 0.0.0.0:8080, versions: {a: http://127.0.0.1:9003}, baseline: a}\nmetrics:\n",
        "8: services.api.listen: 0.0.0.0:8080 overlaps with 127.0.0.1:8080 of shop",
        "write the same address in both, or another port",
    ),
    "an unknown kind of metric": (
        "kind: proportion",
        "kind: propotion",
        '9: metrics.errors.kind: "propotion" is not one of proportion, quantile, count, mean, ratio, retention, '
        "external",
        "did you mean proportion?",
    ),
    "an unknown field": (
        '"status >= 500"',
        '"staus >= 500"',
        "9: metrics.errors.where: at character 1: unknown field staus",
        "did you mean status?",
    ),
    "an unfinished condition": (
        '"status >= 500"',
        '"status >= 500 && "',
        "9: metrics.errors.where: at character 18: the condition ends where a field of the request is expected",
        'write e.g. status >= 500 && path != "/healthz"',
    ),
    "an operator that is not supported": (
        '"status >= 500"',
        '"status >= 500 || status == 404"',
        "9: metrics.errors.where: at character 15: | is not supported",
        "join comparisons by && alone",
    ),
    "a text compared by size": (
        '"status >= 500"',
        '"path > 500"',
        "9: metrics.errors.where: at character 8: path is a text, not a number",
        'write it in quotes: "500"',
    ),
    "a quantile without q": (
        "q: 0.95, ",
        "",
        "10: metrics.latency: a quantile needs q",
        "add e.g. q: 0.95",
    ),
    "a quantile out of range": (
        "q: 0.95",
        "q: 95",
        "10: metrics.latency.q: q is 95, outside 0.5 to 0.999",
        "write e.g. q: 0.95 for the 95th percentile",
    ),
    "a quantile of nothing": (
        "value: duration_ms",
        "value: duration",
        '10: metrics.latency.value: there is no value "duration"',
        "did you mean duration_ms?",
    ),
    "two rollouts with one name": (
        "then: hold}\n",
        "then: hold}\n  shop-v2: {service: shop}\n",
        "21: rollouts.shop-v2: stands twice, first in line 12",
        "rename or remove one of them",
    ),
    "a name that cannot be one": (
        "  shop-v2:\n",
        "  shop/v2:\n",
        '12: rollouts.shop/v2: "shop/v2" cannot be a name',
        "use letters, digits, - and _, at most 63, a letter or digit first",
    ),
    "a tab": (
        "    baseline: v1\n",
        "\tbaseline: v1\n",
        "6: a tab at column 1",
        "YAML indents by spaces: replace the tab",
    ),
    "a bracket that is not closed": (
        "[{path: /healthz}]",
        "[{path: /healthz}",
        "8: not valid YAML at column 1: did not find expected ',' or ']' while parsing a flow sequence",
        "check brackets, quotes and indentation here and in the line above",
    ),
    "an unquoted *": (
        "    baseline: v1\n",
        "    baseline: v1\n    hosts: [*.example.com]\n",
        "7: not valid YAML: did not find expected alphabetic or numeric character",
        'a text that begins with * must be quoted: "*.example.com"',
    ),
    "an alias of nothing": (
        "baseline: v1",
        "baseline: *v1",
        "6: not valid YAML: found undefined alias 'v1'",
        'a text that begins with * must be quoted: "*.example.com"',
    ),
    "a section that is no mapping": (
        GOOD[GOOD.index("metrics:") : GOOD.index("rollouts:")],
        "metrics: errors\n",
        "8: metrics: expected a mapping of names",
        "write names with a mapping each, e.g. NAME: {...}",
    ),
}

START = (
    "begin with services:, e.g. services: {shop: {listen: 127.0.0.1:8080, versions: {v1: http://...}, baseline: v1}}"
)
#: Whole files and their messages.
FILES: dict[str, tuple[str, str, str]] = {
    "an empty file": ("", "the file is empty", START),
    "a file of comments": ("# nothing yet\n", "the file is empty", START),
    "a list": ("- shop\n", "1: the file is no mapping", START),
    "two documents": (
        GOOD + "---\na: 1\n",
        "21: a second YAML document begins",
        "keep one document per file: remove the ---",
    ),
    "no services": ("metrics: {}\n", "1: there is no service", START),
}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    with contextlib.chdir(tmp_path):
        yield tmp_path


def broken(edit: tuple[str, str, str, str]) -> str:
    old, new, _, _ = edit
    assert GOOD.count(old) >= 1
    return GOOD.replace(old, new, 1)


def test_the_whole_configuration_is_sound(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "fader.yaml").write_text(GOOD)
    assert run(["plan", "--offline"]) == 0
    assert capsys.readouterr().out == "fader.yaml is sound: services shop; rollouts shop-v2\n"


def test_a_file_of_several_environments_is_checked_as_one_of_them(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `plan` without a server and by `doctor`, which look at the same."""
    (directory / "fader.yaml").write_text(
        GOOD.replace("services:\n", "environments: [staging, production]\nservices:\n", 1).replace(
            "    baseline: v1\n", "    baseline: v1\n    environments: {production: {listen: 127.0.0.1:8099}}\n", 1
        )
    )
    assert run(["plan", "--offline"]) == 2
    asked = "environments: the file is for staging, production, and none of them is asked for"
    assert capsys.readouterr().err == f"fader.yaml:1: {asked}\n  fix: say which, e.g. --environment staging\n"
    assert run(["plan", "--offline", "--environment", "productoin"]) == 2
    assert (
        "productoin is none of the environments of the file\n  fix: did you mean production?" in capsys.readouterr().err
    )
    monkeypatch.setenv("FADER_ENVIRONMENT", "production")
    assert run(["plan", "--offline"]) == 0
    assert capsys.readouterr().out == "fader.yaml is sound in production: services shop; rollouts shop-v2\n"

    def seen(*arguments: str) -> str:
        run(["doctor", "--json", "--server", "http://127.0.0.1:1", *arguments])
        checks = json.loads(capsys.readouterr().out)["checks"]
        return " ".join(c["found"] for c in checks if c["name"] in ("fader.yaml", "port of shop"))

    assert seen().startswith("sound in production: shop, shop-v2 127.0.0.1:8099: ")
    assert seen("--environment", "staging").startswith("sound in staging: shop, shop-v2 127.0.0.1:8080: ")
    monkeypatch.delenv("FADER_ENVIRONMENT")
    assert seen() == f"line 1: {asked}"


@pytest.mark.parametrize("name", EDITS)
def test_a_broken_key(name: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "fader.yaml").write_text(broken(EDITS[name]))
    code = run(["plan", "--offline", "-f", "fader.yaml"])
    _, _, message, fix = EDITS[name]
    fix = fix.replace("{directory}", str(directory))
    assert capsys.readouterr().err == f"fader.yaml:{message}\n  fix: {fix}\n"
    assert code == 2


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file(name: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, message, fix = FILES[name]
    (directory / "fader.yaml").write_text(text)
    code = run(["plan", "--offline"])
    assert capsys.readouterr().err == f"fader.yaml:{'' if message[0].isdigit() else ' '}{message}\n  fix: {fix}\n"
    assert code == 2


def test_all_mistakes_are_told_at_once(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        GOOD.replace("8080", "80800")
        .replace("candidate: v2", "candidate: v9")
        .replace("10m", "10")
        .replace("0.2pp", "2")
    )
    (directory / "fader.yaml").write_text(text)
    assert run(["plan", "--offline"]) == 2
    lines = [line.split(":")[1] for line in capsys.readouterr().err.splitlines() if line.startswith("fader.yaml")]
    assert lines == ["3", "14", "16", "17"]


def test_a_missing_file(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--offline", "-f", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err.startswith("nowhere.yaml: there is no such file\n  fix: ")


def test_a_file_that_is_no_text(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (directory / "fader.yaml").write_bytes(b"services: \xff")
    assert run(["plan", "--offline"]) == 2
    assert capsys.readouterr().err == "fader.yaml: byte 11 is not UTF-8\n  fix: save the file as UTF-8\n"


def test_the_process_ends_with_code_2(directory: Path) -> None:
    (directory / "fader.yaml").write_text(GOOD.replace("shield: connect", "shield: conect"))
    ended = subprocess.run(
        [sys.executable, "-m", "fader.cli.entry", "plan", "--offline"],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(
        'fader.yaml:18: rollouts.shop-v2.shield: "conect" is not one of connect, errors, off\n'
    )
