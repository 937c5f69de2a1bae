"""Draws the pictures of docs/verdicts.md from the functions that decide. `--check` only says which are old.

Each picture has a function that makes its numbers, seeded, and one that draws them; the tests hold the first to what
the page says.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fader.model.metric import Margin, Metric
from fader.model.rollout import Guardrail, RolloutSpec, Stage
from fader.model.share import WHOLE
from fader.model.summary import ArmSummary
from fader.stats.clustered import difference
from fader.stats.grid import log_e_grid
from fader.stats.judge import Stakes
from fader.stats.normal_mixture import band, tune
from fader.stats.weights import harm_threshold, safe_threshold

IMAGES = Path(__file__).parent.parent / "docs" / "images"
CANDIDATE, BASELINE, INK, SOFT, HARM = "#c2620a", "#2f74b8", "#15171c", "#8a909c", "#b31942"

ERRORS = Guardrail(Metric("errors", "proportion"), Margin("absolute", 0.002))
LATENCY = Guardrail(Metric("latency", "quantile", q=0.95, value="duration_ms"), Margin("relative", 0.1))
SHARES = (50_000, 100_000, 250_000, 500_000, WHOLE)
SPEC = RolloutSpec("shop-v2", "shop", "v1", "v2", tuple(Stage(s, 600.0) for s in SHARES), (ERRORS, LATENCY))


@dataclass(frozen=True)
class Growth:
    """E-values while users with an error come in, at a share of 5 %. `healthy`: one row per release. `bad`: of releases
    with three times the risk, the one in the middle by how long it takes; `needed`: how many users with an error."""

    healthy: np.ndarray
    bad: np.ndarray
    needed: int
    threshold: float


def growth(releases: int = 200, users: int = 400) -> Growth:
    """A user with an error is the candidate's with probability 5 % in a healthy release."""
    rng, pi = np.random.default_rng(7), 0.05

    def walk(ratio: float, rows: int) -> np.ndarray:
        hit = rng.random((rows, users)) < pi * ratio / (pi * ratio + 1 - pi)
        candidate = np.cumsum(hit, axis=1)
        return np.exp(log_e_grid(candidate, np.arange(1, users + 1) - candidate, pi))

    threshold = exp(harm_threshold(SPEC, 0))
    healthy, bad = walk(1.0, releases), walk(3.0, 101)
    needed = np.where((bad >= threshold).any(axis=1), np.argmax(bad >= threshold, axis=1) + 1, users + 1)
    middle = int(np.argsort(needed, kind="stable")[50])
    return Growth(healthy, bad[middle], int(needed[middle]), threshold)


@dataclass(frozen=True)
class Peeking:
    """A difference that is 0, looked at again and again. `naive`, `valid`: lower and upper ends of one experiment;
    `naive_wrong`, `valid_wrong`: the share of experiments that have excluded 0 at some look until then."""

    users: np.ndarray
    estimate: np.ndarray
    naive: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]
    naive_wrong: np.ndarray
    valid_wrong: np.ndarray


def peeking(runs: int = 1000, looks: int = 200, each: int = 100) -> Peeking:
    """Two arms of the same conversion, 30 %; `each` users come to each arm between two looks; both claim 95 %."""
    rng, rate = np.random.default_rng(11), 0.3
    n = each * np.arange(1, looks + 1)
    arms = [np.cumsum(rng.binomial(each, rate, (runs, looks)), axis=1) / n for _ in range(2)]
    estimate = arms[0] - arms[1]
    v = np.broadcast_to(2 * rate * (1 - rate) / n, estimate.shape)
    tau = float(tune(1 / v[0, looks // 4], 0.05))
    naive = estimate - 1.96 * np.sqrt(v), estimate + 1.96 * np.sqrt(v)
    valid = band(estimate, v, tau, 0.05)

    def ever(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return np.maximum.accumulate((low > 0) | (high < 0), axis=1).mean(axis=0)

    # One that the naive interval gets wrong and then right again.
    missed = (
        ((naive[0] > 0) | (naive[1] < 0))[:, looks // 10 :].any(axis=1) & (naive[0][:, -1] < 0) & (naive[1][:, -1] > 0)
    )
    one = int(np.argmax(missed))
    return Peeking(
        n,
        estimate[one],
        (naive[0][one], naive[1][one]),
        (np.asarray(valid[0])[one], np.asarray(valid[1])[one]),
        ever(*naive),
        ever(np.asarray(valid[0]), np.asarray(valid[1])),
    )


def margins() -> list[tuple[float, float, float]]:
    """For each judged stage its share, the next share, and the rise that has to be ruled out there."""
    found = []
    for share, following in pairwise(SHARES):
        stakes = Stakes(share, following, harm_threshold(SPEC, 0), safe_threshold())
        found.append((share / WHOLE, following / WHOLE, stakes.margin(ERRORS)))
    return found


@dataclass(frozen=True)
class Ramp:
    """`stages`: share and both arms of each; `effects`: the difference in each; `pooled`: that of the sums."""

    stages: list[tuple[float, ArmSummary, ArmSummary]]
    effects: list[float]
    pooled: float


def simpson() -> Ramp:
    """10,000 users a stage; conversion falls from 40 % by day to 10 % by night while the share grows. v2 sells just as
    well as v1 at any hour."""
    stages = []
    for share, rate in ((0.05, 0.40), (0.10, 0.35), (0.25, 0.20), (0.50, 0.10)):
        stages.append((share, _arm(10_000 * share, rate), _arm(10_000 * (1 - share), rate)))
    total = [sum((arms[k] for arms in stages), ArmSummary()) for k in (1, 2)]
    effects = [d.estimate for _, c, b in stages if (d := difference(c, b))]
    pooled = difference(total[0], total[1])
    return Ramp(stages, effects, pooled.estimate if pooled else 0.0)


def _arm(users: float, rate: float) -> ArmSummary:
    bought = users * rate
    return ArmSummary(round(users), users, bought, bought, bought, users, round(bought), bought)


def draw_growth(figure: Figure) -> None:
    seen = growth()
    axis = figure.subplots()
    x = np.arange(1, len(seen.bad) + 1)
    for row in seen.healthy[:40]:
        axis.plot(x, row, color=BASELINE, alpha=0.35, linewidth=0.7)
    axis.plot([], [], color=BASELINE, label="40 healthy releases")
    axis.plot(x, seen.bad, color=CANDIDATE, linewidth=2, label="a release with three times the risk")
    axis.axhline(seen.threshold, color=HARM, linestyle="--", linewidth=1.2)
    axis.text(395, seen.threshold * 1.4, f"harm is proven: {seen.threshold:.0f}", color=HARM, ha="right")
    axis.axhline(1, color=SOFT, linewidth=0.8)
    axis.text(395, 1.2, "1: no evidence either way", color=SOFT, ha="right")
    axis.set(
        yscale="log", ylim=(1e-3, 1e7), xlim=(0, 400), xlabel="users with an error, both versions", ylabel="e-value"
    )
    axis.legend(frameon=False, loc="upper left")
    _plain(axis)


def draw_peeking(figure: Figure) -> None:
    seen = peeking()
    left, right = figure.subplots(1, 2)
    for (low, high), colour, alpha, label in (
        (seen.valid, BASELINE, 0.22, "valid at every look"),
        (seen.naive, CANDIDATE, 0.35, "ordinary 95 % interval"),
    ):
        left.fill_between(seen.users, 100 * low, 100 * high, color=colour, alpha=alpha, linewidth=0, label=label)
    left.plot(seen.users, 100 * seen.estimate, color=INK, linewidth=1)
    left.axhline(0, color=HARM, linewidth=1, linestyle="--")
    left.set(
        ylim=(-6, 6), xlim=(0, seen.users[-1]), xlabel="users in each version", ylabel="difference in points; truth: 0"
    )
    left.legend(frameon=False, loc="lower right")
    right.plot(seen.users, 100 * seen.naive_wrong, color=CANDIDATE, linewidth=2, label="ordinary 95 % interval")
    right.plot(seen.users, 100 * seen.valid_wrong, color=BASELINE, linewidth=2, label="valid at every look")
    right.axhline(5, color=SOFT, linewidth=1, linestyle="--")
    right.text(seen.users[-1], 6, "5 %, as promised", color=SOFT, ha="right")
    right.set(
        ylim=(0, 60), xlim=(0, seen.users[-1]), xlabel="users in each version", ylabel="% of experiments wrong by now"
    )
    right.legend(frameon=False, loc="upper left")
    for axis in (left, right):
        axis.locator_params(axis="x", nbins=5)
        _plain(axis)


def draw_margins(figure: Figure) -> None:
    axis = figure.subplots()
    for i, (share, following, margin) in enumerate(margins()):
        axis.fill_between([i - 0.5, i + 0.5], 0, 100 * margin, color=BASELINE, alpha=0.18, linewidth=0)
        axis.plot([i - 0.5, i + 0.5], [100 * margin] * 2, color=BASELINE, linewidth=2)
        axis.text(i, 100 * margin + 0.06, f"{100 * margin:.2g} pp", ha="center", color=INK, weight="bold")
        axis.text(i, 0.04, f"0.2 pp / {100 * following:.0f} %", ha="center", color=SOFT)
        axis.text(i, -0.16, f"at {100 * share:.0f} %\nto {100 * following:.0f} %", ha="center", va="top", color=INK)
    axis.set(xlim=(-0.5, 3.5), ylim=(0, 2.4), ylabel="to be ruled out, in points", xticks=[])
    _plain(axis)


def draw_simpson(figure: Figure) -> None:
    seen = simpson()
    left, right = figure.subplots(1, 2, width_ratios=(2.2, 1))
    for i, (share, candidate, baseline) in enumerate(seen.stages):
        for arm, colour, shift in ((baseline, BASELINE, -0.19), (candidate, CANDIDATE, 0.19)):
            height = 100 * arm.events / arm.requests
            left.bar(
                i + shift, height, 0.36, color=colour, hatch="//" if colour == BASELINE else None, edgecolor="white"
            )
            left.text(i + shift, height + 0.8, f"{arm.units:,}", ha="center", color=SOFT, fontsize=8)
        left.text(i, -3.2, f"{100 * share:.0f} %", ha="center", va="top", color=INK)
    left.set(title="each stage by itself: no difference", ylim=(0, 50), ylabel="conversion in %", xticks=[])
    totals = [sum((arms[k] for arms in seen.stages), ArmSummary()) for k in (2, 1)]
    for i, (arm, colour, name) in enumerate(zip(totals, (BASELINE, CANDIDATE), ("v1", "v2"), strict=True)):
        height = 100 * arm.events / arm.requests
        right.bar(i, height, 0.6, color=colour, hatch="//" if colour == BASELINE else None, edgecolor="white")
        right.text(i, height + 0.8, f"{height:.1f} %", ha="center", color=INK, weight="bold")
        right.text(i, -3.2, name, ha="center", va="top", color=INK)
    right.set(title="added up: a loss that is none", ylim=(0, 50), xticks=[])
    for axis in (left, right):
        _plain(axis)


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)


PICTURES: dict[str, tuple[Callable[[Figure], None], float]] = {
    "e-value.svg": (draw_growth, 3.9),
    "peeking.svg": (draw_peeking, 3.5),
    "margins.svg": (draw_margins, 3.0),
    "simpson.svg": (draw_simpson, 3.3),
}


def drawn(name: str) -> str:
    """The picture as SVG; the same every time."""
    draw, height = PICTURES[name]
    style = {
        "font.family": "sans-serif",
        "font.size": 9.5,
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "axes.edgecolor": SOFT,
        "axes.titlesize": 10,
        "path.simplify_threshold": 0.2,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(8.2, height), layout="constrained", facecolor="white")
        draw(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def main() -> None:
    old = [n for n in PICTURES if not (IMAGES / n).exists() or (IMAGES / n).read_text() != drawn(n)]
    if "--check" in sys.argv:
        sys.exit(f"out of date, run make docs: {', '.join(old)}" if old else 0)
    for name in old:
        (IMAGES / name).write_text(drawn(name))
        print(f"wrote docs/images/{name}")


if __name__ == "__main__":
    main()
