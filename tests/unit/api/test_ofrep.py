"""OFREP: the answers are those of the protocol's own OpenAPI document, and what a client key sees is little."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import jsonschema_rs
import msgspec
import pytest
import yaml

from fader.model.flag import Rule
from fader.model.ruleset import Ruleset

if TYPE_CHECKING:
    from conftest import Plane

As = Callable[[str], httpx2.AsyncClient]
ONE, ALL = "/ofrep/v1/evaluate/flags/", "/ofrep/v1/evaluate/flags"
PROTOCOL = next(
    (p for above in Path(__file__).parents if (p := above / "shared/conformance/ofrep-openapi.yaml").exists()), None
)
FILE = """\
flags:
  plain: {client: true, default: on}
  ruled:
    kind: string
    variants: {a: x, b: y}
    default: a
    rules: [{variant: b, when: country == "US"}]
  drawn: {rules: [{variant: on, share: 50%, name: half}], client: true}
  number: {kind: number, variants: {few: 5, half: 0.5}, default: half}
  limits: {kind: json, variants: {a: '{"max": [1, null]}'}, default: a}
  killed: {enabled: false, default: on}
"""


@pytest.fixture
async def server(plane: Plane, as_: As) -> httpx2.AsyncClient:
    await plane.apply(FILE)
    return as_("server-key")


def context(unit: str = "ann", **attributes: Any) -> dict[str, Any]:
    return {"context": {"targetingKey": unit, **attributes}}


def check(schema: str, body: Any) -> None:
    """Against the protocol. Its `oneOf` over the kinds of values holds for no value at all (the kind without value
    has no constraint, and an integer is a number too), so that it is read as `anyOf`."""
    if PROTOCOL is None:
        pytest.skip("the protocol's OpenAPI document is not here")
    kinds = '- $ref: "#/components/schemas/booleanFlag"'
    text = re.sub(rf"- oneOf:(\s+{re.escape(kinds)})", r"- anyOf:\1", PROTOCOL.read_text())
    document = yaml.safe_load(text)
    assert "anyOf" in document["components"]["schemas"]["evaluationSuccess"]["allOf"][1]
    validator = jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **document})
    validator.validate(body)


@pytest.mark.parametrize(
    ("key", "asked", "answer"),
    [
        ("plain", context(), (True, "STATIC", "on")),
        ("plain", context(""), (True, "STATIC", "on")),
        ("ruled", context(country="US"), ("y", "TARGETING_MATCH", "b")),
        ("ruled", context(country="DE"), ("x", "UNKNOWN", "a")),
        ("drawn", context("user-2"), (False, "SPLIT", "off")),
        ("drawn", context("user-1"), (True, "SPLIT", "on")),
        ("drawn", context(""), (False, "UNKNOWN", "off")),
        ("number", context(), (0.5, "STATIC", "half")),
        ("limits", context(), ({"max": [1, None]}, "STATIC", "a")),
        ("killed", context(), (False, "DISABLED", "off")),
    ],
)
async def test_one_flag(server: httpx2.AsyncClient, key: str, asked: dict[str, Any], answer: tuple[Any, ...]) -> None:
    found = await server.post(ONE + key, json=asked)
    value, reason, variant = answer
    assert (found.status_code, found.json()) == (
        200,
        {"key": key, "value": value, "reason": reason, "variant": variant},
    )
    check("serverEvaluationSuccess", found.json())


async def test_the_metadata_of_a_flag(plane: Plane, as_: As) -> None:
    await plane.apply("flags: {f: {metadata: {team: checkout, priority: 2}, client: true}}")
    for key in ("server-key", "client-key"):
        one, all_ = await as_(key).post(ONE + "f", json=context()), await as_(key).post(ALL, json=context())
        assert one.json()["metadata"] == {"team": "checkout", "priority": 2}
        assert all_.json()["flags"] == [one.json()]
        check("serverEvaluationSuccess", one.json())


async def test_golden_vectors(plane: Plane) -> None:
    """The same file is checked against the evaluator and the SDK's client."""
    vectors = json.loads((Path(__file__).parents[2] / "vectors" / "flags.json").read_text())
    ruleset = msgspec.convert(vectors["ruleset"], Ruleset)
    plane.states.publish((), ruleset.flags, ruleset.segments)
    async with replace(plane).client("client-key") as client:
        for case in vectors["cases"]:
            found = await client.post(ALL, json=context(case["unit"], **case["attributes"]))
            answers = {
                f["key"]: [f["variant"], f["reason"].replace("UNKNOWN", "DEFAULT")] for f in found.json()["flags"]
            }
            assert answers == case["answers"], case


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "PARSE_ERROR"),
        (b"{", "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        (b'{"context": {"targetingKey": "' + b"x" * 1_000_000 + b'"}}', "PARSE_ERROR"),
        (b"[]", "INVALID_CONTEXT"),
        (b"{}", "INVALID_CONTEXT"),
        (b'{"context": 5}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 5}}', "INVALID_CONTEXT"),
        (b'{"context": {}}', "TARGETING_KEY_MISSING"),
    ],
)
async def test_a_context_that_cannot_be_used(server: httpx2.AsyncClient, body: bytes, code: str) -> None:
    one, all_ = await server.post(ONE + "plain", content=body), await server.post(ALL, content=body)
    assert (one.status_code, one.json()["errorCode"], one.json()["key"]) == (400, code, "plain")
    assert (all_.status_code, all_.json()["errorCode"]) == (400, code)
    check("evaluationFailure", one.json())
    check("bulkEvaluationFailure", all_.json())


@pytest.mark.parametrize("key", ["none", "none/of/these", "", "two%0Alines", "plain%0A"])
async def test_an_unknown_flag(server: httpx2.AsyncClient, key: str) -> None:
    found = await server.post(ONE + key, json=context())
    assert (found.status_code, found.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")
    check("flagNotFound", found.json())


async def test_all_flags_with_their_tag(server: httpx2.AsyncClient, plane: Plane) -> None:
    found = await server.post(ALL, json=context())
    assert [f["key"] for f in found.json()["flags"]] == ["plain", "ruled", "drawn", "number", "limits", "killed"]
    check("bulkEvaluationSuccess", found.json())
    tag = found.headers["etag"]
    for held in (tag, f'"old", {tag}', f"W/{tag}"):
        again = await server.post(ALL, json=context(), headers={"if-none-match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await server.post(ALL, json=context(country="US"), headers={"if-none-match": tag})
    assert (other.status_code, other.headers["etag"] != tag) == (200, True)
    await plane.apply(FILE.replace("50%", "100%"))
    changed = await server.post(ALL, json=context("user-1"), headers={"if-none-match": tag})
    assert changed.status_code == 200


async def test_a_client_key_sees_what_is_marked_and_no_rule(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    client = as_("client-key")
    found = await client.post(ALL, json=context(country="US"))
    assert [f["key"] for f in found.json()["flags"]] == ["plain", "drawn"]
    assert (await client.post(ONE + "drawn", json=context())).status_code == 200
    hidden, missing = [await client.post(ONE + key, json=context()) for key in ("ruled", "none")]
    assert (hidden.status_code, hidden.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")
    assert hidden.text.replace("ruled", "none") == missing.text
    assert {key for f in found.json()["flags"] for key in f} == {"key", "value", "reason", "variant"}


async def test_where_changes_are_told(plane: Plane, as_: As) -> None:
    """By an address that holds no key, and another one for each kind of key."""
    await plane.apply(FILE)
    told = {}
    for key in ("client-key", "server-key", "operator-token"):
        found = await as_(key).post(ALL, json=context())
        check("bulkEvaluationSuccess", found.json())
        [stream] = found.json()["eventStreams"]
        assert stream["type"] == "sse"
        told[key] = stream["endpoint"]["requestUri"]
        assert not any(secret in told[key] for secret in ("client-key", "server-key", "operator"))
    assert told["server-key"] == told["operator-token"] != told["client-key"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer gateway-token"}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"x-api-key": "client-key"}, 200),
        ({"x-api-key": "server-key"}, 200),
        ({"authorization": "Bearer operator-token"}, 200),
        ({"authorization": "Bearer client-key", "host": "evil.example"}, 403),
    ],
)
async def test_who_may_evaluate(plane: Plane, as_: As, headers: dict[str, str], status: int) -> None:
    await plane.apply(FILE)
    for path in (ALL, ONE + "plain"):
        assert (await as_("").post(path, json=context(), headers=headers)).status_code == status


async def test_a_page_of_another_origin_may_ask_with_its_key(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    there = {"origin": "https://shop.example.com"}
    asked = await as_("").request("OPTIONS", ALL, headers={**there, "access-control-request-method": "POST"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert "x-api-key" in asked.headers["access-control-allow-headers"]
    found = await as_("client-key").post(ALL, json=context(), headers=there)
    assert (found.status_code, found.headers["access-control-allow-origin"]) == (200, "*")
    assert "etag" in found.headers["access-control-expose-headers"]
    refused = await as_("").post(ALL, json=context(), headers=there)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")


async def test_the_sessions_cookie_evaluates_nothing(plane: Plane, as_: As) -> None:
    client = as_("")
    login = await client.post("/login", json={"token": "operator-token"}, headers={"origin": "http://127.0.0.1:7070"})
    assert login.status_code == 204
    assert (await client.post(ALL, json=context())).status_code == 401


async def test_half_a_character_is_no_unit(server: httpx2.AsyncClient) -> None:
    found = await server.post(ONE + "drawn", content=b'{"context": {"targetingKey": "\\ud800"}}')
    assert (found.status_code, found.json()["errorCode"]) == (400, "PARSE_ERROR")


async def test_a_flag_that_cannot_be_evaluated_is_one_failure_among_answers(plane: Plane) -> None:
    """As another version of fader might have stored it."""
    await plane.apply(FILE)
    plain, *_ = plane.states.flags()
    broken = replace(plain, name="broken", rules=(Rule("on", "tomorrow >"),))
    plane.states.publish((), (broken, plain))
    async with replace(plane).client("server-key") as client:
        found = await client.post(ALL, json=context())
        assert [("errorCode" in f, f["key"]) for f in found.json()["flags"]] == [(True, "broken"), (False, "plain")]
        check("bulkEvaluationSuccess", found.json())
        failed = await client.post(ONE + "broken", json=context())
    assert failed.status_code == 500
    check("generalErrorResponse", failed.json())
