"""What the demo asks of the control plane, over HTTP like everybody else."""

from __future__ import annotations

import httpx2
import msgspec

from fader.errors import Refused, Unavailable
from fader.model.view import RolloutView


class Control:
    """Each method raises Unavailable when the server does not answer, or answers nonsense."""

    def __init__(self, url: str, token: str = "", transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._http = httpx2.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=10.0,
            transport=transport,
            trust_env=False,  # this machine is never behind a proxy of itself
        )

    async def healthy(self) -> bool:
        try:
            return (await self._http.get("/v1/health")).status_code == 200
        except httpx2.HTTPError:
            return False

    async def start(self, rollout: str) -> RolloutView:
        """Raises Refused with the server's sentence."""
        return self._view(await self._ask("POST", f"/v1/rollouts/{rollout}/start", {"reason": "the demo"}))

    async def rollout(self, name: str) -> RolloutView:
        return self._view(await self._ask("GET", f"/v1/rollouts/{name}"))

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx2.Response:
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise Unavailable(f"the server does not answer: {error}") from None
        if answer.status_code == 409:
            raise Refused(_detail(answer))
        if answer.status_code != 200:
            raise Unavailable(f"the server answered {answer.status_code}: {_detail(answer)}")
        return answer

    def _view(self, answer: httpx2.Response) -> RolloutView:
        try:
            return msgspec.json.decode(answer.content, type=RolloutView)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Unavailable(f"the server's answer cannot be read: {error}") from None


def _detail(answer: httpx2.Response) -> str:
    try:
        problem = msgspec.json.decode(answer.content, type=dict[str, object])
    except msgspec.DecodeError:
        return answer.text[:200]
    return str(problem.get("detail") or problem.get("title") or "")
