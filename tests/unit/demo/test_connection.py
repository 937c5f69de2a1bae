import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from fader.demo.connection import Pool

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Handler], Awaitable[int]]
REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a TCP server with the given handler; gives its port."""
    servers: list[asyncio.Server] = []

    async def start(handler: Handler) -> int:
        async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(closing, "127.0.0.1", 0)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_a_kept_alive_connection_is_used_again(serve: Serve) -> None:
    opened = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nx-shop-version: v2\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\n")
            writer.write(b"content-length: 2\r\n\r\n")
            await writer.drain()
            writer.write(b"ok")

    pool = Pool("127.0.0.1", await serve(handler))
    answers = [await pool.ask(REQUEST) for _ in range(3)]
    pool.close()
    assert opened == 1
    assert [(a.status, a.version, a.set_cookies) for a in answers] == [(200, "v2", ["a=1", "b=2"])] * 3


async def test_a_server_that_says_close_gets_a_new_connection(serve: Serve) -> None:
    opened = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Away\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    pool = Pool("127.0.0.1", await serve(handler))
    assert [(await pool.ask(REQUEST)).status for _ in range(2)] == [503, 503]
    assert opened == 2


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", id="half an answer"),
        pytest.param(b"this is no HTTP\r\n\r\n", id="nonsense"),
    ],
)
async def test_what_is_no_whole_answer_is_none(serve: Serve, words: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)
        await writer.drain()

    assert (await Pool("127.0.0.1", await serve(handler)).ask(REQUEST)).status == 0


async def test_an_answer_that_does_not_come_is_given_up(serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the visitor hangs up

    assert (await Pool("127.0.0.1", await serve(handler), patience=0.05).ask(REQUEST)).status == 0


async def test_nobody_listens() -> None:
    assert (await Pool("127.0.0.1", 1).ask(REQUEST)).status == 0
