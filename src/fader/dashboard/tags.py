"""What a link to a rollout says where it is pasted: the `og:` tags of its page. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fader.dashboard.digits import share
from fader.dashboard.overview import WORST_FIRST
from fader.model.view import RolloutView
from fader.rollout import words


@dataclass(frozen=True, slots=True)
class Tags:
    """`url`: the page's whole address; its picture is at `card.png` below."""

    title: str
    description: str
    url: str


def verdict(view: RolloutView) -> str:
    """The worst of all guardrails; "" where nothing is judged."""
    judged = {j.verdict for j in view.judgements}
    return next((str(v) for v in WORST_FIRST if v in judged), "")


def summary(view: RolloutView) -> str:
    """`ramping at 25 %, safe`: all that is said to those who are not signed in, beside the name."""
    where = f"{words.phase(view.state)} at {share(view.state.share)}"
    return ", ".join(filter(None, (where, verdict(view))))
