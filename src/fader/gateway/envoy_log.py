"""Envoy's own log: the only place where it says why it refused a configuration."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: A configuration error may quote the configuration; more than this is of no use to a reader.
MOST = 600
_LINE = re.compile(r"^\[[^\]]*\]\[\d+\]\[(?P<level>\w+)\]\[\w+\] (?:\[[^\]]*\] )?(?P<text>.*)$")
_BIND = re.compile(r"cannot bind '(?P<address>[^']+)'[^\n]*")
_NOISE = ("no configured limit", "Deprecated field", "caught SIGTERM", "deprecated")


class EnvoyLog:
    """A file that Envoy appends to (its stdout and stderr). Kept below `limit` bytes, with one older copy."""

    def __init__(self, path: Path, limit: int = 4 << 20) -> None:
        self.path = path
        self._limit = limit

    def open_for_envoy(self) -> int:
        """A descriptor to append to, for the child. The caller closes it."""
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def end(self) -> int:
        """The offset at which the next line will begin."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def complaint(self, since: int) -> str:
        """What Envoy has complained about since offset `since`, in one line; "" when it has not."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(since, self.end() - (64 << 10)))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return worst(text)

    def bound(self) -> None:
        """Copy and truncate when the file has grown beyond its limit. Envoy appends, so it goes on at the new end;
        a line written between the two steps is lost, which a log for people can bear."""
        if self.end() > self._limit:
            self.path.with_name(self.path.name + ".1").write_bytes(self.path.read_bytes())
            os.truncate(self.path, 0)


def worst(text: str) -> str:
    """The complaint in a piece of Envoy's log: the last warning or error that is about configuration or a port."""
    bind = _BIND.search(text)
    if bind:
        return port_taken(bind["address"])
    complaints: list[str] = []
    open_entry = False
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            # A long reason goes on in further lines without a head.
            if open_entry and complaints:
                complaints[-1] += " " + line.strip()
            continue
        open_entry = match["level"] in ("warning", "error", "critical") and not any(n in match["text"] for n in _NOISE)
        if open_entry:
            complaints.append(match["text"].strip())
    return complaints[-1][:MOST] if complaints else ""


def port_taken(address: str) -> str:
    return f"{address} is taken: another program listens on port {address.rpartition(':')[2]}"
