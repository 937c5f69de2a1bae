from collections.abc import AsyncIterator, Callable

import httpx2
import msgspec
import pytest

from fader.demo.control import Control
from fader.errors import Refused, Unavailable
from fader.model.state import Phase
from fader.model.view import RolloutView

Make = Callable[..., RolloutView]


class Server:
    """Answers what the test lays in `answers`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], httpx2.Response] = {}
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if (request.method, request.url.path) not in self.answers:
            raise httpx2.ConnectError("connection refused")
        return self.answers[request.method, request.url.path]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def control(server: Server) -> AsyncIterator[Control]:
    control = Control("http://127.0.0.1:7070", "secret", httpx2.MockTransport(server))
    yield control
    await control.close()


async def test_a_rollout_is_read_with_the_token(server: Server, control: Control, view: Make) -> None:
    sent = view(Phase.RAMPING, stage=1)
    server.answers["GET", "/v1/rollouts/shop-v2"] = httpx2.Response(200, content=msgspec.json.encode(sent))
    assert await control.rollout("shop-v2") == sent
    assert server.asked[0].headers["authorization"] == "Bearer secret"


async def test_start_hands_the_servers_refusal_on(server: Server, control: Control) -> None:
    server.answers["POST", "/v1/rollouts/shop-v2/start"] = httpx2.Response(409, json={"detail": "shop-v1 is active"})
    with pytest.raises(Refused, match="shop-v1 is active"):
        await control.start("shop-v2")


async def test_a_server_that_is_away_is_unavailable_and_not_healthy(control: Control) -> None:
    assert not await control.healthy()
    with pytest.raises(Unavailable, match="connection refused"):
        await control.rollout("shop-v2")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx2.Response(500, json={"title": "broken"}), "answered 500: broken"),
        (httpx2.Response(502, text="<html>"), "answered 502: <html>"),
        (httpx2.Response(200, json={"name": "shop-v2"}), "cannot be read"),
    ],
)
async def test_nonsense_is_unavailable_and_says_what_came(
    server: Server, control: Control, answer: httpx2.Response, says: str
) -> None:
    server.answers["GET", "/v1/rollouts/shop-v2"] = answer
    with pytest.raises(Unavailable, match=says):
        await control.rollout("shop-v2")


async def test_health_is_asked_without_a_token(server: Server) -> None:
    server.answers["GET", "/v1/health"] = httpx2.Response(200, json={"status": "ok"})
    stranger = Control("http://127.0.0.1:7070", transport=httpx2.MockTransport(server))
    assert await stranger.healthy()
    assert "authorization" not in server.asked[0].headers
    await stranger.close()
