"""Bringing the state in line with a `fader.yaml`: first say what would change, then change all of it or nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fader.assign.cases import cases, in_order, moved
from fader.assign.cel import segments_of
from fader.assign.cel_parser import parse
from fader.assign.pieces import reweighted, weights
from fader.assign.reduce import NotAtGateway, Reducer
from fader.clock import Clock
from fader.engine.ask_once import asked_once
from fader.engine.desk import Probe
from fader.engine.observe import learnt
from fader.engine.publish import Publisher
from fader.errors import BadInput, Problem
from fader.model.applied import Applied, Change
from fader.model.channel import Channel
from fader.model.evidence import Evidence
from fader.model.flag import Flag, Piece
from fader.model.holdout import Holdout
from fader.model.rollout import RolloutSpec, Subject
from fader.model.segment import Segment
from fader.model.service import Address, Service
from fader.model.share import WHOLE, Interval
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.model.written import Written
from fader.ports.events import EventStore
from fader.ports.providers import Providers
from fader.ports.states import Entry, StateStore
from fader.rollout import explain, explain_outcome
from fader.rollout.learning import planned
from fader.rollout.ruleset import baseline_now
from fader.rollout.words import phase
from fader.schema.document import Document, load_document


@dataclass(frozen=True, slots=True)
class Plan:
    """`answers`: what the providers of external metrics said when each was asked once. `environment`: for which it is,
    "" for none."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    environment: str = ""


class Applier:
    def __init__(
        self,
        states: StateStore,
        events: EventStore,
        publisher: Publisher,
        probe: Probe,
        clock: Clock,
        providers: Providers,
        tell: Callable[[str], None] = lambda name: None,
        environment: str = "",
    ) -> None:
        """`tell`: who looks at something is told by it that a configuration was applied, as `configuration`.
        `environment`: that of this installation, "" for none."""
        self._environment = environment
        self._states, self._events, self._publisher = states, events, publisher
        self._probe, self._clock, self._providers, self._tell = probe, clock, providers, tell

    def read(self, text: str, path: str) -> Document:
        """A configuration for this installation. Raises BadInput."""
        return load_document(text, path, self._environment)

    async def plan(self, document: Document) -> Plan:
        """What applying would change. Raises BadInput with everything that stands against it."""
        document = self._least_moved(document)
        problems = [*self._against_running(document), *await self._silent(document)]
        if problems:
            raise BadInput(*sorted(problems, key=lambda p: p.line))
        changes = [*self._services(document), *self._rollouts(document), *self._flags(document)]
        foreseen = tuple([await self._foreseen(document, c) for c in changes])
        said, unsaid = await asked_once(self._providers, document.rollouts, self._clock())
        return Plan(foreseen, (*self._warnings(document), *unsaid), said, self._environment)

    @property
    def written(self) -> Written | None:
        """What is applied, as it was written; None where that is not known."""
        return self._states.written()

    @property
    def holds(self) -> bool:
        """Whether anything is applied."""
        return bool(self._states.services() or self._states.flags())

    async def apply(self, document: Document, written: Written | None = None) -> Plan:
        """Plan, then do it in one transaction; the same document again changes nothing. Raises BadInput, Conflict.

        `written`: the text that the document was read from, kept to be shown; its time is set here.
        """
        document = self._least_moved(document)
        plan = await self.plan(document)
        now, actor = self._clock(), written.actor if written else ""
        done = tuple(c for c in plan.changes if c.action != "same")
        applied = Applied(now, actor, written.path if written else "", done)
        if done:
            entries = self._released(document)
            changed = {c.name for c in plan.changes if c.kind == "rollout" and c.action in ("add", "change")}
            changed -= {entry.spec.name for entry in entries}
            entries += tuple(self._entry(spec) for spec in document.rollouts if spec.name in changed)
            self._states.apply(
                document.services, entries, document.flags, document.segments, now, document.settings, applied
            )
        held = self._states.written()
        if written and (held is None or (held.text, held.path) != (written.text, written.path)):
            self._states.write(replace(written, at=now), None if done else applied)
        self._publisher.publish()
        self._tell("configuration")
        return plan

    def _least_moved(self, document: Document) -> Document:
        """With weights as pieces that follow from those in force."""
        known = {flag.name: flag for flag in self._states.flags()}
        flags = []
        for flag in document.flags:
            old = known.get(flag.name)
            held = (old.split or (Piece(old.default, Interval(0, WHOLE)),)) if old else ()
            flags.append(replace(flag, split=reweighted(held, weights(flag.split))) if flag.split else flag)
        return replace(document, flags=tuple(flags))

    def _released(self, document: Document) -> tuple[Entry, ...]:
        """Completed rollouts that held units out which are held out no more, or others."""
        found, named = [], {spec.name: spec for spec in document.rollouts}
        for entry in self._states.entries():
            if entry.state.phase is Phase.COMPLETED:
                new = named.get(entry.spec.name)
                kept = tuple(draw for draw in entry.spec.holdouts if draw in document.holdouts)
                spec = replace(entry.spec, holdouts=new.holdouts if new else kept)
                found += [replace(entry, spec=spec)] if spec != entry.spec else []
        return tuple(found)

    def _entry(self, spec: RolloutSpec) -> Entry:
        old = self._known().get(spec.name)
        if old is None:
            return Entry(spec, RolloutState(spec.name), secrets.token_urlsafe(16))
        return replace(old, spec=spec)

    def _known(self) -> dict[str, Entry]:
        return {e.spec.name: e for e in self._states.entries()}

    def _services(self, document: Document) -> list[Change]:
        old = {s.name: s for s in self._states.services()}
        changes = [Change("service", s.name, *_difference(old.get(s.name), s)) for s in document.services]
        gone = old.keys() - {s.name for s in document.services}
        return changes + [Change("service", name, "remove", "its port is closed") for name in sorted(gone)]

    def _rollouts(self, document: Document) -> list[Change]:
        known = self._known()
        released = {entry.spec.name for entry in self._released(document)}
        changes = []
        for spec in document.rollouts:
            old = known.get(spec.name)
            if spec.name in released:
                continue
            if old is None:
                said = (f"start it with: fader start {spec.name}", explain.audience(spec.audience, spec.old))
                changes.append(Change("rollout", spec.name, "add", "; ".join(filter(None, said))))
            elif _same(old.spec, spec) or old.state.phase is Phase.COMPLETED:
                changes.append(Change("rollout", spec.name, "same", phase(old.state)))
            else:
                changes.append(Change("rollout", spec.name, *_difference(old.spec, replace(spec))))
        return changes + [Change("rollout", name, "change", "its holdouts") for name in sorted(released)]

    async def _foreseen(self, document: Document, change: Change) -> Change:
        """A rollout that could be started, with what its experiment can show by what is known today."""
        spec = next((s for s in document.rollouts if (change.kind, change.name) == ("rollout", s.name)), None)
        if spec is None or spec.experiment is None or change.action not in ("add", "change"):
            return change
        now = self._clock()
        found = Evidence(now, -1, learning=await learnt(self._events, spec, now))
        return replace(change, detail=f"{change.detail}; {explain_outcome.planned(spec, planned(spec, found))}")

    def _flags(self, document: Document) -> list[Change]:
        changes = []
        for kind, old, new in (
            ("segment", self._states.segments(), document.segments),
            ("flag", self._states.flags(), document.flags),
            ("channel", self._states.settings().channels, document.settings.channels),
            ("holdout", self._states.settings().holdouts, document.settings.holdouts),
        ):
            known = {noun.name: noun for noun in old}
            changes += [Change(kind, noun.name, *_difference(known.get(noun.name), noun)) for noun in new]
            gone = known.keys() - {noun.name for noun in new}
            changes += [Change(kind, name, "remove", _GONE[kind]) for name in sorted(gone)]
        was, now = self._states.settings().tracing, document.settings.tracing
        if was or now:
            action = "same" if was == now else "add" if not was else "change" if now else "remove"
            changes.append(Change("link", "tracing", action, now))
        return changes

    def _against_running(self, document: Document) -> list[Problem]:
        """An active rollout's spec is frozen, and its service must keep what it needs."""
        problems = []
        specs = {s.name: s for s in document.rollouts}
        for entry in self._states.entries():
            if entry.state.phase not in ACTIVE:
                continue
            name, spec = entry.spec.name, entry.spec
            new = specs.get(name)
            if new is not None and not _same(spec, new):
                problems.append(
                    document.problem(
                        ("rollouts", name),
                        f"rollout {name} is {phase(entry.state)}: what it was started with is frozen",
                        f"leave it as it was, or `fader abort {name}` first, or give the change a new rollout name",
                    )
                )
            problems += self._lacking(document, spec, f"rollout {name} is {phase(entry.state)}")
        return problems

    def _lacking(self, document: Document, spec: RolloutSpec, running: str) -> list[Problem]:
        """What the file no longer has of an active rollout."""
        keep = f"or `fader abort {spec.name}` first"
        problems = []
        service = next((s for s in document.services if s.name == spec.service), None)
        if spec.service and service is None:
            message = f"service {spec.service} is gone from the file while {running}"
            problems.append(document.problem(("services",), message, f"keep the service, {keep}"))
        flag = next((f for f in document.flags if f.name == spec.flag), None)
        if spec.flag and flag is None:
            message = f"flag {spec.flag} is gone from the file while {running}"
            problems.append(document.problem(("flags",), message, f"keep the flag, {keep}"))
        if (service or flag) and not _told(document, spec):
            message = f"the audience of rollout {spec.name} cannot be told any more: {spec.audience}"
            fix = f"keep the attributes and segments that it names, {keep}"
            problems.append(document.problem(("flags" if spec.flag else "services", spec.subject.name), message, fix))
        if flag is not None and flag.split:
            message = f"flag {spec.flag} gives its variants by weights while {running}"
            problems.append(document.problem(("flags", spec.flag, "default"), message, f"keep the default, {keep}"))
        at, word = ("flags", spec.flag, "variants"), "variant"
        there = {v.name for v in flag.variants} if flag else set()
        if not spec.flag:
            at, word = ("services", spec.service, "versions"), "version"
            there = {v.name for v in service.versions} if service else set()
        for version in (spec.baseline, *spec.tried) if there else ():
            if version not in there:
                message = f"{word} {version} of {spec.subject} is gone while rollout {spec.name} needs it"
                problems.append(document.problem(at, message, f"keep the {word}, {keep}"))
        return problems

    async def _silent(self, document: Document) -> list[Problem]:
        """New or changed versions that do not answer: found now, not by the first user."""
        old = {(s.name, v.name): v for s in self._states.services() for v in s.versions}
        asked = [
            (service, version.name, address)
            for service in document.services
            for version in service.versions
            if old.get((service.name, version.name)) != version
            for address in version.endpoints
        ]
        answers = await asyncio.gather(*(self._probe(address) for _, _, address in asked))
        return [
            document.problem(
                ("services", service.name, "versions", version),
                f"version {version} of {service.name} does not answer at {address} ({why})",
                "start it, or correct the address",
            )
            for (service, version, address), why in zip(asked, answers, strict=True)
            if why
        ]

    def _moved_on(self, document: Document) -> Iterator[str]:
        """Where the file still says what was before a completed rollout. Weights leave no unit to the default."""
        completed = [(e.spec, e.state) for e in self._states.entries() if e.state.phase is Phase.COMPLETED]
        moved = {spec.subject for spec, _ in completed}
        written: list[tuple[Subject, str, str, str, Service | Flag]] = []
        written += [(Subject("service", s.name), s.name, "baseline", s.baseline, s) for s in document.services]
        written += [
            (Subject("flag", f.name), f"flag {f.name}", "default", f.default, f) for f in document.flags if not f.split
        ]
        for subject, name, key, said, noun in written:
            now = baseline_now(noun, completed) if subject in moved else said
            if now != said:
                done = [s.name for s in document.rollouts if s.subject == subject and s.candidate == now]
                without = f" and take rollout {done[0]} out" if done else ""
                yield (
                    f"{name}: the file says {key} {said}, but a completed rollout made it {now}; the state decides. "
                    f"Write `{key}: {now}`{without} to agree"
                )

    def _warnings(self, document: Document) -> list[str]:
        warnings = [str(w) for w in document.warnings]
        warnings += self._moved_on(document)
        last = {s.flag: s for s in self._states.switches()}
        for flag in document.flags:
            switch = last.get(flag.name)
            if switch and switch.enabled != flag.enabled:
                on, other = ("on", "off") if switch.enabled else ("off", "on")
                warnings.append(
                    f"flag {flag.name} was switched {on} by {switch.actor or 'somebody'} and stays so, though the "
                    f"file says {other}: the state decides. `fader flag {other} {flag.name}` agrees with the file"
                )
        named = {s.name for s in document.rollouts}
        for entry in self._states.entries():
            if entry.state.phase in ACTIVE and entry.spec.name not in named:
                warnings.append(
                    f"rollout {entry.spec.name} is {phase(entry.state)} and stays, though the file no longer names it"
                )
        for spec in document.rollouts:
            old = self._known().get(spec.name)
            if old and old.state.phase is Phase.COMPLETED and not _same(old.spec, spec):
                warnings.append(f"rollout {spec.name} is completed: give the changed one a new name to start it")
        return warnings


def _told(document: Document, spec: RolloutSpec) -> bool:
    """Whether all that decide its rollout can tell its audience: the gateways of its service, or those that send its
    flag; and whoever evaluates that."""
    segments = {s.name: s for s in document.segments}
    flags = {f.name: f for f in document.flags}
    try:
        for service in document.services:
            if spec.flag in in_order(service.flags, flags):
                cases(moved(flags[spec.flag], spec.audience), segments, service.attributes)
            elif not spec.flag and service.name == spec.service:
                Reducer(segments, service.attributes).condition(spec.audience)
    except (NotAtGateway, KeyError):
        return False
    return not spec.audience or all(name in segments for name, _ in segments_of(parse(spec.audience)))


def _same(frozen: RolloutSpec, written: RolloutSpec) -> bool:
    """The file's baseline is only where a rollout starts from; the frozen one is what it did start from."""
    return replace(frozen, baseline="") == replace(written, baseline="")


_GONE = {
    "segment": "no condition may name it",
    "flag": "apps get their own default",
    "channel": "nobody is told any more",
    "holdout": "its users get what everybody has, and its reading ends",
}
_Noun = Service | RolloutSpec | Flag | Segment | Channel | Holdout


def _difference(old: _Noun | None, new: _Noun) -> tuple[str, str]:
    if old is None:
        return "add", ""
    if old == new:
        return "same", ""
    fields = [f for f in type(new).__dataclass_fields__ if getattr(old, f) != getattr(new, f)]
    return "change", ", ".join(fields)


async def answers(address: Address) -> str:
    """The probe of real life: can a TCP connection be made within two seconds? "" or why not."""
    try:
        async with asyncio.timeout(2.0):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return "no answer within 2 s"
    except OSError as e:
        return (e.strerror or str(e)).lower() if e.errno != 111 else "connection refused"
    writer.close()
    return ""
