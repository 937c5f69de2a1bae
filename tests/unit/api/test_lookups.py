"""/v1/audit, /v1/services, /v1/units and /v1/holdouts over the twin of Control."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

# The twin of Control is shared with the dashboard's tests; tests are no package, so its folder is named here.
TESTS = str(Path(__file__).parents[2])
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

from dashboard_twin import holdouts, scenes, services  # noqa: E402
from dashboard_twin.control import ScriptedControl  # noqa: E402
from fader.api import audit, problems, units  # noqa: E402
from fader.api import holdouts as holdouts_api  # noqa: E402
from fader.api import services as services_api  # noqa: E402
from fader.errors import FaderError  # noqa: E402

NOW = 1_764_000_000.0


@pytest.fixture
def http() -> httpx2.AsyncClient:
    control = ScriptedControl(*scenes.everything(NOW), services=services.everything(NOW), live=services.live())
    control.holding = (holdouts.usual(NOW), holdouts.ended(NOW))
    app = Starlette(
        routes=[
            *audit.routes(control),
            *services_api.routes(control),
            *units.routes(control),
            *holdouts_api.routes(control),
        ],
        exception_handlers={FaderError: problems.on_fader_error},
    )
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://fader")


async def test_the_audit_comes_in_pages(http: httpx2.AsyncClient) -> None:
    everything = (await http.get("/v1/audit")).json()
    assert (len(everything["records"]), everything["total"], everything["next"]) == (34, 34, None)
    got, query = [], {"limit": "9"}
    while True:
        page = (await http.get("/v1/audit", params=query)).json()
        got += page["records"]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert got == everything["records"]


async def test_the_audit_is_filtered(http: httpx2.AsyncClient) -> None:
    found = (await http.get("/v1/audit?rollout=checkout-v7&event=harm")).json()
    assert [(r["rollout"], r["seq"], r["before"], r["share"]) for r in found["records"]] == [
        ("checkout-v7", 3, 50_000, 0)
    ]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "from=yesterday", "before=x"])
async def test_a_wrong_question_is_refused(http: httpx2.AsyncClient, query: str) -> None:
    assert (await http.get(f"/v1/audit?{query}")).status_code == 422


async def test_a_service_tells_its_traffic(http: httpx2.AsyncClient) -> None:
    found = (await http.get("/v1/services/shop")).json()
    assert (found["baseline"], found["candidate"], found["service"]["name"]) == ("v1", "v2", "shop")
    assert [t["version"] for t in found["traffic"]] == ["v1", "v2", "v3"]
    assert (await http.get("/v1/services/nothing")).status_code == 404


async def test_a_unit_is_asked_for_in_the_body(http: httpx2.AsyncClient) -> None:
    found = (await http.post("/v1/units", json={"unit": "user-42"})).json()
    assert found["unit"] == "user-42"
    assert [a["service"] for a in found["assignments"]] == ["shop", "mail", "search"]
    assert (await http.post("/v1/units", json={})).status_code == 422


async def test_holdouts_come_with_their_readings(http: httpx2.AsyncClient) -> None:
    everything = (await http.get("/v1/holdouts")).json()["holdouts"]
    assert [h["name"] for h in everything] == ["q4", "search"]
    one = (await http.get("/v1/holdouts/q4")).json()
    assert one == everything[0]
    assert (one["share"], one["held"], one["others"], one["mismatch"]) == (50_000, 13_010, 247_400, False)
    assert [r["reading"]["verdict"] for r in one["readings"]][:3] == ["better", "same", "worse"]
    assert one["readings"][0]["sentence"].startswith("conversion is better without the holdout")
    assert (await http.get("/v1/holdouts/q9")).status_code == 404
