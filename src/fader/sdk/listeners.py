"""Who is told what becomes of a client's ruleset."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

#: `changed`: a ruleset was taken. `silent`: the server has not been heard of for long, the last ruleset goes on.
#: `back`: it was silent, and answers again.
News = Literal["changed", "silent", "back"]
Listener = Callable[[News], None]

log = logging.getLogger("fader.sdk")


class Listeners:
    """Each is told of a silence once, and of its end only when it was told of it: also one that came in the middle.

    Without a lock, which a fork could take along: adding to a dict, and taking from it, are whole by themselves.
    """

    def __init__(self) -> None:
        self._silent: dict[Listener, bool] = {}

    def add(self, listener: Listener) -> None:
        """One that is there already is told once."""
        self._silent.setdefault(listener, False)

    def remove(self, listener: Listener) -> None:
        """It may still be told what is being told now."""
        self._silent.pop(listener, None)

    def tell(self, news: News) -> None:
        """By one thread at a time. Never raises: a listener that does is written to the log."""
        for listener, silent in list(self._silent.items()):
            if news != "changed":
                if silent is (news == "silent"):
                    continue
                self._silent[listener] = news == "silent"
            try:
                listener(news)
            except Exception:
                log.exception("a listener failed")
