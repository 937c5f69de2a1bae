"""From the answers of a provider to the evidence of an external metric."""

from __future__ import annotations

from dataclasses import replace

from fader.model.evidence import MetricEvidence
from fader.model.external import Answer, External
from fader.model.metric import Metric
from fader.model.series import MOST, Block, Series
from fader.model.summary import ArmSummary
from fader.rollout import explain_external

#: An answer counts for so many intervals, and for a minute at least; then it is too old.
PATIENCE, MINUTE = 4, 60.0
#: Of what a counter has counted in this stage: a fall below it is rounding (`increase()` extrapolates), no reset.
ROUNDING = 0.01
#: Names of a counter's numbers, as `Answer` orders them.
_NUMBERS = ("events", "total")


def added(series: Series, external: External, answer: Answer, now: float) -> Series:
    """With an answer that was asked for at `now`. What cannot be used changes nothing but `missing`."""
    asked = replace(series, asked_at=now)
    if answer.missing:
        return replace(asked, missing=answer.missing)
    usable = replace(asked, missing="", answered_at=now)
    if not external.counters:
        return _filled(usable, Block(answer.candidate[0], 1.0, answer.baseline[0], 1.0, 1))
    levels = (*answer.candidate, *answer.baseline)
    if min(levels) < 0:
        return replace(asked, missing=explain_external.below_zero(external))
    for events, total in (answer.candidate, answer.baseline):
        if events > total * (1 + ROUNDING):
            return replace(asked, missing=explain_external.more_than_all(external, events, total))
    if not series.levels:
        return replace(usable, levels=levels, first=levels)
    for i, (level, last, first) in enumerate(zip(levels, series.levels, series.first, strict=True)):
        if last - level > max(1.0, ROUNDING * (last - first)):
            arm = "candidate" if i < 2 else "baseline"
            why = explain_external.was_reset(external, f"{_NUMBERS[i % 2]} of the {arm}", last, level)
            return replace(asked, levels=levels, first=levels, missing=why)
    high = tuple(map(max, levels, series.levels))
    events, total, others, other_total = (new - old for new, old in zip(high, series.levels, strict=True))
    return _filled(replace(usable, levels=high), Block(events, total, others, other_total, 1), counters=True)


def _filled(series: Series, interval: Block, *, counters: bool = False) -> Series:
    """An interval lasts until it has something of both arms, a block until it has as many of them as the others."""
    block = series.open + interval
    per_block, blocks = series.per_block, series.blocks
    if not block.whole or block.length < per_block:
        return replace(series, open=block)
    blocks = (*blocks, _possible(block) if counters else block)
    if len(blocks) > MOST:
        # An odd one out stays open.
        pairs = tuple(a + b for a, b in zip(blocks[:-1:2], blocks[1::2], strict=True))
        rest = blocks[-1] if len(blocks) % 2 else Block()
        return replace(series, blocks=pairs, per_block=2 * per_block, open=rest)
    return replace(series, blocks=blocks, open=Block())


def _possible(block: Block) -> Block:
    """No more events than there were in all: two queries are rounded each by itself."""
    events = min(block.candidate, block.candidate_total), min(block.baseline, block.baseline_total)
    return replace(block, candidate=events[0], baseline=events[1])


def age_allowed(external: External) -> float:
    """Seconds for which an answer is evidence."""
    return max(PATIENCE * external.every, MINUTE)


def series_evidence(
    metric: Metric, external: External, series: Series | None, since: float, now: float
) -> MetricEvidence:
    """`since`: when the stage began."""
    if series is None:
        return MetricEvidence(metric.name, missing=explain_external.unasked(external))
    if series.missing:
        return MetricEvidence(metric.name, missing=series.missing)
    age = now - (series.answered_at or since)
    if age > age_allowed(external):
        return MetricEvidence(metric.name, missing=explain_external.too_old(external, age))
    whole = sum(series.blocks, Block())
    return MetricEvidence(
        metric.name,
        _summary([(b.candidate, b.candidate_total) for b in series.blocks]),
        _summary([(b.baseline, b.baseline_total) for b in series.blocks]),
        blocks=series.blocks if whole.whole else (),
    )


def _summary(pairs: list[tuple[float, float]]) -> ArmSummary:
    """For the charts. No units: an interval is none."""
    return ArmSummary(
        requests=sum(n for _, n in pairs),
        events=sum(y for y, _ in pairs),
        yy=sum(y * y for y, _ in pairs),
        yn=sum(y * n for y, n in pairs),
        nn=sum(n * n for _, n in pairs),
        failures=sum(y for y, _ in pairs),
    )
