"""The short way of OFREP's most frequent request: one flag, asked for by a server with a good key."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fader.api.auth import Tokens, hostname
from fader.api.ofrep import LARGEST, ONE, UNIT, words
from fader.engine.flag_desk import FlagDesk
from fader.model.evaluation import Evaluation

#: Names of this server that are remembered; a client may write any port behind each.
MOST_HOSTS = 1_000
#: Answers that are remembered.
MOST_ANSWERS = 100_000


class Asked(msgspec.Struct):
    context: dict[str, Any]


class Express:
    """ASGI in front of the guard and everything behind it, which costs several times as much as the evaluation. It
    answers only where the long way would give the same; whatever is not as usual (another request, a wrong key, a page
    of another origin, a context that cannot be used, a flag that does not exist) goes there, and is answered there.

    Keys are looked up in a dict: what is compared is first their keyed hash, so that the time tells nothing of them.
    """

    def __init__(self, app: ASGIApp, desk: FlagDesk, tokens: Tokens, hosts: frozenset[str]) -> None:
        self._app, self._desk, self._hosts = app, desk, hosts
        keys = {tokens.client_key: False, tokens.server_key: True, tokens.operator: True}
        #: By the header as most send it: whether that key may see all flags.
        self._sees_all = {b"Bearer " + key.encode(): sees_all for key, sees_all in keys.items() if key}
        self._known_hosts: set[bytes] = set()
        self._decode = msgspec.json.Decoder(Asked).decode
        self._flags = desk.flags
        self._answers: dict[int, tuple[Evaluation, Message, Message]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(ONE):
            await self._app(scope, receive, send)
            return
        sees_all = self._may(scope)
        if sees_all is None:
            await self._app(scope, receive, send)
            return
        message = await receive()
        answer = None
        if message["type"] == "http.request" and not message.get("more_body"):
            answer = self._answer(scope["path"][len(ONE) :], message["body"], sees_all)
        if answer is None:
            await self._app(scope, _again(message, receive), send)
            return
        await send(answer[1])
        await send(answer[2])

    def _may(self, scope: Scope) -> bool | None:
        """Whether the key may see all flags; None for whoever goes the long way."""
        bearer = key = host = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                bearer = bearer or value
            elif name == b"x-api-key":
                key = key or value
            elif name == b"host":
                host = host or value
            elif name == b"origin":
                return None
        if host not in self._known_hosts:
            if hostname(host.decode("latin-1")) not in self._hosts:
                return None
            if len(self._known_hosts) < MOST_HOSTS:
                self._known_hosts.add(host)
        return self._sees_all.get(bearer or b"Bearer " + key)

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


def _again(first: Message, receive: Receive) -> Receive:
    """What was received already comes once more."""
    held = [first]

    async def received() -> Message:
        return held.pop() if held else await receive()

    return received
