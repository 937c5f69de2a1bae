"""Each query of a file asked once, before anything rests on it: what it answers, or why it does not."""

from __future__ import annotations

import asyncio

from fader.engine.meters import externals, questions
from fader.model.rollout import RolloutSpec
from fader.ports.providers import Providers
from fader.rollout import explain_external

#: How long the stage has lasted that is pretended. Seconds.
PRETENDED = 600.0


async def asked_once(
    providers: Providers, rollouts: tuple[RolloutSpec, ...], now: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences about what was answered, and about what was not."""
    asked = [(spec, metric, external) for spec in rollouts for metric, external in externals(spec)]
    answers = await asyncio.gather(
        *(providers.ask(external, *questions(spec, external, now - PRETENDED, now)) for spec, _, external in asked)
    )
    said, unsaid = [], []
    for (spec, metric, _), answer in zip(asked, answers, strict=True):
        if answer.missing:
            unsaid.append(explain_external.unread(spec, metric, answer))
        else:
            said.append(explain_external.answered(spec, metric, answer))
    return tuple(said), tuple(unsaid)
