"""GET /holdouts/NAME, and what the page of experiments says of holdouts: all that was shipped, read as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from fader.clock import Clock
from fader.dashboard import chart, digits
from fader.dashboard.forest import Forest, of_reading
from fader.dashboard.live import Snapshot
from fader.dashboard.templating import Templates
from fader.model.holdout import HoldoutView, MetricReading
from fader.ports.control import Control
from fader.rollout.explain_outcome import VERDICTS


@dataclass(frozen=True, slots=True)
class ReadingLine:
    """One metric. `others`, `held`: its value for everybody else and for those held out, "" where it has none (of a
    quantile only the share above its threshold is known). `relative` is "" where those held out may have 0. `late`:
    it is measured since later than the holdout."""

    read: MetricReading
    title: str
    verdict: str
    others: str
    held: str
    effect: str
    interval: str
    relative: str
    relative_interval: str
    forest: Forest | None
    late: bool


@dataclass(frozen=True, slots=True)
class HoldoutCard:
    """`part`: the share of the users seen that are held out, "" before any."""

    view: HoldoutView
    part: str
    lines: tuple[ReadingLine, ...]


def card(view: HoldoutView) -> HoldoutCard:
    seen = view.held + view.others
    return HoldoutCard(
        view, digits.rate(view.held / seen) if seen else "", tuple(_line(view, read) for read in view.readings)
    )


def _line(view: HoldoutView, read: MetricReading) -> ReadingLine:
    r, metric = read.reading, read.outcome.metric
    bounds = (r.relative_low, r.relative_high)
    quantile = metric.kind == "quantile"
    return ReadingLine(
        read=read,
        title=chart.title_of(metric),
        verdict=VERDICTS[r.verdict],
        others="" if quantile else digits.fine(r.candidate_value, metric),
        held="" if quantile else digits.fine(r.baseline_value, metric),
        effect=digits.effect(r.effect, metric),
        interval=digits.effects(r.low, r.high, metric),
        relative="" if r.relative is None else digits.signed(r.relative),
        relative_interval="" if None in bounds else " to ".join(digits.signed(b) for b in bounds if b is not None),
        forest=of_reading(read.outcome, r) if r.verdict != "unknown" else None,
        late=read.since > view.since,
    )


class Holdouts:
    def __init__(self, control: Control, templates: Templates, clock: Clock) -> None:
        self._control, self._templates, self._clock = control, templates, clock

    async def snapshot(self, name: str) -> Snapshot:
        """Raises NotFound, Unavailable."""
        made = card(await self._control.holdout(name))
        html = self._templates.render("holdout_card.html", card=made)
        return Snapshot(title=f"{name} · fader", at=self._clock(), regions={"holdout": html})

    async def section(self) -> str:
        """All of them as a part of another page. Raises Unavailable."""
        cards = [card(view) for view in await self._control.holdouts()]
        return self._templates.render("holdouts_list.html", cards=cards)
