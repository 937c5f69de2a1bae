"""Binding the address of the server."""

from __future__ import annotations

import socket

from fader.errors import BadInput, Problem


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
