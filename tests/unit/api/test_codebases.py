"""Where source names the flags, reported over HTTP and read beside each flag."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fader.engine.codebase_desk import MOST, CodebaseDesk
from fader.engine.flag_desk import FlagDesk
from fader.engine.publish import Publisher
from fader.model.codebase import Codebase
from fader.storage.memory import MemoryStateStore

if TYPE_CHECKING:
    from conftest import Plane

As = Callable[[str], httpx2.AsyncClient]
FILE = """\
flags:
  checkout: {rules: [{variant: on, when: "a == 1"}]}
  theme: {rules: [{variant: on, when: "a == 1"}], requires: {base: [on]}}
  base: {rules: [{variant: on, when: "a == 1"}]}
"""
DAY = 86_400


def named(flag: str, references: int = 1, *places: str) -> dict[str, Any]:
    return {"flag": flag, "references": references, "files": min(references, 1), "places": list(places)}


async def stale(client: httpx2.AsyncClient) -> dict[str, list[str]]:
    return {f["flag"]["name"]: f["stale"] for f in (await client.get("/v1/flags")).json()["flags"]}


async def test_a_report_stands_beside_the_flags(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    operator = as_("operator-token")
    assert (await operator.get("/v1/flags/checkout")).json()["code"] == []
    flags = [named("checkout", 3, "a.py:1", "b.py:2"), named("theme", 0), named("no-such")]
    answer = await operator.put("/v1/codebases/shop", json={"flags": flags})
    shop = {"name": "shop", "at": plane.now, "actor": "ann"}
    assert (answer.status_code, answer.json()) == (200, {"codebase": shop, "named": 1, "gone": []})
    checkout = (await operator.get("/v1/flags/checkout")).json()["code"]
    assert checkout == [
        {
            "codebase": "shop",
            "flag": "checkout",
            "at": plane.now,
            "references": 3,
            "files": 1,
            "places": ["a.py:1", "b.py:2"],
            "seen": plane.now,
            "gone": 0,
        }
    ]
    listed = {f["flag"]["name"]: f["code"][0] for f in (await operator.get("/v1/flags")).json()["flags"]}
    assert listed["checkout"] == checkout[0] | {"places": []}, "places are of the flag alone"
    assert [(listed[name]["at"], listed[name]["seen"]) for name in ("theme", "base")] == [(plane.now, 0), (0, 0)]
    assert (await operator.get("/v1/codebases")).json() == {"codebases": [shop]}
    assert [one.flag for one in plane.states.sightings()] == ["checkout", "theme"]


async def test_a_flag_that_has_left_all_code_is_stale(plane: Plane, as_: As) -> None:
    """But for one that another flag requires, and where it is not known of every codebase."""
    await plane.apply(FILE)
    operator = as_("operator-token")

    async def report(codebase: str, **references: int) -> dict[str, Any]:
        flags = [named(flag, n) for flag, n in references.items()]
        answer: dict[str, Any] = (await operator.put(f"/v1/codebases/{codebase}", json={"flags": flags})).json()
        return answer

    await report("shop", checkout=2, base=1, theme=0)
    await report("cart", checkout=1, base=0)
    assert await stale(operator) == {"checkout": [], "theme": [], "base": []}
    plane.now += DAY
    assert (await report("shop", checkout=0, base=0, theme=0))["gone"] == ["checkout", "base"]
    assert (await stale(operator))["checkout"] == [], "cart names it"
    plane.now += DAY
    await report("cart", base=0)
    assert (await stale(operator))["checkout"] == [], "cart was not searched for it"
    await report("cart", checkout=1, base=0)
    plane.now += DAY
    await report("cart", checkout=0, base=0)
    gone = ["no longer in code since 2027-01-18"]
    assert await stale(operator) == {"checkout": gone, "theme": [], "base": []}
    assert (await operator.get("/v1/flags/checkout")).json()["stale"] == gone
    assert [f["stale"] for f in (await operator.get("/v1/flags?q=check")).json()["flags"]] == [gone]
    plane.now += DAY
    await report("shop", checkout=1)
    assert (await stale(operator))["checkout"] == []


async def test_a_codebase_is_forgotten(plane: Plane, as_: As) -> None:
    await plane.apply(FILE)
    operator = as_("operator-token")
    for name in ("shop", "old"):
        await operator.put(f"/v1/codebases/{name}", json={"flags": [named("checkout")]})
    plane.now += DAY
    await operator.put("/v1/codebases/shop", json={"flags": [named("checkout", 0)]})
    assert (await stale(operator))["checkout"] == []
    answer = await operator.delete("/v1/codebases/old")
    assert (answer.status_code, answer.json()["name"]) == (200, "old")
    assert (await stale(operator))["checkout"] == ["no longer in code since 2027-01-16"]
    answer = await operator.delete("/v1/codebases/old")
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no codebase named 'old'; there are: shop")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (None, "`flags`"),
        ([{"references": 1}], "`flag`"),
        ([named("a"), named("a")], "flags[1]: the flag is named twice"),
        ([named("a") | {"files": 2}], "flags[0]: references, files and places do not agree"),
        ([named("a") | {"files": 0}], "flags[0]: references, files and places do not agree"),
        ([named("a", 0) | {"files": 1}], "flags[0]: references, files and places do not agree"),
        ([named("a", 1, "a:1", "a:2")], "flags[0]: references, files and places do not agree"),
        ([named("a", -1)], "references"),
        ([named("a", 2_000_000_000)], "references"),
        ([named("a", 9, *"123456")], "places"),
        ([named("a", 1, "x" * 201)], "places"),
        ([named("a", 1, "")], "places"),
        ([named("a", 1, "a\u202ey:1")], "flags[0].places: a place is no printable text"),
    ],
)
async def test_a_report_that_is_none_changes_nothing(
    plane: Plane, as_: As, flags: list[dict[str, Any]] | None, said: str
) -> None:
    await plane.apply(FILE)
    operator = as_("operator-token")
    await operator.put("/v1/codebases/shop", json={"flags": [named("checkout", 3)]})
    before = plane.states.sightings()
    plane.now += DAY
    body = {} if flags is None else {"flags": [*flags, named("checkout", 0)]}
    answer = await operator.put("/v1/codebases/shop", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert (plane.states.sightings(), plane.states.codebases()[0].at) == (before, plane.now - DAY)


@pytest.mark.parametrize("name", ["team shop", "x" * 64, "-shop", "a%0Ab"])
async def test_a_name_that_is_none(as_: As, name: str) -> None:
    answer = await as_("operator-token").put(f"/v1/codebases/{name}", json={"flags": []})
    assert answer.status_code == 422
    assert "cannot be a name" in answer.json()["detail"]


async def test_no_more_codebases_than_are_kept(plane: Plane, as_: As) -> None:
    for i in range(MOST):
        plane.states.put_codebase(Codebase(f"shop-{i}", 1.0), ())
    operator = as_("operator-token")
    refused = await operator.put("/v1/codebases/one-more", json={"flags": []})
    assert (refused.status_code, "forgets one" in refused.json()["detail"]) == (409, True)
    assert (await operator.put("/v1/codebases/shop-7", json={"flags": []})).status_code == 200


@pytest.mark.parametrize("token", ["", "server-key", "client-key", "events-token", "gateway-token"])
async def test_codebases_are_the_operators(as_: As, token: str) -> None:
    asked = as_(token)
    answers = [
        await asked.get("/v1/codebases"),
        await asked.put("/v1/codebases/shop", json={"flags": []}),
        await asked.delete("/v1/codebases/shop"),
    ]
    assert {answer.status_code for answer in answers} == {401}


async def test_open_pages_hear_of_it() -> None:
    states, heard = MemoryStateStore(), list[str]()
    desk = CodebaseDesk(states, FlagDesk(states, Publisher(states), lambda: 1.0), lambda: 1.0, heard.append)
    await desk.report("shop", (), "ann")
    desk.forget("shop")
    assert heard == ["codebase:shop", "codebase:shop"]
