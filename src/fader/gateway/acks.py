"""Whether Envoy has taken a file: it says so in its statistics and nowhere else."""

from __future__ import annotations

import asyncio
import re
import time

from fader.errors import FaderError, Unavailable
from fader.gateway.admin import Admin
from fader.gateway.envoy_log import EnvoyLog
from fader.gateway.resources import File

_SUFFIX = ".version_text"


class Rejected(FaderError):
    """Envoy has refused a configuration and goes on with what it had; the text is Envoy's own, in one line."""


class Acks:
    """Waits for the version of a file to stand in Envoy's statistics."""

    def __init__(self, admin: Admin, log_file: EnvoyLog, *, patience: float = 10.0) -> None:
        self._admin = admin
        self._log_file = log_file
        self._patience = patience
        self._refusals: dict[str, int] = {}

    def forget(self) -> None:
        """Envoy was started anew: its counts begin at zero."""
        self._refusals.clear()

    async def learn(self) -> None:
        """An Envoy that ran before: what it has refused so far is not about anything that follows.

        Raises Unavailable.
        """
        self._refusals.clear()
        for name, value in (await self._admin.stats(r"\.update_(rejected|failure)$")).items():
            prefix = name.rpartition(".")[0]
            self._refusals[prefix] = self._refusals.get(prefix, 0) + int(value)

    async def held(self, file: File) -> bool:
        """Whether Envoy shows the file's version now."""
        if not file.ack:
            return True
        try:
            return (await self._admin.stats(f"^{re.escape(file.ack)}$")).get(file.ack) == file.version
        except Unavailable:
            return False

    async def wait(self, file: File, log_since: int) -> None:
        """Return when Envoy shows the file's version. `log_since`: where its log ended before the file was written.

        Raises Rejected with Envoy's reason, or when it has said nothing within the patience.
        """
        if not file.ack:
            return
        prefix = file.ack.removesuffix(_SUFFIX)
        counts = [f"{prefix}.update_rejected", f"{prefix}.update_failure"]
        pattern = "^(" + "|".join(re.escape(name) for name in (file.ack, *counts)) + ")$"
        begin = time.monotonic()
        silence = ""
        while (waited := time.monotonic() - begin) < self._patience:
            try:
                stats = await self._admin.stats(pattern)
            except Unavailable as error:
                # Between two Envoys: the next one reads the file when it starts.
                silence = str(error)
                await asyncio.sleep(0.02)
                continue
            if stats.get(file.ack) == file.version:
                return
            refusals = sum(int(stats.get(name, 0)) for name in counts)
            known = self._refusals.get(prefix, 0)
            self._refusals[prefix] = refusals
            if refusals > known:
                raise Rejected(await self._reason(log_since) or f"Envoy refused {file.path.name} and gave no reason")
            await asyncio.sleep(0.002 if waited < 0.1 else 0.02)
        why = silence or await self._reason(log_since)
        raise Rejected(
            f"Envoy has not taken {file.path.name} within {self._patience:g} s" + (f": {why}" if why else "")
        )

    async def _reason(self, log_since: int) -> str:
        """Envoy counts a refusal a moment before it writes the reason."""
        for _ in range(10):
            complaint = self._log_file.complaint(log_since)
            if complaint:
                return complaint
            await asyncio.sleep(0.02)
        return ""
