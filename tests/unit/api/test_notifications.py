"""Channels over HTTP: shown without what is secret, and tried."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Plane


async def test_a_channel_is_tried_over_a_real_socket(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        bodies.append(await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0])))
        writer.write(b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("ONCALL_URL", f"{host}/s3cret")
    answer = await plane.apply("flags: {theme: {}}\nnotifications: {oncall: {url: {env: ONCALL_URL}}}\n")
    assert [c["name"] for c in answer["changes"] if c["kind"] == "channel"] == ["oncall"]
    async with plane.client("operator-token") as client:
        [before] = (await client.get("/v1/notifications")).json()["channels"]
        tried = await client.post("/v1/notifications/oncall/test")
        nobody = await client.post("/v1/notifications/nobody/test")
    async with plane.client("events-token") as stranger:
        assert (await stranger.post("/v1/notifications/oncall/test")).status_code == 401
    server.close()
    await server.wait_closed()
    assert (before["place"], before["failing"], before["told_at"]) == (host, "", 0)
    assert (tried.json()["failing"], tried.json()["told_at"]) == ("", plane.now)
    assert json.loads(bodies[0])["data"]["sentence"].startswith("this is a test of the channel oncall, sent by ann")
    assert nobody.status_code == 404
    assert "s3cret" not in tried.text
