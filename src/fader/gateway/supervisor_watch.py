"""Has the process that started this one gone?"""

from __future__ import annotations

import os

from fader.gateway.process import ended, identify


async def parent_gone() -> None:
    """Return when the parent of this process has ended. The first process of the machine never does."""
    parent = os.getppid()
    identity = identify(parent, 0.0)
    if identity is not None and os.getppid() == parent:
        await ended(identity)
