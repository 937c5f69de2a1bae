"""A gateway in a directory of its own: agents as real processes, the Envoy that they own, and how to be rid of both."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from .control import TOKEN, ControlPlane

#: Generous: the machine may be busy.
PATIENCE = 40.0
_MAIN = """
import asyncio, json, sys
from pathlib import Path
from fader.errors import FaderError
from fader.gateway.agent import AgentConfig, run_agent
given = json.loads(sys.argv[1])
for key in ("directory", "token_file"):
    given[key] = Path(given[key])
try:
    sys.exit(asyncio.run(run_agent(AgentConfig(**given))))
except FaderError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


async def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait for a condition, which may raise while it is not there yet; returns its value."""
    give_up = time.monotonic() + patience
    last: object = None
    while time.monotonic() < give_up:
        try:
            last = condition()
            if last:
                return last
        except (OSError, IndexError, KeyError, ValueError) as error:
            last = error
        await asyncio.sleep(0.02)
    raise AssertionError(f"did not come: {what} (last: {last!r})")


class Gateway:
    def __init__(self, directory: Path, plane: ControlPlane) -> None:
        self.root = directory
        self.directory = directory / "gw"
        self.plane = plane
        self.token_file = directory / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.agents: list[subprocess.Popen[bytes]] = []
        self._seen: set[int] = set()

    def agent(self, **settings: Any) -> subprocess.Popen[bytes]:
        """A new agent process. Its log goes to `agent.log`."""
        with (self.root / "agent.log").open("ab") as log:
            process = subprocess.Popen(self.command(**settings), stdout=log, stderr=log)
        self.agents.append(process)
        return process

    def command(self, **settings: Any) -> list[str]:
        config = {
            "directory": str(self.directory),
            "server": self.plane.url,
            "token_file": str(self.token_file),
            "gateway": "g1",
            "concurrency": 1,
            "verbosity": "debug",
            **settings,
        }
        return [sys.executable, "-c", _MAIN, json.dumps(config)]

    @property
    def log(self) -> str:
        return (self.root / "agent.log").read_text()

    @property
    def envoy(self) -> int:
        """The number of the living Envoy. Raises when there is none."""
        pid = int(json.loads((self.directory / "envoy.pid").read_bytes())["pid"])
        self._seen.add(pid)
        if not lives(pid):
            raise ProcessLookupError(pid)
        return pid

    async def applied(self, version: int) -> None:
        def done() -> bool:
            report = self.plane.reports[-1]
            return report.applied_version == version and not report.error

        try:
            await until(done, f"ruleset {version} in force")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}\n{(self.directory / 'envoy.log').read_text()}") from error

    async def stop(self, process: subprocess.Popen[bytes], patience: float = PATIENCE) -> int:
        process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(process.wait, patience)

    def clean(self) -> None:
        with suppress(OSError, ValueError, KeyError):
            _ = self.envoy
        for process in self.agents:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        with suppress(OSError, ValueError):
            # An agent that was started by somebody else than this test.
            holder = int((self.directory / "agent.lock").read_text())
            if str(self.directory) in Path(f"/proc/{holder}/cmdline").read_text():
                os.kill(holder, signal.SIGKILL)
        with suppress(OSError, ValueError, KeyError):
            _ = self.envoy
        for pid in self._seen:
            if lives(pid) and "envoy" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)


def lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@asynccontextmanager
async def gateway(plane: ControlPlane) -> AsyncIterator[Gateway]:
    # Not pytest's own directory: the path of a Unix socket must be short.
    made = Gateway(Path(tempfile.mkdtemp(prefix="fader-a-")), plane)
    try:
        yield made
    finally:
        made.clean()
