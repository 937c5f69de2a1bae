"""Where people are told what happens to rollouts, and what becomes of telling them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

#: What a channel may be told of: an attempt begins, a person must approve, fader stopped the ramp, took a further arm
#: out, pulled the plug, a person pulled it, everybody has the candidate.
Occasion = Literal["started", "waiting", "held", "withdrawn", "rolled_back", "aborted", "completed"]


@dataclass(frozen=True, slots=True)
class Channel:
    """`url`: where it is, or "" where `url_env` (a variable of the server) or `url_file` say where that stands, because
    it is a secret. `secret_env`, `secret_file`: where the secret stands by which a webhook is signed, "" for none.
    `timeout`: seconds for one answer."""

    name: str
    kind: Literal["webhook", "slack"]
    on: tuple[Occasion, ...]
    url: str = ""
    url_env: str = ""
    url_file: str = ""
    secret_env: str = ""
    secret_file: str = ""
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told. `id`: the same however often it is sent; `kind`: the occasion, or `test`. `sentence` is that of
    every other surface; `needs`: why a person must act, or "". `said`: what a person wrote. `share` in ppm.

    `flag`: the one that the rollout moves, or "". `seq`: the step of its history; 0, and no rollout, in a test. `url`:
    where the dashboard shows it.
    """

    id: str
    kind: Occasion | Literal["test"]
    at: float
    sentence: str
    needs: str = ""
    actor: str = ""
    said: str = ""
    rollout: str = ""
    service: str = ""
    baseline: str = ""
    candidate: str = ""
    attempt: int = 0
    seq: int = 0
    phase: str = ""
    share: int = 0
    flag: str = ""
    url: str = ""

    @property
    def page(self) -> str:
        """The path of the step on the dashboard; that of the channels in a test."""
        return f"/rollouts/{quote(self.rollout, safe='')}#step-{self.seq}" if self.rollout else "/settings"


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as it stands. `failing`: why the last notice did not arrive, "" when it did or none was sent; `since`:
    when that began. `waiting`: rollouts of which there is something to tell. `told_at`: when a notice arrived last, 0
    for never since the server started; `dropped`: notices given up since then. `place`: where it is, without what may
    be secret."""

    channel: Channel
    place: str
    waiting: int = 0
    failing: str = ""
    since: float = 0.0
    told_at: float = 0.0
    dropped: int = 0
