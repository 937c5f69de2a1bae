"""The questions that an app asks of flags, whoever answers them."""

from __future__ import annotations

import copy
import logging
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fader.model.evaluation import ErrorCode, Evaluation
from fader.sdk.asking import NOTHING
from fader.sdk.listeners import Listener, Listeners

#: Failures that are written to the log, each flag and code once; all are counted.
MOST_TOLD = 100

log = logging.getLogger("fader.sdk")


class Answers(ABC):
    """None of these raises: what cannot be answered is answered by the caller's default, counted in `failures` by
    OpenFeature's error codes, and said once to the log `fader.sdk`."""

    def __init__(self) -> None:
        self.failures: Counter[ErrorCode] = Counter()
        self._told: set[tuple[str, ErrorCode]] = set()
        self._lock = threading.Lock()
        self._listeners = Listeners()

    @abstractmethod
    def evaluate(
        self, flag: str, default: Any, unit: str | None = None, attributes: Mapping[str, Any] = NOTHING
    ) -> Evaluation:
        """The value with variant and reason; its `value` is shared and must not be changed.

        `unit` "" is nobody. Without one, a question inside of a request is asked for who sent it, whose attributes
        `attributes` go before; outside, for nobody.
        """

    @abstractmethod
    def ready(self, timeout: float = 5.0) -> bool:
        """Wait for what the answers come from, at most `timeout` seconds. Whether there is any."""

    @abstractmethod
    def track(self, name: str, unit: str | None = None, properties: Mapping[str, float | str | bool] = NOTHING) -> None:
        """`unit` did `name`, now: an outcome, by which rollouts are judged. None is the unit of the request."""

    @property
    def refused(self) -> bool:
        """Whether the server, when it was last asked, did not accept the key."""
        return False

    def listen(self, listener: Listener) -> None:
        """`listener` is called with `changed`, `silent` or `back`, in the thread that found it so, which it must not
        hold up. It is told of what comes, not of what was; in a forked process it goes on."""
        self._listeners.add(listener)

    def unlisten(self, listener: Listener) -> None:
        """One that does not listen is none."""
        self._listeners.remove(listener)

    def boolean(
        self, flag: str, default: bool, unit: str | None = None, attributes: Mapping[str, Any] = NOTHING
    ) -> bool:
        value = self.evaluate(flag, default, unit, attributes).value
        return value if isinstance(value, bool) else self._mismatch(flag, default)

    def string(self, flag: str, default: str, unit: str | None = None, attributes: Mapping[str, Any] = NOTHING) -> str:
        value = self.evaluate(flag, default, unit, attributes).value
        return value if isinstance(value, str) else self._mismatch(flag, default)

    def number(
        self, flag: str, default: float, unit: str | None = None, attributes: Mapping[str, Any] = NOTHING
    ) -> float:
        value = self.evaluate(flag, default, unit, attributes).value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        self._mismatch(flag, default)
        return default

    def json(
        self, flag: str, default: dict[str, Any], unit: str | None = None, attributes: Mapping[str, Any] = NOTHING
    ) -> dict[str, Any]:
        """A copy of the caller's own."""
        value = self.evaluate(flag, default, unit, attributes).value
        return copy.deepcopy(value) if isinstance(value, dict) else self._mismatch(flag, default)

    def _mismatch(self, flag: str, default: Any) -> Any:
        self._failed(flag, default, "TYPE_MISMATCH", "the flag is of another kind than it is asked for")
        return default

    def _failed(self, flag: str, default: Any, code: ErrorCode, why: str) -> Evaluation:
        flag = str(flag)
        with self._lock:
            self.failures[code] += 1
            new = (flag, code) not in self._told and len(self._told) < MOST_TOLD
            if new:
                self._told.add((flag, code))
        if new:
            log.warning("flag %s: %s (%s); the caller's default is used", flag, why, code)
        return Evaluation(flag, default, error=code, message=why)
