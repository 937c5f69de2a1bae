"""The providers over an in-memory transport: what they ask for, and what they make of each answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from fader.model.external import Answer, External, Provider, Question
from fader.providers.http import HttpProviders

PROM = Provider("prom", "prometheus", "http://prom:9090/base")
WEB = Provider("stats", "web", "http://stats:80")
COUNTERS = External(PROM, 'e{v="{{version}}"}', 'n{v="{{version}}",s="{{service}}"}')
LEVEL = External(PROM, series='avg_over_time(x{v="{{version}}"}[{{window}}])')
PAGE = External(WEB, "$.data.errors", "$.data.all[0]", path="/v/{{version}}?since={{since}}&every={{every}}")
AT = 1_000_640.0
V2, V1 = (Question("shop", version, 1_000_000.0, AT, 15.0) for version in ("v2", "v1"))

Reply = Callable[[httpx2.Request], httpx2.Response]


class Web:
    """Replies, and keeps what it was asked; nobody really sleeps."""

    def __init__(self, reply: Reply, environment: dict[str, str] | None = None) -> None:
        self.asked: list[httpx2.Request] = []
        self.slept: list[float] = []
        self._reply = reply
        self.providers = HttpProviders(httpx2.MockTransport(self._take), environment or {}, self._sleep)

    def _take(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        return self._reply(request)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def ask(self, external: External) -> Answer:
        try:
            return await self.providers.ask(external, V2, V1)
        finally:
            await self.providers.close()


def prom(value: object, at: float = AT) -> Reply:
    body = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [at, value]}]}}
    return lambda _: httpx2.Response(200, json=body)


def said(status: int, body: object) -> Reply:
    text = body if isinstance(body, str) else json.dumps(body)
    return lambda _: httpx2.Response(status, text=text)


class TestPrometheus:
    async def test_each_query_of_each_arm_is_asked_for_the_same_moment(self) -> None:
        web = Web(prom("12"))
        assert await web.ask(COUNTERS) == Answer((12.0, 12.0), (12.0, 12.0))
        assert [r.url.params["query"] for r in web.asked] == [
            'e{v="v2"}',
            'n{v="v2",s="shop"}',
            'e{v="v1"}',
            'n{v="v1",s="shop"}',
        ]
        assert {r.url.params["time"] for r in web.asked} == {"1000640.000"}
        assert {r.url.path for r in web.asked} == {"/base/api/v1/query"}

    async def test_the_window_is_the_age_of_the_stage(self) -> None:
        web = Web(prom("1.5"))
        assert await web.ask(LEVEL) == Answer((1.5,), (1.5,))
        assert web.asked[0].url.params["query"] == 'avg_over_time(x{v="v2"}[640s])'

    async def test_a_scalar_is_a_number_too(self) -> None:
        body = {"status": "success", "data": {"resultType": "scalar", "result": [AT, "3"]}}
        assert (await Web(said(200, body)).ask(LEVEL)).candidate == (3.0,)

    @pytest.mark.parametrize(
        ("reply", "why"),
        [
            (prom("NaN"), "prom answered with NaN, which is no number, of v2"),
            (prom("+Inf"), "prom answered with +Inf, which is no number, of v2"),
            (prom("much"), 'prom answered with "much" where a number is needed, of v2'),
            (prom("1e300"), "prom answered with 1e+300, which is too large to be counted with, of v2"),
            (prom(None), "prom answered with null where a number is needed, of v2"),
            (prom(True), "prom answered with true or false where a number is needed, of v2"),
            (prom("1", AT - 61), "prom answered with a sample that is 61 s old, of v2"),
            (
                said(200, {"status": "success", "data": {"resultType": "vector", "result": []}}),
                "prom has no data for the query: its vector is empty, of v2",
            ),
            (
                said(200, {"status": "success", "data": {"resultType": "vector", "result": [{}, {}]}}),
                "prom answered with 2 series where one is needed: put sum() around the query, of v2",
            ),
            (
                said(200, {"status": "success", "data": {"resultType": "matrix", "result": []}}),
                "prom answered with a matrix where one number is needed, of v2",
            ),
            (
                said(200, {"status": "error", "error": "parse error: unclosed"}),
                "prom refused the query: parse error: unclosed, of v2",
            ),
            (said(200, "<html>"), "prom did not answer with JSON, of v2"),
            (said(200, []), "prom did not answer as Prometheus does, of v2"),
            (
                said(200, {"status": "success", "data": {"resultType": "vector", "result": [{"value": ["x", "1"]}]}}),
                "prom did not answer as Prometheus does, of v2",
            ),
            (said(404, "not here\nmore"), "prom answered with HTTP 404: not here"),
            (said(200, " " * 1_000_001), "prom answered with more than a megabyte"),
        ],
    )
    async def test_what_is_no_number_is_missing_and_says_why(self, reply: Reply, why: str) -> None:
        assert await Web(reply).ask(LEVEL) == Answer(missing=why)


class TestRetries:
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    async def test_it_is_tried_three_times(self, status: int) -> None:
        web = Web(said(status, ""))
        assert await web.ask(LEVEL) == Answer(missing=f"prom answered with HTTP {status}")
        assert (len(web.asked), web.slept) == (3, [0.25, 1.0])

    async def test_a_mistake_of_ours_is_not_tried_again(self) -> None:
        web = Web(said(400, ""))
        await web.ask(LEVEL)
        assert len(web.asked) == 1

    async def test_the_second_try_may_do(self) -> None:
        tries = iter([said(500, ""), prom("1"), prom("2")])

        def reply(request: httpx2.Request) -> httpx2.Response:
            return next(tries)(request)

        web = Web(reply)
        assert await web.ask(LEVEL) == Answer((1.0,), (2.0,))

    async def test_nobody_there(self) -> None:
        def refuse(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError("connection refused", request=request)

        assert await Web(refuse).ask(LEVEL) == Answer(missing="prom cannot be reached: connection refused")

    async def test_all_tries_share_one_timeout(self) -> None:
        async def slow(_: httpx2.Request) -> httpx2.Response:
            await asyncio.sleep(60)
            raise AssertionError("waited for ever")

        providers = HttpProviders(httpx2.MockTransport(slow), {})
        quick = replace(LEVEL, provider=replace(PROM, timeout=0.01))
        assert await providers.ask(quick, V2, V1) == Answer(missing="prom did not answer within 0.01 s")
        await providers.close()


class TestToken:
    async def test_of_the_environment(self) -> None:
        web = Web(prom("1"), {"PROM_TOKEN": "s3cret\n"})
        await web.ask(replace(LEVEL, provider=replace(PROM, token_env="PROM_TOKEN")))
        assert {r.headers["authorization"] for r in web.asked} == {"Bearer s3cret"}

    async def test_of_a_file_read_anew(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        external = replace(LEVEL, provider=replace(PROM, token_file=str(file)))
        for token in ("one", "two"):
            file.write_text(token + "\n")
            web = Web(prom("1"))
            await web.ask(external)
            assert web.asked[0].headers["authorization"] == f"Bearer {token}"

    async def test_without_it_nothing_is_asked(self, tmp_path: Path) -> None:
        web = Web(prom("1"))
        answer = await web.ask(replace(LEVEL, provider=replace(PROM, token_env="PROM_TOKEN")))
        assert answer.missing == "prom was not asked: the environment variable PROM_TOKEN of the server is not set"
        gone = Web(prom("1"))
        answer = await gone.ask(replace(LEVEL, provider=replace(PROM, token_file=str(tmp_path / "gone"))))
        assert answer.missing == f"prom was not asked: its token file {tmp_path / 'gone'} cannot be read"
        assert web.asked == gone.asked == []

    async def test_it_is_not_taken_elsewhere(self) -> None:
        web = Web(lambda _: httpx2.Response(302, headers={"location": "http://elsewhere/"}), {"T": "s3cret"})
        answer = await web.ask(replace(LEVEL, provider=replace(PROM, token_env="T")))
        assert answer.missing == "prom answered with HTTP 302"
        assert {r.url.host for r in web.asked} == {"prom"}


class TestWeb:
    async def test_one_request_answers_for_all_numbers_of_an_arm(self) -> None:
        web = Web(said(200, {"data": {"errors": 3, "all": ["40"]}}))
        assert await web.ask(PAGE) == Answer((3.0, 40.0), (3.0, 40.0))
        assert [str(r.url) for r in web.asked] == [
            "http://stats/v/v2?since=1000000.000&every=15s",
            "http://stats/v/v1?since=1000000.000&every=15s",
        ]

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            ({"data": {}}, "stats has nothing at $.data.errors, of v2"),
            ([], "stats has nothing at $.data.errors, of v2"),
            ({"data": {"errors": 3, "all": []}}, "stats has nothing at $.data.all[0], of v2"),
            ({"data": {"errors": None}}, "stats has nothing at $.data.errors, of v2"),
            ({"data": {"errors": {}}}, "stats answered with a mapping where a number is needed, of v2"),
            ("{", "stats did not answer with JSON, of v2"),
            ('{"data": {"errors": NaN}}', "stats answered with nan, which is no number, of v2"),
        ],
    )
    async def test_what_is_no_number_is_missing_and_says_why(self, body: object, why: str) -> None:
        assert await Web(said(200, body)).ask(PAGE) == Answer(missing=why)
