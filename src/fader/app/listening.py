"""Binding the address of the server."""

from __future__ import annotations

import resource
import socket

from fader.errors import BadInput, Problem

#: Each app that follows the flags holds a connection open; the 1,024 that are usual were meant for a shell.
CONNECTIONS = 65_536


def allow_connections() -> None:
    """Let this process hold as many files open as it may, up to `CONNECTIONS`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = CONNECTIONS if hard == resource.RLIM_INFINITY else min(CONNECTIONS, hard)
    if resource.RLIM_INFINITY != soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def listen(host: str, port: int) -> socket.socket:
    """Bind the address. Raises BadInput when it is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as e:
        bound.close()
        why = (e.strerror or str(e)).lower()
        raise BadInput(
            Problem(f"cannot listen on {host}:{port}: {why}", "stop what uses it, or give another --port")
        ) from None
    bound.set_inheritable(True)
    return bound
