"""What flagd says becomes what fader says: the same answers for the same units, or a sentence that says otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fader.assign.evaluate import Flags
from fader.schema import load_document
from fader.schema.flagd import Imported, import_flagd

STAFF = {"in": ["@example.com", {"var": ["email"]}]}


def imported(targeting: Any, variants: Any = None, **flag: Any) -> tuple[Imported, Flags]:
    given = {"state": "ENABLED", "variants": variants or {"on": True, "off": False}, "defaultVariant": "off"}
    data = {"flags": {"f": given | {"targeting": targeting} | flag}, "$evaluators": {"staff": STAFF}}
    found = import_flagd(json.loads(json.dumps(data)))
    document = load_document(yaml.safe_dump(found.document, sort_keys=False), "fader.yaml")
    return found, Flags(document.flags, document.segments)


def answer(logic: Any, context: dict[str, Any]) -> Any:
    """JsonLogic as its definition says, for the operations of the tests: what is missing is null."""
    if not isinstance(logic, dict):
        return logic
    ((word, arguments),) = logic.items()
    arguments = arguments if isinstance(arguments, list) else [arguments]
    if word == "var":
        return context.get(arguments[0])
    if word == "$ref":
        return answer(STAFF, context)
    if word == "if":
        while len(arguments) > 1:
            condition, then, *arguments = arguments
            if answer(condition, context):
                return answer(then, context)
        return answer(arguments[0], context) if arguments else None
    a, *rest = [answer(x, context) for x in arguments]
    if word in ("and", "or"):
        return (all if word == "and" else any)([a, *rest])
    if word == "!":
        return not a
    b = rest[0]
    if word == "in":
        return b is not None and a in b
    if word in ("starts_with", "ends_with"):
        return isinstance(a, str) and (a.startswith(b) if word == "starts_with" else a.endswith(b))
    return a == b if word == "==" else a != b


NAMES = ("country", "plan", "email")
TEXTS = ("US", "DE", "free", "ann@example.com", "")
compared = st.builds(
    lambda w, n, t: {w: [{"var": n}, t]}, st.sampled_from(["==", "!="]), st.sampled_from(NAMES), st.sampled_from(TEXTS)
)
listed = st.builds(
    lambda n, t: {"in": [{"var": n}, t]}, st.sampled_from(NAMES), st.lists(st.sampled_from(TEXTS), min_size=1)
)
parts = st.builds(
    lambda w, t: {w: [{"var": "email"}, t]}, st.sampled_from(["starts_with", "ends_with"]), st.sampled_from(TEXTS)
)
conditions = st.recursive(
    st.one_of(compared, listed, parts, st.just({"$ref": "staff"})),
    lambda inner: st.one_of(
        st.builds(lambda w, x: {w: x}, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda x: {"!": [x]}, inner),
    ),
    max_leaves=6,
)
targetings = st.recursive(
    st.sampled_from(["on", "off", None]),
    lambda inner: st.builds(lambda a, b, c, d, e: {"if": [a, b, c, d, e]}, conditions, inner, conditions, inner, inner),
    max_leaves=5,
)
contexts = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TEXTS))


@settings(max_examples=300, deadline=None)
@given(targetings, contexts)
def test_the_same_answers(targeting: Any, context: dict[str, Any]) -> None:
    _, flags = imported(targeting)
    assert flags.evaluate("f", "u", context).variant == (answer(targeting, context) or "off")


def test_shares_stay_and_it_is_said_that_others_get_them() -> None:
    found, flags = imported({"fractional": [["on", 25], ["off", 75]]})
    units = [f"user-{i}" for i in range(4000)]
    assert sum(flags.evaluate("f", u, {}).value for u in units) == pytest.approx(1000, abs=110)  # 4 standard errors
    assert found.left == ["flag f: its shares stay, but by another hash, so that other users get each variant"]


def test_three_parts_have_their_weights() -> None:
    _, flags = imported(
        {"fractional": [["a", 1], ["b", 0], ["c", 1], ["d", 2]]},
        dict(zip("abcd", "abcd", strict=True)),
        defaultVariant="a",
    )
    counts = dict.fromkeys("abcd", 0)
    for i in range(4000):
        counts[flags.evaluate("f", f"user-{i}", {}).variant] += 1
    assert counts["b"] == 0
    assert [counts[v] for v in "acd"] == pytest.approx([1000, 1000, 2000], abs=130)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ({"targeting": {"if": [{"sem_ver": [{"var": "v"}, "^", "1.0.0"]}, "on"]}}, "there is no counterpart of"),
        ({"targeting": {"fractional": [{"var": "country"}, ["on", 1]]}}, "draws by something else than the unit"),
        ({"targeting": {"fractional": [["on", 0]]}}, "has no weight above 0"),
        ({"targeting": {"if": [{"==": [{"var": "a"}, 1]}, "none"]}}, 'names the variant "none"'),
        ({"targeting": {"if": [{"==": [{"var": "$flagd.timestamp"}, 1]}, "on"]}}, "as an attribute"),
        ({"targeting": {"if": [{"$ref": "none"}, "on"]}}, 'there is no evaluator "none"'),
        ({"defaultVariant": None}, "it has no default variant"),
        ({"variants": {"on": True, "off": "no"}}, "not all booleans"),
        ({"variants": {}}, "it has no variants"),
    ],
)
def test_what_is_left_out_is_said(flag: dict[str, Any], said: str) -> None:
    usual = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    found = import_flagd({"flags": {"f": usual | flag, "g": usual}})
    assert list(found.document["flags"]) == ["g"]
    assert len(found.left) == 1
    assert found.left[0].startswith("flag f is left out: ")
    assert said in found.left[0]


def test_what_means_less_is_said() -> None:
    found, flags = imported({"if": [{"var": "beta"}, "on"]}, state="DISABLED", metadata={"owner": "web", "team": "x"})
    assert [sentence.partition(":")[0] for sentence in found.left] == ["flag f is off", "flag f"]
    assert found.document["flags"]["f"]["owner"] == "web"
    assert flags.evaluate("f", "u", {"beta": True}).reason == "DISABLED"


def test_metadata_are_carried_over_as_what_they_are() -> None:
    metadata = {
        "team": "x",
        "n": 2,
        "x": 0.5,
        "on": True,
        "version": "1.0.2",
        "kind": "",
        "text": "2",
        "big": 1e30,
        "list": [1],
    }
    found, flags = imported(None, metadata=metadata | {"owner": "web"})
    carried = {key: metadata[key] for key in ("team", "n", "x", "on", "version", "kind")}
    assert flags.evaluate("f", "u", {}).metadata == carried
    assert found.left == ["flag f: its metadata (big, list, text) would be read as another kind here"]


def test_what_is_no_document_of_flagd() -> None:
    for data in ([], {}, {"flags": []}):
        with pytest.raises(ValueError, match="has no flags"):
            import_flagd(data)
