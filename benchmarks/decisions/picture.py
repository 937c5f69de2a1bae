"""Users hurt before the plug, by rule and scenario, as an SVG that can be read on light and on dark paper."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from .compare import Outcomes
from .scenarios import SCENARIOS

INK, OURS, THEIRS = "#7d8590", "#e8710a", "#4a90d9"


def draw(found: dict[str, Outcomes], path: Path) -> None:
    """One panel per scenario: median (dot) and 90th percentile (line) of users hurt by its last bad candidate."""
    with plt.rc_context(
        {"text.color": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK, "svg.hashsalt": "fader"}
    ):
        columns = 2
        lines = -(-len(found) // columns)
        figure, axes = plt.subplots(lines, columns, figsize=(11, 2.7 * lines), sharex=True, squeeze=False)
        for place, (name, outcomes) in zip(axes.flat, found.items(), strict=False):
            panel(place, SCENARIOS[name].title, outcomes)
        for place in axes.flat[len(found) :]:
            place.set_visible(False)
        figure.supxlabel("users hurt: median, and line to the 90th percentile; right: false rollbacks", color=INK)
        figure.tight_layout()
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        plt.close(figure)


def panel(axes: Axes, title: str, outcomes: Outcomes) -> None:
    candidate = "errors x5" if "errors x5" in outcomes.bad else next(iter(outcomes.bad))
    rows = outcomes.bad[candidate]
    axes.set_title(f"{title}: {candidate}", color=INK, fontsize=10)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, 30_000)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    for y, (rule, row) in enumerate(rows.items()):
        colour = OURS if rule.startswith("fader") else THEIRS
        axes.plot([row.hurt, row.hurt_most], [y, y], color=colour, linewidth=2, alpha=0.6)
        axes.plot(row.hurt, y, "o", color=colour, markersize=6, fillstyle="full" if row.caught > 0.5 else "none")
        false = f"{100 * outcomes.healthy[rule].rolled_back:.1f} %"
        axes.text(1.01, y, false, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=INK)
