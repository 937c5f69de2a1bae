"""A process that may not be our child: is it still the one we mean, and when does it end?"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Identity:
    """A process for certain: numbers are used again, but never with the same start in the same boot.

    `ticks`: start since boot in clock ticks (field 22 of /proc/PID/stat); `boot`: the kernel's id of this boot.
    `started_at`: seconds since 1970, for people.
    """

    pid: int
    ticks: int
    boot: str
    started_at: float

    def alive(self) -> bool:
        """Whether this very process runs now. A zombie does not."""
        return self.boot == boot_id() and start_ticks(self.pid) == self.ticks


def boot_id() -> str:
    return BOOT_ID.read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None when there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name, in brackets, may itself hold blanks and brackets: the fields are counted from the last bracket.
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def identify(pid: int, now: float) -> Identity | None:
    """The identity of a running process, None when there is none. `now` in seconds since 1970."""
    ticks = start_ticks(pid)
    if ticks is None:
        return None
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return Identity(pid, ticks, boot_id(), now - uptime + ticks / os.sysconf("SC_CLK_TCK"))


async def ended(process: Identity) -> int | None:
    """Wait until the process has ended, by a descriptor of the kernel and not by looking again and again.

    A child is reaped and its wait status returned; of another process the status is unknown: None.
    """
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return _reap(process.pid)
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_reader(fd, done.set)
    try:
        # Only now is it certain that the descriptor is of this process and not of a later one with its number.
        if process.alive():
            await done.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    return _reap(process.pid)


def _reap(pid: int) -> int | None:
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return status if reaped else None


def send(identity: Identity, number: signal.Signals) -> None:
    """Signal the process, unless it has ended and its number may be somebody else's by now."""
    if identity.alive():
        with suppress(ProcessLookupError):
            os.kill(identity.pid, number)


def status_in_words(status: int | None) -> str:
    """How a process ended, from its wait status."""
    if status is None:
        return "ended"
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}"
