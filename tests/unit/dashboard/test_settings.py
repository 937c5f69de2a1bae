"""The settings page: health, where things lie, keys by name and never by their secret."""

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from dashboard_twin import scenes
from dashboard_twin.control import ScriptedControl
from fader.app.data import DataDirectory
from fader.app.installation import in_memory, installed
from fader.dashboard.settings import size

Made = Callable[[ScriptedControl], httpx2.AsyncClient]


async def test_what_is_well_and_what_is_not(client: Made, now: float) -> None:
    control = ScriptedControl(gateways=scenes.gateways(now))
    async with client(control) as http:
        well = (await http.get("/settings")).text
        control.failing, control.free = "OSError: disk", 5_000_000
        ill = (await http.get("/settings")).text
    assert "judges" in well
    assert "41\N{NO-BREAK SPACE}GB" in well
    assert "refused the configuration" in well
    assert "almost full" not in well
    assert "every rollout holds: OSError: disk" in ill
    assert "almost full" in ill


def test_an_installation_tells_no_secret(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    tokens = data.prepare()
    (data.events / "day").write_bytes(b"x" * 1234)
    data.state.write_bytes(b"y" * 10)
    here = installed(data)
    assert (here.data, here.state_bytes, here.event_bytes) == (str(data.path), 10, 1234)
    assert here.free_bytes > 0
    assert {(data.path / key.file).exists() for key in here.keys} == {True}
    for secret in (tokens.operator, tokens.gateway, tokens.events, tokens.server_key, tokens.client_key):
        assert secret not in repr(here)
    assert len(here.keys) == 5
    assert in_memory().keys == ()


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 B"), (999, "999 B"), (12_345, "12.3 kB"), (292_000_000, "292 MB"), (3.4e15, "3400 TB")]
)
def test_bytes_as_people_read_them(n: int, said: str) -> None:
    assert size(n) == said.replace(" ", "\N{NO-BREAK SPACE}")
