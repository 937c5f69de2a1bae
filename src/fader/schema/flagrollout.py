"""Rollouts of flags: the flag and its variants exist, somebody is left for the rollout, and there is evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fader.errors import Problem
from fader.model.metric import REQUEST, Metric
from fader.model.share import WHOLE
from fader.schema.crosscheck import written_names
from fader.schema.flag import FlagText
from fader.schema.rollout import RolloutText
from fader.schema.source import Source
from fader.schema.suggest import did_you_mean, listed, quoted


def flag_rollout_problems(
    rollouts: Mapping[str, RolloutText],
    flags: Mapping[str, FlagText],
    metrics: Mapping[str, Metric],
    source: Source,
) -> Iterator[Problem]:
    """`flags` are the sound ones; a broken one is still no unknown one."""
    written = written_names(source.data, "flags")
    for name, rollout in rollouts.items():
        at = ("rollouts", name)
        if not rollout.flag:
            continue
        if rollout.flag not in written:
            fix = did_you_mean(rollout.flag, written) if written else "write it under flags:"
            yield source.problem((*at, "flag"), f"there is no flag {quoted(rollout.flag)}", fix)
        elif rollout.flag in flags:
            yield from _variants(name, rollout, flags[rollout.flag], source)
        if not rollout.service:
            yield from _unmeasured(name, rollout, metrics, source)


def _variants(name: str, rollout: RolloutText, flag: FlagText, source: Source) -> Iterator[Problem]:
    at = ("rollouts", name)
    if flag.weights:
        message = f"flag {rollout.flag} gives its variants by weights, and a rollout moves it from one to another"
        yield source.problem((*at, "flag"), message, "write one variant as its default, or move the weights yourself")
        return
    others = [v for v in flag.variants if v != flag.default]
    if rollout.candidate not in flag.variants:
        message = f"flag {rollout.flag} has no variant {quoted(rollout.candidate)}"
        yield source.problem((*at, "candidate"), message, did_you_mean(rollout.candidate, others or flag.variants))
    elif rollout.candidate == flag.default:
        fix = f"name another variant: {listed(others)}" if others else f"add a second variant to {rollout.flag}"
        yield source.problem((*at, "candidate"), f"{rollout.candidate} is the default of {rollout.flag}", fix)
    for i, variant in enumerate(rollout.experiment.beside if rollout.experiment else ()):
        if variant not in flag.variants or variant == flag.default:
            why = "is the default of" if variant == flag.default else "is no variant of"
            message = f"{quoted(variant)} {why} flag {rollout.flag}"
            yield source.problem((*at, "experiment", "beside", i), message, f"name others: {listed(others)}")
    for i, rule in enumerate(flag.rules):
        if not rule.when and rule.share == WHOLE:
            message = f"this rule takes everybody, and nobody is left for rollout {name}"
            fix = "remove it, or give it a condition; the rollout moves those whom no rule settles"
            yield source.problem(("flags", rollout.flag, "rules", i), message, fix)


def _unmeasured(name: str, rollout: RolloutText, metrics: Mapping[str, Metric], source: Source) -> Iterator[Problem]:
    for key, named in (("guardrails", rollout.guardrails), ("outcomes", rollout.outcomes)):
        for metric in named:
            found = metrics.get(metric)
            requests = (
                found is not None
                and found.kind != "external"
                and REQUEST
                in (
                    found.event,
                    found.per.event if found.per else "",
                )
            )
            if requests:
                message = f"{metric} is of requests, and no service says whose"
                fix = "add service: NAME, or name metrics of events that the app tracks"
                yield source.problem(("rollouts", name, key, metric), message, fix)
