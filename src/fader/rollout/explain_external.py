"""What there is to say of a metric that somebody else measures."""

from __future__ import annotations

from fader.model.external import Answer, External
from fader.model.metric import Metric
from fader.model.rollout import RolloutSpec
from fader.rollout import words


def answered(spec: RolloutSpec, metric: Metric, answer: Answer) -> str:
    """`prom answers: upstream-errors of shop-v2 is 12 of 3,400 for v2, 240 of 65,000 for v1`."""
    arms = ((spec.new, answer.candidate), (spec.old, answer.baseline))
    shown = ", ".join(f"{_numbers(metric, numbers)} for {version}" for version, numbers in arms)
    return f"{_provider(metric)} answers: {metric.name} of {spec.name} is {shown}"


def _numbers(metric: Metric, numbers: tuple[float, ...]) -> str:
    if len(numbers) == 1:
        return words.value(numbers[0], metric)
    return " of ".join(words.number(n) for n in numbers)


def unread(spec: RolloutSpec, metric: Metric, answer: Answer) -> str:
    return f"{metric.name} of {spec.name} cannot be read, and would hold it: {answer.missing}"


def _provider(metric: Metric) -> str:
    return metric.external.provider.name if metric.external else ""


def unasked(external: External) -> str:
    return f"{external.provider.name} has not answered yet in this stage"


def too_old(external: External, age: float) -> str:
    return f"the last answer of {external.provider.name} is {words.span(age)} old"


def below_zero(external: External) -> str:
    return f"{external.provider.name} answered with a counter below 0"


def more_than_all(external: External, events: float, total: float) -> str:
    return f"{external.provider.name} counted {events:g} events of {total:g} in all, which cannot be"


def was_reset(external: External, what: str, last: float, level: float) -> str:
    """`what`: "events of the candidate"."""
    return f"the {what} in {external.provider.name} fell from {last:g} to {level:g}: the counter was reset"
