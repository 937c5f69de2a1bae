"""Where the numbers of external metrics are asked for."""

from __future__ import annotations

from typing import Protocol

from fader.model.external import Answer, External, Question


class Providers(Protocol):
    async def ask(self, external: External, candidate: Question, baseline: Question) -> Answer:
        """The numbers of both arms at one moment, within the provider's timeout. Never raises: an answer that is
        late, absent or no number is `missing` with its reason."""
