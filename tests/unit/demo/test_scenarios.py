import pytest
import yaml

from fader.demo.scenarios import SCENARIOS, fader_yaml, scenario_named
from fader.errors import BadInput


def test_the_scenarios_and_how_they_must_end() -> None:
    assert {s.name: s.ends for s in SCENARIOS.values()} == {
        "healthy": "completed",
        "errors": "rolled_back",
        "slow": "rolled_back",
        "crash": "rolled_back",
        "flaky-baseline": "completed",
        "conversion": "rolled_back",
        "side-effect": "completed",
        "ab": "completed",
    }


def test_what_makes_each_scenario() -> None:
    rates = {s.name: (s.v1.error_rate, s.v2.error_rate) for s in SCENARIOS.values()}
    assert rates["errors"] == (0.003, 0.03)
    assert rates["healthy"] == (0.003, 0.003)
    assert rates["flaky-baseline"] == (0.03, 0.03)
    assert rates["crash"] == (0.0, 0.0)  # else failed reads could not be laid at the door of the kill
    assert {s.name for s in SCENARIOS.values() if s.v2.slow_factor == 2.0} == {"slow"}
    assert {s.name: (s.v1.appeal, s.v2.appeal) for s in SCENARIOS.values() if s.v1.appeal != s.v2.appeal} == {
        "conversion": (0.3, 0.18),
        "ab": (0.3, 0.4),
    }
    doubled = {s.name: (s.v1.confusion, s.v2.confusion) for s in SCENARIOS.values() if s.v1.confusion != s.v2.confusion}
    assert doubled == {"side-effect": (0.08, 0.16)}
    assert SCENARIOS["conversion"].v2.slow_factor < 1
    assert {s.name: s.killed_at for s in SCENARIOS.values() if s.killed_at} == {"crash": 250_000}


def test_an_unknown_scenario_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(BadInput) as caught:
        scenario_named("erors")
    assert "healthy, errors, slow, crash, flaky-baseline, conversion, side-effect, ab" in str(caught.value)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_file_of_a_scenario_holds_its_ports_and_the_ramp(name: str) -> None:
    file = yaml.safe_load(fader_yaml(SCENARIOS[name], listen=18080, v1=19001, v2=19002))
    shop, rollout = file["services"]["shop"], file["rollouts"]["shop-v2"]
    assert shop["listen"] == "127.0.0.1:18080"
    assert shop["versions"] == {"v1": "http://127.0.0.1:19001", "v2": "http://127.0.0.1:19002"}
    assert shop["unit"] == [{"cookie": "fader_uid", "issue": True}]
    assert rollout["stages"] == list(SCENARIOS[name].stages)
    assert rollout["bake"] == "15s"
    assert rollout["guardrails"]["errors"] == {"tolerate": "1pp"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_nobody_asked_about_is_declared_nowhere(name: str) -> None:
    file = yaml.safe_load(fader_yaml(SCENARIOS[name], listen=1, v1=2, v2=3))
    rollout = file["rollouts"]["shop-v2"]
    sells = name in ("conversion", "side-effect", "ab")
    assert ("conversion" in file["metrics"], "outcomes" in rollout) == (sells, sells)
    assert ("experiment" in rollout) == (name == "ab")
    assert "support" not in str(file)
