"""How often intervals and signals tell the truth, by simulation with fixed seeds.

Tolerances: a rate of errors may exceed its nominal value by three standard errors of the simulation.
"""

from __future__ import annotations

from math import log, pi, sqrt

import numpy as np
import pytest
from tests.unit.stats.build import of_units

from fader.model.evidence import MetricEvidence, NameEvidence
from fader.model.metric import Margin, Metric
from fader.model.rollout import Outcome
from fader.model.verdict import Reading
from fader.stats.reading import read
from fader.stats.scan import e_bh, fresh, log_e_both, scan

pytestmark = pytest.mark.slow

REVENUE = Outcome(Metric("revenue", "mean", "higher"), Margin("relative", 0.1), Margin("relative", 0.02))


def allowed(rate: float, runs: int) -> float:
    return rate + 3 * sqrt(rate * (1 - rate) / runs)


def shop(g: np.random.Generator, units: int, effect: float, share: float) -> tuple[np.ndarray, ...]:
    """What so many users spend and spent before: a third never came before; the effect is relative."""
    keen, known = g.lognormal(0, 0.6, units), g.random(units) < 0.67
    candidate = g.random(units) < share
    spent = g.poisson(2 * keen) * g.lognormal(0, 0.3, units) * np.where(candidate, 1 + effect, 1.0)
    before = np.where(known, g.poisson(3 * keen) - 3 * np.exp(0.18), 0.0)
    return candidate, spent, before


def reading(candidate: np.ndarray, spent: np.ndarray, before: np.ndarray, **asked: object) -> Reading:
    arms = (of_units(spent[a], x=before[a]) for a in (candidate, ~candidate))
    return read(REVENUE, MetricEvidence("revenue", *arms), candidate="v2", **asked)[0]


#: The mean spent by a user of the baseline: 2 E[keen] E[price].
MEAN = 2 * np.exp(0.18) * np.exp(0.045)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_the_sequence_covers_the_effect_at_all_looks_together(share: float) -> None:
    """250 runs, 16 looks at 300 to 6,000 users, effect 8 %, with covariates: at most 5 % ever miss it at alpha .05."""
    missed = missed_relative = 0
    for i in range(250):
        users = shop(np.random.default_rng([88_000, int(100 * share), i]), 6000, 0.08, share)
        found = [reading(*(u[:n] for u in users), alpha=0.05) for n in np.geomspace(300, 6000, 16).astype(int)]
        missed += any(not r.low <= 0.08 * MEAN <= r.high for r in found)
        relative = [(r.relative_low, r.relative_high) for r in found if r.relative is not None]
        missed_relative += any(not low <= 0.08 <= high for low, high in relative)
    assert missed / 250 <= allowed(0.05, 250)
    assert missed_relative / 250 <= allowed(0.05, 250)


def test_the_fixed_interval_covers_it_as_often_as_it_says() -> None:
    """1,500 runs at the planned end: 96 % to within three standard errors, absolute and relative, and not more."""
    inside = inside_relative = 0
    for i in range(1500):
        r = reading(*shop(np.random.default_rng([88_001, i]), 1200, 0.08, 0.5), fixed=True)
        inside += r.fixed_low <= 0.08 * MEAN <= r.fixed_high
        inside_relative += r.relative_low <= 0.08 <= r.relative_high
    for hits in (inside, inside_relative):
        assert hits / 1500 == pytest.approx(0.96, abs=3 * sqrt(0.96 * 0.04 / 1500))


def test_covariates_are_worth_users() -> None:
    kept = [reading(*shop(np.random.default_rng([88_002, i]), 4000, 0.0, 0.5)).variance_kept for i in range(20)]
    assert 0.6 <= np.mean(kept) <= 0.85


def counted(seed: list[int], share: float, effects: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """200 names over 25 looks; of the first `effects`, half occur twice as often and half half as often."""
    g = np.random.default_rng([89_000, *seed])
    mean, ratio = np.exp(g.uniform(log(5), log(5000), 200)), np.ones(200)
    ratio[: effects // 2], ratio[effects // 2 : effects] = 2.0, 0.5
    candidate = g.poisson((mean * share * ratio)[:, None] / 25, (200, 25)).cumsum(axis=1)
    baseline = g.poisson((mean * (1 - share))[:, None] / 25, (200, 25)).cumsum(axis=1)
    return candidate, baseline, ratio


@pytest.mark.parametrize(("share", "reference"), [(0.05, 0.020), (0.5, 0.028)])
def test_the_scan_hardly_ever_names_anything_without_effects(share: float, reference: float) -> None:
    """400 runs: the chance of any false signal at any of 25 looks; the reference is of 2,000 runs of 100 looks."""
    false = 0
    for i in range(400):
        candidate, baseline, _ = counted([i, int(100 * share), 0], share, 0)
        enough = candidate + baseline >= 5
        log_e = log_e_both(candidate, baseline, share)
        false += any(e_bh(log_e[enough[:, t], t], 0.10)[0].any() for t in range(25))
    assert false / 400 <= allowed(reference, 400)


@pytest.mark.parametrize(("share", "power"), [(0.05, 0.277), (0.5, 0.524)])
def test_of_the_signals_at_most_a_tenth_is_false(share: float, power: float) -> None:
    """300 runs with 10 effects among 200 names, at the end: false-discovery rate, power, and the bands of the found."""
    false, found, missed = [], [], []
    for i in range(300):
        candidate, baseline, ratio = counted([i, int(100 * share), 10], share, 10)
        names = [
            NameEvidence("event", str(k), int(c), int(b))
            for k, (c, b) in enumerate(zip(candidate[:, -1], baseline[:, -1], strict=True))
        ]
        signals = scan(names, share)
        truth = [ratio[int(s.name)] for s in signals]
        false.append(sum(t == 1.0 for t in truth) / max(1, len(truth)))
        missed.append(sum(not s.low <= t <= s.high for s, t in zip(signals, truth, strict=True)) / max(1, len(truth)))
        found.append(sum(t != 1.0 for t in truth) / 10)
    assert np.mean(false) <= 0.10
    assert np.mean(missed) <= 0.10
    assert np.mean(found) == pytest.approx(power, abs=0.05)


def test_a_new_error_of_the_candidate_hurts_a_handful() -> None:
    """5 % share, 200 users of the candidate's crash, among old errors that both arms have: median at most 6 hurt units.

    The threshold is that of three guardrails, one outcome and four stages: log(5 x 4 / .05).
    """
    hurt = []
    for i in range(300):
        g = np.random.default_rng([89_001, i])
        kinds = np.where(g.random(4000) < 0.5, 7, g.integers(0, 7, 4000))
        candidate = np.where(kinds == 7, True, g.random(4000) < 0.05)
        order = {int(k): j for j, k in enumerate(dict.fromkeys(kinds.tolist()))}
        new = np.flatnonzero(kinds == 7)
        for n in range(1, 30):
            seen = slice(0, new[n - 1] + 1)
            names = sorted(range(8), key=lambda k: order[k])
            evidence = [
                NameEvidence(
                    "fingerprint",
                    str(k),
                    int((candidate[seen] & (kinds[seen] == k)).sum()),
                    int((~candidate[seen] & (kinds[seen] == k)).sum()),
                )
                for k in names
                if (kinds[seen] == k).any()
            ]
            if fresh(evidence, 0.05, log(5 * 4 / 0.05)):
                hurt.append(n)
                break
    assert len(hurt) == 300
    assert np.median(hurt) <= 6


def test_old_errors_are_hardly_ever_called_new() -> None:
    """600 stages of 60 fingerprints in both arms alike, looked at 20 times: at alpha .05 at most 5 % of the stages."""
    called = 0
    for i in range(600):
        g = np.random.default_rng([89_002, i])
        mean = np.exp(g.uniform(log(0.5), log(50), 60))
        candidate = g.poisson(mean[:, None] * 0.05 / 20, (60, 20)).cumsum(axis=1)
        baseline = g.poisson(mean[:, None] * 0.95 / 20, (60, 20)).cumsum(axis=1)
        first = np.where(candidate + baseline > 0, np.arange(20), 99).min(axis=1)
        order = np.argsort(first, kind="stable")
        weights = log(1 / 0.05) + np.log(pi**2 * np.arange(1, 61) ** 2 / 6)
        most = (candidate * np.log(1 / 0.05))[order].max(axis=1)
        if (most < weights).all():
            continue
        for t in range(20):
            names = [
                NameEvidence("fingerprint", str(k), int(candidate[k, t]), int(baseline[k, t]))
                for k in order
                if first[k] <= t
            ]
            if fresh(names, 0.05, log(1 / 0.05)):
                called += 1
                break
    assert called / 600 <= allowed(0.05, 600)
