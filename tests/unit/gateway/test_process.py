from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from dataclasses import replace

from fader.gateway.process import ended, identify, send, status_in_words


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"])


def test_a_process_is_itself_and_nobody_else() -> None:
    own = identify(os.getpid(), 1000.0)
    assert own is not None
    assert own.alive()
    assert not replace(own, ticks=own.ticks - 1).alive(), "another process had the number"
    assert not replace(own, boot="before the machine was started again").alive()


def test_a_zombie_is_dead() -> None:
    process = sleeper()
    identity = identify(process.pid, 0.0)
    assert identity is not None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.alive()
    assert identify(process.pid, 0.0) is None
    process.wait()


async def test_the_end_of_a_child_is_seen_and_it_is_reaped() -> None:
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], {})
    identity = identify(pid, 0.0)
    if identity is None:
        # It was quicker than us: then it is a zombie, and waiting for it must end at once all the same.
        os.waitpid(pid, 0)
        return
    status = await asyncio.wait_for(ended(identity), 30)
    assert status is not None
    assert status_in_words(status) == "ended with exit code 3"


async def test_a_signal_reaches_the_process_and_only_while_it_is_the_same() -> None:
    pid = os.posix_spawn("/bin/sleep", ["sleep", "600"], {})
    identity = identify(pid, 0.0)
    assert identity is not None
    send(replace(identity, ticks=identity.ticks + 1), signal.SIGKILL)
    assert identity.alive()
    send(identity, signal.SIGKILL)
    assert status_in_words(await asyncio.wait_for(ended(identity), 30)) == "was ended by SIGKILL"


async def test_waiting_for_a_process_long_gone_ends() -> None:
    process = sleeper()
    identity = identify(process.pid, 0.0)
    assert identity is not None
    process.kill()
    process.wait()
    assert await asyncio.wait_for(ended(identity), 30) is None
