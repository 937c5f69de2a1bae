"""The settings page: health, where things lie, keys by name and never by their secret."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from dashboard_twin import scenes
from dashboard_twin.control import ScriptedControl
from fader.app.data import DataDirectory
from fader.app.installation import in_memory, installed
from fader.dashboard.pages import routes
from fader.dashboard.settings import size
from fader.model.channel import Channel
from fader.model.front import Front
from fader.model.settings import Settings

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


async def test_where_links_lead_and_who_sees_cards(client: Made) -> None:
    control = ScriptedControl()
    async with client(control) as http:
        assert "only to who is signed in" in (await http.get("/settings")).text
        control.front = Front("https://fader.example.com", public_cards=True)
        page = (await http.get("/settings")).text
    assert '<code class="cel">https://fader.example.com</code>' in page
    assert "Whoever has the link" in page


@pytest.mark.parametrize("name", ["", "staging"])
async def test_each_page_says_at_its_head_of_which_environment_the_server_is(now: float, name: str) -> None:
    control = ScriptedControl()
    here = replace(control.installation(), environment=name)
    pages = routes(control, control.flags, control.applier, lambda: here, control.notifier, lambda: now)
    transport = httpx2.ASGITransport(app=Starlette(routes=pages))
    async with httpx2.AsyncClient(transport=transport, base_url="http://fader") as http:
        head = '<span class="chip of" title="The environment of this server">'
        for path in ("/", "/flags", "/settings"):
            text = (await http.get(path)).text
            assert (f"{head}staging</span>" in text, head in text) == (bool(name), bool(name)), path
    row = re.search(r'<span class="ruled-name">environment</span><div><p>([^<]*)</p>', text)
    assert row
    assert row[1] == (name or "none: this server is for every one")


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


CHANNELS = (
    Channel("oncall", "webhook", ("held", "rolled_back"), "https://hooks.example.com/x", secret_env="S"),
    Channel("team", "slack", ("completed",), url_env="SLACK_URL"),
)


async def test_channels_each_with_a_test(client: Made) -> None:
    control = ScriptedControl()
    control.states.apply((), (), settings=Settings(CHANNELS))
    control.messenger.down["team"] = "<b>answered</b> with HTTP 410"
    async with client(control) as http:
        before = (await http.get("/settings")).text
        back = await http.post("/settings/channels/oncall/test")
        tried = await http.post("/settings/channels/team/test", headers={"accept": "application/json"})
        after = (await http.get("/settings")).text
        nobody = await http.post("/settings/channels/nobody/test")
    assert before.count("not tried yet") == 2
    assert "signed webhook at" in before
    assert "Told of held, rolled back" in before
    assert (back.status_code, back.headers["location"]) == (303, "/settings#notifications-title")
    assert tried.json() == {"failing": "<b>answered</b> with HTTP 410"}
    assert "arrives" in after
    assert "&lt;b&gt;answered&lt;/b&gt; with HTTP 410, since " in after
    assert [(name, notice.actor) for name, notice in control.messenger.taken] == [("oncall", "dashboard")]
    assert nobody.status_code == 404


async def test_without_channels_it_says_how(client: Made) -> None:
    async with client(ScriptedControl()) as http:
        assert "notifications: {oncall: {url:" in (await http.get("/settings")).text


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 B"), (999, "999 B"), (12_345, "12.3 kB"), (292_000_000, "292 MB"), (3.4e15, "3400 TB")]
)
def test_bytes_as_people_read_them(n: int, said: str) -> None:
    assert size(n) == said.replace(" ", "\N{NO-BREAK SPACE}")
