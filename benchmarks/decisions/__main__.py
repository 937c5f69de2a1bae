"""fader against the rules of other tools, on the same simulated users.

Run: python -m benchmarks.decisions [--quick] [--runs HEALTHY BAD] [--only SCENARIO] [--write]
"""

from __future__ import annotations

import argparse
from collections import defaultdict

from .compare import HEALTHY, Job, Outcomes, bad, healthy, work
from .crew import crew
from .page import PICTURE, measured, write
from .picture import draw
from .replay import Result
from .scenarios import SCENARIOS
from .table import table

#: Runs of a healthy candidate and of each bad one, and how many a process does at a time.
STANDARD, QUICK, BATCH = (100, 24), (10, 4), 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few runs of each: does it work at all?")
    parser.add_argument("--runs", type=int, nargs=2, metavar=("HEALTHY", "BAD"), help=f"{STANDARD} if not given")
    parser.add_argument("--only", choices=list(SCENARIOS), help="one scenario")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="into docs/evidence.md, with the picture")
    options = parser.parse_args()
    runs, bad_runs = options.runs or (QUICK if options.quick else STANDARD)
    names = [options.only] if options.only else list(SCENARIOS)
    jobs = [
        Job(name, candidate, first, min(first + BATCH, size), options.seed)
        for name in names
        for candidate, size in ((HEALTHY, runs), *((c, bad_runs) for c in SCENARIOS[name].bad))
        for first in range(0, size, BATCH)
    ]
    found = gathered(jobs, crew("streams x rules", work, jobs))
    size = f"{runs} healthy and {bad_runs} bad candidates of each kind, seed {options.seed}"
    text = "\n\n".join([*(table(SCENARIOS[name], found[name]) for name in names)])
    source = measured("make evidence-peers", size)
    print(f"{text}\n\n{source}")
    if options.write:
        write("peers", f"{text}\n\n{source}")
        draw(found, PICTURE)


def gathered(jobs: list[Job], results: list[dict[str, list[Result]]]) -> dict[str, Outcomes]:
    """By scenario, what each rule did to each candidate."""
    runs: dict[tuple[str, str], dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for job, part in zip(jobs, results, strict=True):
        for rule, rows in part.items():
            runs[job.scenario, job.candidate][rule] += rows
    names = dict.fromkeys(job.scenario for job in jobs)
    return {
        name: Outcomes(
            {rule: healthy(rows) for rule, rows in runs[name, HEALTHY].items()},
            {c: {rule: bad(rows) for rule, rows in runs[name, c].items()} for c in SCENARIOS[name].bad},
        )
        for name in names
    }


if __name__ == "__main__":
    main()
