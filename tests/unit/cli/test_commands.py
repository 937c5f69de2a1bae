"""The commands that look and steer, against a stand-in server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fader.model.state import Phase
from fader.model.view import RolloutView

if TYPE_CHECKING:
    from conftest import Fader, Shop


def test_status_shows_every_rollout_in_the_servers_words(fader: Fader) -> None:
    ended = fader("status")
    assert ended.code == 0
    assert ended.out.startswith("environment staging\n")
    for words in ("shop-v2", "ramping", "5%", "v2 serves 5 % of users.", "errors rose: a person must act"):
        assert words in ended.out
    for words in ("127.0.0.1:8080", "refused: bad cluster", "127.0.0.1:9002: connection refused"):
        assert words in ended.out
    assert ended.out.endswith("dashboard https://fader.example.com\n")


def test_status_of_one_rollout(fader: Fader) -> None:
    ended = fader("status", "shop-v2")
    assert "environment" not in ended.out, "a server of none says so by silence"
    for words in (
        "v2 serves 5 % of users.",
        "errors need about 900 more users",
        "▶ 5%",
        "· 100%",
        "3.100%",
        "no log lines",
    ):
        assert words in ended.out
    assert "units exposed 412, harmed 12 (7 to 11 of them by v2)" in ended.out
    assert "commands: pause, promote, abort" in ended.out
    assert ended.out.endswith("\nhttps://fader.example.com/rollouts/shop-v2\n")
    for said in ("conversion is worse.", "event refund: 3 times", "2 pp in conversion need", "The experiment says no."):
        assert said in ended.out


@pytest.mark.parametrize("arguments", [("holdouts",), ("holdouts", "q4")])
def test_holdouts_are_shown_with_their_readings(fader: Fader, arguments: tuple[str, ...]) -> None:
    ended = fader(*arguments)
    assert (ended.code, ended.out) == (0, "q4 holds 5 % of users out.\n  errors is worse.\n")
    assert json.loads(fader(*arguments, "--json").out)


def test_without_any_holdout_that_is_said(fader: Fader, shop: Shop) -> None:
    shop.holdouts.clear()
    assert fader("holdouts").out == "no holdouts\n"


@pytest.mark.parametrize("arguments", [("status",), ("status", "shop-v2"), ("why", "shop-v2"), ("preview", "shop-v2")])
def test_json_is_the_servers_own_answer(fader: Fader, arguments: tuple[str, ...]) -> None:
    ended = fader(*arguments, "--json")
    answer = json.loads(ended.out)
    assert ended.out.count("\n") == 1
    assert isinstance(answer, dict)
    assert "shop-v2" in ended.out


@pytest.mark.parametrize("command", ["pause", "resume", "approve", "promote", "abort", "retry"])
def test_what_a_person_asks_is_sent_with_the_reason(fader: Fader, shop: Shop, command: str) -> None:
    ended = fader(command, "shop-v2", "--reason", "checked by hand")
    assert (ended.code, ended.out) == (0, f"{command}: done.\n  errors need about 900 more users\n")
    sent = {"reason": "checked by hand", "same_units": False}
    assert shop.asked == [("POST", f"/v1/rollouts/shop-v2/{command}", sent)]


def test_retry_on_the_same_units(fader: Fader, shop: Shop) -> None:
    fader("retry", "shop-v2", "--same-units", "--json")
    assert shop.asked[0][2] == {"reason": "", "same_units": True}


def test_a_refusal_is_exit_code_3(fader: Fader) -> None:
    ended = fader("start", "shop-v2")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "fader: shop-v1 is active on shop: finish it first\n"


def test_an_unknown_rollout_is_exit_code_4(fader: Fader) -> None:
    ended = fader("why", "nobody")
    assert (ended.code, ended.err) == (4, "fader: there is no rollout nobody; there is shop-v2\n")


def test_errors_as_json(fader: Fader) -> None:
    ended = fader("abort", "nobody", "--json")
    assert ended.out == ""
    assert json.loads(ended.err) == {
        "type": "about:blank",
        "title": "NotFound",
        "detail": "there is no rollout nobody; there is shop-v2",
        "exit_code": 4,
    }


def test_why_shows_each_step_with_its_numbers(fader: Fader) -> None:
    ended = fader("why", "shop-v2")
    assert ended.code == 0
    for words in (
        "1. ",
        "ann",
        "pending → learning",
        "sentence 1",
        "0% → 5%",
        "sentence 2",
        "finding 2",
        "harmful",
        "0.300%",
    ):
        assert words in ended.out
    assert ended.out.count("replayed: the same decision") == 2


def test_why_fails_when_a_replay_differs(fader: Fader, shop: Shop) -> None:
    shop.replays = ["same", "different"]
    ended = fader("why", "shop-v2")
    assert ended.code == 1
    assert ended.out.count("replay differs") == 1


def test_why_before_the_first_step(fader: Fader, shop: Shop) -> None:
    shop.replays = []
    assert fader("why", "shop-v2").out == "no step yet\n"


def test_preview(fader: Fader) -> None:
    assert fader("preview", "shop-v2").out == "link    http://127.0.0.1:8080/?p=s3\nheader  x-p: s3\n"


def test_forget_sends_the_whole_id(fader: Fader, shop: Shop) -> None:
    assert fader("forget", "a/b ü?").out == "events of a/b ü? erased: 7\n"
    assert shop.asked[0][:2] == ("DELETE", "/v1/units/a%2Fb%20%C3%BC%3F")


def test_forget_nobody(fader: Fader) -> None:
    assert fader("forget", "").code == 2


def test_a_channel_is_tried(fader: Fader, shop: Shop) -> None:
    ended = fader("notify", "test", "oncall")
    assert (ended.code, ended.out) == (0, "oncall took the test, at https://h\n")
    assert shop.asked[-1][:2] == ("POST", "/v1/notifications/oncall/test")
    failed = fader("notify", "test", "broken")
    assert (failed.code, failed.err) == (1, "fader: broken did not take the test: answered with HTTP 500\n")


def test_watch_follows_until_it_completes(fader: Fader, shop: Shop) -> None:
    done = replace(ended_view(shop), headline="v2 serves everybody.")
    shop.views = [shop.views[0], shop.views[0], done]
    ended = fader("watch", "shop-v2")
    assert (ended.code, ended.out) == (0, "v2 serves 5 % of users.\nv2 serves everybody.\n")
    assert any(path == "/v1/changes" for _, path, _ in shop.asked)


def ended_view(shop: Shop, phase: Phase = Phase.COMPLETED) -> RolloutView:
    view = shop.views[0]
    return replace(view, state=replace(view.state, phase=phase))


@pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.ABORTED])
def test_watch_ends_with_1_when_it_went_back(fader: Fader, shop: Shop, phase: Phase) -> None:
    shop.views = [shop.views[0], ended_view(shop, phase)]
    ended = fader("watch", "shop-v2", "--json")
    assert ended.code == 1
    assert [json.loads(line)["state"]["phase"] for line in ended.out.splitlines()] == ["ramping", phase]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    file = tmp_path / "fader.yaml"
    file.write_text("services: {}\n")
    return file


def test_plan_says_what_would_change(fader: Fader, shop: Shop, written: Path) -> None:
    ended = fader("plan", "-f", str(written))
    assert ended.out == (
        f"warning: {written}:3: reachable from other machines\n+ service shop\n= rollout shop-v2: ramping\n"
    )
    assert shop.asked == [("POST", "/v1/plan", {"path": str(written), "text": "services: {}\n"})]


def test_a_few_that_stay_as_they_are_are_named_and_many_are_counted(fader: Fader, written: Path) -> None:
    written.write_text("f" * 20)
    assert "= flag f0\n" in fader("plan", "-f", str(written)).out
    written.write_text("f" * 1_200)
    out = fader("plan", "-f", str(written)).out
    assert "= 1,200 flags\n" in out
    assert "flag f0" not in out
    assert "= rollout shop-v2: ramping\n" in out


def test_apply_again_changes_nothing(fader: Fader, shop: Shop, written: Path) -> None:
    written.write_text("again: {}\n")
    assert fader("apply", "-f", str(written)).out.endswith("nothing to change\n")
    assert shop.asked[0][1] == "/v1/apply"


def test_the_servers_problems_name_the_file_as_it_was_typed(
    fader: Fader, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.write_text("silent: {}\n")
    monkeypatch.chdir(written.parent)
    ended = fader("apply")
    assert (ended.code, ended.err) == (2, "fader.yaml:4: v2 does not answer\n  fix: start it\n")
    problems = json.loads(fader("apply", "--json").err)["problems"]
    assert problems == [{"message": "v2 does not answer", "fix": "start it", "path": "fader.yaml", "line": 4}]
