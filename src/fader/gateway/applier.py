"""From a ruleset to an Envoy that serves it, or to a sentence that says why not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import msgspec
from structlog.typing import FilteringBoundLogger

from fader.errors import Corrupt
from fader.gateway import durable_file
from fader.gateway.acks import Acks, Rejected
from fader.gateway.envoy_log import EnvoyLog
from fader.gateway.layout import Layout
from fader.gateway.names import share_key
from fader.gateway.plan import Step, plan_writes
from fader.gateway.resources import Resources, render
from fader.gateway.ruleset_file import RulesetFile
from fader.gateway.validation import Validate
from fader.gateway.xds_files import XdsFiles
from fader.model.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` is "" when the ruleset is in force. `again`: whether the same ruleset may work later (a port that is
    taken now), or is wrong in itself."""

    error: str = ""
    again: bool = False


class Applier:
    """Keeps the files on disk and Envoy in step. `applied` is the ruleset that Envoy has acknowledged last."""

    def __init__(
        self,
        layout: Layout,
        acks: Acks,
        envoy_log: EnvoyLog,
        validate: Validate,
        log: FilteringBoundLogger,
    ) -> None:
        self._layout = layout
        self._acks = acks
        self._envoy_log = envoy_log
        self._validate = validate
        self._log = log
        self._files = XdsFiles()
        self._applied_file = RulesetFile(layout.directory / "applied.json")
        self._current: Resources | None = None
        self._born = 0
        self.applied: Ruleset | None = None

    def recover(self) -> None:
        """Learn from disk what the files there stand for. Files that this rendering would not write count as
        unknown, and are then all written again."""
        try:
            applied = self._applied_file.load()
        except Corrupt as error:
            self._log.error("the record of the applied ruleset is corrupt", why=str(error))
            return
        if applied is None:
            return
        resources = render(applied, self._layout)
        if XdsFiles.hold(resources):
            self._current = resources

    async def prepare(self, ruleset: Ruleset | None) -> Outcome:
        """Make the files that Envoy will start from. Something it can start from is there when this returns: when
        the ruleset is bad or unknown, the files that were there; when there were none, a gateway without services."""
        wanted = render(ruleset or Ruleset(version=0), self._layout)
        if ruleset is None and XdsFiles.bootable(wanted):
            durable_file.replace(self._layout.bootstrap, msgspec.json.encode(wanted.bootstrap))
            return Outcome()
        outcome = Outcome()
        if not XdsFiles.hold(wanted):
            refusal = await self._validate(wanted)
            if refusal:
                outcome = Outcome(error=refusal)
                if XdsFiles.bootable(wanted):
                    durable_file.replace(self._layout.bootstrap, msgspec.json.encode(wanted.bootstrap))
                    return outcome
                wanted = render(Ruleset(version=0), self._layout)
            for step in plan_writes(None, wanted):
                self._files.make(step)
            self._files.forget()
            self._clear_away(wanted)
        durable_file.replace(self._layout.bootstrap, msgspec.json.encode(wanted.bootstrap))
        self._current = wanted
        return outcome

    def same_bootstrap(self) -> bool:
        """Whether the Envoy that was started from the bootstrap on disk is as this version of fader would start it."""
        wanted = render(Ruleset(version=0), self._layout).bootstrap
        return durable_file.content(self._layout.bootstrap) == msgspec.json.encode(wanted)

    async def apply(self, ruleset: Ruleset, *, again: bool = False) -> Outcome:
        """Bring Envoy, which runs, to the ruleset. Idempotent. `again`: files that Envoy refused are offered anew."""
        wanted = render(ruleset, self._layout)
        try:
            outcome = await self._apply(wanted, again)
        except Rejected as error:
            self._files.put_back()
            outcome = Outcome(error=str(error), again=True)
        except OSError as error:
            self._files.put_back()
            outcome = Outcome(error=f"cannot write the gateway's files: {error}", again=True)
        if outcome.error:
            self._files.forget()
            await self._settle()
            return outcome
        self._files.forget()
        self._current = wanted
        if self.applied != ruleset:
            self.applied = ruleset
            try:
                self._applied_file.store(ruleset)
                self._applied_file.sync()
            except OSError as error:
                # Without the record the next agent writes all files again, which changes nothing.
                self._log.error("the record of the applied ruleset cannot be written", why=str(error))
        return outcome

    async def _apply(self, wanted: Resources, again: bool) -> Outcome:
        steps = plan_writes(self._current, wanted)
        log_since = self._envoy_log.end() if steps or again else self._born
        steps = await self._shares_first(steps, wanted, log_since)
        if any(step.file is None or step.file.kind != "rtds" for step in steps):
            refusal = await self._validate(wanted)
            if refusal:
                return Outcome(error=f"the configuration was refused before it was put in place: {refusal}")
        for step in steps:
            self._files.make(step)
            if self._current is not None and step.file is not None and step.wait:
                await self._acks.wait(step.file, log_since)
        # Envoy reads the routes of a listener once it has the listener.
        for file in sorted(wanted.files.values(), key=lambda file: file.kind == "rds"):
            if again and not steps and not await self._acks.held(file):
                self._files.make(Step(file.path, file))
            await self._acks.wait(file, log_since)
        return Outcome()

    async def restarted(self, log_since: int) -> None:
        """A new Envoy reads what is on disk; its log begins at `log_since`."""
        self._acks.forget()
        self._born = log_since

    async def adopted(self, log_since: int) -> None:
        """An Envoy that runs already has been taken over. Raises Unavailable."""
        await self._acks.learn()
        self._born = log_since

    async def _settle(self) -> None:
        """After a refusal: what is it that Envoy serves?"""
        if self.applied is None and self._current is not None:
            for file in self._current.files.values():
                if not await self._acks.held(file):
                    return
            self.applied = self._current.ruleset

    async def _shares_first(self, steps: tuple[Step, ...], wanted: Resources, log_since: int) -> tuple[Step, ...]:
        """A rollback is in force before anything else is looked at, and stays in force whatever happens to the rest:
        not even the check of the rest is waited for. Only when users are taken from a candidate and none gets more;
        everything else is checked first."""
        if self._current is None or not steps or steps[0].file is None or steps[0].file.kind != "rtds":
            return steps
        if not takes_away(self._current.ruleset, wanted.ruleset):
            return steps
        first, file = steps[0], steps[0].file
        begin = time.perf_counter()
        self._files.make(first)
        await self._acks.wait(file, log_since)
        self._log.debug("shares in force", ms=round((time.perf_counter() - begin) * 1e3, 1))
        self._files.forget()
        self._current = replace(self._current, files={**self._current.files, first.path: file})
        return steps[1:]

    def _clear_away(self, wanted: Resources) -> None:
        """Files of services that are no more, left by an agent that ended in the middle of a change."""
        for pattern in ("rds-*.json", "sds-*.json"):
            for path in self._layout.directory.glob(pattern):
                if path not in wanted.files:
                    durable_file.remove(path)


def takes_away(old: Ruleset, new: Ruleset) -> bool:
    """Whether a candidate that has users gets fewer of them, and none gets more."""
    before, after = _widths(old), _widths(new)
    grows = any(after[key] > before[key] for key in before.keys() & after.keys())
    return not grows and any(after.get(key, 0) < width for key, width in before.items())


def _widths(ruleset: Ruleset) -> dict[str, int]:
    return {share_key(s.service, s.split): s.split.interval.width for s in ruleset.services if s.split}
