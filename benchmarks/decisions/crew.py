"""Work spread over processes, with a bar that says how far it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Job = TypeVar("Job")
Found = TypeVar("Found")


def crew(title: str, work: Callable[[Job], Found], jobs: Sequence[Job], processes: int | None = None) -> list[Found]:
    """`work` on each job, the results in the order of the jobs. `work` and the jobs can be pickled."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown = Console(stderr=True)
    with (
        Progress(*columns, TimeRemainingColumn(), console=shown) as progress,
        ProcessPoolExecutor(processes or os.cpu_count()) as pool,
    ):
        task = progress.add_task(title, total=len(jobs))
        futures = [pool.submit(work, job) for job in jobs]
        for future in futures:
            future.add_done_callback(lambda _: progress.advance(task))
        return [future.result() for future in futures]
