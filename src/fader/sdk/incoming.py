"""What the middlewares of all kinds of servers share: who asks in a request, and what went wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from fader.sdk.answers import log
from fader.sdk.asking import NOTHING, Asker, Found
from fader.sdk.tracker import Tracker

R = TypeVar("R")
#: Finds the unit in a request; what is no text is made one, and None is nobody.
UnitOf = Callable[[R], object]
AttributesOf = Callable[[R], Mapping[str, Any]]

#: Where the gateway writes whom it assigned.
HEADER = "x-fader-unit"
#: From this status on an answer is a failure of the server.
FAILURE = 500


class Incoming(Generic[R]):
    """Requests of one kind. Nothing here raises: what cannot be found out is nobody, without attributes, and the log
    `fader.sdk` is told once."""

    def __init__(self, unit: UnitOf[R], attributes: AttributesOf[R] | None, tracker: Tracker | None) -> None:
        self._unit, self._attributes, self.tracker = unit, attributes, tracker
        self._told: set[str] = set()

    def asker(self, request: R) -> Asker:
        def find() -> Found:
            return self._unit_of(request), self._attributes_of(request)

        return Asker(find)

    def failed(self, asker: Asker, route: str, exception: BaseException | None, status: int) -> None:
        """Tell the tracker, when there is one and somebody was hurt. `status` counts without an exception."""
        if self.tracker is None or (exception is None and status < FAILURE):
            return
        unit, _ = asker.found()
        if not unit:
            return
        if exception is not None:
            self.tracker.error(exception, unit, route)
        else:
            self.tracker.track("error", unit, {"status": status, "route": route})

    def _unit_of(self, request: R) -> str:
        try:
            unit = self._unit(request)
            return "" if unit is None else str(unit)
        except Exception as error:
            self._say("unit", error)
            return ""

    def _attributes_of(self, request: R) -> Mapping[str, Any]:
        try:
            return NOTHING if self._attributes is None else dict(self._attributes(request))
        except Exception as error:
            self._say("attributes", error)
            return NOTHING

    def _say(self, what: str, error: Exception) -> None:
        if what not in self._told:
            self._told.add(what)
            log.warning("the %s of a request could not be found out", what, exc_info=error)


def text_of(header: bytes) -> str:
    """What is no UTF-8 is no id: ""."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return ""


def cookie_of(header: bytes, name: str) -> str:
    """The value of the first cookie with that name, without quotes around it, as the gateway reads it."""
    for pair in header.split(b";"):
        key, _, value = pair.partition(b"=")
        if key.strip() == name.encode():
            value = value.strip()
            return text_of(value[1:-1] if len(value) > 1 and value[:1] == value[-1:] == b'"' else value)
    return ""
