"""The in-memory twin of a server that hands out rulesets."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fader.errors import Unavailable
from fader.sdk.source import Change

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "flags.json").read_text())
BODY = json.dumps(VECTORS["ruleset"]).encode()
PATIENCE = 10.0


Answer = bytes | Change | Exception | None


class MemorySource:
    """Hands out what is put in, in order; an exception is raised. `asked`: the versions that were named."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[int] = []
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.put(*answers)

    def put(self, *answers: Answer) -> None:
        for answer in answers:
            self._answers.put(answer)

    def fetch(self, have: int, wait: float) -> bytes | Change | None:
        self.asked.append(have)
        answer = self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.put(Unavailable("closed"))

    def again(self) -> MemorySource:
        return MemorySource(ruleset(99))


def ruleset(version: int, **changes: Any) -> bytes:
    flags = [flag | changes for flag in VECTORS["ruleset"]["flags"]]
    return json.dumps(VECTORS["ruleset"] | {"version": version, "flags": flags}).encode()


def change(before: int, version: int, *gone: str, segments: Sequence[str] = (), **changes: Any) -> Change:
    """Every flag but those `gone` with these changes."""
    flags = [flag | changes for flag in VECTORS["ruleset"]["flags"] if flag["name"] not in gone]
    body = {"from": before, "version": version, "flags": flags, "segments": []}
    return Change(json.dumps(body | {"gone": {"flags": list(gone), "segments": list(segments)}}).encode())


def until(happens: Callable[[], bool]) -> None:
    wait = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if happens():
            return
        wait.wait(0.01)
    raise TimeoutError
