"""How answers are printed. Every sentence about a rollout is the server's; here are only tables and numbers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from fader.model.verdict import Judgement
    from fader.model.view import RolloutView

STAGE_MARKS = {"passed": "✓", "current": "▶", "stopped": "■", "skipped": "-", "ahead": "·"}
STAGE_COLOURS = {"passed": "green", "current": "cyan", "stopped": "red", "skipped": "dim", "ahead": "dim"}
VERDICT_COLOURS = {"harmful": "red", "tolerated": "yellow", "safe": "green"}


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def to_view(answer: Any) -> RolloutView:
    import msgspec

    from fader.model.view import RolloutView

    return msgspec.convert(answer, RolloutView)


def moment(at: float) -> str:
    """A time as this machine's people read it; "" for never."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at else ""


def duration(seconds: float) -> str:
    from fader.schema.duration import format_duration

    return format_duration(round(seconds))


def plain_table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def view_lines(view: RolloutView) -> RenderableType:
    """A whole rollout: headline, stages, what it waits for, the numbers, what was read and found, what may be asked."""
    from rich.console import Group
    from rich.text import Text

    from fader.model.share import percent
    from fader.rollout import words

    parts: list[RenderableType] = [Text(view.headline, style="bold")]
    if view.audience:
        parts.append(Text(view.audience))
    if view.needs_person:
        parts.append(Text(view.needs_person, style="yellow"))
    stages = Text()
    for stage in view.stages:
        mark = STAGE_MARKS.get(stage.status, "·")
        stages.append(f"{mark} {percent(stage.share)}   ", style=STAGE_COLOURS.get(stage.status, ""))
    parts += [Text(), stages]
    parts += [Text(f"  {wait}") for wait in view.waits]
    if view.judgements:
        parts.append(judgement_numbers(view.judgements))
    parts += [Text(arm.sentence, style="yellow" if arm.status == "withdrawn" else "") for arm in view.arms]
    parts += [Text(said) for said in (view.verdict, view.plan) if said]
    parts += [Text(said) for said in view.reading_sentences]
    parts += [
        Text(said, style="yellow" if signal.harmful else "")
        for said, signal in zip(view.signal_sentences, view.signals, strict=True)
    ]
    blame = f" ({words.caused(view.harm, view.spec.new)})" if view.harm and view.units_harmed else ""
    parts.append(Text(f"units exposed {view.units_exposed:,}, harmed {view.units_harmed:,}{blame}"))
    if view.commands:
        parts.append(Text("commands: " + ", ".join(view.commands), style="dim"))
    return Group(*parts)


def judgement_numbers(judgements: tuple[Judgement, ...]) -> RenderableType:
    """Shares or amounts (or the quantile itself), the rise of the share with its confidence sequence, and the
    logs of the e-values against what they must reach. What has no numbers says why instead.
    """
    from rich.console import Group
    from rich.text import Text

    table = plain_table("metric", "verdict", "candidate", "baseline", "rise", "log e harm", "log e safe", "units")
    for j in judgements:
        if j.missing:
            continue
        table.add_row(
            j.metric,
            Text(str(j.verdict), style=VERDICT_COLOURS.get(str(j.verdict), "")),
            _amount(j.candidate_rate, j.candidate_value),
            _amount(j.baseline_rate, j.baseline_value),
            f"{j.rise:+.4g} [{j.low:+.4g}, {j.high:+.4g}]",
            f"{j.log_e_harm:.1f} of {j.harm_threshold:.1f}",
            f"{j.log_e_safe:.1f} of {j.safe_threshold:.1f}",
            f"{j.candidate_units:,} / {j.baseline_units:,}",
        )
    silent = [Text(f"{j.metric}  {j.verdict}: {j.missing}", style="yellow") for j in judgements if j.missing]
    return Group(*([table] if table.rows else []), *silent)


def _amount(rate: float, value: float) -> str:
    return f"{value:,.4g}" if value else f"{rate:.3%}"
