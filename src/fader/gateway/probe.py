"""Is somebody there? One TCP connection to an endpoint, closed at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

#: "" when a connection was made, else why not.
Probe = Callable[[str, int], Awaitable[str]]
#: Seconds.
PATIENCE = 0.5


async def connect(host: str, port: int) -> str:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), PATIENCE)
    except TimeoutError:
        return SILENT
    except ConnectionRefusedError:
        return "connection refused"
    except OSError as error:
        return error.strerror or "cannot be reached"
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return ""


SILENT = f"no connection within {PATIENCE:g} s"
