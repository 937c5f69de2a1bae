"""Rollouts of flags, layers, holdouts and weights: what is read, and what is refused at its line."""

from __future__ import annotations

import pytest

from fader.errors import BadInput
from fader.model.flag import Piece
from fader.model.rollout import Subject
from fader.model.share import Draw, Interval
from fader.schema import load_document

FILE = """\
services:
  shop:
    listen: 127.0.0.1:8080
    versions: {v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}
    baseline: v1
flags:
  checkout: {}
  banner: {kind: string, variants: {a: A, b: B, c: C}, default: a}
  plan: {kind: string, variants: {a: A, b: B, c: C}, default: {b: 50%, a: 29.9999%, c: 20.0001%}}
metrics:
  conversion: {kind: proportion, of: units, event: order, better: higher}
layers:
  front: {new-form: 40%, new-banner: 60%}
holdouts:
  q4: 5%
  few: {share: 1%, rollouts: [new-form]}
rollouts:
  new-form:
    flag: checkout
    service: shop
    candidate: "on"
    stages: [5%, 100%]
    guardrails: [errors, latency]
    outcomes: [conversion]
  new-banner:
    flag: banner
    candidate: c
    stages: [5%, 50%, 100%]
    guardrails: [conversion]
    experiment: {share: 50%, for: 1d, primary: conversion, beside: [b]}
    outcomes: []
  shop-v2:
    service: shop
    candidate: v2
    stages: [5%, 100%]
    guardrails: [errors]
""".replace("    experiment: {share: 50%, for: 1d, primary: conversion, beside: [b]}\n    outcomes: []\n", "")


def refused(old: str, new: str) -> tuple[int, str, str]:
    assert old in FILE
    with pytest.raises(BadInput) as error:
        load_document(FILE.replace(old, new, 1), "fader.yaml")
    (problem,) = error.value.problems
    return problem.line, problem.message, problem.fix


def line(text: str, file: str = FILE) -> int:
    return next(i for i, found in enumerate(file.split("\n"), start=1) if text in found)


def test_what_is_read() -> None:
    document = load_document(FILE, "fader.yaml")
    form, banner, shop = document.rollouts
    assert (form.subject, form.service, form.baseline, form.candidate) == (
        Subject("flag", "checkout"), "shop", "off", "on",
    )  # fmt: skip
    assert form.salt == "checkout/new-form"
    q4, few = Draw("holdout/q4", Interval(0, 50_000)), Draw("holdout/few", Interval(0, 10_000))
    assert (form.layer, form.holdouts) == (Draw("layer/front", Interval(0, 400_000)), (q4, few))
    assert (banner.layer, banner.holdouts) == (Draw("layer/front", Interval(400_000, 600_000)), (q4,))
    assert (banner.service, banner.baseline) == ("", "a")
    assert (shop.subject, shop.layer, shop.holdouts) == (Subject("service", "shop"), None, (q4,))
    plan = document.flags[2]
    assert (plan.default, plan.off) == ("b", "b")
    assert plan.split == (
        Piece("b", Interval(0, 500_000)),
        Piece("a", Interval(500_000, 299_999)),
        Piece("c", Interval(799_999, 200_001)),
    )
    assert document.holdouts == (q4, few)


def test_the_short_forms_are_what_the_long_ones_are() -> None:
    long = FILE.replace(
        "front: {new-form: 40%, new-banner: 60%}", "front: {rollouts: {new-form: 40%, new-banner: 60%}}"
    )
    long = long.replace("q4: 5%", "q4: {share: 5%, rollouts: []}")
    assert load_document(long, "f").rollouts == load_document(FILE, "f").rollouts


@pytest.mark.parametrize(
    ("old", "new", "at", "message", "fix"),
    [
        ("    flag: checkout\n    service: shop\n", "", "  new-form:\n"[:-1], "moves nothing", "add service: NAME"),
        ("flag: checkout", "flag: chekout", "flag: chekout", 'there is no flag "chekout"', "checkout"),
        ('candidate: "on"', 'candidate: "of"', '"of"', 'flag checkout has no variant "of"', "on"),
        ('candidate: "on"', 'candidate: "off"', "off", "off is the default of checkout", "name another variant: on"),
        ("flag: banner", "flag: plan", "flag: plan", "gives its variants by weights", "one variant as its default"),
        ("checkout: {}", 'checkout: {rules: [{variant: "on"}]}', "checkout", "this rule takes everybody", "condition"),
        ("guardrails: [conversion]", "guardrails: [errors]", "[errors]", "errors is of requests", "add"),
        ("    flag: checkout\n", "    flag: checkout\n    shield: off\n", "shield", "a flag has no shield", "remove"),
        ("checkout\n    service: shop\n", "checkout\n    service: shp\n", "shp", 'there is no service "shp"', "shop"),
        ("new-banner: 60%", "new-banner: 60.1%", "front:", "its shares make 100.1%", "100% together, or less"),
        ("new-banner: 60%", "new-baner: 60%", "front:", 'there is no rollout "new-baner"', "new-banner"),
        ("holdouts:", "  back: {new-form: 1%}\nholdouts:", "back:", "new-form is in layer front already", "one layer"),
        ("rollouts: [new-form]", "rollouts: [form]", "few:", 'there is no rollout "form"', "new-form"),
        ("q4: 5%", "q4: 100%", "q4:", "holds everybody out", "leave somebody"),
        ("c: 20.0001%", "c: 20%", "plan:", "its weights make 99.9999%", "100% together"),
        ("c: 20.0001%", "d: 20.0001%", "plan:", 'there is no variant "d"', ""),
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, at: str, message: str, fix: str) -> None:
    number, said, how = refused(old, new)
    assert message in said
    assert fix in how
    assert number == line(at if at in FILE.replace(old, new, 1) else new, FILE.replace(old, new, 1))


def test_a_gateway_that_sends_the_flag_must_be_able_to_tell_the_audience() -> None:
    text = FILE.replace("    baseline: v1", "    baseline: v1\n    flags: [checkout]", 1)
    assert load_document(text, "f").services[0].flags == ("checkout",)
    with pytest.raises(BadInput, match=r"age"):
        load_document(text.replace('candidate: "on"', 'candidate: "on"\n    audience: age == "7"'), "f")
    alone = FILE.replace('candidate: "on"', 'candidate: "on"\n    audience: age > 7')
    assert load_document(alone, "f").rollouts[0].audience == "age > 7"
