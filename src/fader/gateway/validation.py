"""Asking Envoy about a configuration before it is put in place (`--mode validate`, about 0.05 s)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from fader.gateway import durable_file
from fader.gateway.envoy_log import MOST, worst
from fader.gateway.resources import Resources

#: "" when the configuration is good, else Envoy's reason.
Validate = Callable[[Resources], Awaitable[str]]


class Validator:
    """The real question to the real binary."""

    def __init__(self, binary: Path, timeout: float = 20.0) -> None:
        self._binary = binary
        self._timeout = timeout

    async def __call__(self, resources: Resources) -> str:
        path = resources.layout.directory / "check.json"
        durable_file.replace(path, msgspec.json.encode(resources.check), sync=False)
        process = await asyncio.create_subprocess_exec(
            *(str(self._binary), "--mode", "validate", "--disable-hot-restart", "--config-path", str(path)),
            *("--log-level", "warning"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=str(resources.layout.directory),
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), self._timeout)
        except TimeoutError:
            process.kill()
            await process.wait()
            return f"Envoy did not finish checking the configuration within {self._timeout:g} s"
        finally:
            durable_file.remove(path)
        if process.returncode == 0:
            return ""
        text = output.decode(errors="replace")
        return (
            worst(text) or text.strip()[-MOST:] or f"Envoy ended with {process.returncode} checking the configuration"
        )
