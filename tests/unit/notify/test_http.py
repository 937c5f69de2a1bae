"""What is posted to each kind of channel, signed how, and what is said when it does not arrive."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from fader.model.channel import Channel, Notice
from fader.notify.http import HttpMessenger
from fader.notify.webhook import signature

HOOK = Channel("oncall", "webhook", ("held",), "https://hooks.example.com/fader?room=7", secret_env="SECRET")
SLACK = Channel("team", "slack", ("held",), url_env="SLACK_URL")
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
ENVIRONMENT = {"SECRET": SECRET, "SLACK_URL": "https://hooks.slack.example/services/T0/B0/s3cret"}
NOTICE = Notice(
    id="shop-v2-4-1764000000250",
    kind="rolled_back",
    at=1_764_000_000.25,
    sentence="shop-v2 was rolled back at 5 %: errors rose",
    needs="",
    actor="ann",
    said="<!channel> & all",
    rollout="shop-v2",
    service="shop",
    baseline="v1",
    candidate="v2",
    attempt=1,
    seq=4,
    phase="rolled_back",
    url="https://fader.example.com/rollouts/shop-v2#step-4",
)
Reply = Callable[[httpx2.Request], httpx2.Response]


def accepted(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(204)


async def sent(
    channel: Channel, reply: Reply = accepted, notice: Notice = NOTICE, environment: dict[str, str] | None = None
) -> tuple[str, list[httpx2.Request]]:
    asked: list[httpx2.Request] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return reply(request)

    given = ENVIRONMENT if environment is None else environment
    messenger = HttpMessenger(httpx2.MockTransport(take), given, lambda: 1_764_000_009.9)
    try:
        return await messenger.send(channel, notice), asked
    finally:
        await messenger.close()


async def test_a_webhook_is_signed_and_carries_what_happened() -> None:
    why, [request] = await sent(HOOK)
    assert why == ""
    assert (request.method, str(request.url)) == ("POST", HOOK.url)
    assert json.loads(request.content) == {
        "type": "rollout.rolled_back",
        "timestamp": "2025-11-24T16:00:00.250Z",
        "data": {
            "sentence": "shop-v2 was rolled back at 5 %: errors rose",
            "actor": "ann",
            "needs": "",
            "said": "<!channel> & all",
            "rollout": "shop-v2",
            "service": "shop",
            "flag": "",
            "baseline": "v1",
            "candidate": "v2",
            "attempt": 1,
            "seq": 4,
            "phase": "rolled_back",
            "share": 0,
            "page": "/rollouts/shop-v2#step-4",
            "url": "https://fader.example.com/rollouts/shop-v2#step-4",
        },
    }
    signed = f"{NOTICE.id}.1764000009.".encode() + request.content
    right = base64.b64encode(hmac.new(b"0123456789abcdef01234567", signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{right}"
    assert (request.headers["webhook-id"], request.headers["webhook-timestamp"]) == (NOTICE.id, "1764000009")


def test_the_signature_is_that_of_the_standard() -> None:
    """The example with which libraries of Standard Webhooks test themselves."""
    secret, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    found = signature(secret, id, 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_without_a_secret_nothing_is_signed() -> None:
    _, [request] = await sent(replace(HOOK, secret_env=""))
    assert "webhook-signature" not in request.headers


async def test_a_test_names_no_rollout() -> None:
    _, [request] = await sent(
        HOOK, notice=Notice("test-1", "test", 1.0, "a test", actor="ann", url="http://h/settings")
    )
    body = json.loads(request.content)
    assert body["type"] == "test"
    assert body["data"] == {"sentence": "a test", "actor": "ann", "url": "http://h/settings"}


async def test_slack_takes_nothing_for_a_mention() -> None:
    _, [request] = await sent(SLACK, notice=replace(NOTICE, needs="resume or abort"))
    assert str(request.url) == ENVIRONMENT["SLACK_URL"]
    said = "✕ shop-v2 was rolled back at 5 %: errors rose\nresume or abort\n“&lt;!channel&gt; &amp; all”, ann"
    assert json.loads(request.content)["blocks"][0]["text"] == {"type": "mrkdwn", "text": said}
    assert json.loads(request.content)["text"].startswith(f"{said}\n")


async def test_slack_has_a_button_that_leads_to_the_step() -> None:
    _, [request] = await sent(SLACK)
    said = json.loads(request.content)
    words = {"type": "plain_text", "text": "Open shop-v2"}
    assert said["blocks"][1]["elements"] == [{"type": "button", "text": words, "url": NOTICE.url}]
    # Others that take such messages show no blocks.
    assert said["text"].endswith(f"\n<{NOTICE.url}|Open shop-v2>")


async def test_slack_takes_a_section_and_a_button_only_so_long() -> None:
    _, [request] = await sent(SLACK, notice=replace(NOTICE, sentence="x" * 4000, rollout="r" * 100))
    section, actions = json.loads(request.content)["blocks"]
    assert len(section["text"]["text"]) == 3000
    assert len(actions["elements"][0]["text"]["text"]) == 75


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, "out of order\nmore", "answered with HTTP 500: out of order"),
        (404, "<html>", "answered with HTTP 404"),
        (302, "", "answered with HTTP 302"),
        (410, "x" * 100_000, f"answered with HTTP 410: {'x' * 120}"),
    ],
)
async def test_what_is_refused_says_why(status: int, body: str, why: str) -> None:
    where = {"location": "https://elsewhere.example"}
    found, asked = await sent(HOOK, lambda _: httpx2.Response(status, text=body, headers=where))
    assert found == why
    assert len(asked) == 1


async def test_what_cannot_be_reached_says_why_without_the_address() -> None:
    def broken(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError(f"cannot connect to {request.url}") from OSError(111, "Connection refused")

    assert (await sent(SLACK, broken))[0] == "cannot be reached: connection refused"

    def odd(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.RemoteProtocolError(f"odd answer of {request.url}")

    assert (await sent(SLACK, odd))[0] == "cannot be reached: RemoteProtocolError"


async def test_what_is_late_is_not_waited_for() -> None:
    class Slow(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await asyncio.Event().wait()
            raise AssertionError

    messenger = HttpMessenger(Slow(), ENVIRONMENT)
    assert await messenger.send(replace(HOOK, timeout=0.05), NOTICE) == "did not answer within 0.05 s"
    await messenger.close()


@pytest.mark.parametrize(
    ("channel", "environment", "why"),
    [
        (SLACK, {}, "the environment variable SLACK_URL of the server, its address, is not set"),
        (SLACK, {"SLACK_URL": "ftp://s3cret"}, "its address is no http:// or https:// address"),
        (SLACK, {"SLACK_URL": "http://[s3cret"}, "its address is no http:// or https:// address"),
        (HOOK, {}, "the environment variable SECRET of the server, its secret, is not set"),
        (HOOK, {"SECRET": "s3cret"}, "its secret is not the base64 of 24 bytes or more; make one with: openssl"),
        (HOOK, {"SECRET": "a\nb"}, "its secret is no single line of text"),
        (replace(HOOK, secret_env="", secret_file="/nowhere"), {}, "the file /nowhere with its secret cannot be read"),
    ],
)
async def test_what_is_missing_is_said_before_anything_is_sent(
    channel: Channel, environment: dict[str, str], why: str
) -> None:
    found, asked = await sent(channel, environment=environment)
    assert found.startswith(why)
    assert asked == []
    messenger = HttpMessenger(environment=environment)
    assert messenger.trouble(channel) == found
    assert "s3cret" not in found + messenger.place(channel)
    await messenger.close()


async def test_secrets_are_read_from_files_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("nonsense\n")
    channel = replace(HOOK, secret_env="", secret_file=str(file))
    messenger = HttpMessenger()
    assert "base64" in messenger.trouble(channel)
    file.write_text(SECRET + "\n")
    assert messenger.trouble(channel) == ""
    assert messenger.place(channel) == "https://hooks.example.com"
    assert messenger.place(SLACK) == "$SLACK_URL"
    await messenger.close()
