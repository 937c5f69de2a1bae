"""GET /rollouts/{name}: one rollout, from the sentence that says how things are down to every decision."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fader.clock import Clock
from fader.dashboard import chart, digits
from fader.dashboard.forest import Forest, forest
from fader.dashboard.glance import glance
from fader.dashboard.live import Snapshot
from fader.dashboard.outcomes import experiment_line, outcome_lines
from fader.dashboard.signals import checks, signal_lines
from fader.dashboard.taper import picture
from fader.dashboard.templating import Templates, made_from
from fader.dashboard.upcoming import next_step
from fader.model.rollout import Guardrail
from fader.model.state import ENDED
from fader.model.verdict import Judgement, Verdict
from fader.model.view import Point, RolloutView
from fader.ports.control import Control
from fader.rollout import words

REGIONS = (
    "head",
    "banner",
    "plug",
    "hero",
    "outcomes",
    "guardrails",
    "signals",
    "failing",
    "reach",
    "glance",
    "stages",
    "history",
)
#: Pages of which what was read is kept for the next picture.
KEPT = 100
#: So many points of each metric are kept before they are read anew, thinned.
MANY_POINTS = 900


@dataclass(frozen=True, slots=True)
class GuardrailLine:
    """`harm`, `safe`: how much of the proof is there, 0 to 100. `slower_than`: the frozen threshold, "" without.
    `candidate`, `baseline`: the rate of a proportion, or the quantile itself. `scale`: what the picture counts."""

    guardrail: Guardrail
    judgement: Judgement
    title: str
    forest: Forest | None
    harm: int
    safe: int
    slower_than: str
    candidate: str
    baseline: str
    scale: str


def proof(log_e: float, threshold: float) -> int:
    """Evidence as a part of what is needed, in whole per cent: logs of e-values add up like steps to a wall."""
    return max(0, min(100, round(100 * log_e / threshold))) if threshold > 0 else 0


def guardrail_lines(view: RolloutView) -> list[GuardrailLine]:
    judged = {j.metric: j for j in view.judgements}
    bases = {b.metric: b for b in view.state.bases}
    made = []
    for g in view.spec.guardrails:
        name = g.metric.name
        j = judged.get(name) or Judgement(name, Verdict.UNKNOWN, missing="Not judged yet.")
        base = bases.get(name)
        slow = g.metric.kind == "quantile"
        made.append(
            GuardrailLine(
                guardrail=g,
                judgement=j,
                title=chart.title_of(g.metric),
                forest=forest(g, j),
                harm=proof(j.log_e_harm, j.harm_threshold),
                safe=proof(j.log_e_safe, j.safe_threshold),
                slower_than=digits.measure(base.threshold, g.metric) if base and base.threshold else "",
                candidate=digits.measure((j.candidate_value or None) if slow else j.candidate_rate, g.metric),
                baseline=digits.measure((j.baseline_value or None) if slow else j.baseline_rate, g.metric),
                scale=words.per(g.metric).removeprefix("of "),
            )
        )
    return made


def title(view: RolloutView) -> str:
    mark = "! " if view.needs_person else ""
    return f"{mark}{digits.share(view.state.share)} · {view.name} · fader"


@dataclass(slots=True)
class Held:
    """What the next picture of the page is made from, so that it costs no more than what is new.

    `points`: those read so far, oldest first; `last`: the newest of each metric and stage. `regions`: each as it was
    drawn last, with what it was made from.
    """

    points: list[Point] = field(default_factory=list)
    last: dict[tuple[str, int], Point] = field(default_factory=dict)
    regions: dict[str, tuple[tuple[Any, ...], str]] = field(default_factory=dict)


class Rollout:
    def __init__(self, control: Control, templates: Templates, clock: Clock) -> None:
        self._control = control
        self._templates = templates
        self._clock = clock
        self._held: dict[str, Held] = {}

    async def snapshot(self, name: str, since: float = 0.0) -> Snapshot:
        """The page's regions and the chart points later than `since`. Raises NotFound, Unavailable."""
        now = self._clock()
        view = await self._control.rollout(name)
        steps = await self._control.outline(name)
        held = self._kept(name)
        await self._read_points(name, held)
        guardrails = guardrail_lines(view)
        context = {
            "view": view,
            "picture": picture(view),
            "next": next_step(view),
            "guardrails": guardrails,
            "unproven": tuple(
                (g.guardrail.metric.name, g.judgement.verdict) for g in guardrails if not g.judgement.proven_safe
            ),
            "outcomes": outcome_lines(view),
            "experiment": experiment_line(view),
            "signals": signal_lines(view),
            "checks": checks(view),
            "scanned": bool(view.judgements),
            "failures": await self._control.failures(name),
            "tracing": self._control.tracing(),
            "reach": await self._control.reach(name),
            "glance": glance(view),
            "harmful": any(j.verdict is Verdict.HARMFUL for j in view.judgements),
            "ended": view.state.phase in ENDED,
            "steps": steps[::-1],
        }
        regions = {r: self._drawn(held, r, f"rollout_{r}.html", context) for r in REGIONS}
        for index, table in enumerate(chart.table(view, tuple(held.last.values())).values()):
            region = f"table-{index}"
            regions[region] = self._drawn(held, region, "rollout_table.html", {"view": view, "table": table})
        later = bisect_right(held.points, since, key=lambda p: p.at)
        return Snapshot(
            title=title(view),
            at=now,
            regions=regions,
            chart=chart.chart(view, steps, tuple(held.points[later:]), now),
        )

    def _kept(self, name: str) -> Held:
        """Of the pages that were drawn last, whichever they are."""
        held = self._held[name] = self._held.pop(name) if name in self._held else Held()
        if len(self._held) > KEPT:
            del self._held[next(iter(self._held))]
        return held

    async def _read_points(self, name: str, held: Held) -> None:
        """Only what came since is read; the store thins what is old, and so does reading all of it anew at times."""
        if len(held.points) > MANY_POINTS * max(1, len({metric for metric, _ in held.last})):
            held.points, held.last = [], {}
        read = held.points[-1].at if held.points else 0.0
        fresh = [p for p in await self._control.points(name, read) if p.at > read]
        held.points += fresh
        held.last |= {(p.metric, p.stage): p for p in fresh}

    def _drawn(self, held: Held, region: str, template: str, context: Mapping[str, Any]) -> str:
        """At a tick most of the page stays as it is: only what is made from something else now is drawn anew."""
        made, known = made_from(template, context), held.regions.get(region)
        if known is None or known[0] != made:
            known = held.regions[region] = made, self._templates.render(template, **context)
        return known[1]
