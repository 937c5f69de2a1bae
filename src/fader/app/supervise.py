"""`fader up`: a small supervisor of two processes, server and agent, each restarted alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from fader.api.allowance import NO_LIMITS, Limits
from fader.app.client import ControlPlane
from fader.app.data import DataDirectory
from fader.app.front import front
from fader.app.preflight import check
from fader.errors import BadInput, Problem, Unavailable
from fader.model.front import Front

#: A child that lived this long starts anew at once; one that died younger waits, ever longer. Seconds.
STEADY = 10.0
LONGEST_PAUSE = 5.0
#: How long the server may take to answer for the first time, and a child to stop when asked. Seconds.
FIRST_ANSWER = 30.0
FAREWELL = 20.0


@dataclass(slots=True)
class Child:
    """One supervised process. Its output goes to `logs/NAME.log`, so that a terminal shows only what matters."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    pause: float = 0.0
    born: float = field(default=0.0)

    async def start(self) -> None:
        _cut(self.log)
        environment = {**os.environ, "FADER_SUPERVISED": "1", "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "fader.cli.entry",
                *self.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor alone, which stops in order
            )
        self.born = time.monotonic()

    async def keep(self, say: Console, stopping: asyncio.Event) -> None:
        """Start the process again whenever it ends, until `stopping` is set."""
        while self.process is not None:
            code = await self.process.wait()
            if stopping.is_set():
                return
            lived = time.monotonic() - self.born
            self.pause = 0.0 if lived > STEADY or self.restarts == 0 else min(LONGEST_PAUSE, self.pause * 2 or 0.25)
            self.restarts += 1
            say.print(f"[yellow]the {self.name} ended ({_how(code)}); starting it again. Its log: {self.log}[/yellow]")
            await asyncio.sleep(self.pause)
            if stopping.is_set():
                return
            await self.start()

    async def stop(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), FAREWELL)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def up(
    *,
    file: Path | None,
    data_dir: Path,
    host: str,
    port: int,
    limits: Limits = NO_LIMITS,
    environment: str = "",
    external_url: str = "",
    public_cards: bool = False,
    open_browser: bool = False,
) -> int:
    """Check everything, start server and gateway, apply `file`, and stay until Ctrl-C or SIGTERM.

    Raises BadInput or Corrupt before anything is started when something is wrong.
    """
    reached = front(host, port, external_url, public_cards=public_cards)
    data = DataDirectory(data_dir)
    data.prepare()
    lock = data.hold()
    try:
        data.refuse_other(environment)
        text = check(data, file, host, port, environment)
        data.keep_environment(environment)
        given = _Given(host, port, limits, environment, external_url, reached)
        return asyncio.run(_up(data, file, text, given, open_browser=open_browser))
    finally:
        os.close(lock)


@dataclass(frozen=True, slots=True)
class _Given:
    """What the server is started with. `external_url`: as it was given, "" where it was not."""

    host: str
    port: int
    limits: Limits
    environment: str
    external_url: str
    front: Front

    def arguments(self) -> tuple[str, ...]:
        limited = ("--server-limit", str(self.limits.server), "--client-limit", str(self.limits.client))
        of = ("--environment", self.environment) if self.environment else ()
        reached = ("--external-url", self.external_url) if self.external_url else ()
        shown = ("--public-cards",) if self.front.public_cards else ()
        return ("--host", self.host, "--port", str(self.port), *limited, *of, *reached, *shown)


async def _up(data: DataDirectory, file: Path | None, text: str, given: _Given, *, open_browser: bool) -> int:
    say = Console(stderr=True)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    place = ("--data-dir", str(data.path))
    reach = front(given.host, given.port).url
    server = Child("server", ("server", *place, *given.arguments()), data.logs / "server.log")
    agent = Child("gateway agent", ("agent", *place, "--server", reach), data.logs / "agent.log")
    control = ControlPlane(reach, data.token.read_text().strip())
    keepers: list[asyncio.Task[None]] = []
    try:
        await server.start()
        await _answers(control, server, stopping)
        if text and file is not None:
            plan = await asyncio.to_thread(control.apply, str(file), text)
            for warning in plan["warnings"]:
                say.print(f"[yellow]{warning}[/yellow]")
        await agent.start()
        keepers = [asyncio.create_task(child.keep(say, stopping)) for child in (server, agent)]
        await _serving(control, agent, say, stopping)
        if not stopping.is_set():
            await _greet(control, data, reach, given.external_url and given.front.url, open_browser=open_browser)
        await stopping.wait()
        say.print("stopping: open requests are finished first")
    finally:
        stopping.set()
        await agent.stop()  # first the traffic is drained, then the control plane goes
        await server.stop()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
    return 0


async def _answers(control: ControlPlane, server: Child, stopping: asyncio.Event) -> None:
    deadline = time.monotonic() + FIRST_ANSWER
    while not stopping.is_set() and not await asyncio.to_thread(control.healthy):
        if server.process is not None and server.process.returncode is not None:
            raise BadInput(_last_words(server))
        if time.monotonic() > deadline:
            raise Unavailable(f"the server did not answer within {FIRST_ANSWER:.0f} s; see {server.log}")
        await asyncio.sleep(0.03)


async def _serving(control: ControlPlane, agent: Child, say: Console, stopping: asyncio.Event) -> None:
    """Wait until the gateway has put the ruleset in force; say so when it cannot."""
    deadline = time.monotonic() + FIRST_ANSWER
    told = ""
    while not stopping.is_set():
        reports = (await asyncio.to_thread(control.status))["gateways"]
        if any(r["applied_version"] > 0 and not r["error"] for r in reports):
            return
        for error in {r["error"] for r in reports if r["error"]} - {told}:
            say.print(f"[red]the gateway refuses its configuration: {error}[/red]")
            told = error
        if time.monotonic() > deadline:
            say.print(f"[red]the gateway does not serve yet; see {agent.log}[/red]")
            return
        await asyncio.sleep(0.03)


async def _greet(control: ControlPlane, data: DataDirectory, reach: str, external: str, *, open_browser: bool) -> None:
    status, flags = await asyncio.to_thread(control.status), await asyncio.to_thread(control.flags)
    link = f"{reach}/login#token={control.token}"
    out = Console(stderr=True, soft_wrap=True, highlight=False)
    out.print(f"[bold]dashboard[/bold]  {link}")
    if external:
        out.print(f"[bold]for others[/bold]  {external}/login")
    for service in status["services"]:
        versions = ", ".join(f"{v} (baseline)" if v == service["baseline"] else v for v in service["versions"])
        out.print(f"[bold]{service['name']}[/bold]  http://{service['listen']}  ->  {versions}")
    if flags:
        count = "1 flag" if flags == 1 else f"{flags:,} flags"
        out.print(f"[bold]{count}[/bold]  for apps that hold the key in {data.server_key}")
    if not status["services"] and not flags:
        out.print("no services and no flags yet: write a fader.yaml and run `fader apply -f fader.yaml`")
    for rollout in status["rollouts"]:
        out.print(f"[bold]{rollout['name']}[/bold]  {rollout['headline']}")
    environment = data.environment.read_text().strip() if data.environment.exists() else ""
    out.print(f"{f'environment {environment}; ' if environment else ''}data in {data.path}; Ctrl-C stops")
    if open_browser:
        import webbrowser

        await asyncio.to_thread(webbrowser.open, link)


def _last_words(server: Child) -> Problem:
    lines = server.log.read_text(errors="replace").strip().splitlines()[-5:]
    return Problem("the server could not start: " + " / ".join(lines), f"see {server.log}")


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _cut(log: Path, most: int = 10_000_000) -> None:
    """Logs are kept for one restart and bounded: the older file is replaced."""
    if log.exists() and log.stat().st_size > most:
        log.rename(log.with_suffix(".log.1"))
