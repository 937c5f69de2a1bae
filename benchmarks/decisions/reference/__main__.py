"""The figures of the design, measured again.

Run: python -m benchmarks.decisions.reference [--only WORDS] [--shards MOST] [--write]; exits with 1 when one is missed.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from ..crew import crew
from ..page import markdown, measured, write
from . import counts, others, ramps, stages, users
from .check import Check, Runs, Study

STUDIES: tuple[Study, ...] = (*counts.STUDIES, *users.STUDIES, *others.STUDIES, *stages.STUDIES, *ramps.STUDIES)


def shard(job: tuple[int, int]) -> Runs:
    which, number = job
    return STUDIES[which].run(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="studies whose title has one of these, by commas")
    parser.add_argument("--shards", type=int, default=1000, help="at most so many of each study: fewer runs")
    parser.add_argument("--write", action="store_true", help="into docs/evidence.md")
    options = parser.parse_args()
    chosen = [i for i, study in enumerate(STUDIES) if any(words in study.title for words in options.only.split(","))]
    jobs = [(i, number) for i in chosen for number in range(min(STUDIES[i].shards, options.shards))]
    parts = crew("reference figures", shard, jobs)
    total, missed, tables = 0, 0, []
    for i in chosen:
        mine = [part for (which, _), part in zip(jobs, parts, strict=True) if which == i]
        together = {name: np.concatenate([np.atleast_1d(part[name]) for part in mine]) for name in mine[0]}
        checks = STUDIES[i].conclude(together)
        total += len(checks)
        missed += sum(not check.holds for check in checks)
        tables.append(f"### {STUDIES[i].title[0].upper()}{STUDIES[i].title[1:]}\n\n{table(checks)}")
    text = "\n\n".join(tables)
    size = f"at most {options.shards} shards of each study" if options.shards < 1000 else "full size"
    source = measured("make evidence", size)
    verdict = f"{missed} of {total} figures are missed." if missed else f"All {total} figures are met."
    print(f"{text}\n\n{verdict}\n\n{source}")
    if options.write:
        write("reference", f"{verdict} {source}\n\n{text}")
    sys.exit(1 if missed else 0)


def table(checks: list[Check]) -> str:
    rows = [
        [c.what, c.reference, f"{c.measured:.4g}", f"{c.runs:,}" if c.runs else "", "" if c.holds else "**missed**"]
        for c in checks
    ]
    return markdown(["figure", "reference", "measured", "runs", ""], rows)


if __name__ == "__main__":
    main()
