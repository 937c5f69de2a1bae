"""Telling the channels what happened, each at its own pace: a dead one keeps nobody waiting, no rollout either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from fader.clock import Clock
from fader.engine.turns import turns
from fader.errors import NotFound
from fader.model.channel import Channel, ChannelView, Notice
from fader.model.front import LOOPBACK, Front
from fader.ports.messenger import Messenger
from fader.ports.states import StateStore
from fader.rollout.notice import notice, trial

#: How often it is looked at whether there is something to tell. Seconds.
TURN = 1.0
#: Seconds after the first failure in a row until the next try; twice as many after each further one, up to the last.
FIRST_PAUSE, LAST_PAUSE = 2.0, 300.0
#: A notice that did not arrive for so long is given up: nobody is helped by the news of the day before. Seconds.
GIVE_UP = 86_400.0

log = structlog.get_logger("fader.notifier")


@dataclass(slots=True)
class Line:
    """What has become of a channel since the server started. `failures`: how many in a row."""

    channel: Channel
    failing: str = ""
    since: float = 0.0
    failures: int = 0
    next_at: float = 0.0
    told_at: float = 0.0
    dropped: int = 0


class Notifier:
    """What a channel was told stands in the state store, by rollout, and is written down only once it has arrived:
    after a crash between the two it is told once more, with the same id."""

    def __init__(
        self,
        states: StateStore,
        messenger: Messenger,
        tell: Callable[[str], None],
        clock: Clock,
        front: Front = LOOPBACK,
    ) -> None:
        """`tell`: who looks at the channels is told of a change by it, as `channel:NAME`. `front`: where the dashboard
        is, to which notices lead."""
        self._states, self._messenger, self._changed, self._clock = states, messenger, tell, clock
        self._front = front
        self._lines: dict[str, Line] = {}
        self._telling: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled. A turn that fails is said out loud; what is to be told stays in the history meanwhile."""
        await turns(self.turn, TURN, self._telling, lambda: log.exception("no channel was told anything; trying again"))

    def turn(self) -> tuple[asyncio.Task[None], ...]:
        """Begin to tell each channel what it has not heard and is due. Returns all that are being told."""
        now = self._clock()
        for channel in self._states.settings().channels:
            line = self._line(channel)
            if channel.name in self._telling or now < line.next_at:
                continue
            if behind := self._behind(channel):
                task = asyncio.create_task(self._tell(line, behind))
                self._telling[channel.name] = task
                task.add_done_callback(partial(self._done, channel.name))
        return tuple(self._telling.values())

    def _done(self, name: str, _: asyncio.Task[None]) -> None:
        del self._telling[name]

    def views(self) -> tuple[ChannelView, ...]:
        return tuple(map(self._view, self._states.settings().channels))

    def view(self, name: str) -> ChannelView:
        """Raises NotFound, naming the channels there are."""
        return self._view(self._channel(name))

    async def test(self, name: str, actor: str) -> ChannelView:
        """Send a test, at once and once. Raises NotFound."""
        channel = self._channel(name)
        now = self._clock()
        why = await self._messenger.send(channel, self._linked(trial(name, actor, now)))
        self._heard(self._line(channel), why, now, counts=False)
        return self._view(channel)

    def _channel(self, name: str) -> Channel:
        known = {c.name: c for c in self._states.settings().channels}
        if name not in known:
            raise NotFound(f"there is no channel named {name!r}; there are: {', '.join(known) or 'none yet'}")
        return known[name]

    def _line(self, channel: Channel) -> Line:
        """A channel that was written anew is tried anew."""
        line = self._lines.get(channel.name)
        if line is None or line.channel != channel:
            line = self._lines[channel.name] = Line(channel)
        return line

    def _view(self, channel: Channel) -> ChannelView:
        line, trouble = self._line(channel), self._messenger.trouble(channel)
        return ChannelView(
            channel=channel,
            place=self._messenger.place(channel),
            waiting=len(self._behind(channel)),
            failing=trouble or line.failing,
            since=line.since,
            told_at=line.told_at,
            dropped=line.dropped,
        )

    def _behind(self, channel: Channel) -> dict[str, int]:
        """The rollouts that have moved since the channel heard of them, each with the last step that it knows."""
        heard = self._states.cursors(channel.name)
        moved = ((e.spec.name, e.state.revision, heard.get(e.spec.name, 0)) for e in self._states.entries())
        return {name: known for name, revision, known in moved if known < revision}

    async def _tell(self, line: Line, behind: dict[str, int]) -> None:
        """What a store that cannot be read says is lost on nobody: it is tried again."""
        try:
            await self._told(line, behind)
        except Exception:
            log.exception("a channel could not be told; trying again", channel=line.channel.name)
            line.next_at = self._clock() + FIRST_PAUSE

    async def _told(self, line: Line, behind: dict[str, int]) -> None:
        channel = line.channel
        steps = [s for rollout, known in behind.items() for s in self._states.since(rollout, known)]
        for step in sorted(steps, key=lambda s: (s.at, s.rollout, s.seq)):
            now, said = self._clock(), notice(step)
            if said is not None and said.kind in channel.on:
                if now - step.at > GIVE_UP:
                    line.dropped += 1
                    log.warning("a notice was given up", channel=channel.name, rollout=step.rollout, seq=step.seq)
                else:
                    why = await self._messenger.send(channel, self._linked(said))
                    self._heard(line, why, now)
                    if why:
                        return
            self._states.put_cursor(channel.name, step.rollout, step.seq)

    def _linked(self, notice: Notice) -> Notice:
        return replace(notice, url=f"{self._front.url}{notice.page}")

    def _heard(self, line: Line, why: str, now: float, *, counts: bool = True) -> None:
        """`counts`: whether a failure puts the next try off; that of a test does not."""
        if why and why != line.failing:
            log.warning("a channel fails", channel=line.channel.name, why=why)
        if why:
            line.since = line.since if line.failing else now
            if counts:
                line.failures += 1
                line.next_at = now + min(LAST_PAUSE, FIRST_PAUSE * 2.0 ** (line.failures - 1))
        else:
            line.since, line.failures, line.next_at, line.told_at = 0.0, 0, 0.0, now
        line.failing = why
        self._changed(f"channel:{line.channel.name}")
