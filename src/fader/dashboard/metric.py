"""GET /metrics-defined and /metrics-defined/{name}: what a metric counts, where it is used, and how small a change it
can see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fader.clock import Clock
from fader.dashboard import chart, digits
from fader.dashboard.live import Snapshot
from fader.dashboard.overview import latest
from fader.dashboard.templating import Templates
from fader.errors import NotFound
from fader.model.evidence import LearningEvidence
from fader.model.metric import Margin, Metric
from fader.model.state import ACTIVE
from fader.model.summary import GAMMA
from fader.model.verdict import Judgement, Reading
from fader.model.view import Brief, RolloutView
from fader.ports.control import Control
from fader.rollout.learning import ALPHA_FIXED, by_request
from fader.stats.histogram import quantile
from fader.stats.power import detectable, learnt, shift

#: Rollouts that a page lists, and experiments' power that sensitivity is told for.
SHOWN = 20
POWER = 0.8
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Use:
    """A rollout that watches the metric. `role` is guardrail or outcome; `tolerate` what it would accept."""

    brief: Brief
    metric: Metric
    role: str
    tolerate: Margin


@dataclass(frozen=True, slots=True)
class Defined:
    """A metric by its name, as the rollout has it that moved last. `uses`: the latest first. `others`: definitions that
    went by the same name before, in words."""

    metric: Metric
    title: str
    uses: tuple[Use, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """`effect`, `relative`: the smallest change that half of a day's `units` show; "" where it cannot be told, then
    `why` says so. `baseline`: the value that it is a change of."""

    units: int
    baseline: str
    effect: str
    relative: str
    why: str


def uses_of(briefs: Iterable[Brief]) -> list[Use]:
    """Every metric that a rollout watches, of the rollout that moved last first."""
    found = []
    for brief in sorted(briefs, key=latest):
        found += [Use(brief, g.metric, "guardrail", g.tolerate) for g in brief.spec.guardrails]
        found += [Use(brief, o.metric, "outcome", o.tolerate) for o in brief.spec.outcomes]
    return found


def defined(briefs: Iterable[Brief]) -> dict[str, Defined]:
    """By name, in the order of the names."""
    by_name: dict[str, list[Use]] = {}
    for use in uses_of(briefs):
        by_name.setdefault(use.metric.name, []).append(use)
    made = {}
    for name, uses in sorted(by_name.items()):
        metric = uses[0].metric
        others = dict.fromkeys(chart.title_of(u.metric) for u in uses if u.metric != metric)
        made[name] = Defined(metric, chart.title_of(metric), tuple(uses), tuple(others))
    return made


def details(metric: Metric) -> tuple[tuple[str, str], ...]:
    """What else belongs to the definition: a term and what it is here."""
    found: list[tuple[str, str]] = [("Kind", metric.kind), ("Better", metric.better)]
    if metric.kind == "proportion":
        found.append(("Share of", metric.of))
    found.append(("Event", metric.event))
    if metric.window:
        found.append(("Counts for", f"{digits.span(metric.window)} after a user's first exposure"))
    if metric.cap:
        found.append(("Capped at", f"{digits.measure(metric.cap, metric)} per user"))
    return tuple(found)


def sensitivity(metric: Metric, found: LearningEvidence | None) -> Sensitivity:
    """By the two-sample test that plans experiments: half of the units on each side, power 80 %.

    `found`: what the baseline did in the last day. Of a quantile, the test is of the share of requests above its value,
    and the effect the shift of the quantile that adds so much to that share.
    """
    units = found.units if found else 0
    if found is None or not units:
        return Sensitivity(0, "", "", "", "nothing of it was seen on the baseline in the last day")
    mean, spread = learnt(found.summary)
    if spread <= 0:
        return Sensitivity(units, "", "", "", "no user differed from another")
    effect = detectable(spread, units, ALPHA_FIXED, POWER, HALF)
    if metric.kind == "quantile":
        return _shifted(metric, found, effect)
    if by_request(metric):
        mean = found.events / found.requests if found.requests else mean
    return Sensitivity(
        units=units,
        baseline=digits.fine(mean, metric),
        effect=digits.effect(effect, metric).removeprefix("+"),
        relative=digits.signed(effect / mean).removeprefix("+") if mean > 0 else "",
        why="",
    )


def _shifted(metric: Metric, found: LearningEvidence, effect: float) -> Sensitivity:
    base, rise = quantile(found.values, metric.q), shift(found.values, metric.q, effect)
    if base is None or rise is None:
        return Sensitivity(found.units, "", "", "", "too few requests for a quantile so far out")
    if rise <= 0:  # less than the bins in which values are kept can tell
        rise = GAMMA - 1
    return Sensitivity(
        units=found.units,
        baseline=digits.measure(base, metric),
        effect=digits.measure(base * rise, metric),
        relative=digits.signed(rise).removeprefix("+"),
        why="",
    )


@dataclass(frozen=True, slots=True)
class Current:
    """What an active rollout measures now. `verdict` is that of its judgement or reading."""

    view: RolloutView
    verdict: str
    candidate: str
    baseline: str
    candidate_units: int
    baseline_units: int
    missing: str


def current(view: RolloutView, metric: Metric) -> Current:
    judged = next((j for j in view.judgements if j.metric == metric.name), None)
    reading = next((r for r in view.readings if r.metric == metric.name), None)
    found: Judgement | Reading | None = reading or judged
    if found is None or found.verdict == "unknown":
        return Current(view, "unknown", "–", "–", 0, 0, found.missing if found else "not judged yet")
    if isinstance(found, Reading):
        candidate, baseline = digits.fine(found.candidate_value, metric), digits.fine(found.baseline_value, metric)
    else:
        slow = metric.kind == "quantile"
        candidate = digits.measure(found.candidate_value if slow else found.candidate_rate, metric)
        baseline = digits.measure(found.baseline_value if slow else found.baseline_rate, metric)
    return Current(view, found.verdict, candidate, baseline, found.candidate_units, found.baseline_units, "")


class Metrics:
    def __init__(self, control: Control, templates: Templates, clock: Clock) -> None:
        self._control, self._templates, self._clock = control, templates, clock

    async def list(self) -> Snapshot:
        """Raises Unavailable."""
        html = self._templates.render(
            "metrics_list.html", metrics=tuple(defined(await self._control.briefs()).values())
        )
        return Snapshot(title="Metrics · fader", at=self._clock(), regions={"metrics": html})

    async def snapshot(self, name: str) -> Snapshot:
        """Raises NotFound, Unavailable."""
        known = defined(await self._control.briefs())
        if name not in known:
            raise NotFound(f"No rollout watches a metric named {name!r}; there are: {', '.join(known) or 'none yet'}.")
        found = known[name]
        active = {u.brief.name: u.metric for u in found.uses if u.brief.state.phase in ACTIVE}
        views = await self._control.rollouts(list(active))
        learning = await self._control.learnt(found.uses[0].brief.name, name)
        context = {
            "found": found,
            "details": details(found.metric),
            "now": [current(view, active[view.name]) for view in views],
            "sensitivity": sensitivity(found.metric, next((x for x in learning if x.metric == name), None)),
            "subject": found.uses[0].brief.spec.subject,
            "shown": SHOWN,
        }
        regions = {r: self._templates.render(f"metric_{r}.html", **context) for r in ("head", "now", "uses")}
        return Snapshot(title=f"{name} · fader", at=self._clock(), regions=regions)
