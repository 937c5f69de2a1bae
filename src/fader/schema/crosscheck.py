"""What no noun can check alone: names that point at each other, and services that share a port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from itertools import combinations

from fader.errors import Problem
from fader.model.metric import Direction, Metric
from fader.model.service import Service
from fader.schema.metric import MetricText
from fader.schema.rollout import RolloutText
from fader.schema.source import Data, Source
from fader.schema.suggest import did_you_mean, listed, quoted


def written_names(data: Data, *sections: str) -> Mapping[str, Data]:
    """The entries of a section as written, sound or not: a broken service is still no unknown one."""
    for section in sections:
        data = data.get(section) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def name_problems(metrics: Mapping[str, Metric], source: Source) -> Iterator[Problem]:
    """Names that point at nothing. It reads what is written, so that one mistake does not hide another."""
    for name in written_names(source.data, "services"):
        baseline = written_names(source.data, "services", name).get("baseline")
        versions = written_names(source.data, "services", name, "versions")
        if isinstance(baseline, str) and versions and baseline not in versions:
            message = f"there is no version {quoted(baseline)}"
            yield source.problem(("services", name, "baseline"), message, did_you_mean(baseline, versions))
    known = {**dict.fromkeys(written_names(source.data, "metrics")), **metrics}
    for name in written_names(source.data, "rollouts"):
        yield from _versions(name, source)
        for key in ("guardrails", "outcomes"):
            named = written_names(source.data, "rollouts", name).get(key)
            for i, metric in enumerate(named if isinstance(named, dict | list) else ()):
                if isinstance(metric, str) and metric not in known:
                    at = ("rollouts", name, key, metric if isinstance(named, dict) else i)
                    yield source.problem(at, f"there is no metric {quoted(metric)}", did_you_mean(metric, known))


def _versions(rollout: str, source: Source) -> Iterator[Problem]:
    at = ("rollouts", rollout)
    written = written_names(source.data, *at)
    service, candidate = written.get("service"), written.get("candidate")
    services = written_names(source.data, "services")
    if service and isinstance(service, str) and service not in services:
        fix = did_you_mean(service, services) if services else "write it under services:"
        yield source.problem((*at, "service"), f"there is no service {quoted(service)}", fix)
        return
    if not isinstance(service, str) or written.get("flag"):
        return
    versions = written_names(source.data, "services", service, "versions")
    baseline = written_names(source.data, "services", service).get("baseline")
    others = [v for v in versions if v != baseline]
    if not versions:
        return
    beside = written_names(source.data, *at, "experiment").get("beside")
    for version in beside if isinstance(beside, list) else ():
        where = (*at, "experiment", "beside")
        if isinstance(version, str) and version not in versions:
            message = f"service {service} has no version {quoted(version)}"
            yield source.problem(where, message, did_you_mean(version, others or versions))
        elif version == baseline:
            yield source.problem(where, f"{version} is the baseline of {service}", "name other versions")
    tried = [baseline, candidate, *(beside if isinstance(beside, list) else ())]
    for version in written_names(source.data, *at, "units"):
        if version not in tried:
            message = f"{version} is neither the baseline of {service} nor tried by this rollout"
            yield source.problem((*at, "units", version), message, f"name one of {listed(map(str, tried))}")
    if not isinstance(candidate, str):
        return
    if candidate not in versions:
        message = f"service {service} has no version {quoted(candidate)}"
        yield source.problem((*at, "candidate"), message, did_you_mean(candidate, others or versions))
    elif candidate == baseline:
        fix = f"name another version: {listed(others)}" if others else f"add a second version to {service}"
        yield source.problem((*at, "candidate"), f"{candidate} is the baseline of {service}", fix)


def direction_problems(
    metrics: Mapping[str, MetricText], directions: Mapping[str, Direction], source: Source
) -> Iterator[Problem]:
    """Whether more orders are good is for people to say: a guess would take a success for harm."""
    for name, metric in metrics.items():
        if metric.direction(directions) is None:
            fix = "add better: higher, or better: lower"
            yield source.problem(("metrics", name), "nothing says whether more of it is better", fix)


def margin_problems(
    rollouts: Mapping[str, RolloutText], metrics: Mapping[str, Metric], source: Source
) -> Iterator[Problem]:
    """Percentage points make sense for a share alone."""
    for name, rollout in rollouts.items():
        written = [(("guardrails", m, "tolerate"), m, g.tolerate) for m, g in rollout.guardrails.items()]
        written += [(("outcomes", m, "tolerate"), m, o.tolerate) for m, o in rollout.outcomes.items()]
        written += [(("outcomes", m, "smallest"), m, o.smallest) for m, o in rollout.outcomes.items() if o.smallest]
        for at, metric, margin in written:
            sound = metrics.get(metric)
            if sound is None or (sound.kind == "external" and sound.external is None):
                continue  # unknown, or of a provider that is wrong itself
            if margin.kind == "absolute" and not sound.is_share:
                article = "a quantile" if sound.kind == "quantile" else "no share"
                message = f"{metric} is {article} and has no percentage points"
                fix = "write a part of the baseline's value, e.g. 10%"
                yield source.problem(("rollouts", name, *at), message, fix)


def outcome_problems(
    rollouts: Mapping[str, RolloutText], metrics: Mapping[str, Metric], source: Source
) -> Iterator[Problem]:
    """An outcome is read per user, whom a provider does not know."""
    for name, rollout in rollouts.items():
        for outcome in rollout.outcomes:
            sound = metrics.get(outcome)
            if sound and sound.kind == "external":
                at = ("rollouts", name, "outcomes", outcome)
                yield source.problem(at, f"{outcome} is external and knows no users", "name it under guardrails")


def primary_problems(
    rollouts: Mapping[str, RolloutText], metrics: Mapping[str, Metric], source: Source
) -> Iterator[Problem]:
    """What decides an experiment is compared with its margin, which a quantile's effect has not the unit of."""
    for name, rollout in rollouts.items():
        sound = metrics.get(rollout.experiment.primary) if rollout.experiment else None
        if sound and sound.kind == "quantile":
            at = ("rollouts", name, "experiment", "primary")
            message = f"{sound.name} is a quantile and cannot decide an experiment"
            yield source.problem(at, message, "name an outcome of another kind; it may stay an outcome or a guardrail")


def port_problems(services: Iterable[Service], source: Source) -> Iterator[Problem]:
    """Two services may share a listener when their hosts differ and both or neither speak TLS."""
    for first, second in combinations(services, 2):
        at = ("services", second.name)
        if first.listen.port != second.listen.port:
            continue
        if first.listen != second.listen:
            if _everywhere(first.listen.host) or _everywhere(second.listen.host):
                message = f"{second.listen} overlaps with {first.listen} of {first.name}"
                yield source.problem((*at, "listen"), message, "write the same address in both, or another port")
            continue
        if shared := [h for h in second.hosts if h in first.hosts]:
            message = f"{first.name} listens on {second.listen} for the host {shared[0]} too"
            fix = "take another port, or give each service its own hosts: [shop.example.com]"
            yield source.problem((*at, "listen"), message, fix)
        elif (first.tls is None) != (second.tls is None):
            with_tls, without = (first, second) if first.tls else (second, first)
            message = f"{with_tls.name} speaks TLS on {second.listen} and {without.name} does not"
            yield source.problem((*at, "listen"), message, f"give {without.name} tls: too, or another port")


def _everywhere(host: str) -> bool:
    return ip_address(host).is_unspecified


def warnings(services: Iterable[Service], source: Source) -> Iterator[Problem]:
    """What is allowed and worth a second look before it is applied."""
    for service in services:
        if not ip_address(service.listen.host).is_loopback:
            yield source.problem(
                ("services", service.name, "listen"),
                f"{service.listen} is reachable from other machines",
                "keep 127.0.0.1 unless that is meant" + ("" if service.tls else ", and add tls: {cert:, key:}"),
            )
