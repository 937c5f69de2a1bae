"""The server over HTTP. Answers are the server's own JSON; its errors become fader's."""

from __future__ import annotations

import getpass
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from fader.errors import BadInput, FaderError, NotFound, Problem, Refused, Unavailable

#: Seconds. A configuration may be large, and each of its versions is asked whether it answers.
TIMEOUT, APPLIED_WITHIN = 30.0, 120.0
#: The server says something at least every 15 s on the stream of changes.
SILENCE = 40.0


class Client:
    def __init__(self, server: str, token: str = "", timeout: float = TIMEOUT) -> None:
        parts = urlsplit(server)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
            raise BadInput(Problem(f'"{server}" is no address of a server', "write http://HOST:PORT"))
        try:
            port = parts.port
        except ValueError:
            raise BadInput(Problem(f'"{server}" has no valid port', "write http://HOST:PORT")) from None
        self.server, self._timeout = server.rstrip("/"), timeout
        self._secure, self._host, self._port, self._token = parts.scheme == "https", parts.hostname, port, token

    @property
    def address(self) -> tuple[str, int]:
        return self._host, self._port or (443 if self._secure else 80)

    def health(self) -> Any:
        return self._ask("GET", "/v1/health")

    def overview(self) -> Any:
        return self._ask("GET", "/v1/rollouts")

    def rollout(self, name: str) -> Any:
        return self._ask("GET", f"/v1/rollouts/{quote(name, safe='')}")

    def holdouts(self) -> Any:
        return self._ask("GET", "/v1/holdouts")

    def holdout(self, name: str) -> Any:
        return self._ask("GET", f"/v1/holdouts/{quote(name, safe='')}")

    def why(self, name: str) -> Any:
        return self._ask("GET", f"/v1/rollouts/{quote(name, safe='')}/why")

    def command(self, name: str, command: str, reason: str = "", same_units: bool = False) -> Any:
        body = {"reason": reason, "same_units": same_units}
        return self._ask("POST", f"/v1/rollouts/{quote(name, safe='')}/{command}", body)

    def preview(self, name: str) -> Any:
        return self._ask("POST", f"/v1/rollouts/{quote(name, safe='')}/preview", {})

    def plan(self, path: str, text: str) -> Any:
        return self._ask("POST", "/v1/plan", {"path": path, "text": text}, APPLIED_WITHIN)

    def apply(self, path: str, text: str) -> Any:
        return self._ask("POST", "/v1/apply", {"path": path, "text": text}, APPLIED_WITHIN)

    def flags(self, stale_after: float | None = None) -> Any:
        return self._ask("GET", "/v1/flags" + ("" if stale_after is None else f"?stale_after={stale_after:.0f}"))

    def ruleset(self) -> Any:
        """Flags and segments in force, whole."""
        return self._ask("GET", "/v1/sdk/ruleset")

    def switch(self, flag: str, position: str, reason: str = "") -> Any:
        return self._ask("POST", f"/v1/flags/{quote(flag, safe='')}/{position}", {"reason": reason})

    def explain(self, flag: str, unit: str, attributes: dict[str, Any]) -> Any:
        return self._ask("POST", f"/v1/flags/{quote(flag, safe='')}/explain", {"unit": unit, "attributes": attributes})

    def report_codebase(self, name: str, flags: list[dict[str, Any]]) -> Any:
        return self._ask("PUT", f"/v1/codebases/{quote(name, safe='')}", {"flags": flags})

    def forget_codebase(self, name: str) -> Any:
        return self._ask("DELETE", f"/v1/codebases/{quote(name, safe='')}")

    def channels(self) -> Any:
        return self._ask("GET", "/v1/notifications")

    def test_channel(self, name: str) -> Any:
        return self._ask("POST", f"/v1/notifications/{quote(name, safe='')}/test", {})

    def forget(self, unit: str) -> Any:
        return self._ask("DELETE", f"/v1/units/{quote(unit, safe='')}")

    def changes(self) -> Iterator[str]:
        """Names of rollouts as they change, "" for each heartbeat. Raises Unavailable when the stream breaks."""
        connection = self._connection(SILENCE)
        try:
            answer = self._send(connection, "GET", "/v1/changes", None)
            if answer.status != http.client.OK:
                _raise(answer.status, self._json(answer.read()))
            while line := answer.readline():
                if line.startswith(b"data:"):
                    yield line[5:].decode().strip()
                elif line.startswith(b":"):
                    yield ""
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"the stream of changes broke: {_why(error)}") from None
        finally:
            connection.close()

    def _ask(self, method: str, path: str, body: Any = None, timeout: float = 0.0) -> Any:
        """The decoded answer. Raises what the server's error stands for, or Unavailable when nobody answers."""
        connection = self._connection(timeout or self._timeout)
        try:
            answer = self._send(connection, method, path, body)
            status, raw = answer.status, answer.read()
        except ConnectionRefusedError:
            raise Unavailable(f"no fader server at {self.server}; start one with `fader up`") from None
        except (OSError, http.client.HTTPException) as error:
            fix = "is it a fader server? See --server"
            raise Unavailable(f"the server at {self.server} does not answer ({_why(error)}); {fix}") from None
        finally:
            connection.close()
        if status >= http.client.BAD_REQUEST:
            _raise(status, self._json(raw))
        return self._json(raw)

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout)

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json", "X-Fader-Actor": _user()}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        return connection.getresponse()

    def _json(self, raw: bytes) -> Any:
        try:
            return json.loads(raw)
        except ValueError:
            message = f"what answers at {self.server} is no fader server"
            raise Unavailable(f"{message}; give the right address with --server") from None


def _raise(status: int, body: Any) -> None:
    body = body if isinstance(body, dict) else {}
    detail = str(body.get("detail") or body.get("title") or f"the server answered {status}")
    if status == http.client.UNPROCESSABLE_ENTITY:
        found = body.get("problems") or [{"message": detail}]
        raise BadInput(
            *(
                Problem(str(p.get("message")), str(p.get("fix", "")), str(p.get("path", "")), int(p.get("line", 0)))
                for p in found
            )
        )
    if status == http.client.UNAUTHORIZED:
        raise Refused("the server does not accept the token; give --token-file, FADER_TOKEN or --data-dir")
    if status in {http.client.FORBIDDEN, http.client.CONFLICT}:
        raise Refused(detail)
    if status == http.client.NOT_FOUND:
        raise NotFound(detail)
    if status == http.client.SERVICE_UNAVAILABLE:
        raise Unavailable(detail)
    raise FaderError(f"{detail} ({status})")


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).lower()


def _user() -> str:
    """Who sits at the terminal, for the history. ASCII, as a header carries nothing else for certain."""
    try:
        return getpass.getuser().encode("ascii", "replace").decode()
    except (OSError, KeyError):  # no name for this user id
        return "cli"
