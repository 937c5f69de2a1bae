"""The supervisor's own small client of the server that it starts."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from fader.errors import BadInput, Problem, Unavailable

#: Seconds that an answer may take, and that of a configuration, which may be large.
TIMEOUT, APPLIED_WITHIN = 10.0, 120.0


class ControlPlane:
    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.token = token

    def healthy(self) -> bool:
        try:
            return self._ask("GET", "/v1/health")[0] == 200
        except Unavailable:
            return False

    def status(self) -> Any:
        return self._ask("GET", "/v1/rollouts")[1]

    def flags(self) -> int:
        """How many there are."""
        return int(self._ask("GET", "/v1/flags?limit=0")[1]["total"])

    def apply(self, path: str, text: str) -> Any:
        """Raises BadInput with the server's problems."""
        status, answer = self._ask("POST", "/v1/apply", {"path": path, "text": text}, APPLIED_WITHIN)
        if status == 422:
            raise BadInput(*(Problem(**p) for p in answer["problems"]))
        if status != 200:
            raise Unavailable(answer.get("detail", f"the server answered {status}"))
        return answer

    def _ask(self, method: str, path: str, body: Any = None, timeout: float = TIMEOUT) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(*self._address, timeout=timeout)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        headers["X-Fader-Actor"] = "fader up"
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, ValueError, http.client.HTTPException) as e:
            raise Unavailable(f"the server does not answer: {e}") from None
        finally:
            connection.close()
