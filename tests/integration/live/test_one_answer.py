"""One table of 5,000 units with attributes, over several rulesets: the SDK in the process, OFREP over HTTP and a
running Envoy give each the same answers, without a single exception."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.integration.gateway.http import Connection, apps, connect

from fader.model.evaluation import Evaluation
from fader.sdk import Client

from .table import Table, table
from .up import Fader, fader_up, free_port, until

pytestmark = pytest.mark.slow

SEEDS = range(5)
ANY: dict[str, Any] = {"path": "/", "method": "GET", "host": "localhost", "headers": {}, "cookies": {}, "query": {}}
ASKERS = 1_000


async def test_client_ofrep_and_envoy_agree(tmp_path: Path) -> None:
    async with apps("v1") as (app,):
        listen = free_port()
        tables = [table(seed, ASKERS, listen=listen, app=app.port) for seed in SEEDS]
        agreed: Counter[str] = Counter()
        seen: set[tuple[str, str, str]] = set()
        with fader_up(tmp_path, tables[0].text) as fader, Client(fader.url, fader.key("server-key")) as client:
            assert client.ready(20.0)
            for asked in tables:
                await asyncio.to_thread(apply, fader, client, asked)
                answers = [own(client, asked, unit, attributes) for unit, attributes in asked.askers]
                seen |= {(f.flag, f.variant, f.reason) for each in answers for f in each.values()}
                agreed["ofrep"] += await asyncio.to_thread(over_http, fader, asked, answers)
                agreed["envoy"] += await through_envoy(listen, asked, answers)
    assert agreed["ofrep"] == len(SEEDS) * ASKERS
    assert agreed["envoy"] > len(SEEDS) * ASKERS * 0.98  # the others cannot be written into a header
    assert {reason for _, _, reason in seen} == {"STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED"}
    varied = Counter(flag for flag, _ in {(flag, variant) for flag, variant, _ in seen})
    assert sum(count > 1 for count in varied.values()) > 0.6 * len(varied)


def apply(fader: Fader, client: Client, asked: Table) -> None:
    """Until the client has it."""
    status, answer = fader.post("/v1/apply", {"text": asked.text, "path": str(fader.folder / "fader.yaml")})
    assert status == 200, answer
    until(lambda: not client.evaluate(asked.flags[-1], None, "").error)


def own(client: Client, asked: Table, unit: str, attributes: dict[str, Any]) -> dict[str, Evaluation]:
    return {flag: client.evaluate(flag, None, unit, attributes) for flag in asked.flags}


def over_http(fader: Fader, asked: Table, answers: list[dict[str, Evaluation]]) -> int:
    """By the request for all flags, for every one who asks."""
    headers = {"Authorization": f"Bearer {fader.key('server-key')}"}
    with closing(http.client.HTTPConnection("127.0.0.1", fader.port, timeout=20)) as connection:
        for (unit, attributes), expected in zip(asked.askers, answers, strict=True):
            body = json.dumps({"context": {**attributes, "targetingKey": unit}})
            connection.request("POST", "/ofrep/v1/evaluate/flags", body, headers)
            answer = connection.getresponse()
            found = {f["key"]: f for f in json.loads(answer.read())["flags"]}
            assert found == {name: wire(one) for name, one in expected.items()}, (unit, attributes)
    return len(answers)


def wire(found: Evaluation) -> dict[str, Any]:
    reason = "UNKNOWN" if found.reason == "DEFAULT" else found.reason
    return {"key": found.flag, "value": found.value, "variant": found.variant, "reason": reason}


async def through_envoy(port: int, asked: Table, answers: list[dict[str, Evaluation]]) -> int:
    """By a request of each who can be written into a header."""
    await in_force(port, asked)
    async with connect(port) as connection:
        count = 0
        for (unit, attributes), expected in zip(asked.askers, answers, strict=True):
            if "\t" in unit:
                continue
            wanted = ",".join(f"{name}={expected[name].variant}" for name in asked.sent)
            assert await flags_of(connection, unit, attributes["request"]) == wanted, (unit, attributes["request"])
            count += 1
    return count


async def in_force(port: int, asked: Table) -> None:
    """Wait until Envoy serves, and knows the flags."""
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                async with connect(port) as connection:
                    if (await flags_of(connection, "user-1", ANY)).startswith(asked.sent[0]):
                        return
            await asyncio.sleep(0.02)


async def flags_of(connection: Connection, unit: str, request: dict[str, Any]) -> str:
    """By a request that holds what the app says of it."""
    headers = [("host", request["host"]), *request["headers"].items()]
    headers += [("cookie", f"{name}={value}") for name, value in request["cookies"].items()]
    headers += [("x-user-id", unit)] if unit else []
    query = "&".join(f"{name}={quote(value, safe='+')}" for name, value in request["query"].items())
    answer = await connection.send(request["method"], request["path"] + (query and f"?{query}"), headers)
    (header,) = answer.seen("x-fader-flags")
    return header
