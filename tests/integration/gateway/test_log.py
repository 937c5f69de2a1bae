"""What is written and what is counted of each request."""

from __future__ import annotations

import asyncio
import contextlib

import h2.config
import h2.connection
import pytest

from fader.assign.bucket import bucket
from fader.gateway.counts import COUNTS_PATH, HEALTH_PATH, endpoint_health, version_counts
from fader.model.report import VersionCount

from .envoy import Gateway, free_port, gateway
from .http import apps, connect, get
from .worlds import HEADER, live, shop, split, world

pytestmark = pytest.mark.slow

FIELDS = {"t", "u", "s", "r", "v", "why", "w", "p", "c", "f", "us", "m", "path", "rx", "tx", "tp", "x"}

SAFE = ("x-user-id", "safe id!")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_line_holds_to_the_contract() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split()))) as running:
            await get(port, "/a/b?secret=1", ("x-user-id", 'al"ice'), method="POST", body=b"12345")
            await get(port, "/")
            await get(port, "/status/404", ("x-user-id", "bob"))
            await running.apply(world(live(service)))
            await get(port, "/", ("x-user-id", "bob"))
            first, nobody, missing, none = await running.lines(4)
    for line in (first, nobody, missing, none):
        assert set(line) == FIELDS
        assert float(line["t"]) > 1_700_000_000
        assert line["us"] > 0
        assert (line["p"], line["f"], line["s"]) == ("1", "-", "shop")
    assert (first["u"], first["r"], first["v"], first["w"], first["why"]) == (
        'al"ice',
        "shop-v2",
        "v2",
        "v2",
        "rollout",
    )
    assert (first["c"], first["m"], first["path"], first["rx"]) == (200, "POST", "/a/b", 5)
    assert first["tx"] > 0
    assert (nobody["u"], nobody["v"], nobody["w"], nobody["why"]) == (None, "v1", "v1", "none")
    assert (missing["c"], missing["why"]) == (404, "rollout")
    assert (none["r"], none["v"], none["why"]) == ("", "v1", "none")


async def test_ids_are_written_byte_by_byte() -> None:
    """Envoy writes each byte above 127 as the character of that number; the agent puts the bytes together again."""
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        async with gateway(world(live(shop(port, v1.port, v2.port), split()))) as running:
            await get(port, "/", ("x-user-id", "zoë-日本"))
            (line,) = await running.lines(1)
    assert line["u"] in {"zoë-日本", "zoë-日本".encode().decode("latin-1")}


async def test_whatever_a_request_says_its_line_is_json() -> None:
    """Each byte in a path, as it is and escaped, in a unit and in a trace; answers of all kinds. One line a request."""
    anything = [bytes([n]).decode("utf-8", "surrogateescape") for n in range(1, 256) if n not in b"\t\r\n "]
    paths = [f"/a{text}b" for text in [*anything, *(f"%{n:02x}" for n in range(256)), '%00","s":"x']]
    units = [f'"{text}\\' for text in anything if text >= " " and text != "\x7f"]
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        async with gateway(world(live(shop(port, v1.port, v2.port, unit=(HEADER,)), split()))) as running:
            statuses = [(await get(port, path, ("x-user-id", "safe"))).status for path in paths]
            found = [(await get(port, "/unit", ("x-user-id", unit))).status for unit in units]
            traced = [(await get(port, "/", SAFE, ("traceparent", trace))).status for trace in (*units, TRACE + '"')]
            usual = [(await get(port, "/unit", SAFE, ("traceparent", TRACE), method=m)).status for m in ("GET", "POST")]
            lines = await running.lines(len(paths) + len(units) + len(traced) + len(usual))
            raw = running.layout.access_log.read_bytes().splitlines()
    assert set(statuses) == {200, 400}
    assert set(found) == set(traced) == set(usual) == {200}
    assert len(lines) == len(paths) + len(units) + len(traced) + len(usual)
    for status, line in zip(statuses, lines[: len(paths)], strict=True):
        assert set(line) == FIELDS
        assert (line["c"], line["s"]) == ((200, "shop") if status == 200 else (400, None))
    ours = [line["u"] for line in lines[len(paths) : len(paths) + len(units)]]
    theirs = [line["tp"] for line in lines[len(paths) + len(units) : -len(usual)]]
    assert [trace.encode("latin-1") for trace in theirs[:-1]] == [u.encode("utf-8", "surrogateescape") for u in units]
    assert theirs[-1] == TRACE + '"'
    assert [line["tp"] for line in lines[-len(usual) :]] == [TRACE] * len(usual)
    assert [unit.encode("latin-1") for unit in ours] == [unit.encode("utf-8", "surrogateescape") for unit in units]
    assert not any(line.startswith(b'{"s"') for line in raw[len(paths) : -len(usual)])
    assert all(line.startswith(b'{"s"') for line in raw[-len(usual) :]), "the usual line is written as text"


async def test_a_client_that_goes_away_has_a_line() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        async with gateway(world(live(shop(port, v1.port, v2.port, unit=(HEADER,)), split()))) as running:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /slow HTTP/1.1\r\nhost: a\r\nx-user-id: alice\r\n\r\n")
            await asyncio.sleep(0.2)
            writer.close()
            (line,) = await running.lines(1)
    assert set(line) == FIELDS
    assert (line["u"], line["c"], line["f"], line["us"], line["v"], line["w"]) == ("alice", 0, "DC", None, "v2", "v2")


async def test_a_method_is_a_word() -> None:
    """Also over HTTP/2, where it is a header like others: what is no token never becomes a request."""
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        async with gateway(world(live(shop(port, v1.port, v2.port, unit=(HEADER,)), split()))) as running:
            for method in ('G"T', "G\\T", "G\x01T", "G\xffT", "G{T", "PURGE"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                settings = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
                client = h2.connection.H2Connection(settings)
                client.initiate_connection()
                pairs = {":method": method, ":scheme": "http", ":authority": "a", ":path": "/", "x-user-id": "a"}
                client.send_headers(1, [(k.encode(), v.encode("latin-1")) for k, v in pairs.items()], end_stream=True)
                writer.write(client.data_to_send())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.3):
                        while await reader.read(65_536):
                            pass
                writer.close()
            lines = await running.lines(1)
    assert [line["m"] for line in lines if line["c"] == 200] == ["PURGE"]


async def sampled(running: Gateway, port: int, units: list[str]) -> None:
    async with connect(port) as client:
        for unit in units:
            await client.send("GET", "/", [("x-user-id", unit)])


async def test_a_sample_is_of_units_and_keeps_what_matters() -> None:
    units = [f"user-{n}" for n in range(400)]
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,), sample=100_000)
        inside = [unit for unit in units if bucket(unit, "fader/sample") < 100_000]
        out = next(unit for unit in units if unit not in inside)
        async with gateway(world(live(service, split()))) as running:
            await sampled(running, port, units)
            await sampled(running, port, units)
            await get(port, "/status/500", ("x-user-id", out))
            await get(port, "/slow", ("x-user-id", out))
            await v2.stop()
            await get(port, "/rescued", ("x-user-id", out))
            await v2.start()
            lines = await running.lines(2 * len(inside) + 3)
            await running.apply(world(live(shop(port, v1.port, v2.port, unit=(HEADER,)), split())))
            await get(port, "/whole", ("x-user-id", out))
            (*_, whole) = await running.lines(len(lines) + 1)
            counted = sum(row.requests for row in version_counts((await running.admin(COUNTS_PATH))[1]))
    assert sorted(line["u"] for line in lines if line["path"] == "/") == sorted(inside * 2)
    assert {line["p"] for line in lines if line["path"] == "/"} == {"0.1"}
    kept = {line["path"]: line for line in lines if line["path"] != "/"}
    assert set(kept) == {"/status/500", "/slow", "/rescued"}
    assert {line["p"] for line in kept.values()} == {None}
    assert (kept["/rescued"]["v"], kept["/rescued"]["w"]) == ("v2", "v1")
    assert (whole["path"], whole["p"]) == ("/whole", "1")
    assert counted == 2 * len(units) + 4, "the counters count what is not written too"


async def test_a_sampled_service_beside_one_that_is_not() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        some = shop(port, v1.port, v2.port, unit=(HEADER,), sample=1, hosts=("some.example",))
        every = shop(port, v1.port, v2.port, unit=(HEADER,), name="every", hosts=("every.example",))
        async with gateway(world(live(some), live(every))) as running:
            for host in ("some.example", "every.example"):
                await get(port, "/", ("host", host), ("x-user-id", "a"))
            lines = await running.lines(1)
            await asyncio.sleep(0.5)
            assert await running.lines(1) == lines
    assert [(line["s"], line["p"]) for line in lines] == [("every", "1")]


async def test_exact_counts_and_latencies() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split()))) as running:
            for path in ["/"] * 5 + ["/status/500", "/status/404"]:
                await get(port, path, ("x-user-id", "a"))
            for _ in range(3):
                await get(port, "/")
            await get(port, "/slow", ("x-fader-preview", "s3cret-preview-0123456789"))
            counts: tuple[VersionCount, ...] = ()
            async with asyncio.timeout(20):
                while sum(count for row in counts for _, count in row.latency_bins) < 11:
                    counts = version_counts((await running.admin(COUNTS_PATH))[1])
                    await asyncio.sleep(0.1)
    found = {(row.service, row.version, row.reason): row for row in counts}
    assert {key: (row.requests, row.errors) for key, row in found.items()} == {
        ("shop", "v2", "rollout"): (7, 1),
        ("shop", "v1", "none"): (3, 0),
        ("shop", "v2", "preview"): (1, 0),
    }
    slow = found["shop", "v2", "preview"]
    assert [bound for bound, count in slow.latency_bins if count] == [1000.0]
    assert slow.latency_us_sum == pytest.approx(800_000, rel=0.25)


async def test_the_health_of_every_endpoint() -> None:
    async with apps("v1", "v2") as (v1, v2):
        port = free_port()
        service = shop(port, v1.port, v2.port, unit=(HEADER,))
        async with gateway(world(live(service, split()))) as running:
            before = endpoint_health((await running.admin(HEALTH_PATH))[1])
            await v2.stop()
            async with asyncio.timeout(20):
                while all(row.healthy for row in endpoint_health((await running.admin(HEALTH_PATH))[1])):
                    await get(port, "/", ("x-user-id", "a"))
            after = endpoint_health((await running.admin(HEALTH_PATH))[1])
            await v2.start()
    assert {(row.service, row.version, row.address, row.healthy) for row in before} == {
        ("shop", "v1", f"127.0.0.1:{v1.port}", True),
        ("shop", "v2", f"127.0.0.1:{v2.port}", True),
    }
    assert [(row.version, row.reason) for row in after if not row.healthy] == [("v2", "not reachable")]
