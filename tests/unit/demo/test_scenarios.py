import pytest
import yaml

from fader.demo.scenarios import SCENARIOS, fader_yaml, scenario_named
from fader.errors import BadInput
from fader.schema import load_document


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
        "flag": "rolled_back",
    }


def test_what_makes_each_scenario() -> None:
    rates = {s.name: (s.v1.error_rate, s.v2.error_rate) for s in SCENARIOS.values()}
    assert rates["errors"] == (0.003, 0.03)
    assert rates["healthy"] == (0.003, 0.003)
    assert rates["flaky-baseline"] == (0.03, 0.03)
    assert rates["side-effect"] == rates["ab"] == (0.0, 0.0)
    assert rates["crash"] == (0.0, 0.0)  # else failed reads could not be laid at the door of the kill
    assert {s.name for s in SCENARIOS.values() if s.v2.slow_factor == 2.0} == {"slow"}
    assert {s.name: (s.v1.appeal, s.v2.appeal) for s in SCENARIOS.values() if s.v1.appeal != s.v2.appeal} == {
        "conversion": (0.3, 0.18),
        "ab": (0.3, 0.4),
    }
    doubled = {s.name: (s.v1.confusion, s.v2.confusion) for s in SCENARIOS.values() if s.v1.confusion != s.v2.confusion}
    assert doubled == {"side-effect": (0.08, 0.16)}
    assert SCENARIOS["conversion"].v2.slow_factor < 1
    broken = {s.name: s.v1.form_error_rate for s in SCENARIOS.values() if s.v1.form_error_rate or s.v2.form_error_rate}
    assert broken == {s.name: 1 / 3 for s in SCENARIOS.values() if s.flag} == {"flag": 1 / 3}
    assert {s.name: s.killed_at for s in SCENARIOS.values() if s.killed_at} == {"crash": 250_000}


def test_an_unknown_scenario_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(BadInput) as caught:
        scenario_named("erors")
    assert "healthy, errors, slow, crash, flaky-baseline, conversion, side-effect, ab, flag" in str(caught.value)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_file_of_a_scenario_holds_its_ports_and_the_ramp(name: str) -> None:
    ports = dict(zip(SCENARIOS[name].versions, (19001, 19002), strict=False))
    file = yaml.safe_load(fader_yaml(SCENARIOS[name], listen=18080, versions=ports))
    shop, rollout = file["services"]["shop"], file["rollouts"][SCENARIOS[name].rollout]
    assert shop["listen"] == "127.0.0.1:18080"
    assert shop["versions"] == {version: f"http://127.0.0.1:{port}" for version, port in ports.items()}
    assert shop["unit"] == [{"cookie": "fader_uid", "issue": True}]
    assert rollout["stages"] == [yaml.safe_load(stage) for stage in SCENARIOS[name].stages]
    assert rollout["bake"] == "15s"
    assert rollout["guardrails"]["errors"] == {"tolerate": "1pp"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_nobody_asked_about_is_declared_nowhere(name: str) -> None:
    file = yaml.safe_load(fader_yaml(SCENARIOS[name], listen=1, versions={"v1": 2, "v2": 3}))
    rollout = file["rollouts"][SCENARIOS[name].rollout]
    sells = name in ("conversion", "side-effect", "ab")
    assert ("conversion" in file["metrics"], "outcomes" in rollout) == (sells, sells)
    assert ("experiment" in rollout) == (name == "ab")
    assert "support" not in str(file)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_rolled_out_is_a_version_or_a_flag_in_the_one_that_everybody_has(name: str) -> None:
    scenario, ports = SCENARIOS[name], {"v1": 2, "v2": 3}
    versions = {version: ports[version] for version in scenario.versions}
    document = load_document(fader_yaml(scenario, listen=1, versions=versions), "fader.yaml")
    (spec,), (shop,) = document.rollouts, document.services
    assert spec.name == scenario.rollout
    if name == "flag":
        assert (str(spec.subject), spec.service) == ("flag checkout", "shop")
        assert (spec.baseline, spec.candidate) == ("off", "on")
        assert [v.name for v in shop.versions] == ["v1"]
    else:
        assert (str(spec.subject), spec.baseline, spec.candidate) == ("shop", "v1", "v2")
        assert [v.name for v in shop.versions] == ["v1", "v2"]
