"""`fader demo`: the shop, its visitors, `fader up` and one rollout, from the first request to the decision."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvloop
from rich.markup import escape

from fader.app.data import DataDirectory
from fader.demo.connection import Pool
from fader.demo.control import Control
from fader.demo.crowd import Crowd, request_bytes
from fader.demo.outcome import DECIDED, Outcome, outcome_of
from fader.demo.process import Process, free_ports, shop_app
from fader.demo.progress import Progress
from fader.demo.scenarios import Manners, Scenario, fader_yaml, scenario_named
from fader.demo.visitor import Visit
from fader.errors import BadInput, Problem, Unavailable
from fader.model.view import RolloutView

#: Seconds. How long a part may take to answer for the first time; how long the rollout may take in all.
FIRST_ANSWER = 40.0
LONGEST = 240.0
#: Seconds. Traffic before the kill at its stage, and after the decision.
BEFORE_KILL = 4.0
AFTERMATH = 3.0
#: Seconds between two looks, and how long the control plane may be away while the demo waits for it to come back.
LOOK = 0.5
ABSENCE = 20.0
#: Seconds for an end in order, after which a process is killed. `fader up` drains the gateway first.
SHOP_FAREWELL = 5.0
UP_FAREWELL = 45.0

EXIT_DECIDED, EXIT_UNDECIDED = 0, 1


def run(
    *,
    scenario: str,
    visitors: int,
    rate: float,
    seed: int,
    exit_when_done: bool,
    as_json: bool,
    data_dir: Path | None = None,
) -> int:
    """Returns 0 when the rollout came to a decision, 1 when it did not within `LONGEST` seconds or was interrupted.

    Without `data_dir` everything is written into a temporary directory, which is removed in the end. Raises
    BadInput, and Unavailable with the last words of the process that did not start or ended.
    """
    chosen = scenario_named(scenario)
    if visitors < 1 or rate <= 0:
        raise BadInput(Problem("a demo needs visitors and a rate above 0", "e.g. --visitors 2000 --rate 800"))
    app = shop_app()
    workspace = data_dir or Path(tempfile.mkdtemp(prefix="fader-demo-"))
    try:
        workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        demo = _Demo(
            chosen,
            app=app,
            workspace=workspace.absolute(),
            visitors=visitors,
            rate=rate,
            seed=seed,
            exit_when_done=exit_when_done,
            as_json=as_json,
        )
        return uvloop.run(demo.run())
    except OSError as error:
        problem = Problem(f"the demo cannot write there: {error.strerror}", "name another --data-dir", str(workspace))
        raise BadInput(problem) from None
    finally:
        if data_dir is None:
            shutil.rmtree(workspace, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Ports:
    listen: int
    control: int
    shops: Mapping[str, int]


class _Demo:
    def __init__(
        self,
        scenario: Scenario,
        *,
        app: Path,
        workspace: Path,
        visitors: int,
        rate: float,
        seed: int,
        exit_when_done: bool,
        as_json: bool,
    ) -> None:
        self._scenario = scenario
        self._app = app
        self._workspace = workspace
        self._visitors, self._rate, self._seed = visitors, rate, seed
        self._exit_when_done, self._as_json = exit_when_done, as_json
        listen, control, *shops = free_ports(8080, 7070, *(9001, 9002)[: len(scenario.versions)])
        self._ports = _Ports(listen, control, dict(zip(scenario.versions, shops, strict=True)))
        self._url = f"http://127.0.0.1:{self._ports.control}"
        self._data = DataDirectory(workspace / "data")
        self._progress = Progress(scenario)
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self._progress)
            self._data.prepare()  # the shops need the tokens for events and flags before anything serves
            shops = [await stack.enter_async_context(self._shop(*shop)) for shop in self._scenario.versions.items()]
            for shop, port in zip(shops, self._ports.shops.values(), strict=True):
                await self._until(partial(self._answers, port), shop)
            up = await stack.enter_async_context(self._up())
            control = await self._control(stack, up)
            await self._until(lambda: self._answers(self._ports.listen), up)
            if self._stop.is_set():
                return EXIT_UNDECIDED
            crowd = Crowd(
                "127.0.0.1",
                self._ports.listen,
                visitors=self._visitors,
                rate=self._rate,
                seed=self._seed,
                turnover=self._scenario.turnover,
            )
            await stack.enter_async_context(_background(crowd.run()))
            await self._warm_up(crowd)
            if self._stop.is_set():
                return EXIT_UNDECIDED
            await control.start(self._scenario.rollout)
            view = await self._watch(control, crowd, up, shops[-1])
            await self._tell(view, crowd)
            if not self._exit_when_done and not self._stop.is_set():
                self._progress.say(
                    f"The visitors keep coming. Look around: {self._progress.link}  (Ctrl-C ends the demo)"
                )
                await self._stop.wait()
        return EXIT_DECIDED if view.state.phase in DECIDED else EXIT_UNDECIDED

    @contextlib.asynccontextmanager
    async def _shop(self, version: str, manners: Manners) -> AsyncIterator[Process]:
        tells = ("--events", self._url, "--token-file", str(self._data.events_token))
        if self._scenario.flag:
            tells = ("--flags", self._url, "--key-file", str(self._data.server_key))
        shop = await Process.start(
            f"shop {version}",
            self._workspace / f"shop-{version}.log",
            str(self._app),
            *("--version", version, "--port", str(self._ports.shops[version]), "--seed", str(self._seed)),
            *("--error-rate", str(manners.error_rate), "--slow-factor", str(manners.slow_factor)),
            *("--appeal", str(manners.appeal), "--confusion", str(manners.confusion)),
            *("--form-error-rate", str(manners.form_error_rate)),
            *tells,
        )
        try:
            yield shop
        finally:
            await shop.stop(SHOP_FAREWELL)

    @contextlib.asynccontextmanager
    async def _up(self) -> AsyncIterator[Process]:
        file = self._workspace / "fader.yaml"
        file.write_text(fader_yaml(self._scenario, listen=self._ports.listen, versions=self._ports.shops))
        up = await Process.start(
            "fader up",
            self._workspace / "up.log",
            *("-m", "fader.cli.entry", "up", "-f", str(file), "--data-dir", str(self._data.path)),
            *("--host", "127.0.0.1", "--port", str(self._ports.control)),
        )
        try:
            yield up
        finally:
            self._progress.freeze()
            self._progress.say("stopping what the demo started")
            await up.stop(UP_FAREWELL)

    async def _control(self, stack: contextlib.AsyncExitStack, up: Process) -> Control:
        stranger = Control(self._url)
        stack.push_async_callback(stranger.close)
        await self._until(stranger.healthy, up)
        token = self._data.token.read_text().strip()
        control = Control(self._url, token)
        stack.push_async_callback(control.close)
        self._progress.link = f"{self._url}/login#token={token}"
        self._progress.say(f"dashboard: {self._progress.link}")
        return control

    async def _answers(self, port: int) -> bool:
        """Whether something on the port answers a page with less than 500."""
        pool = Pool("127.0.0.1", port, patience=2.0)
        try:
            answer = await pool.ask(request_bytes(f"127.0.0.1:{port}", Visit("GET", "/healthz"), ""))
        finally:
            pool.close()
        return 0 < answer.status < 500

    async def _until(self, ready: Callable[[], Awaitable[bool]], process: Process) -> None:
        """Raises Unavailable when the process ends, or is not ready in time. Returns early when asked to stop."""
        deadline = asyncio.get_running_loop().time() + FIRST_ANSWER
        while not self._stop.is_set() and not await ready():
            if not process.running:
                raise process.ended()
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(f"{process.name} did not answer within {FIRST_ANSWER:.0f} s")
            await self._pause(0.1)

    async def _warm_up(self, crowd: Crowd) -> None:
        """Every visitor comes once, and a little more: fader learns the baseline from what it has seen by then."""
        self._progress.say(f"{self._visitors:,} visitors arrive, {self._rate:,.0f} requests/s in all")
        await self._pause(self._scenario.warm_up)
        while not crowd.settled and not self._stop.is_set():
            await self._pause(0.1)

    async def _watch(self, control: Control, crowd: Crowd, up: Process, candidate: Process) -> RolloutView:
        """Until the decision and its aftermath, the deadline, or Ctrl-C. Returns the last view."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST
        seen_at = loop.time()
        kill_at = decided_at = 0.0
        view = await control.rollout(self._scenario.rollout)
        while not self._stop.is_set():
            now = loop.time()
            try:
                view = await control.rollout(self._scenario.rollout)
                seen_at = now
            except Unavailable:
                if not up.running:
                    raise up.ended() from None
                if now - seen_at > ABSENCE:
                    raise
            self._progress.show(view, crowd.tally)
            if self._reached_kill(view):
                kill_at = kill_at or now + BEFORE_KILL
                if now >= kill_at and candidate.running:
                    candidate.kill()
                    self._progress.say("v2 is killed with SIGKILL")
            if view.state.phase in DECIDED:
                decided_at = decided_at or now
                if now - decided_at >= AFTERMATH:
                    break
            elif now > deadline:
                break
            await self._pause(LOOK)
        return view

    def _reached_kill(self, view: RolloutView) -> bool:
        return bool(self._scenario.killed_at) and view.state.share >= self._scenario.killed_at

    async def _tell(self, view: RolloutView, crowd: Crowd) -> None:
        self._progress.show(view, crowd.tally)
        self._progress.freeze()
        outcome = outcome_of(view, crowd.tally)
        self._progress.say(_sentence(outcome, view, self._scenario))
        if self._as_json:
            sys.stdout.write(outcome.json() + "\n")
            sys.stdout.flush()

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not through Ctrl-C."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)


@contextlib.asynccontextmanager
async def _background(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _sentence(outcome: Outcome, view: RolloutView, scenario: Scenario) -> str:
    """The end in words; says so when it is not the one that the scenario is made for."""
    within = f" within {outcome.seconds_to_decision:.0f} s" if outcome.seconds_to_decision else ""
    text = (
        f"[bold]{escape(outcome.cause)}[/bold]\n{outcome.units_exposed} users saw {view.spec.called(view.candidate)}, "
        f"{outcome.units_harmed} of them were harmed{within}; "
        f"{outcome.requests:,} requests, {outcome.failed_requests:,} failed"
    )
    if outcome.outcome != scenario.ends:
        text += f"\n[yellow]This scenario is made to be {scenario.ends.replace('_', ' ')}.[/yellow]"
    return text
