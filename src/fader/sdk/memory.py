"""The client's in-memory twin, for the tests of apps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fader.model.evaluation import Evaluation
from fader.sdk.answers import Answers
from fader.sdk.asking import NOTHING, asked_by


class MemoryClient(Answers):
    """Answers what it was told, for everybody.

    >>> flags = MemoryClient({"new-checkout": True})
    >>> flags.boolean("new-checkout", default=False, unit="ann")
    True
    >>> flags.set("new-checkout", False)
    >>> flags.boolean("new-checkout", default=True)
    False
    """

    def __init__(self, values: Mapping[str, Any] = NOTHING) -> None:
        super().__init__()
        self._values = dict(values)
        #: Name, unit and properties of what the app tracked.
        self.tracked: list[tuple[str, str, Mapping[str, Any]]] = []

    def set(self, flag: str, value: Any) -> None:
        self._values[flag] = value
        self._listeners.tell("changed")

    def ready(self, timeout: float = 5.0) -> bool:
        """At once."""
        return True

    def evaluate(
        self, flag: str, default: Any, unit: str | None = None, attributes: Mapping[str, Any] = NOTHING
    ) -> Evaluation:
        if flag not in self._values:
            return self._failed(flag, default, "FLAG_NOT_FOUND", "there is no such flag")
        return Evaluation(flag, self._values[flag], reason="STATIC")

    def track(self, name: str, unit: str | None = None, properties: Mapping[str, float | str | bool] = NOTHING) -> None:
        self.tracked.append((name, asked_by()[0] if unit is None else unit, properties))

    def close(self) -> None:
        """Nothing to end."""
