from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import structlog

from fader.errors import Unavailable
from fader.gateway.acks import Acks
from fader.gateway.applier import Applier, takes_away
from fader.gateway.envoy_log import EnvoyLog
from fader.gateway.layout import Layout
from fader.gateway.resources import Resources, render
from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.share import Interval

SHOP = Service(
    name="shop",
    listen=Address("127.0.0.1", 8080),
    unit=(UnitSource("header", "x-user-id"),),
    versions=(Version("v1", (Address("127.0.0.1", 9001),)), Version("v2", (Address("127.0.0.1", 9002),))),
    baseline="v1",
)
OTHER = replace(SHOP, name="other", listen=Address("127.0.0.1", 8081))


def ruleset(version: int, width: int | None, other: int | None = None, *, both: bool = False) -> Ruleset:
    services = [LiveService(SHOP, "v1", split("shop-v2", width))]
    if both:
        services.append(LiveService(OTHER, "v1", split("other-v2", other)))
    return Ruleset(version, tuple(services))


def split(name: str, width: int | None) -> Split | None:
    return None if width is None else Split(name, "v2", f"salt/{name}", Interval(0, width), "connect", "secret")


class Envoy:
    """Reads the files as Envoy would and says so in its statistics; refuses what `refuses` says."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.log = EnvoyLog(layout.directory / "envoy.log")
        self.refuses: Callable[[str], str] = lambda name: ""
        self.gone = 0
        self.late = 0
        self._stats: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._held: dict[Path, bytes] = {}

    async def stats(self, pattern: str) -> dict[str, str]:
        if self.gone:
            self.gone -= 1
            raise Unavailable("no Envoy")
        self.late, late = max(self.late - 1, 0), self.late
        for path in sorted(self.layout.directory.glob("*ds*.json")) if not late else ():
            content = path.read_bytes()
            if self._held.get(path) != content:
                self._held[path] = content
                self._read(path, msgspec.json.decode(content)["version_info"])
        return {name: value for name, value in self._stats.items() if re.search(pattern, name)}

    def _read(self, path: Path, version: str) -> None:
        name = path.stem
        prefix = {"rtds": "runtime", "cds": "cluster_manager.cds", "lds": "listener_manager.lds"}.get(name)
        if prefix is None:
            listener = name.removeprefix("rds-")
            prefix = f"http.{listener}.rds.{listener}"
        why = self.refuses(name)
        if why:
            count = f"{prefix}.update_rejected"
            self._stats[count] = str(int(self._stats.get(count, 0)) + 1)
            with self.log.path.open("a") as file:
                file.write(f"[2026-01-01 00:00:00.000][1][warning][config] [x.cc:1] {why}\n")
        else:
            self._stats[f"{prefix}.version_text"] = version

    async def ready(self) -> bool:
        return True

    async def counts(self) -> str:
        return ""

    async def clusters(self) -> str:
        return "{}"

    async def reopen_logs(self) -> None: ...

    async def drain(self, *, graceful: bool) -> None: ...


class Check:
    """What `--mode validate` says, and what it was asked."""

    def __init__(self) -> None:
        self.refusal = ""
        self.asked: list[int] = []

    async def __call__(self, resources: Resources) -> str:
        self.asked.append(resources.ruleset.version)
        return self.refusal


class World:
    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory)
        self.envoy = Envoy(self.layout)
        self.check = Check()
        self.applier = self.agent()

    def agent(self) -> Applier:
        acks = Acks(self.envoy, self.envoy.log, patience=1.0)
        return Applier(self.layout, acks, self.envoy.log, self.check, structlog.wrap_logger(structlog.ReturnLogger()))

    def on_disk(self, wanted: Ruleset) -> bool:
        files = render(wanted, self.layout).files.values()
        return all(file.path.read_bytes() == msgspec.json.encode(file.document) for file in files)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.layout.directory.glob("*ds*.json")}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def start(world: World, wanted: Ruleset) -> None:
    assert not (await world.applier.prepare(wanted)).error
    await world.applier.restarted(0)
    assert not (await world.applier.apply(wanted)).error
    world.check.asked.clear()


async def test_files_lie_there_before_envoy_starts_and_are_acknowledged_after(world: World) -> None:
    await start(world, ruleset(1, 1000))
    assert world.on_disk(ruleset(1, 1000))
    assert world.layout.bootstrap.is_file()
    assert world.applier.applied == ruleset(1, 1000)


async def test_a_new_share_is_not_checked_and_changes_one_file(world: World) -> None:
    await start(world, ruleset(1, 1000))
    before = world.files()
    assert not (await world.applier.apply(ruleset(2, 2000))).error
    assert world.check.asked == []
    assert {name for name, content in world.files().items() if before[name] != content} == {"rtds.json"}


async def test_a_refused_check_changes_nothing(world: World) -> None:
    await start(world, ruleset(1, 1000))
    before = world.files()
    world.check.refusal = "no such certificate"
    outcome = await world.applier.apply(ruleset(2, 1000, both=True))
    assert "no such certificate" in outcome.error
    assert not outcome.again
    assert world.files() == before
    assert world.applier.applied == ruleset(1, 1000)


async def test_a_refusal_by_envoy_is_put_back_with_its_reason(world: World) -> None:
    await start(world, ruleset(1, 1000))
    before = world.files()
    world.envoy.refuses = lambda name: "cannot bind '127.0.0.1:8081': Address already in use" if name == "lds" else ""
    outcome = await world.applier.apply(ruleset(2, 1000, both=True))
    assert outcome.error == "127.0.0.1:8081 is taken: another program listens on port 8081"
    assert outcome.again
    assert world.files() == before
    assert world.applier.applied == ruleset(1, 1000)
    world.envoy.refuses = lambda name: ""
    assert not (await world.applier.apply(ruleset(2, 1000, both=True), again=True)).error
    assert world.on_disk(ruleset(2, 1000, both=True))


async def test_an_end_of_a_split_holds_whatever_becomes_of_the_rest(world: World) -> None:
    await start(world, ruleset(1, 1000))
    world.check.refusal = "bad"
    assert (await world.applier.apply(ruleset(2, None, both=True))).error
    shares = msgspec.json.decode((world.layout.rtds).read_bytes())["resources"][0]["layer"]
    assert not [key for key in shares if "shop-v2" in key]


async def test_a_growth_waits_for_the_check_of_the_rest(world: World) -> None:
    await start(world, ruleset(1, 1000, both=True))
    before = world.files()
    world.check.refusal = "bad"
    more = Ruleset(2, (LiveService(SHOP, "v1", split("shop-v2", 5000)), LiveService(OTHER, "v2", None)))
    assert (await world.applier.apply(more)).error
    assert world.files() == before


async def test_envoy_away_for_a_moment_is_waited_for(world: World) -> None:
    await start(world, ruleset(1, 1000))
    world.envoy.gone = 3
    assert not (await world.applier.apply(ruleset(2, 2000))).error


async def test_silence_is_a_refusal_in_the_end(world: World) -> None:
    await start(world, ruleset(1, 1000))
    world.envoy.gone = 10_000
    outcome = await world.applier.apply(ruleset(2, 2000))
    assert "has not taken rtds.json within 1 s" in outcome.error
    assert world.on_disk(ruleset(1, 1000))


async def test_old_refusals_of_an_adopted_envoy_are_not_held_against_the_new(world: World) -> None:
    await start(world, ruleset(1, 1000))
    world.envoy.refuses = lambda name: "bad" if name == "rtds" else ""
    assert (await world.applier.apply(ruleset(2, 2000))).error
    world.envoy.refuses = lambda name: ""
    second = world.agent()
    second.recover()
    await second.adopted(0)
    world.envoy.late = 3
    assert not (await second.apply(ruleset(3, 3000))).error
    assert world.check.asked == [], "it knows what lies on disk: a share alone is a share alone"


async def test_a_bad_stored_ruleset_leaves_the_files_that_were_there(world: World) -> None:
    await start(world, ruleset(1, 1000))
    before = world.files()
    world.check.refusal = "bad"
    second = world.agent()
    second.recover()
    assert (await second.prepare(ruleset(2, 1000, both=True))).error == "bad"
    assert world.files() == before
    await second.restarted(0)
    assert (await second.apply(ruleset(2, 1000, both=True))).error
    assert second.applied == ruleset(1, 1000), "what is served is said"


async def test_a_bad_first_ruleset_leaves_a_gateway_without_services(world: World) -> None:
    world.check.refusal = "bad"
    assert (await world.applier.prepare(ruleset(1, 1000))).error == "bad"
    assert world.on_disk(Ruleset(0))


async def test_an_unknown_ruleset_starts_from_what_is_there(world: World) -> None:
    await start(world, ruleset(1, 1000))
    second = world.agent()
    assert not (await second.prepare(None)).error
    assert world.on_disk(ruleset(1, 1000))


def test_taking_away() -> None:
    assert takes_away(ruleset(1, 1000), ruleset(2, None))
    assert takes_away(ruleset(1, 1000), ruleset(2, 999))
    assert takes_away(ruleset(1, 1000), Ruleset(2))
    assert not takes_away(ruleset(1, 1000), ruleset(2, 1000))
    assert not takes_away(ruleset(1, 1000), ruleset(2, 1001))
    assert not takes_away(ruleset(1, None), ruleset(2, 1000))
    assert not takes_away(ruleset(1, 1000, 1000, both=True), ruleset(2, 500, 1500, both=True))
