"""What leaves for flagd gives every unit what fader gives it, there and when it comes back; or it stays, with why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.assign import logic
from tests.unit.assign.test_jsonlogic import SEGMENTS, attributes, conditions, is_condition, units

from fader.assign.evaluate import Flags
from fader.model.flag import Flag, Forced, HeldOut, Move, Piece, Prerequisite, Rule, Variant
from fader.model.share import WHOLE, Draw, Interval
from fader.schema import load_document
from fader.schema.flagd import import_flagd
from fader.schema.flagd_export import Exported, export_flagd

FLAG = Flag("f", "string", tuple(Variant(name, name.upper()) for name in ("a", "b", "off")), "a", "off")
rules = st.lists(
    st.builds(
        Rule,
        st.sampled_from(("a", "b", "off")),
        conditions.filter(is_condition) | st.just(""),
        st.sampled_from((WHOLE, WHOLE, WHOLE, 0)),
        st.just("r"),
    ),
    max_size=3,
)
forced = st.sampled_from(((), (Forced("ann", "b"), Forced("bob", "off"), Forced("joe", "b"))))


def exported(*flags: Flag) -> Exported:
    """As it is read by others: JSON."""
    found = export_flagd(flags, SEGMENTS.values())
    return Exported(json.loads(json.dumps(found.document)), found.left)


def given_by_flagd(flag: Any, context: dict[str, Any]) -> Any:
    found = logic.answer(flag["targeting"], context) if "targeting" in flag else None
    return flag["variants"][flag["defaultVariant"] if found is None else found]


@settings(max_examples=80, deadline=None)
@given(rules, forced, st.lists(st.tuples(attributes, units), min_size=1, max_size=5))
@example([Rule("b", "!(age < 5) && plan != 'pro'")], (), [({"age": 7, "plan": 5}, ""), ({"age": "7"}, "ann")])
@example([Rule("b", "!plan.endsWith('a')")], (), [({"plan": p}, "") for p in ("b", "a", 5, ["b"], None)])
@example([Rule("b", 'unit in [5, ""]'), Rule("off", "!(unit in [5])")], (), [({}, ""), ({}, "ann")])
@example([Rule("b", 'context["custom-plan"] == 5 || context["in"] == 1')], (), [({"custom-plan": 5}, "")])
def test_the_same_answers_there_and_back(
    rules: list[Rule], forced: tuple[Forced, ...], people: list[tuple[dict[str, Any], str]]
) -> None:
    flag = replace(FLAG, rules=tuple(rules), forced=forced)
    found = exported(flag)
    back = load_document(yaml.safe_dump(import_flagd(found.document).document), "fader.yaml")
    here, again = Flags([flag], SEGMENTS.values()), Flags(back.flags, back.segments)
    for person, unit in people:
        wanted = here.evaluate("f", unit, person).value
        context = person | ({"targetingKey": unit} if unit else {})
        assert given_by_flagd(found.document["flags"]["f"], context) == wanted, context
        assert again.evaluate("f", unit, person).value == wanted, back.flags


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rules": (Rule("b", "beta"), Rule("b", share=50_000, name="few"))}, "few has a share of 5%, and flagd draws"),
        ({"rules": (Rule("b", 'a.matches("b")'),)}, "rule 1, at character 3: JsonLogic has no patterns; write starts"),
        ({"requires": (Prerequisite("g", ("on",)),)}, "it requires g"),
        ({"move": Move("f-b", "b", "f/f-b", Interval(0, 5))}, "its rollout f-b is under way"),
        ({"held": (HeldOut(Draw("holdout/x", Interval(0, 5)), "a"),)}, "a holdout keeps some users back"),
        ({"split": (Piece("a", Interval(0, WHOLE)),)}, "its default has weights"),
        ({"forced": (Forced("u" * 256, "b"),)}, "its units: a unit is cut at 256 bytes"),
    ],
)
def test_a_flag_of_which_a_part_stays_is_left_out_whole(changed: dict[str, Any], said: str) -> None:
    found = exported(replace(FLAG, **changed), replace(FLAG, name="g"))
    assert list(found.document["flags"]) == ["g"]
    assert len(found.left) == 1
    assert found.left[0].startswith(f"flag f is left out: {said}")


def test_one_that_is_off_gives_everybody_what_it_gives_when_off() -> None:
    flag = replace(FLAG, enabled=False, rules=(Rule("b", 'a.matches("b")'),), requires=(Prerequisite("g", ("on",)),))
    found = exported(flag)
    assert given_by_flagd(found.document["flags"]["f"], {"a": "b"}) == "OFF"
    assert found.document["flags"]["f"]["state"] == "ENABLED"
    assert found.left == ["flag f is off: everybody gets off there, and its rules stay here"]


def test_behind_a_rule_for_everybody_nothing_is_asked() -> None:
    found = exported(replace(FLAG, rules=(Rule("b"), Rule("off", 'a.matches("b")'))))
    assert found.document["flags"]["f"]["targeting"] == {"if": [True, "b"]}
    assert found.left == []


@pytest.mark.parametrize(
    ("kind", "values"), [("boolean", (True, False)), ("number", (5, 0.5)), ("json", ({"max": [1]}, {}))]
)
def test_variants_and_metadata_come_back(kind: Any, values: tuple[Any, Any]) -> None:
    variants = (Variant("a", values[0]), Variant("b", values[1]))
    told = {"team": "web", "tier": 2}
    flag = replace(FLAG, kind=kind, variants=variants, off="b", owner="ann", description="Try", metadata=told)
    back = load_document(yaml.safe_dump(import_flagd(exported(flag).document).document), "fader.yaml").flags[0]
    assert (back.kind, back.variants, back.default, back.owner, back.description, back.metadata) == (
        kind, variants, "a", "ann", "Try", told,
    )  # fmt: skip


def test_what_means_less_is_noted() -> None:
    found = exported(replace(FLAG, rules=(Rule("b", 'semver(v) >= semver("2.10")'),)))
    assert found.left == [
        "flag f: a version in v of fewer than three numbers, such as 2.10, is none for some providers"
    ]
