from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import msgspec
import pytest

from fader.errors import Refused, Unavailable
from fader.gateway.control_plane import HttpControlPlane
from fader.model.report import GatewayReport, VersionCount
from fader.model.ruleset import Ruleset

Handler = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("one\n")
    return path


def plane(token: Path, handler: Handler) -> HttpControlPlane:
    return HttpControlPlane("http://server", token, "g1", httpx2.MockTransport(handler))


async def test_the_ruleset_is_asked_for_with_what_is_held(token: Path) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == "http://server/v1/gateway/ruleset?have=3&wait=20"
        assert request.headers["authorization"] == "Bearer one"
        return httpx2.Response(200, content=msgspec.json.encode(Ruleset(4)))

    assert await plane(token, answer).ruleset(3, 20.0) == Ruleset(4)


async def test_nothing_new_is_none(token: Path) -> None:
    assert await plane(token, lambda request: httpx2.Response(304)).ruleset(3, 20.0) is None


async def test_a_token_that_is_no_longer_taken_is_read_again_once(token: Path) -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(304 if seen[-1] == "Bearer two" else 401)

    server = plane(token, answer)
    with pytest.raises(Refused, match="does not know this gateway's token"):
        await server.ruleset(0, 1.0)
    token.write_text("two")
    assert await server.ruleset(0, 1.0) is None
    assert seen == ["Bearer one", "Bearer one", "Bearer one", "Bearer two"]


async def test_lines_go_with_their_place_and_the_answer_says_what_is_held(token: Path) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.params == httpx2.QueryParams(gateway="g1", segment="s-1", offset="7")
        assert request.content == b"a\n"
        return httpx2.Response(200, json={"held": 9})

    assert await plane(token, answer).lines("s-1", 7, b"a\n") == 9


async def test_a_report_is_read_back_as_it_was(token: Path) -> None:
    report = GatewayReport("g1", 1.0, 2, 3.0, 4, 5.0, counts=(VersionCount("s", "v", "none", 1, 0, 5, ((1e9, 1),)),))

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert msgspec.json.decode(request.content, type=GatewayReport) == report
        return httpx2.Response(204)

    await plane(token, answer).report(report)


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_what_may_pass_is_unavailable(token: Path, status: int) -> None:
    with pytest.raises(Unavailable):
        await plane(token, lambda request: httpx2.Response(status)).ruleset(0, 1.0)


@pytest.mark.parametrize("status", [403, 404, 422])
async def test_what_will_not_pass_is_refused(token: Path, status: int) -> None:
    with pytest.raises(Refused):
        await plane(token, lambda request: httpx2.Response(status, text="why")).ruleset(0, 1.0)


async def test_a_server_that_is_gone_and_nonsense_are_unavailable(token: Path) -> None:
    def gone(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(Unavailable, match="does not answer"):
        await plane(token, gone).ruleset(0, 1.0)
    with pytest.raises(Unavailable, match="cannot be read"):
        await plane(token, lambda request: httpx2.Response(200, content=b"{")).ruleset(0, 1.0)


async def test_a_missing_token_file_is_unavailable_and_found_later(tmp_path: Path) -> None:
    path = tmp_path / "later"
    server = plane(path, lambda request: httpx2.Response(304))
    with pytest.raises(Unavailable, match="token cannot be read"):
        await server.ruleset(0, 1.0)
    path.write_text("one")
    assert await server.ruleset(0, 1.0) is None
