"""What a person sees while the demo runs. Always on stderr: stdout is for the result."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fader.demo.scenarios import Scenario
from fader.demo.tally import Tally
from fader.model.share import WHOLE, percent
from fader.model.state import Phase
from fader.model.verdict import Judgement, Reading, Signal, Verdict
from fader.model.view import RolloutView, StageView

_COLOURS = {
    Verdict.HARMFUL: "bold red",
    Verdict.TOLERATED: "yellow",
    Verdict.SAFE: "green",
    Verdict.UNDECIDED: "cyan",
    Verdict.UNKNOWN: "magenta",
}
_MARKS = {"passed": "[green]✓[/]", "current": "[bold cyan]▶[/]", "stopped": "[bold red]✗[/]"}
BAR = 40


class Progress:
    """A live picture on a terminal; elsewhere a line for each new stage. `link` leads to the dashboard."""

    def __init__(self, scenario: Scenario, console: Console | None = None) -> None:
        self._scenario = scenario
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._said: tuple[Phase, int] | None = None
        self.link = ""

    def __enter__(self) -> Progress:
        self.say(f"[bold]{self._scenario.name}[/bold]: {self._scenario.story}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.freeze()

    def say(self, sentence: str) -> None:
        """One line, above the picture where there is one."""
        self._console.print(sentence)

    def show(self, view: RolloutView, tally: Tally) -> None:
        """Called again and again."""
        if self._console.is_terminal:
            if self._live is None:
                self._live = Live(console=self._console, refresh_per_second=4)
                self._live.start()
            self._live.update(picture(view, tally, self.link))
        elif (now := (view.state.phase, view.state.stage)) != self._said:
            self._said = now
            self.say(escape(view.headline))

    def freeze(self) -> None:
        """Leave the last picture standing."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def picture(view: RolloutView, tally: Tally, link: str) -> RenderableType:
    """The state of a rollout in some ten lines."""
    parts: list[RenderableType] = [
        Text(""),
        Text(view.headline, style=_tone(view.state.phase)),
        Text.from_markup(f"{_bar(view.state.share)}  {percent(view.state.share)} of the users have {_candidate(view)}"),
        Text.from_markup("  ".join(_stage(stage) for stage in view.stages)),
    ]
    if view.judgements:
        parts.append(_judgements(view))
    parts += [Text(_reading(view, reading)) for reading in view.readings if reading.verdict != "unknown"]
    parts += [Text(_signal(view, signal), style="bold red" if signal.harmful else "yellow") for signal in view.signals]
    parts += [Text(f"waits: {wait}", style="dim") for wait in view.waits]
    parts.append(
        Text(
            f"{view.units_exposed} users saw {_candidate(view)}, {view.units_harmed} of them were harmed; "
            f"{tally.requests:,} requests, {tally.failed:,} failed, {tally.failed_reads:,} of them reads"
        )
    )
    if link:
        parts.append(Text(f"dashboard: {link}", style="dim"))
    return Group(*parts)


def _candidate(view: RolloutView) -> str:
    return view.spec.called(view.candidate)


def _judgements(view: RolloutView) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("guardrail", view.baseline, view.candidate, "verdict", ""):
        table.add_column(heading, header_style="dim")
    for judgement in view.judgements:
        table.add_row(
            judgement.metric,
            f"{judgement.baseline_rate:.2%}",
            f"{judgement.candidate_rate:.2%}",
            Text(judgement.verdict.value, style=_COLOURS[judgement.verdict]),
            Text(_note(judgement), style="dim"),
        )
    return table


def _reading(view: RolloutView, reading: Reading) -> str:
    """The narrower of the intervals that hold."""
    low, high = reading.low, reading.high
    if reading.fixed_low is not None and reading.fixed_high is not None:
        low, high = reading.fixed_low, reading.fixed_high
    return (
        f"{reading.metric}: {reading.candidate_value:.1%} on {view.spec.called(reading.arm)}, "
        f"{reading.baseline_value:.1%} on {view.spec.called(view.baseline)}, "
        f"effect {100 * low:+.1f} to {100 * high:+.1f} pp: {reading.verdict}"
    )


def _signal(view: RolloutView, signal: Signal) -> str:
    return (
        f"signal: {signal.name} with {signal.candidate} users of {_candidate(view)} and {signal.baseline} of "
        f"{view.spec.called(view.baseline)}, {signal.low:.2g} to {signal.high:.2g} times as many"
    )


def _note(judgement: Judgement) -> str:
    if judgement.missing:
        return judgement.missing
    if judgement.verdict is Verdict.UNDECIDED and judgement.more_units:
        return f"about {judgement.more_units:,} more users are needed"
    return ""


def _bar(share: int) -> str:
    full = round(BAR * share / WHOLE)
    return f"[cyan]{'━' * full}[/][dim]{'━' * (BAR - full)}[/]"


def _stage(stage: StageView) -> str:
    return f"{_MARKS.get(stage.status, '[dim]·[/]')} {percent(stage.share)}"


def _tone(phase: Phase) -> str:
    if phase in (Phase.ROLLED_BACK, Phase.HELD, Phase.ABORTED):
        return "bold red"
    return "bold green" if phase is Phase.COMPLETED else "bold"
