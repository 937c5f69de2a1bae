"""The short way of OFREP's most frequent request: one flag, asked for by a server with a good key."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fader.api.allowance import NO_LIMITS, Allowance, Limits
from fader.api.auth import Tokens, hostname, key_of
from fader.api.ofrep import ALL, LARGEST, ONE, UNIT, words
from fader.api.wire import reply
from fader.clock import Clock
from fader.engine.flag_desk import FlagDesk
from fader.model.evaluation import Evaluation

#: Names of this server that are remembered; a client may write any port behind each.
MOST_HOSTS = 1_000
#: Answers that are remembered.
MOST_ANSWERS = 100_000


class Asked(msgspec.Struct):
    context: dict[str, Any]


class Key(NamedTuple):
    """`sees_all`: not only the flags that are marked for clients. `allowance`: None is as often as it likes."""

    sees_all: bool
    allowance: Allowance | None


class Express:
    """ASGI in front of the guard and everything behind it, which costs several times as much as the evaluation. It
    answers only where the long way would give the same; whatever is not as usual (another request, a wrong key, a page
    of another origin, a context that cannot be used, a flag that does not exist) goes there, and is answered there.
    Whoever evaluates too often, by this way or the other, is told so here.

    Keys are looked up in a dict: what is compared is first their keyed hash, so that the time tells nothing of them.
    """

    def __init__(
        self,
        app: ASGIApp,
        desk: FlagDesk,
        tokens: Tokens,
        hosts: frozenset[str],
        limits: Limits = NO_LIMITS,
        clock: Clock = time.monotonic,
    ) -> None:
        """`clock`: seconds from anywhere, that never goes back."""
        self._app, self._desk, self._hosts = app, desk, hosts
        client = Key(False, Allowance(limits.client, clock) if limits.client else None)
        server = Key(True, Allowance(limits.server, clock) if limits.server else None)
        keys = {tokens.client_key: client, tokens.server_key: server, tokens.operator: server}
        #: By the header as most send it.
        self._keys = {b"Bearer " + token.encode(): key for token, key in keys.items() if token}
        self._known_hosts: set[bytes] = set()
        self._decode = msgspec.json.Decoder(Asked).decode
        self._flags = desk.flags
        self._answers: dict[int, tuple[Evaluation, Message, Message]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(ALL):
            await self._app(scope, receive, send)
            return
        key, usual = self._look(scope)
        if key is not None and key.allowance is not None and (wait := key.allowance.wait()):
            await _too_often(wait)(scope, receive, send)
            return
        if key is None or not usual or not scope["path"].startswith(ONE):
            await self._app(scope, receive, send)
            return
        message = await receive()
        answer = None
        if message["type"] == "http.request" and not message.get("more_body"):
            answer = self._answer(scope["path"][len(ONE) :], message["body"], key.sees_all)
        if answer is None:
            await self._app(scope, _again(message, receive), send)
            return
        await send(answer[1])
        await send(answer[2])

    def _look(self, scope: Scope) -> tuple[Key | None, bool]:
        """The key, None for one that is wrong; and whether all else is as usual."""
        bearer = key = host = b""
        usual = True
        for name, value in scope["headers"]:
            if name == b"authorization":
                bearer = bearer or value
            elif name == b"x-api-key":
                key = key or value
            elif name == b"host":
                host = host or value
            elif name == b"origin":
                usual = False
        if host not in self._known_hosts:
            if hostname(host.decode("latin-1")) not in self._hosts:
                usual = False
            elif len(self._known_hosts) < MOST_HOSTS:
                self._known_hosts.add(host)
        found = self._keys.get(bearer or b"Bearer " + key)
        if found is None:  # written in another way, which is read as the guard reads it
            found = self._keys.get(b"Bearer " + key_of(HTTPConnection(scope)).encode("latin-1"))
        return found, usual

    def _answer(self, flag: str, body: bytes, sees_all: bool) -> tuple[Evaluation, Message, Message] | None:
        """As it is sent; the evaluation is held so that its id stays its own."""
        flags = self._desk.flags
        if flags is not self._flags:
            self._flags = flags
            self._answers.clear()
        if len(body) > LARGEST:
            return None
        try:
            context = self._decode(body).context
            unit = context.pop(UNIT)
            if not isinstance(unit, str) or not (sees_all or flags.flags[flag].client):
                return None
            found = flags.evaluators[flag](unit, context)
            self._desk.given(found, unit)
        except Exception:  # of any kind: the long way says what is wrong
            return None
        if found.rollout:
            self._desk.given(found, unit)
        answer = self._answers.get(id(found))
        return answer if answer is not None and answer[0] is found else self._remember(found)

    def _remember(self, found: Evaluation) -> tuple[Evaluation, Message, Message]:
        if len(self._answers) >= MOST_ANSWERS:
            self._answers.clear()
        body = msgspec.json.encode(words(found))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
        ]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        answer = found, start, {"type": "http.response.body", "body": body}
        self._answers[id(found)] = answer
        return answer


def _too_often(wait: float) -> Response:
    seconds = math.ceil(wait)
    answer = reply({"errorDetails": f"this key asks too often: again in {seconds} s"}, 429)
    answer.headers["retry-after"] = str(seconds)
    answer.headers["access-control-allow-origin"] = "*"
    answer.headers["access-control-expose-headers"] = "retry-after"
    return answer


def _again(first: Message, receive: Receive) -> Receive:
    """What was received already comes once more."""
    held = [first]

    async def received() -> Message:
        return held.pop() if held else await receive()

    return received
