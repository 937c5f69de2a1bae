"""Processes that the demo starts, and their end: nothing outlives the demo."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import fader
from fader.errors import Problem, Unavailable
from fader.gateway.lock import Lock

#: Held until this process ends.
_FIRST = Lock(Path(tempfile.gettempdir()) / f"fader-demo-{os.getuid()}.lock")


@dataclass(slots=True)
class Process:
    """One child; what it says goes into `log`."""

    name: str
    log: Path
    _child: asyncio.subprocess.Process

    @classmethod
    async def start(cls, name: str, log: Path, *arguments: str) -> Process:
        """Run `python ARGUMENTS` in its own session: Ctrl-C reaches the demo alone, which stops it in order."""
        with log.open("ab") as sink:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        return cls(name, log, child)

    @property
    def running(self) -> bool:
        return self._child.returncode is None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._child.kill()

    async def stop(self, patience: float) -> None:
        """Ask, wait `patience` seconds, then kill."""
        if not self.running:
            return
        with contextlib.suppress(ProcessLookupError):
            self._child.terminate()
        try:
            await asyncio.wait_for(self._child.wait(), patience)
        except TimeoutError:
            self.kill()
            await self._child.wait()

    def ended(self) -> Unavailable:
        """The error for a process that is gone when it should not be."""
        words = " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-8:])
        said = f"; it said: {words}" if words else ""
        return Unavailable(str(Problem(f"{self.name} ended (exit code {self._child.returncode}){said}")))


def shop_app() -> Path:
    """The shop's file: inside the installed package, or under demos/ in a checkout. Raises Unavailable."""
    package = Path(fader.__file__).parent
    for place in (package / "demo" / "shop" / "app.py", package.parent.parent / "demos" / "shop" / "app.py"):
        if place.is_file():
            return place
    raise Unavailable("the demo's shop is not part of this installation; install fader from its wheel or a checkout")


def free_port(preferred: int, *, taken: frozenset[int] = frozenset()) -> int:
    """`preferred` on 127.0.0.1 where it is free and not `taken`, else any free one."""
    for port in (preferred, 0, 0, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found = int(probe.getsockname()[1])
                if found not in taken:
                    return found
    raise Unavailable("no free port on 127.0.0.1")


def free_ports(*preferred: int) -> tuple[int, ...]:
    """One different free port for each; the preferred ones are the first demo's of this machine, as two that start
    together would both find them free."""
    first = _FIRST.take(str(os.getpid()))
    ports: tuple[int, ...] = ()
    for port in preferred:
        ports = (*ports, free_port(port if first else 0, taken=frozenset(ports)))
    return ports
