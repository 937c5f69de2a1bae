import io
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console

from fader.demo.progress import Progress, picture
from fader.demo.scenarios import SCENARIOS
from fader.demo.tally import Tally
from fader.model.state import Phase
from fader.model.verdict import Judgement, Reading, Signal, Verdict
from fader.model.view import RolloutView

Make = Callable[..., RolloutView]
TALLY = Tally(requests=12_345, failed=80, failed_reads=61)


def painted(view: RolloutView, link: str = "") -> str:
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(picture(view, TALLY, link))
    return console.export_text()


def test_the_picture_shows_share_verdicts_units_and_requests(view: Make) -> None:
    harmful = Judgement("errors", Verdict.HARMFUL, candidate_rate=0.031, baseline_rate=0.003)
    text = painted(view(Phase.RAMPING, stage=1, judgements=(harmful,)), "http://127.0.0.1:7070/login#token=t")
    assert "10% of the users have v2" in text
    assert "✓ 5%  ▶ 10%  · 25%" in text
    assert all(word in text for word in ("errors", "0.30%", "3.10%", "harmful"))
    assert "104 users saw v2, 17 of them were harmed; 12,345 requests, 80 failed, 61 of them reads" in text
    assert "waits: 15 s of baking are left" in text
    assert "http://127.0.0.1:7070/login#token=t" in text


def test_the_variant_of_a_flag_is_named_with_it(view: Make) -> None:
    made = view(Phase.RAMPING, stage=1)
    told = replace(
        made,
        spec=replace(made.spec, flag="checkout", baseline="off", candidate="on"),
        baseline="off",
        candidate="on",
        readings=(Reading("conversion", "on", "worse", 0.2, 0.3, -0.1, -0.17, -0.03),),
        signals=(Signal("route", "GET /support", 160, 81, 1.97, 1.4, 2.7, 9.0, 4.6),),
    )
    text = painted(told)
    assert "10% of the users have checkout=on" in text
    assert "104 users saw checkout=on, 17 of them were harmed" in text
    assert "20.0% on checkout=on, 30.0% on checkout=off, effect -17.0 to -3.0 pp: worse" in text
    assert "with 160 users of checkout=on and 81 of checkout=off" in text


def test_the_picture_says_what_a_verdict_still_needs(view: Make) -> None:
    undecided = Judgement("errors", Verdict.UNDECIDED, more_units=1200)
    unknown = Judgement("latency", Verdict.UNKNOWN, missing="no evidence for latency arrived")
    text = painted(view(Phase.RAMPING, judgements=(undecided, unknown)))
    assert "about 1,200 more users are needed" in text
    assert "no evidence for latency arrived" in text


def test_the_stage_where_the_plug_was_pulled_is_marked(view: Make) -> None:
    text = painted(view(Phase.ROLLED_BACK, stage=2))
    assert "✓ 5%  ✓ 10%  ✗ 25%" in text
    assert "0% of the users have v2" in text


def test_without_a_terminal_each_stage_is_one_line(view: Make) -> None:
    out = io.StringIO()
    with Progress(SCENARIOS["errors"], Console(file=out, width=120)) as progress:
        for stage, sentence in ((0, "at 5 % [for 0 s]"), (0, "at 5 % [for 1 s]"), (1, "at 10 % [for 0 s]")):
            progress.show(view(Phase.RAMPING, stage=stage, headline=sentence), TALLY)
        progress.show(view(Phase.ROLLED_BACK, stage=1, headline="rolled back"), TALLY)
    assert out.getvalue().splitlines() == [
        "errors: v2 fails 3 % of its requests, v1 0.3 %",
        "at 5 % [for 0 s]",
        "at 10 % [for 0 s]",
        "rolled back",
    ]


def test_on_a_terminal_the_last_picture_stays(view: Make) -> None:
    out = io.StringIO()
    with Progress(SCENARIOS["errors"], Console(file=out, width=120, force_terminal=True)) as progress:
        progress.show(view(Phase.RAMPING), TALLY)
        progress.show(view(Phase.ROLLED_BACK, headline="rolled back: errors rose"), TALLY)
    assert "rolled back: errors rose" in out.getvalue()


def test_the_picture_shows_outcomes_and_signals(view: Make) -> None:
    told = replace(
        view(Phase.RAMPING, stage=3),
        readings=(Reading("conversion", "v2", "better", 0.4, 0.3, 0.1, 0.03, 0.17, fixed_low=0.06, fixed_high=0.14),),
        signals=(Signal("route", "GET /support", 160, 81, 1.97, 1.4, 2.7, 9.0, 4.6),),
    )
    text = painted(told)
    assert "conversion: 40.0% on v2, 30.0% on v1, effect +6.0 to +14.0 pp: better" in text
    assert "signal: GET /support with 160 users of v2 and 81 of v1, 1.4 to 2.7 times as many" in text
