"""Flags over HTTP: applied, switched, explained, handed to SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from conftest import Plane

As = Callable[[str], httpx2.AsyncClient]
FILE = """\
flags:
  checkout:
    rules: [{variant: on, when: 'segment("beta") && country == "US"', share: 30%, name: us}]
  theme: {kind: string, variants: {blue: b, red: r}, default: blue}
segments:
  beta: {units: [ann, user-4]}
"""
SERVICE = """
services:
  web: {listen: 127.0.0.1:1, versions: {v: http://127.0.0.1:2}, baseline: v, flags: [sent]}
"""
SENT = """
services:
  web: {listen: 127.0.0.1:1, versions: {v: http://127.0.0.1:2}, baseline: v, flags: [checkout]}
flags:
  checkout: {rules: [{variant: on, when: 'segment("beta")'}]}
  other: {rules: [{variant: on, when: 'segment("secret")'}]}
segments:
  beta: {when: 'segment("inner")', units: [ann]}
  inner: {units: [bob]}
  secret: {units: [carl]}
"""


async def test_what_applying_changes(plane: Plane) -> None:
    def told(answer: dict[str, list[dict[str, str]]]) -> list[tuple[str, ...]]:
        return [(c["kind"], c["name"], c["action"], c["detail"]) for c in answer["changes"]]

    assert told(await plane.apply(FILE)) == [
        ("segment", "beta", "add", ""),
        ("flag", "checkout", "add", ""),
        ("flag", "theme", "add", ""),
    ]
    assert {c["action"] for c in (await plane.apply(FILE))["changes"]} == {"same"}
    changed = FILE.replace("30%", "50%").replace("ann, ", "").replace("theme:", "colours:")
    assert told(await plane.apply(changed)) == [
        ("segment", "beta", "change", "units"),
        ("flag", "checkout", "change", "rules"),
        ("flag", "colours", "add", ""),
        ("flag", "theme", "remove", "apps get their own default"),
    ]


async def test_a_switch_outlives_the_file_and_says_who_and_why(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    operator = as_("operator-token")
    answer = (await operator.post("/v1/flags/theme/off", json={"reason": "too blue"})).json()
    assert answer["flag"]["enabled"] is False
    switch = {"flag": "theme", "enabled": False, "at": plane.now, "actor": "ann", "reason": "too blue"}
    assert answer["switches"] == [switch]
    applied = await plane.apply(FILE.replace("default: blue", "default: red"))
    assert applied["warnings"] == [
        "flag theme was switched off by ann and stays so, though the file says on: the state decides. "
        "`fader flag on theme` agrees with the file"
    ]
    listed = (await operator.get("/v1/flags")).json()["flags"]
    assert [(f["flag"]["name"], f["flag"]["enabled"], len(f["switches"])) for f in listed] == [
        ("checkout", True, 0),
        ("theme", False, 1),
    ]
    version = plane.states.ruleset().version
    again = (await operator.post("/v1/flags/theme/off", json={"reason": "still"})).json()
    assert (again["switches"], plane.states.ruleset().version) == ([switch], version)
    back = (await operator.post("/v1/flags/theme/on")).json()
    assert (back["flag"]["enabled"], len(back["switches"])) == (True, 2)
    assert (await operator.get("/v1/flags/theme")).json() == back


async def test_some_of_many_flags(plane: Plane, as_: As) -> None:
    written = "".join(f"  flag-{i}: {{owner: {'Search' if i % 2 else 'shop'} team}}\n" for i in range(30))
    await plane.apply(f"flags:\n{written}")

    async def found(query: str) -> tuple[list[str], int]:
        answer = (await as_("operator-token").get(f"/v1/flags?{query}")).json()
        return [s["flag"]["name"] for s in answer["flags"]], answer["total"]

    assert await found("q=LAG-2&limit=3") == (["flag-2", "flag-20", "flag-21"], 11)
    assert await found("q=search&offset=13") == (["flag-27", "flag-29"], 15)
    assert await found("limit=0") == ([], 30)
    assert await found("q=none") == ([], 0)
    await plane.apply("flags:\n" + "".join(f"  flag-{i}: {{}}\n" for i in range(60)))
    missing = (await as_("operator-token").get("/v1/flags/none")).json()["detail"]
    assert missing.endswith("flag-48, flag-49 and 10 more")
    for query in ("limit=-1", "offset=inf", "limit=²"):
        assert (await as_("operator-token").get(f"/v1/flags?{query}")).status_code == 422


async def test_what_has_been_the_same_for_long_is_stale(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    operator = as_("operator-token")
    begun = plane.now
    await operator.post("/v1/flags/theme/off")
    plane.now += 29 * 86_400
    assert [f["stale"] for f in (await operator.get("/v1/flags")).json()["flags"]] == [[], []]
    plane.now += 2 * 86_400
    await plane.apply(FILE)
    checkout, theme = (await operator.get("/v1/flags")).json()["flags"]
    assert (checkout["stale"], checkout["since"]) == ([], begun)
    assert theme["stale"] == [f"everybody has had {theme['flag']['off']} for 31 days"]
    longer = (await operator.get("/v1/flags?stale_after=9000000")).json()["flags"]
    assert [f["stale"] for f in longer] == [[], []]
    await operator.post("/v1/flags/theme/on")
    assert (await operator.get("/v1/flags/theme")).json()["stale"] == []


@pytest.mark.parametrize(
    ("method", "path", "detail"),
    [
        ("GET", "/v1/flags/none", "there is no flag named 'none'; there are: checkout, theme"),
        ("POST", "/v1/flags/none/off", "there is no flag named 'none'"),
        ("POST", "/v1/flags/none/explain", "there is no flag named 'none'"),
        ("POST", "/v1/flags/theme/kill", "there is no command 'kill'; there are: on, off"),
    ],
)
async def test_what_is_not_there(plane: Plane, as_: As, method: str, path: str, detail: str) -> None:
    await plane.apply(FILE)
    answer = await as_("operator-token").request(method, path)
    assert answer.status_code == 404
    assert detail in answer.json()["detail"]


async def test_an_explanation(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    question = {"unit": "user-4", "attributes": {"country": "US"}}
    answer = (await as_("operator-token").post("/v1/flags/checkout/explain", json=question)).json()
    assert [stop["decided"] for stop in answer["stops"]] == [False, True]
    assert "bucket 269,712 is below 300,000" in answer["stops"][1]["found"]
    assert (answer["answer"]["variant"], answer["answer"]["reason"]) == ("on", "SPLIT")


async def test_the_ruleset_for_sdks(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    sdk = as_("server-key")
    held = (await sdk.get("/v1/sdk/ruleset", params={"have": 0})).json()
    assert [f["name"] for f in held["flags"]] == ["checkout", "theme"]
    assert (held["segments"][0]["units"], held["services"]) == (["ann", "user-4"], [])
    unchanged = await sdk.get("/v1/sdk/ruleset", params={"have": held["version"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_a_change_ends_the_wait_of_an_sdk(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    sdk = as_("server-key")
    version = (await sdk.get("/v1/sdk/ruleset")).json()["version"]
    waiting = asyncio.create_task(sdk.get("/v1/sdk/ruleset", params={"have": version, "wait": 20}))
    await asyncio.sleep(0)
    await as_("operator-token").post("/v1/flags/theme/off")
    changed = (await waiting).json()
    assert changed["version"] > version
    assert [f["enabled"] for f in changed["flags"]] == [True, False]


async def test_what_changes_for_gateways_alone_is_no_news_for_sdks(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    held = (await as_("server-key").get("/v1/sdk/ruleset")).json()["version"]
    await plane.apply(FILE + "services: {s: {listen: 127.0.0.1:1, versions: {v: http://127.0.0.1:2}, baseline: v}}\n")
    assert plane.states.ruleset().version > held
    assert (await as_("server-key").get("/v1/sdk/ruleset", params={"have": held})).status_code == 304


async def test_gateways_get_the_flags_that_they_send_and_no_others(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    held = (await as_("gateway-token").get("/v1/gateway/ruleset")).json()
    assert (held["flags"], held["segments"]) == ([], [])
    await plane.apply(SENT)
    held = (await as_("gateway-token").get("/v1/gateway/ruleset")).json()
    assert [flag["name"] for flag in held["flags"]] == ["checkout"]
    assert [segment["name"] for segment in held["segments"]] == ["beta", "inner"]


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("client-key", "/v1/sdk/ruleset", 401),
        ("gateway-token", "/v1/sdk/ruleset", 401),
        ("", "/v1/sdk/ruleset", 401),
        ("server-key", "/v1/sdk/ruleset", 200),
        ("operator-token", "/v1/sdk/ruleset", 200),
        ("server-key", "/v1/flags", 401),
        ("client-key", "/v1/flags", 401),
        ("server-key", "/v1/gateway/ruleset", 401),
    ],
)
async def test_what_a_key_opens(as_: As, token: str, path: str, status: int) -> None:
    assert (await as_(token).get(path)).status_code == status


async def test_what_sdks_counted_stands_beside_the_flag(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    counts = [("checkout", "on", 2), ("checkout", "off", 5), ("checkout", "no-such", 9), ("gone", "on", 9)]
    body = {"id": "one", "counts": [{"flag": f, "variant": v, "count": n} for f, v, n in counts]}
    for _ in range(2):  # the second one is the same delivery again
        assert (await as_("server-key").post("/v1/sdk/evaluations", json=body)).status_code == 204
    one_flag = {"context": {"targetingKey": "ann"}}
    assert (await as_("server-key").post("/ofrep/v1/evaluate/flags/theme", json=one_flag)).status_code == 200
    assert (await as_("server-key").post("/ofrep/v1/evaluate/flags", json=one_flag)).status_code == 200
    await plane.written()
    checkout, theme = (await as_("operator-token").get("/v1/flags")).json()["flags"]
    given = [(g["variant"], g["today"], g["week"]) for g in checkout["given"] + theme["given"]]
    assert given == [("off", 5, 5), ("on", 2, 2), ("blue", 1, 1)]
    plane.now += 2 * 86_400
    standing = (await as_("operator-token").get("/v1/flags/checkout")).json()
    assert [(g["today"], g["week"]) for g in standing["given"]] == [(0, 5), (0, 2)]


async def test_a_flag_that_nobody_asks_for_is_stale(plane: Plane, as_: As) -> None:
    """But for one that pages ask for, and one that gateways send: of these not every evaluation is told."""
    rules = 'rules: [{variant: on, when: "a == 1"}]'
    flags = [
        f"  idle: {{{rules}}}",
        f"  page: {{{rules}, client: true}}",
        "  sent: {units: {on: [ann]}}",
        "  theme: {}",
    ]
    await plane.apply("\n".join([SERVICE, "flags:", *flags]))
    delivery = {"id": "one", "counts": [{"flag": "theme", "variant": "on", "count": 1}]}
    await as_("server-key").post("/v1/sdk/evaluations", json=delivery)
    await plane.written()
    plane.now += 31 * 86_400
    found = (await as_("operator-token").get("/v1/flags")).json()["flags"]
    said = {f["flag"]["name"]: [why for why in f["stale"] if "evaluated" in why] for f in found}
    never, once = ["never evaluated in 30 days"], ["not evaluated since 2027-01-15"]
    assert said == {"idle": never, "page": [], "sent": [], "theme": once}


@pytest.mark.parametrize(
    "body",
    [
        {"id": "one", "counts": [{"flag": "a", "variant": "b", "count": -1}]},
        {"id": "", "counts": []},
        {"counts": []},
        {"id": "one", "counts": [{"flag": "a", "count": 1}]},
    ],
)
async def test_counts_that_are_none(as_: As, body: dict[str, object]) -> None:
    assert (await as_("server-key").post("/v1/sdk/evaluations", json=body)).status_code == 422
