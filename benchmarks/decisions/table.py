"""The comparison as Markdown: one table per scenario, and the sentences that say where fader is not the better one."""

from __future__ import annotations

from .compare import Bad, Healthy, Outcomes, hours
from .page import markdown
from .scenarios import Scenario


def table(scenario: Scenario, found: Outcomes) -> str:
    candidates = list(scenario.bad)
    head = ["rule", "false rollbacks", "healthy at 100 %", "after", *candidates]
    rows = [
        [
            f"**{rule}**" if rule.startswith("fader") else rule,
            *_healthy(row),
            *(_bad(found.bad[c][rule]) for c in candidates),
        ]
        for rule, row in found.healthy.items()
    ]
    return f"### {scenario.title}\n\n{_about(scenario)}\n\n{markdown(head, rows)}\n\n{verdict(found)}\n\n{ramps(found)}"


def verdict(found: Outcomes) -> str:
    worse = found.worse()
    rate = f"{found.healthy['fader'].rolled_back:.1%}".replace("%", " %")
    if not worse:
        return f"fader hurts fewer users than every rule that rolls back no fewer healthy candidates ({rate})."
    return f"**fader does not hurt fewer** than (at {rate} false rollbacks or more): {'; '.join(worse)}."


def ramps(found: Outcomes) -> str:
    """Whether the adaptive ramp is better than the fixed plan."""
    worse = found.unbeaten()
    if not worse:
        return "The adaptive ramp hurts no more users than the fixed one, and is at 100 % no later."
    return f"**The adaptive ramp is worse than the fixed one**: {'; '.join(worse)}."


def _about(scenario: Scenario) -> str:
    return scenario.about[0].upper() + scenario.about[1:] + "."


def _healthy(row: Healthy) -> tuple[str, str, str]:
    return f"{100 * row.rolled_back:.1f} ± {100 * row.error:.1f} %", f"{100 * row.completed:.0f} %", hours(row)


def _bad(row: Bad) -> str:
    return f"{row.hurt:,.0f} ({row.hurt_most:,.0f}), {100 * row.caught:.0f} %"
