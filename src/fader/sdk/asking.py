"""Who asks for flags when the question names nobody: the unit of the request that is being answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, Any] = MappingProxyType({})

Found = tuple[str, Mapping[str, Any]]


class Asker:
    """The unit and attributes of one request: looked up when a flag is first asked for, and once.

    Late, so that a request which asks for no flag costs nothing, and so that what stands further inside (the login, the
    router) has been there by then.
    """

    __slots__ = ("_find", "_found")

    def __init__(self, find: Callable[[], Found]) -> None:
        self._find = find
        self._found: Found | None = None

    def found(self) -> Found:
        """The unit, "" for nobody, and the attributes."""
        if self._found is None:
            self._found = self._find()
        return self._found


_ASKER: ContextVar[Asker | None] = ContextVar("fader_asker", default=None)


def asked_by(attributes: Mapping[str, Any] = NOTHING) -> Found:
    """Who asks here, nobody outside of a request. `attributes` go before those of the request."""
    asker = _ASKER.get()
    if asker is None:
        return "", attributes
    unit, own = asker.found()
    return unit, {**own, **attributes} if attributes else own


@contextmanager
def asking(unit: str, attributes: Mapping[str, Any] = NOTHING) -> Iterator[None]:
    """Inside, questions that name no unit are asked for `unit`: in jobs, and in the tests of apps.

    >>> with asking("ann", {"country": "US"}):
    ...     asked_by()
    ('ann', {'country': 'US'})
    """
    with asking_as(Asker(lambda: (unit, attributes))):
        yield


@contextmanager
def asking_as(asker: Asker) -> Iterator[None]:
    token = _ASKER.set(asker)
    try:
        yield
    finally:
        _ASKER.reset(token)


def ask_as(asker: Asker) -> None:
    """For the rest of the current context."""
    _ASKER.set(asker)
